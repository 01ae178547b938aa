"""Rate limits: how often a key may ask in a minute, by what it asks for; told in the headers of every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` says the limit, `RateLimit` what is
left of it and in how many seconds it is whole again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from api import state
from api.problems import RateLimited
from ledger.keys import Key
from ledger.settings import Settings

HEADERS = "trust_ledger.rate_limit"  # what api/shell.py adds to the answer, in the WSGI environment
READS = frozenset(("GET", "HEAD", "OPTIONS"))
SECONDS = 60


def spend(key: Key, environ: dict[str, Any], name: str | None) -> None:
    """Count this request against its key's limit, once. Raises RateLimited where nothing is left of it.

    `name` is its class: batch, heavy, or by the method read or write.
    """
    if HEADERS in environ:  # it was let in, and its view is run again
        return
    ledger = state.ledger()
    name = name or ("read" if environ["REQUEST_METHOD"] in READS else "write")
    limit = limit_of(ledger.settings, name)
    spent = ledger.quotas.spend(f"{name}:{key.key_id}", limit=limit, now_us=ledger.clock())
    environ[HEADERS] = (policy(name, limit), ("RateLimit", f'"{name}";r={spent.left};t={spent.seconds}'))
    if not spent.granted:
        raise RateLimited(f"this key may make {limit} calls of class {name} in a minute", seconds=spent.seconds)


def limit_of(settings: Settings, name: str) -> int:
    """How many requests of a class a key may make in a minute."""
    limit: int = getattr(settings, f"limit_{name}")
    return limit


@lru_cache(maxsize=64)
def policy(name: str, limit: int) -> tuple[str, str]:
    """The header that says the limit."""
    return "RateLimit-Policy", f'"{name}";q={limit};w={SECONDS}'
