"""Settings from the environment (prefix TRUST_LEDGER_) or a TOML file named by TRUST_LEDGER_CONFIG."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "TRUST_LEDGER_"


class Settings(BaseSettings):
    """Everything an operator may set; the defaults run the embedded database under ./var."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    database_url: str = Field("sqlite:///var/trust-ledger.db", description="where the books are")
    migration_url: str | None = Field(None, description="where migrations run; database_url where not given")
    pepper: SecretStr = Field(SecretStr(""), description="key of all keyed hashes; kept outside the database")
    signing_key: SecretStr = Field(SecretStr(""), description="key of cursors and checkpoints")
    checkpoint_dir: Path = Field(Path("var/checkpoints"), description="where daily checkpoints are written")
    public_url: str = Field("http://127.0.0.1:8000", description="how others reach this service")
    body_limit_bytes: int = Field(10_000_000, ge=1_000, description="largest request body")
    batch_limit: int = Field(10_000, ge=1, le=10_000, description="most events in one batch")
    pool_size: int = Field(5, ge=1, le=200, description="database connections a process keeps")
    prepare_threshold: int | None = Field(5, description="psycopg's; null behind PgBouncer")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *sources: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        given = (named["init_settings"], named["env_settings"])
        path = os.environ.get(f"{PREFIX}CONFIG")
        return (*given, TomlConfigSettingsSource(settings_cls, Path(path))) if path else given


def unknown_names() -> list[str]:
    """Environment names with our prefix that set nothing: most likely misspelt."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {f"{PREFIX}CONFIG", f"{PREFIX}DATA"}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once. Raises ValueError naming what is unknown or wrong."""
    unknown = unknown_names()
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]}")
    return Settings()
