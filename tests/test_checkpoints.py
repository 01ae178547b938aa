"""Checkpoints: what is signed, how it is kept, and that a forged one is refused by name."""

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoints
from ledger.checkpoints import BadCheckpoint, Checkpoint, Leaf, NoSigningKey, Proof
from ledger.db import Database
from ledger.errors import NotFound
from tests.desk import METER, Counter, noon

KEY = b"a signing key"
CHECKPOINT_DAY = "2026-05-27"


def leaves(count: int) -> tuple[Leaf, ...]:
    """So many books, in key order."""
    return tuple(Leaf(f"creator {n:04}", METER, n, sha256(bytes([n % 256])).digest()) for n in range(count))


def signed(count: int = 3, *, now_us: int = noon(0), key: bytes = KEY) -> Checkpoint:
    """A checkpoint of so many books."""
    return checkpoints._sign(now_us, leaves(count), key)


# The tree


def rfc_6962(given: list[bytes]) -> bytes:
    """The root as section 2.1 of RFC 6962 says it, split at the largest power of two below the size."""
    if len(given) < 2:
        return sha256(b"\x00" + given[0]).digest() if given else sha256().digest()
    split = 1 << (len(given) - 1).bit_length() - 1
    return sha256(b"\x01" + rfc_6962(given[:split]) + rfc_6962(given[split:])).digest()


def bytes_of(leaf: Leaf) -> bytes:
    """A leaf as it is hashed: lengths first, so that no two leaves read alike."""
    texts = [leaf.creator_id.encode(), leaf.meter.encode(), leaf.head]
    return leaf.seq.to_bytes(8, "big") + b"".join(len(text).to_bytes(4, "big") for text in texts) + b"".join(texts)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 100])
def test_the_root_is_that_of_rfc_6962(count: int) -> None:
    """The root of any number of books is what the standard's recursive definition gives."""
    assert checkpoints.root_of(leaves(count)) == rfc_6962([bytes_of(leaf) for leaf in leaves(count)])


@given(st.integers(1, 70), st.data())
def test_every_book_can_be_proved(count: int, data: st.DataObject) -> None:
    """A proof leads to the root for its own book, and for no other book, place, size or path."""
    index = data.draw(st.integers(0, count - 1))
    made = signed(count)
    proof = checkpoints.Tree.of(made).proof(*made.leaves[index][:2])
    wrong = [
        replace(proof, leaf=proof.leaf._replace(seq=proof.leaf.seq + 1)),
        replace(proof, path=(*proof.path, bytes(32))),
        replace(proof, index=count),
        *([replace(proof, path=proof.path[:-1]), replace(proof, path=proof.path[::-1][1:])] if proof.path else []),
    ]
    assert checkpoints.included(proof, made.root)
    assert not any(checkpoints.included(each, made.root) for each in wrong)
    assert not checkpoints.included(proof, bytes(32))


def test_a_node_is_not_a_leaf() -> None:
    """The hash of two leaves cannot be passed off as that of one: leaves and nodes are hashed apart."""
    left, right = (checkpoints.leaf_hash(leaf) for leaf in leaves(2))
    assert checkpoints.node_hash(left, right) != sha256(left + right).digest()
    assert checkpoints.included(Proof(leaves(2)[0], 0, 2, (right,)), checkpoints.root_of(leaves(2)))


def test_a_book_that_was_not_there_cannot_be_proved() -> None:
    """Who asks for the proof of an unknown book is told that there is none."""
    with pytest.raises(NotFound, match="no book network:none of nobody"):
        checkpoints.Tree.of(signed()).proof("nobody", "network:none")


# Making


def test_a_checkpoint_holds_the_head_of_every_book(database: Database) -> None:
    """It counts books and entries, and names each book's last entry by number and hash, in key order."""
    counter = Counter(database, names=("u1", "u2"))
    counter.one("engagement", ref="e1", act="like", engager="f1")
    counter.one("engagement", ref="e2", act="like", engager="f2")
    with database.snapshot() as session:
        made = checkpoints.make(session, now_us=noon(0), key=KEY)
    head = counter.entries()[-1][26]
    expected = [Leaf(counter.ids["u1"], METER, 2, head), Leaf(counter.ids["u2"], METER, 0, b"")]
    assert (made.day, made.books, made.entries, list(made.leaves)) == (CHECKPOINT_DAY, 2, 2, sorted(expected))


def test_nothing_is_signed_without_a_key(database: Database, tmp_path: Path) -> None:
    """An empty signing key is refused when making and when checking."""
    path = checkpoints.write(signed(), tmp_path)
    with database.snapshot() as session, pytest.raises(NoSigningKey, match="no signing key is set"):
        checkpoints.make(session, now_us=noon(0), key=b"")
    with pytest.raises(NoSigningKey):
        checkpoints.check(path, keys=[b""])


# Files


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A checkpoint comes back from its file as it was, and no temporary file is left behind."""
    path = checkpoints.write(signed(), tmp_path / "new")
    assert checkpoints.latest(tmp_path / "new", keys=[KEY]) == signed()
    assert [each.name for each in path.parent.iterdir()] == [f"{CHECKPOINT_DAY}.json"]


def test_without_files_there_is_no_latest(tmp_path: Path) -> None:
    """A folder that is empty or not there holds no checkpoint."""
    assert checkpoints.latest(tmp_path, keys=[KEY]) is None
    assert checkpoints.latest(tmp_path / "nowhere", keys=[KEY]) is None


def test_a_second_run_on_an_unchanged_day_writes_nothing(tmp_path: Path) -> None:
    """Where no book moved, the day's checkpoint stays the only one."""
    first = checkpoints.write(signed(), tmp_path)
    content = first.read_bytes()
    assert checkpoints.write(signed(now_us=noon(0) + 1), tmp_path) == first
    assert (first.read_bytes(), len(list(tmp_path.iterdir()))) == (content, 1)


def test_a_second_run_on_a_day_that_changed_writes_another_file(tmp_path: Path) -> None:
    """A file is never written over; the later one is named by its time and is the latest."""
    first = checkpoints.write(signed(3), tmp_path)
    content = first.read_bytes()
    second = checkpoints.write(signed(4, now_us=noon(0) + 1_500_000), tmp_path)
    assert (first.read_bytes(), second.name) == (content, f"{CHECKPOINT_DAY}T120001500000Z.json")
    assert checkpoints.latest(tmp_path, keys=[KEY]) == signed(4, now_us=noon(0) + 1_500_000)


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    """A name that is taken is refused, and what it holds stays."""
    path = tmp_path / "taken.json"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        checkpoints._write_new(path, b"new")
    assert (path.read_bytes(), len(list(tmp_path.iterdir()))) == (b"old", 1)


def test_what_is_not_yet_on_disk_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails before it is on disk leaves nothing that could be taken for a checkpoint."""

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoints.write(signed(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_latest_day_wins(tmp_path: Path) -> None:
    """Days follow one another by name; other files are none of ours."""
    for day in (2, 0, 1):
        checkpoints.write(signed(now_us=noon(day)), tmp_path)
    (tmp_path / "notes.json").write_text("{}")
    latest = checkpoints.latest(tmp_path, keys=[KEY])
    assert latest is not None
    assert latest.made_at_us == noon(2)


def altered(**changes: object) -> Callable[[bytes], bytes]:
    """A change of some fields of the file."""
    return lambda content: orjson.dumps(orjson.loads(content) | changes)


def one_leaf_altered(content: bytes) -> bytes:
    """One book's count lowered, to fit a tail that was cut off."""
    body = orjson.loads(content)
    body["leaves"][1][2] -= 1
    return orjson.dumps(body)


def rooted_anew(content: bytes) -> bytes:
    """One book altered and the root made to fit, but no key to sign it."""
    body = orjson.loads(content)
    body["leaves"][1][2] -= 1
    body["root"] = checkpoints.root_of(
        Leaf(who, meter, seq, bytes.fromhex(head)) for who, meter, seq, head in body["leaves"]
    ).hex()
    body["entries"] -= 1
    return orjson.dumps(body)


@pytest.mark.parametrize(
    "change",
    [
        altered(day="2026-05-28"),
        altered(made_at_us=noon(0) + 1),
        altered(entries=2),
        altered(books=2),
        altered(books=0, leaves=[]),
        altered(root="00" * 32),
        altered(signature="00" * 32),
        altered(format="trust-ledger checkpoint 2"),
        altered(leaves=None),
        one_leaf_altered,
        rooted_anew,
        lambda content: content[:-20],
        lambda content: b"[]",
    ],
)
def test_a_forged_file_is_refused_by_name(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """Whatever is altered in a checkpoint, it is no longer one, and the refusal names the file."""
    path = checkpoints.write(signed(), tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BadCheckpoint, match=path.name):
        checkpoints.latest(tmp_path, keys=[KEY])


def test_another_key_is_not_this_ledgers(tmp_path: Path) -> None:
    """A checkpoint signed with another key is refused."""
    checkpoints.write(signed(key=b"theirs"), tmp_path)
    with pytest.raises(BadCheckpoint, match="not signed with this ledger's key"):
        checkpoints.latest(tmp_path, keys=[KEY])


def test_an_old_checkpoint_cannot_pass_as_a_new_one(tmp_path: Path) -> None:
    """A file renamed to a later day is refused, so that nobody can turn the clock back."""
    path = checkpoints.write(signed(), tmp_path)
    path.rename(tmp_path / "2026-06-30.json")
    with pytest.raises(BadCheckpoint, match=r"2026-06-30\.json was renamed"):
        checkpoints.latest(tmp_path, keys=[KEY])
