"""Checkpoints: once a day the heads of all books, signed, in a file outside the database.

A chain shows that no entry before its head was changed. That the head itself is the one there once was, that no
tail was cut off and no history written anew from the start, only something kept elsewhere can show.
"""

from __future__ import annotations

import hmac
import os
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ledger import db
from ledger.db import Session
from ledger.errors import LedgerError, NotFound

FORMAT = "trust-ledger checkpoint 1"
NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{12}Z)?\.json")
_LEAF = struct.Struct(">q3I")


class NoSigningKey(LedgerError):
    """A checkpoint that nobody signed proves nothing."""

    code = "missing_secret"


class BadCheckpoint(LedgerError):
    """A checkpoint file that this ledger did not sign, or that was changed since."""

    code = "bad_checkpoint"


class Leaf(NamedTuple):
    """One book as it stood: how many entries it had, and the hash of the last."""

    creator_id: str
    meter: str
    seq: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All books at one moment, in key order, under one root; `day` is an ISO date, `made_at_us` microseconds."""

    day: str
    made_at_us: int
    entries: int
    root: bytes
    leaves: tuple[Leaf, ...]
    signature: bytes

    @property
    def books(self) -> int:
        """How many books there are."""
        return len(self.leaves)

    def head(self) -> dict[str, object]:
        """All but the leaves, which the root stands for: this is what is signed."""
        return {
            "format": FORMAT,
            "day": self.day,
            "made_at_us": self.made_at_us,
            "books": self.books,
            "entries": self.entries,
            "root": self.root.hex(),
        }


@dataclass(frozen=True, slots=True)
class Proof:
    """That a book was in a checkpoint: its leaf, its place among `size` leaves, and the hashes beside its way up."""

    leaf: Leaf
    index: int
    size: int
    path: tuple[bytes, ...]


def make(session: Session, *, now_us: int, key: bytes) -> Checkpoint:
    """The checkpoint of all books as this session sees them. Raises NoSigningKey."""
    rows = db.fetch(session, "SELECT creator_id, meter, seq, head FROM book")
    # Sorted here: databases differ in how they order text.
    leaves = tuple(sorted(Leaf(creator_id, meter, seq, bytes(head)) for creator_id, meter, seq, head in rows))
    return _sign(now_us, leaves, key)


def _sign(now_us: int, leaves: tuple[Leaf, ...], key: bytes) -> Checkpoint:
    entries, root = sum(leaf.seq for leaf in leaves), root_of(leaves)
    unsigned = Checkpoint(_time(now_us).date().isoformat(), now_us, entries, root, leaves, b"")
    return Checkpoint(unsigned.day, now_us, entries, root, leaves, _signature(unsigned.head(), key))


def _signature(head: Mapping[str, object], key: bytes) -> bytes:
    if not key:
        raise NoSigningKey("no signing key is set: a checkpoint cannot be signed or checked without one")
    return hmac.digest(key, orjson.dumps(head, option=orjson.OPT_SORT_KEYS), "sha256")


def _time(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)


# The file


def write(checkpoint: Checkpoint, directory: Path) -> Path:
    """Write a checkpoint to a file of its day, for good. Nothing is written where the day's last says the same."""
    directory.mkdir(parents=True, exist_ok=True)
    todays = [path for path in _files(directory) if path.name.startswith(checkpoint.day)]
    if todays and _says(todays[-1], checkpoint):
        return todays[-1]
    path = directory / _names(checkpoint)[1 if todays else 0]
    body = checkpoint.head() | {"signature": checkpoint.signature.hex()}
    body["leaves"] = [(*leaf[:3], leaf.head.hex()) for leaf in checkpoint.leaves]
    _write_new(path, orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE))
    return path


def latest(directory: Path, *, keys: Sequence[bytes]) -> Checkpoint | None:
    """The last checkpoint in a folder, None where there is none. Raises BadCheckpoint naming a forged file."""
    files = _files(directory)
    return check(files[-1], keys=keys) if files else None


def tree(directory: Path, *, day: str | None, keys: Sequence[bytes]) -> Tree:
    """The last checkpoint in a folder, or the last of an ISO day, ready for proofs. Raises NotFound, BadCheckpoint."""
    files = [path for path in _files(directory) if day is None or path.name.startswith(day)]
    if not files:
        raise NotFound(f"there is no checkpoint of {day}" if day else "there is no checkpoint yet")
    return _kept(files[-1], files[-1].stat().st_mtime_ns, tuple(keys))


def days(directory: Path) -> list[str]:
    """The days of which a folder has a checkpoint, ISO dates in their order."""
    return sorted({path.name[:10] for path in _files(directory)})


@lru_cache(maxsize=2)
def _kept(path: Path, _: int, keys: tuple[bytes, ...]) -> Tree:
    """A file is read once by each process, unless it changes."""
    return Tree.of(check(path, keys=keys))


def check(path: Path, *, keys: Sequence[bytes]) -> Checkpoint:
    """Read a checkpoint and check all it says of itself. Raises BadCheckpoint naming the file, NoSigningKey."""
    try:
        read = _read(orjson.loads(path.read_bytes()))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadCheckpoint(f"{path} cannot be read as a checkpoint: {error!r}") from error
    if not any(hmac.compare_digest(read.signature, _signature(read.head(), key)) for key in keys):
        raise BadCheckpoint(f"{path} is not signed with this ledger's key, or was changed")
    if root_of(read.leaves) != read.root or sum(leaf.seq for leaf in read.leaves) != read.entries:
        raise BadCheckpoint(f"{path} was changed: its books are not those that were signed")
    if path.name not in _names(read):
        raise BadCheckpoint(f"{path} was renamed: it was made on {read.day}")
    return read


def _read(body: Mapping[str, Any]) -> Checkpoint:
    if body["format"] != FORMAT or body["books"] != len(body["leaves"]):
        raise ValueError("it has another format, or not as many books as it says")
    leaves = tuple(Leaf(creator_id, meter, seq, bytes.fromhex(head)) for creator_id, meter, seq, head in body["leaves"])
    root, signature = bytes.fromhex(body["root"]), bytes.fromhex(body["signature"])
    return Checkpoint(body["day"], body["made_at_us"], body["entries"], root, leaves, signature)


def _names(checkpoint: Checkpoint) -> tuple[str, str]:
    """What a checkpoint's file may be called: the first of its day, and a later one. They sort by time."""
    return f"{checkpoint.day}.json", f"{_time(checkpoint.made_at_us):%Y-%m-%dT%H%M%S%fZ}.json"


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob("*.json") if NAME.fullmatch(path.name))


def _says(path: Path, checkpoint: Checkpoint) -> bool:
    try:
        body = orjson.loads(path.read_bytes())
        return bool(body["root"] == checkpoint.root.hex() and body["books"] == checkpoint.books)
    except (LookupError, TypeError, ValueError):
        return False


def _write_new(path: Path, content: bytes) -> None:
    """All or nothing, on disk before it has its name, and never over a file that is there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: a rename would put it in the place of another.
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# The Merkle tree of RFC 6962, section 2.1


def leaf_hash(leaf: Leaf) -> bytes:
    """SHA-256 over 0x00 and the leaf's length-prefixed fields."""
    texts = (leaf.creator_id.encode(), leaf.meter.encode(), leaf.head)
    return sha256(b"\x00" + _LEAF.pack(leaf.seq, *map(len, texts)) + b"".join(texts)).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 over 0x01 and the two hashes below."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[Leaf]) -> bytes:
    """The hash that stands for all the leaves, in their order; of none it is that of nothing."""
    level = [leaf_hash(leaf) for leaf in leaves]
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else sha256().digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The level above: hashes in pairs; one without a partner goes up as it is."""
    pairs = [node_hash(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkpoint with what its proofs are made of: each book's place, and the hashes level by level."""

    checkpoint: Checkpoint
    places: Mapping[tuple[str, str], int]
    levels: tuple[Sequence[bytes], ...]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Tree:
        """The tree over the leaves of a checkpoint."""
        places = {(leaf.creator_id, leaf.meter): index for index, leaf in enumerate(checkpoint.leaves)}
        levels: list[Sequence[bytes]] = [[leaf_hash(leaf) for leaf in checkpoint.leaves]]
        while len(levels[-1]) > 1:
            levels.append(_above(levels[-1]))
        return cls(checkpoint, places, tuple(levels))

    def proof(self, creator_id: str, meter: str) -> Proof:
        """The proof that a book was in the checkpoint. Raises NotFound."""
        index = place = self.places.get((creator_id, meter), -1)
        if index < 0:
            raise NotFound(f"the checkpoint {self.checkpoint.day} has no book {meter} of {creator_id}")
        path = []
        for level in self.levels[:-1]:
            if place ^ 1 < len(level):
                path.append(level[place ^ 1])
            place //= 2
        return Proof(self.checkpoint.leaves[index], index, self.checkpoint.books, tuple(path))


def included(given: Proof, root: bytes) -> bool:
    """Whether a proof leads to a root. Looks at nothing but its arguments: anyone can do it."""
    place, last, hashed = given.index, given.size - 1, leaf_hash(given.leaf)
    if not 0 <= place <= last:
        return False
    rest = list(given.path)
    while last > 0:
        if place % 2 or place < last:
            if not rest:
                return False
            beside = rest.pop(0)
            hashed = node_hash(beside, hashed) if place % 2 else node_hash(hashed, beside)
        place, last = place // 2, last // 2
    return not rest and hmac.compare_digest(hashed, root)
