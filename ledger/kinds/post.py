"""Post: an ordinary, unsponsored post. Worth nothing, counted, so that the share of sponsored posts is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.kinds.base import Context, Factors, Kind, Line, LineKind, no_amounts


@dataclass(frozen=True, slots=True)
class PostFacts:
    """Nothing is asked of an ordinary post."""


def price(facts: PostFacts, context: Context) -> list[Line]:
    """Zero, always."""
    return [Line("post", {"late_days": context.late_days})]


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    return "An ordinary post, not sponsored: it costs nothing and counts towards your share of sponsored posts."


KIND = Kind(name="post", title="Ordinary post", facts=PostFacts, price=price, example={}, counts=("posts",))
LINE = LineKind("post", "Ordinary post", no_amounts, reason)
