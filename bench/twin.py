"""A bare Flask view that reads the row of a book by the driver alone: what GET balance is measured against."""

from __future__ import annotations

import os
import threading
from typing import Any

from flask import Flask, Response, jsonify

from bench.bare import connect

COLUMNS = ("fresh", "bedrock", "mending_pitch", "mending_breach", "credits", "drains", "known", "seq", "recorded_at_us")
SELECTED = f"SELECT {', '.join(f'b.{column}' for column in COLUMNS)} FROM"
BY_NAME = f"{SELECTED} account a JOIN book b ON b.creator_id = a.creator_id WHERE a.network = ? AND a.external_id = ?"
BY_ID = f"{SELECTED} book b WHERE b.creator_id = ?"


def create_app(url: str) -> Flask:
    """The application; a connection a thread."""
    app = Flask(__name__)
    held = threading.local()
    mark = "?" if url.startswith("sqlite") else "%s"
    by_name, by_id = BY_NAME.replace("?", mark), BY_ID.replace("?", mark)

    @app.get("/v1/creators/<creator>/balance")
    def get_balance(creator: str) -> Response:
        if not hasattr(held, "connection"):
            held.connection = connect(url)
        names = creator.split(":")
        row: Any = held.connection.execute(by_name if len(names) == 2 else by_id, names).fetchone()
        return jsonify(dict(zip(COLUMNS, row, strict=True)))

    return app


if url := os.environ.get("TRUST_LEDGER_DATABASE_URL"):
    app = create_app(url)
