"""Ids of things that belong to a creator: opaque to callers, and yet they lead to the node that holds the creator.

Written as a prefix, the creator's id and the thing's own, both in 32 hex digits: `quote_0192f0c1…0193a0b2…`.
"""

from __future__ import annotations

import re

from ledger.errors import NotFound

NIL = "00000000-0000-0000-0000-000000000000"  # no creator's and no thing's: it comes before every other
HEX = re.compile(r"[0-9a-f]{64}")


def join(prefix: str, creator_id: str, uuid: str) -> str:
    """The id that is shown of a creator's thing, both ids being UUIDs as texts."""
    return f"{prefix}_{creator_id.replace('-', '')}{uuid.replace('-', '')}"


def split(prefix: str, text: str) -> tuple[str, str]:
    """The creator's id and the thing's own, as UUIDs. Raises NotFound for whatever is not such an id."""
    head, _, digits = text.partition("_")
    if head != prefix or not HEX.fullmatch(digits):
        raise NotFound(f"there is no such {prefix}")
    return _uuid(digits[:32]), _uuid(digits[32:])


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
