"""What creators who chose to be found are found by: values of a day, in the order a search reads them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String, Text
from sqlmodel import Field, SQLModel

from ledger.tables.base import ID, LOOKUP


class Listing(SQLModel, table=True):
    """A creator as found in a network under a topic. The empty network is all of them, the empty topic any."""

    __table_args__ = (
        Index(None, "network", "topic", "points", "creator_id"),
        Index(None, "network", "topic", "followers", "creator_id"),
        Index(None, "network", "topic", "label", "points", "creator_id"),
        LOOKUP,
    )
    creator_id: str = Field(sa_type=ID, primary_key=True)
    network: str = Field(sa_type=String(64), primary_key=True)
    topic: str = Field(sa_type=Text, primary_key=True)
    points: int = Field(sa_type=BigInteger)
    followers: int = Field(sa_type=BigInteger)
    label: str = Field(sa_type=String(16))
    confidence: str = Field(sa_type=String(8))
    day: int = Field(sa_type=BigInteger)


class ListingStick(SQLModel, table=True):
    """What a stick says of a creator who is found in a network, in millionths; `day` is when it said so."""

    __tablename__ = "listing_stick"
    __table_args__ = (Index(None, "network", "stick", "value", "creator_id"), LOOKUP)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    network: str = Field(sa_type=String(64), primary_key=True)
    stick: str = Field(sa_type=String(80), primary_key=True)
    value: int = Field(sa_type=BigInteger)
    day: int = Field(sa_type=BigInteger)
