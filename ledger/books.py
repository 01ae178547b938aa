"""Open books: rows locked for writing, worked on in memory, written back whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from ledger import chain, db, economy, kinds, tables
from ledger.db import Row, Session
from ledger.economy import Move, State
from ledger.kinds.base import Line
from ledger.memory import Memory, Planned, Written
from ledger.policy import Policy, Schedule

BOOK = tables.Book.__table__  # type: ignore[attr-defined]
ENTRY = tables.Entry.__table__  # type: ignore[attr-defined]
BOOK_COLUMNS = ", ".join(f"b.{column.name}" for column in BOOK.columns)
ENTRY_COLUMNS = ", ".join(f"e.{column.name}" for column in ENTRY.columns)
# What a State holds, in its order: of a book as it is posted, and as an entry left it.
BOOK_STATE = ", ".join(f"b.{name}" for name in (*State._fields[:8], "settled_through"))
ENTRY_STATE = ", ".join(f"e.{name}" for name in (*(f"{name}_after" for name in State._fields[:8]), "settled_through"))
BookKey = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class OpenBook(Memory):
    """A locked book. `state` and the rest change as lines are written; `row()` is what goes back."""

    creator_id: str
    meter: str
    version: int
    seq: int
    head: bytes
    recorded_at_us: int
    live: bool
    policy_version: str
    state: State
    opening: int
    remembers: bool = False
    new_entries: list[Row] = field(default_factory=list)

    @classmethod
    def of_row(cls, row: Row) -> OpenBook:
        """A book from its columns in table order."""
        return cls(
            creator_id=row[0],
            meter=row[1],
            version=row[2],
            seq=row[3],
            head=bytes(row[4]),
            recorded_at_us=row[5],
            live=bool(row[6]),
            policy_version=row[7],
            state=State(*row[8:17]),
            opening=row[17],
            credits_total=row[18],
            drains_total=row[19],
            breaches_total=row[20],
            apologies_total=row[21],
            last_pitch_day=row[22],
            label=row[23],
            holds=row[24],
            generous=row[25],
            usual=row[26],
            busy=row[27],
            busy_day=row[28],
            erased=bool(row[29]),
        )

    def row(self) -> Row:
        """The book's columns in table order."""
        return (
            self.creator_id,
            self.meter,
            self.version,
            self.seq,
            self.head,
            self.recorded_at_us,
            self.live and not self.erased,
            self.policy_version,
            *self.state,
            self.opening,
            self.credits_total,
            self.drains_total,
            self.breaches_total,
            self.apologies_total,
            self.last_pitch_day,
            self.label,
            self.holds,
            self.generous,
            self.usual,
            self.busy,
            self.busy_day,
            self.erased,
        )

    def settle(self, day: int, *, schedule: Schedule, recorded_at_us: int) -> bool:
        """Post the decay and recovery of the days up to `day` as one entry. False where nothing was due."""
        before = self.state
        if day <= before.day:
            return False
        after = economy.accrue(before, day, schedule, policy_version=self.policy_version)
        self.opening = after.standing
        if after[:8] == before[:8]:
            self.state = after
            return False
        version = schedule.at(day - 1, self.policy_version).version
        row = settlement_row(
            self.creator_id, self.meter, self.seq + 1, self.head, before, after, version, recorded_at_us
        )
        self._keep(row, after)
        return True

    def plan(self, lines: Sequence[Line], *, policy: Policy) -> list[Planned]:
        """What the lines will become, before anything is written: an event's outcome names its entries."""
        planned, state, seq = [], self.state, self.seq
        for line in lines:
            move = kinds.amounts(line.kind, line.factors, policy.rates)
            pools = economy.land(state, move)
            state, seq = economy.advance(state, pools, move), seq + 1
            about = seq - 1 if line.linked else line.about
            planned.append(Planned(seq, line, about, move, pools, state))
        return planned

    def write(
        self,
        planned: Sequence[Planned],
        *,
        policy_version: str,
        event_id: str,
        event_hash: bytes,
        recorded_at_us: int,
    ) -> None:
        """Write an event's planned lines as entries, one after another. Refuses nothing."""
        for at, item in enumerate(planned, recorded_at_us):
            self._append(item, policy_version, event_id, event_hash, at)
            if self.remembers:
                self.note(item.written(policy_version))

    def _append(
        self, item: Planned, policy_version: str, event_id: str, event_hash: bytes, recorded_at_us: int
    ) -> None:
        row = (
            self.creator_id,
            self.meter,
            item.seq,
            item.line.kind,
            item.about,
            event_id,
            event_hash,
            policy_version,
            orjson.dumps(item.line.factors, option=orjson.OPT_SORT_KEYS).decode(),
            *item.pools,
            item.pools.world,
            *item.after,
            recorded_at_us,
            chain.HASH_VERSION,
            self.head or chain.GENESIS,
        )
        self._keep((*row, chain.entry_hash(row)), item.after)

    def _keep(self, row: Row, after: State) -> None:
        self.new_entries.append(row)
        self.seq = row[2]
        self.policy_version = row[7]
        self.recorded_at_us = row[23]
        self.head = row[26]
        self.state = after


def settlement_row(
    creator_id: str,
    meter: str,
    seq: int,
    head: bytes,
    before: State,
    after: State,
    policy_version: str,
    recorded_at_us: int,
) -> Row:
    """The entry that posts the decay and recovery between two states, hash included, in table order."""
    fresh, bedrock = after.fresh - before.fresh, after.bedrock - before.bedrock
    pitch, breach = after.mending_pitch - before.mending_pitch, after.mending_breach - before.mending_breach
    row = (
        creator_id,
        meter,
        seq,
        "settlement",
        None,
        None,
        b"",
        policy_version,
        f'{{"from_day":{before.day},"to_day":{after.day}}}',
        fresh,
        bedrock,
        pitch,
        breach,
        -(fresh + bedrock + pitch + breach),
        *after,
        recorded_at_us,
        chain.HASH_VERSION,
        head or chain.GENESIS,
    )
    return (*row, chain.entry_hash(row))


def lock(session: Session, keys: Sequence[BookKey]) -> dict[BookKey, OpenBook]:
    """Lock books in key order and return those that exist. On SQLite the transaction is the lock."""
    sql = f"SELECT {BOOK_COLUMNS} FROM {{keys}} CROSS JOIN book b WHERE b.creator_id = k.c0 AND b.meter = k.c1"
    if not db.is_sqlite(session):
        # Sorted before they are locked: an UPDATE would lock in the order rows lie on disk, and batches would deadlock.
        sql += " ORDER BY b.creator_id, b.meter FOR UPDATE OF b"
    rows = db.fetch_keyed(session, sql, ("id", "text"), sorted(set(keys)))
    return {(row[0], row[1]): OpenBook.of_row(row) for row in rows}


def load_written(
    session: Session,
    books: Mapping[BookKey, OpenBook],
    seqs: Iterable[tuple[str, str, int]],
    schedule: Schedule,
) -> None:
    """Load entries by number, those about them, and those about these, into the open books."""
    keys, column = sorted(set(seqs)), "seq"
    while keys:
        sql = (
            f"SELECT {ENTRY_COLUMNS} FROM {{keys}} CROSS JOIN entry e"
            f" WHERE e.creator_id = k.c0 AND e.meter = k.c1 AND e.{column} = k.c2"
        )
        rows = db.fetch_keyed(session, sql, ("id", "text", "int"), keys)
        for row in rows:
            book = books.get((row[0], row[1]))
            if book is not None:
                book.note(written_of(row, schedule))
        keys = keys if column == "seq" else sorted((row[0], row[1], row[2]) for row in rows)
        column = "about"


def written_of(row: Row, schedule: Schedule) -> Written:
    """What an entry did, from its columns in table order: pools as they landed, memos from its factors."""
    memos, gathered, meant = Move(), (0, 0), None
    if row[3] != "settlement":
        factors = orjson.loads(row[8])
        meant = factors if row[3] == "apology" else None
        memos = kinds.amounts(row[3], factors, schedule.named(row[7]).rates)
        gathered = kinds.gathered(row[3], factors)
    effect = memos._replace(fresh=row[9], bedrock=row[10], mending_pitch=row[11], mending_breach=row[12], exact=True)
    return Written(row[2], row[3], row[4], row[22], effect, row[7], gathered, meant)


def write_back(session: Session, books: Collection[OpenBook]) -> None:
    """Write the new entries and the books themselves; a brand's book that did not begin is not kept."""
    touched = [book for book in books if book.new_entries]
    db.insert(session, ENTRY, [row for book in touched for row in book.new_entries])
    db.update(session, BOOK, [book.row() for book in touched])
    for book in books:
        if not book.seq and book.meter.startswith("brand:"):
            db.execute(session, "DELETE FROM book WHERE creator_id = ? AND meter = ?", (book.creator_id, book.meter))


def open_row(creator_id: str, meter: str) -> Row:
    """The columns of a new, empty book."""
    return OpenBook(
        creator_id=creator_id,
        meter=meter,
        version=0,
        seq=0,
        head=b"",
        recorded_at_us=0,
        live=False,
        policy_version="",
        state=State(),
        opening=0,
    ).row()
