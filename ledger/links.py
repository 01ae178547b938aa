"""Signed links: a creator's own page, whole, for whoever holds the address; good for thirty days."""

from __future__ import annotations

from itsdangerous import BadData, URLSafeSerializer

from ledger.economy import DAY_US
from ledger.settings import Settings

GOOD_DAYS = 30


def sign_page_link(settings: Settings, creator_id: str, *, now_us: int, handle: str | None = None) -> str:
    """The address of a creator's page as its owner sees it."""
    token = _serializer(settings).dumps([creator_id, now_us + GOOD_DAYS * DAY_US])
    return f"{settings.public_url.rstrip('/')}/c/{handle or creator_id}?t={token}"


def read_page_link(settings: Settings, token: str, *, creator_id: str, now_us: int) -> int | None:
    """Until when a link's token opens a creator's page, in microseconds; None where it does not."""
    try:
        owner, until_us = _serializer(settings).loads(token)
    except (BadData, ValueError, TypeError):
        return None
    return int(until_us) if owner == creator_id and now_us < until_us else None


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.signing_keys(), salt="page")
