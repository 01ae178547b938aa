"""Whether the service lives, is ready, and what it counts."""

from __future__ import annotations

import sqlite3

import marshmallow as ma
import psycopg
from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from api import encoding, fields, metrics, problems, state
from api.blueprint import Blueprint
from ledger import health, notation, rules
from ledger.economy import DAY_US
from ledger.errors import InvalidPolicy, Unavailable

FRESH = {"Cache-Control": "no-store"}
blp = Blueprint("health", __name__, description="Whether the service lives and is ready.")


class LiveOut(fields.Shown):
    """The process answers."""

    status = ma.fields.Constant("ok", required=True)


class ReadyOut(fields.Shown):
    """The service can do its work; how far its jobs have come."""

    status = ma.fields.Constant("ready", required=True)
    database = ma.fields.String(required=True)
    migration = ma.fields.String(required=True, metadata={"description": "the database's, which is the code's"})
    settled_through = ma.fields.String(
        required=True, allow_none=True, metadata={"format": "date", "description": "of the oldest live book"}
    )
    lag_days = ma.fields.Integer(required=True, allow_none=True, metadata={"description": "whole days behind"})
    verified_seconds_ago = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "since the last verify that found no fault"}
    )


READY = {
    "status": "ready",
    "database": "ok",
    "migration": "0001",
    "settled_through": "2026-11-23",
    "lag_days": 0,
    "verified_seconds_ago": 36000,
}


@blp.get("/healthz")
@blp.response(200, LiveOut(), example={"status": "ok"})
def healthz() -> Response:
    """Say that the process lives."""
    return encoding.json_response({"status": "ok"}, headers=FRESH)


@blp.get("/readyz")
@blp.response(200, ReadyOut(), example=READY)
def readyz() -> Response:
    """Say whether the service is ready: its database within reach and migrated, its policy complete.

    Also how far settlement lags behind and how old the last good verify is.
    """
    migration = stored()
    detail = hindrance(migration)
    if detail:
        return problems.problem(503, "not_ready", detail, database="ok" if migration else "unknown")
    return encoding.json_response(ready(migration), headers=FRESH)


@blp.get("/metrics")
@blp.doc(
    responses={
        "200": {
            "description": "Prometheus text",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": 'trust_ledger_events_total{status="posted"} 17.0',
                }
            },
        }
    }
)
def metrics_page() -> Response:
    """Count requests and events for Prometheus."""
    return metrics.page()


def stored() -> str:
    """The migration that the database is at, or nothing where it cannot be read."""
    try:
        return state.ledger().database.read(health.stored)
    except (Unavailable, SQLAlchemyError, psycopg.Error, sqlite3.Error):
        return ""


def hindrance(migration: str) -> str:
    """Why the service can't do its work, as a sentence; empty where it can."""
    if migration != health.head():
        return f"the database is at migration {migration or 'none'}, the code needs {health.head()}"
    ledger = state.ledger()
    try:
        rules.ensure_complete(ledger.schedule(), today=ledger.clock() // DAY_US)
    except InvalidPolicy as incomplete:
        return incomplete.detail
    return ""


def ready(migration: str) -> dict[str, object]:
    """What a ready service tells."""
    now_us = state.ledger().clock()
    found = state.ledger().database.read(health.progress)
    settled, verified = found.settled_through, found.verified_at_us
    return {
        "status": "ready",
        "database": "ok",
        "migration": migration,
        "settled_through": None if settled is None else notation.day(settled),
        "lag_days": None if settled is None else max(0, now_us // DAY_US - settled),
        "verified_seconds_ago": None if verified is None else max(0, (now_us - verified) // 1_000_000),
    }
