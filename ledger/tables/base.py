"""What all tables share: names of constraints, the type of ids, and where a table's rows are placed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData, String, Uuid
from sqlmodel import SQLModel

SQLModel.metadata = METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID: Any = Uuid(as_uuid=False).with_variant(String(36), "sqlite")
LEDGER = {"info": {"placement": "ledger"}}
LOOKUP = {"info": {"placement": "lookup"}}
REFERENCE = {"info": {"placement": "reference"}}
