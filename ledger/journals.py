"""Journals: entries as hledger and beancount write them, with what each book holds asserted on every settled day. Pure.

An account is a pool of a book, or the outside for one kind of entry. An entry's date is the day its book was settled
through when it was written, and the last one of a day asserts the posted balance of every pool that moved on it or is
not empty, to the micro-trust.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from ledger.days import iso_day
from ledger.notation import trust

POOLS = ("fresh", "bedrock", "mending_pitch", "mending_breach")
OPENED = "2000-01-01"  # nothing this ledger speaks of is older
COMMODITY = "TRUST"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A comment of hledger's ends at the line's end, and a tag in it at a comma.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff,;%|\"\\]")


class Item(NamedTuple):
    """One entry as a journal tells it: amounts of the four pools and of the outside, then the pools after it."""

    owner: str
    meter: str
    seq: int
    kind: str
    title: str
    day: int
    amounts: tuple[int, ...]
    after: tuple[int, ...]
    marks: Mapping[str, str]


class Shelf(NamedTuple):
    """A book of which a journal tells, and which of its four pools ever moved."""

    owner: str
    meter: str
    moved: tuple[bool, ...]


class Grammar(NamedTuple):
    """How a program writes a journal: what it begins with, an account, and an entry with the pools it asserts."""

    head: str
    pool: Callable[[str, str, str], str]
    world: Callable[[str], str]
    opening: Callable[[str], str]
    entry: Callable[[Item, tuple[int, ...]], str]


def journal(
    grammar: Grammar, *, shelves: Iterable[Shelf], kinds: Iterable[str], items: Iterable[Item]
) -> Iterator[str]:
    """A journal, piece by piece. `items` come by day, and within a day by book and number."""
    yield grammar.head
    for kind in kinds:
        yield grammar.opening(grammar.world(kind))
    for shelf in shelves:
        for pool, moved in zip(POOLS, shelf.moved, strict=True):
            if moved:
                yield grammar.opening(grammar.pool(shelf.owner, shelf.meter, pool))
    for _, told in groupby(items, key=lambda item: (item.day, item.owner, item.meter)):
        yield from _day(grammar, told)


def _day(grammar: Grammar, told: Iterator[Item]) -> Iterator[str]:
    """A book's entries of one day; the last of them asserts."""
    held = next(told)
    moved = _moved(held)
    for item in told:
        yield grammar.entry(held, ())
        held, moved = item, moved | _moved(item)
    yield grammar.entry(held, tuple(place for place in range(len(POOLS)) if place in moved or held.after[place]))


def _moved(item: Item) -> set[int]:
    return {place for place in range(len(POOLS)) if item.amounts[place]}


def harmless(text: str) -> str:
    """Text of others that ends no line, no tag and no quotation: what could is percent-encoded."""
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace")), text)


def owner(creator_id: str, handle: str | None) -> str:
    """What a creator's accounts are called: the handle, unless it passes itself off as an id; else the id."""
    return creator_id if not handle or UUID.fullmatch(handle) else handle


# hledger


def _hledger_entry(item: Item, asserted: tuple[int, ...]) -> str:
    marks = ", ".join(f"{name}:{harmless(value)}" for name, value in item.marks.items())
    lines = [f"{iso_day(item.day)} ({item.seq}) {harmless(item.title)}  ; {marks}"]
    for place, pool in enumerate(POOLS):
        if item.amounts[place] or place in asserted:
            account = _hledger_pool(item.owner, item.meter, pool)
            tail = f" == {trust(item.after[place])} {COMMODITY}" if place in asserted else ""
            lines.append(f"    {account}  {trust(item.amounts[place])} {COMMODITY}{tail}")
    lines.append(f"    {_hledger_world(item.kind)}  {trust(item.amounts[-1])} {COMMODITY}")
    return "\n".join(lines) + "\n\n"


def _hledger_pool(owner: str, meter: str, pool: str) -> str:
    return f"trust:{owner}:{meter}:{pool}"


def _hledger_world(kind: str) -> str:
    return f"world:{kind}"


HLEDGER = Grammar(
    f"; A journal of Trust Ledger for hledger\n\ndecimal-mark .\ncommodity 1.000000 {COMMODITY}\n\n",
    _hledger_pool,
    _hledger_world,
    lambda account: f"account {account}\n",
    _hledger_entry,
)


# beancount


def _beancount_entry(item: Item, asserted: tuple[int, ...]) -> str:
    day = iso_day(item.day)
    lines = [f'{day} * "{harmless(item.title)}"', f"  seq: {item.seq}"]
    lines += [f'  {name}: "{harmless(value)}"' for name, value in item.marks.items()]
    accounts = [_beancount_pool(item.owner, item.meter, pool) for pool in POOLS]
    for place, account in enumerate(accounts):
        if item.amounts[place]:
            lines.append(f"  {account}  {trust(item.amounts[place])} {COMMODITY}")
    lines.append(f"  {_beancount_world(item.kind)}  {trust(item.amounts[-1])} {COMMODITY}")
    morrow = iso_day(item.day + 1)  # beancount looks at the beginning of a day
    lines += [
        # Without a tolerance of its own, it would forgive a micro-trust.
        f"{morrow} balance {accounts[place]}  {trust(item.after[place])} ~ 0 {COMMODITY}"
        for place in asserted
    ]
    return "\n".join(lines) + "\n\n"


def _beancount_pool(owner: str, meter: str, pool: str) -> str:
    kind, _, slug = meter.partition(":")
    parts = ("Assets", _component(owner), f"{kind.capitalize()}-{_escaped(slug)}", _component(pool.replace("_", "-")))
    return ":".join(parts)


def _beancount_world(kind: str) -> str:
    return f"Equity:World:{_component(kind.replace('_', '-'))}"


def _component(name: str) -> str:
    """A part of an account's name, which begins with a capital or a digit."""
    return _escaped(name[:1].upper() + name[1:])


def _escaped(name: str) -> str:
    """No underscore may stand in an account's name; slugs have no capitals, so that none is mistaken for another."""
    return name.replace("_", "X5F")


BEANCOUNT = Grammar(
    f'option "title" "Trust Ledger"\noption "operating_currency" "{COMMODITY}"\n\n{OPENED} commodity {COMMODITY}\n\n',
    _beancount_pool,
    _beancount_world,
    lambda account: f"{OPENED} open {account}  {COMMODITY}\n",
    _beancount_entry,
)
GRAMMARS = {"hledger": HLEDGER, "beancount": BEANCOUNT}
