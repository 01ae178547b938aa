"""The signing key can be changed: what the one before signed is still read, and what an older one signed is not."""

from pathlib import Path

import pytest

from api import cursors
from ledger import checkpoints, links
from ledger.db import Database
from ledger.economy import DAY_US
from ledger.errors import LedgerError
from ledger.settings import MissingSecret, Settings

NOW_US = 20_780 * DAY_US
CREATOR = "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01"


def keyed(now: str, before: str = "") -> Settings:
    """Settings with a signing key, and the one before it."""
    return Settings.model_validate({"signing_key": now, "signing_key_before": before, "public_url": "http://x"})


OLD, CHANGED, CHANGED_AGAIN = keyed("one"), keyed("two", "one"), keyed("three", "two")


def test_a_cursor_outlives_one_change_of_the_key() -> None:
    """Whoever pages while the key is changed goes on; a cursor from two keys ago is refused."""
    cursor = cursors.make(OLD, place=17, meter="network:tv")
    assert cursors.read(CHANGED, cursor, meter="network:tv") == 17
    with pytest.raises(cursors.InvalidCursor):
        cursors.read(CHANGED_AGAIN, cursor, meter="network:tv")
    assert cursors.make(CHANGED, place=17, meter="network:tv") != cursor


def test_a_link_outlives_one_change_of_the_key() -> None:
    """A creator's link stays good for its thirty days while its key is the one before."""
    token = links.sign_page_link(OLD, CREATOR, now_us=NOW_US).partition("?t=")[2]
    opened = [links.read_page_link(each, token, creator_id=CREATOR, now_us=NOW_US) for each in (CHANGED, CHANGED_AGAIN)]
    assert opened == [NOW_US + links.GOOD_DAYS * DAY_US, None]


def test_a_checkpoint_outlives_one_change_of_the_key(database: Database, tmp_path: Path) -> None:
    """The audit compares with the last checkpoint though the key was changed since it was signed."""
    with database.snapshot() as session:
        made = checkpoints.make(session, now_us=NOW_US, key=OLD.key("signing_key"))
    path = checkpoints.write(made, tmp_path)
    assert checkpoints.check(path, keys=CHANGED.signing_keys()) == made
    with pytest.raises(LedgerError, match="not signed with this ledger's key"):
        checkpoints.check(path, keys=CHANGED_AGAIN.signing_keys())


def test_without_a_key_nothing_is_signed() -> None:
    """The key before alone signs nothing."""
    with pytest.raises(MissingSecret):
        keyed("", "one").signing_keys()
