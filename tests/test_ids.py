"""Ids: what is shown of a creator's thing leads back to it, and nothing else does."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import ids
from ledger.errors import NotFound

CREATOR = "0192f0c1-0000-7000-8000-000000000001"
THING = "0193a0b2-0000-7000-8000-00000000000f"


@given(st.uuids(), st.uuids())
def test_an_id_leads_back(creator: UUID, thing: UUID) -> None:
    """What was joined is split into the same two ids."""
    assert ids.split("quote", ids.join("quote", str(creator), str(thing))) == (str(creator), str(thing))


def test_an_id_is_one_word() -> None:
    """A prefix, an underscore and 64 digits: safe in an address, with nothing to escape."""
    assert (
        ids.join("quote", CREATOR, THING)
        == "quote_0192f0c10000700080000000000000010193a0b20000700080000000000000" + "0f"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quote",
        "quote_",
        "pitch_" + "0" * 64,
        "quote_" + "0" * 63,
        "quote_" + "0" * 65,
        "quote_" + "G" * 64,
        "quote_" + "A" * 64,
        "quote_" + "0" * 64 + "\n",
        CREATOR,
    ],
)
def test_anything_else_is_not_found(text: str) -> None:
    """Whatever is not such an id names nothing, without a word about what would."""
    with pytest.raises(NotFound, match="there is no such quote"):
        ids.split("quote", text)
