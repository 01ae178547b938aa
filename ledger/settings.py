"""Settings from the environment (prefix TRUST_LEDGER_), then from a TOML file.

TRUST_LEDGER_CONFIG names the file; without it `var/trust-ledger.toml` is read where it is there.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ledger.errors import LedgerError

PREFIX = "TRUST_LEDGER_"
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?")
DATABASES = ("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://")
DEFAULT_FILE = Path("var/trust-ledger.toml")
Secret = Literal["pepper", "signing_key"]
SECRETS: tuple[Secret, ...] = ("pepper", "signing_key")


class MissingSecret(LedgerError):
    """A key that the service cannot work without is not set."""

    code = "missing_secret"


class Settings(BaseSettings):
    """Everything an operator may set; the defaults run the embedded database under ./var."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    database_url: str = Field(default="sqlite:///var/trust-ledger.db", description="where the books are")
    migration_url: str | None = Field(default=None, description="where migrations run; database_url where not given")
    pepper: SecretStr = Field(default=SecretStr(""), description="key of all keyed hashes; kept outside the database")
    signing_key: SecretStr = Field(default=SecretStr(""), description="key of cursors and checkpoints")
    checkpoint_dir: Path = Field(default=Path("var/checkpoints"), description="where daily checkpoints are written")
    public_url: str = Field(default="http://127.0.0.1:8000", description="how others reach this service")
    body_limit_bytes: int = Field(default=10_000_000, ge=1_000, description="largest request body")
    batch_limit: int = Field(default=10_000, ge=1, le=10_000, description="most events in one batch")
    signing_key_before: SecretStr = Field(
        default=SecretStr(""), description="the signing key before this one: what it signed is still read"
    )
    cors_origins: tuple[str, ...] = Field(default=(), description="origins whose pages may call the API")
    webhook_private_networks: bool = Field(
        default=False, description="whether webhooks may go to loopback and private addresses"
    )
    webhook_timeout_seconds: int = Field(default=10, ge=1, le=60, description="how long a webhook may take to answer")
    limit_read: int = Field(default=120_000, ge=1, description="reads a key may make in a minute")
    limit_write: int = Field(default=60_000, ge=1, description="single writes a key may make in a minute")
    limit_batch: int = Field(default=600, ge=1, description="batches, lookups and exports a key may ask in a minute")
    limit_heavy: int = Field(default=60, ge=1, description="plans and simulations a key may ask in a minute")
    pool_size: int = Field(default=5, ge=1, le=200, description="database connections a process keeps")
    prepare_threshold: int | None = Field(default=5, description="psycopg's; null behind PgBouncer")

    @field_validator("database_url", "migration_url")
    @classmethod
    def _is_database(cls, url: str | None) -> str | None:
        """The URL of a database that can be opened. What may hold a password is not quoted."""
        if url is not None and not url.startswith(DATABASES):
            shown = "what is set" if "@" in url else repr(url)
            raise ValueError(f"{shown} is neither sqlite:///FILE nor postgresql://…")
        try:
            parts = make_url(url or DATABASES[0])
        except (ArgumentError, ValueError):
            raise ValueError("its host, port or options can't be read") from None
        if url is not None and parts.drivername == "sqlite" and (parts.database or ":").startswith((":", "file:")):
            raise ValueError("sqlite:/// must name a plain file: every process opens it by its path")
        return url

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Origins as browsers send them: no path, no pattern."""
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin like https://app.example or http://localhost:3000")
        return origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *_sources: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        given = (named["init_settings"], named["env_settings"])
        path = config_file()
        return (*given, TomlConfigSettingsSource(settings_cls, path)) if path.exists() else given

    def key(self, name: Secret) -> bytes:
        """The bytes of a secret. Raises MissingSecret where none is set."""
        secret: SecretStr = getattr(self, name)
        if not secret.get_secret_value():
            raise MissingSecret(
                f"no {name} is set: run trust-ledger init, or set {PREFIX}{name.upper()}", pointer=f"/{name}"
            )
        return secret.get_secret_value().encode()

    def signing_keys(self) -> list[bytes]:
        """The keys whose signatures are good, the one to sign with last. Raises MissingSecret without one."""
        before = self.signing_key_before.get_secret_value()
        return [*([before.encode()] if before else []), self.key("signing_key")]


def config_file() -> Path:
    """The file settings are read from, whether or not it is there."""
    return Path(os.environ.get(f"{PREFIX}CONFIG") or DEFAULT_FILE)


def unknown_names() -> list[str]:
    """Environment names with our prefix that set nothing: most likely misspelt."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {f"{PREFIX}CONFIG", f"{PREFIX}DATA"}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def load() -> Settings:
    """The settings as they are now. Raises ValueError naming what is unknown or wrong."""
    unknown = unknown_names()
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]}")
    if f"{PREFIX}CONFIG" in os.environ and not config_file().exists():
        raise ValueError(f"{PREFIX}CONFIG names {config_file()}, which is not there")
    try:
        return Settings()
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"setting {name}: {first['msg'].removeprefix('Value error, ')}") from wrong


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once. Raises ValueError naming what is unknown or wrong."""
    return load()
