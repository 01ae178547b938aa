"""A desk at which tests keep books: in memory, or in a database, in both cases through the code that posts."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ledger import batches, books, creators, db, economy, events, policy, posting, rules
from ledger.books import OpenBook
from ledger.db import Database
from ledger.economy import DAY_US, State
from ledger.events import NewEvent, Receipt
from ledger.policy import Policy, Schedule

FOUNDING = policy.builtin()
RULES = Schedule.of(FOUNDING)
DAY = 20_600  # a day in 2026
NOON = DAY_US // 2
CREATOR = "0192f0c1-0000-7000-8000-000000000001"
METER = "network:youtube"
PEPPER = b"pepper"
TRUST = 1_000_000


def trust(text: str) -> int:
    """An amount written in trust, as micro-trust."""
    whole, _, places = text.partition(".")
    micros = abs(int(whole)) * TRUST + int(places.ljust(6, "0") or "0")
    return -micros if text.startswith("-") else micros


@cache
def variant(*changes: tuple[str, str], name: str = "founding") -> Policy:
    """The founding policy under another name, with some values changed."""
    text = FOUNDING.text.replace('name = "founding"', f'name = "{name}"', 1)
    for key, value in changes:
        section, _, parameter = key.partition(".")
        pattern = rf'(\[{section}\](?:\n(?!\[).*)*\n{parameter} = {{ value = )"[^"]*"'
        text, found = re.subn(pattern, rf'\g<1>"{value}"', text, count=1)
        assert found == 1, f"the founding policy has no {key}"
    return policy.parse(text)


def tell(
    kind: str,
    *,
    ref: str,
    at_us: int,
    creator: str = "youtube:u1",
    source: str = "acme",
    meter: str | None = None,
    **facts: Any,
) -> NewEvent:
    """An event as a partner tells it."""
    return events.new_event(
        creator=creator,
        meter=meter if meter or ":" in creator else METER,
        source=source,
        external_ref=ref,
        kind=kind,
        facts=facts,
        occurred_at_us=at_us,
        pepper=PEPPER,
    )


def befriended(brand: str, day: int) -> list[dict[str, Any]]:
    """What is told, from a day on, of a brand that is let in: established two weeks after the day that follows."""
    own: dict[str, Any] = {"meter": f"brand:{brand}", "source": events.OWN, "brand": brand}
    return [
        {"kind": "introduction", "day": day, "ref": f"{brand} introduced", **own},
        {"kind": "introduction_accepted", "day": day + 1, "ref": f"{brand} accepted", **own},
        *(
            {"kind": "exchange", "day": day + 1 + n, "ref": f"{brand} exchange {n}", "meter": f"brand:{brand}"}
            for n in range(1, 4)
        ),
    ]


class Desk:
    """One creator's books in memory, a network's and those of brands. Days are counted from the desk's first day."""

    def __init__(self, *, schedule: Schedule = RULES, followers: int | None = None, state: State | None = None) -> None:
        self.schedule = schedule
        self.followers = followers
        self.batch = batches.Batch(schedule, 0, False, {}, {}, [])
        self.open(METER)
        if state is not None:
            self.book.state = state._replace(day=DAY)
        self.told = 0

    def open(self, meter: str) -> None:
        """Open a book, unless it is open."""
        if (CREATOR, meter) not in self.batch.books:
            book = OpenBook.of_row(books.open_row(CREATOR, meter))
            book.remembers = True
            self.batch.books[CREATOR, meter] = book

    @property
    def book(self) -> OpenBook:
        """The network's book as it stands."""
        return self.batch.books[CREATOR, METER]

    def tell(self, kind: str, *, day: int = 0, happened: int | None = None, ref: str = "", **facts: Any) -> Receipt:
        """Post one event on a day (at noon), about something that happened then or on an earlier day."""
        return self.take(kind, facts, day=day, happened=happened, ref=ref)

    def take(
        self, kind: str, facts: Mapping[str, Any], *, day: int, happened: int | None = None, ref: str = ""
    ) -> Receipt:
        """The same, its facts in one piece; its meter and source may be among them."""
        self.told += 1
        self.batch.now_us = (DAY + day) * DAY_US + NOON
        at_us = (DAY + (day if happened is None else happened)) * DAY_US + NOON
        event = tell(kind, ref=ref or f"event {self.told}", at_us=at_us, creator=CREATOR, **facts)
        if event.kind.name == "introduction":
            self.open(event.meter)
        job = batches.Job(self.told, event, CREATOR, self.followers)
        job.beside = batches._beside(job, self.batch.known)
        return posting._post_one(self.batch, job)

    def befriend(self, brand: str, *, day: int) -> None:
        """A brand introduces itself on a day, is let in, and meets the audience three times."""
        for told in befriended(brand, day):
            self.tell(**told)

    def on(self, day: int) -> State:
        """What the network's book holds on a day, as a reader sees it."""
        return economy.accrue(self.book.state, DAY + day, self.schedule, policy_version=self.book.policy_version)

    def standing(self, day: int) -> int:
        """The balance people see on a day."""
        return self.on(day).standing


class Counter:
    """A database's counter at which events are handed in, with a clock of its own."""

    def __init__(self, database: Database, *, names: Sequence[str] = ("u1",)) -> None:
        self.database = database
        self.schedule = RULES
        database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
        self.ids = {name: self.enrol(name) for name in names}

    def enrol(self, name: str, *, followers: int | None = None) -> str:
        """Enrol a creator on youtube under a name."""
        account = creators.AccountOf("youtube", name, followers)
        return self.database.write(
            lambda session: creators.enrol(
                session,
                display_name=name,
                accounts=[account],
                consent_at_us=1,
                enrolled_by="acme",
                now_us=1,
            )
        )[0]

    def post(self, *told: NewEvent, now_us: int, **options: Any) -> list[Receipt]:
        """Hand in events at a moment."""
        return self.database.write(
            lambda session: posting.post(session, events=told, clock=lambda: now_us, schedule=self.schedule, **options)
        )

    def one(self, kind: str, *, ref: str, day: int = 0, happened: int | None = None, **facts: Any) -> Receipt:
        """Hand in one event on a day at noon."""
        happened_day = day if happened is None else happened
        return self.post(tell(kind, ref=ref, at_us=noon(happened_day), **facts), now_us=noon(day))[0]

    def rows(self, sql: str, *params: object) -> list[db.Row]:
        """What a statement reads."""
        with self.database.reading() as session:
            return db.fetch(session, sql, params)

    def book(self, name: str = "u1") -> OpenBook:
        """A creator's book as stored."""
        rows = self.rows(
            f"SELECT {books.BOOK_COLUMNS} FROM book b WHERE b.creator_id = ? AND b.meter = ?",
            self.ids[name],
            METER,
        )
        return OpenBook.of_row(rows[0])

    def entries(self, name: str = "u1") -> list[db.Row]:
        """A book's entries in order, columns in table order."""
        return self.rows(
            f"SELECT {books.ENTRY_COLUMNS} FROM entry e WHERE e.creator_id = ? ORDER BY e.meter, e.seq",
            self.ids[name],
        )

    def state(self, day: int, name: str = "u1") -> State:
        """What a book holds on a day, as a reader sees it."""
        book = self.book(name)
        return economy.accrue(book.state, DAY + day, self.schedule, policy_version=book.policy_version)


def noon(day: int) -> int:
    """Noon of a day counted from the first, in microseconds."""
    return (DAY + day) * DAY_US + NOON
