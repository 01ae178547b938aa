"""The report of a simulation: how far books would move, gathered part by part. Pure, but for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from ledger.rehearsal import Rehearsal

LARGEST, EXAMPLES, TENTHS = 10, 10, 10


class Shift(NamedTuple):
    """What one book holds, and what it would hold: standing in micro-trust, meter in millionths of a point, label.

    `refused` counts the events of the book that would be refused: what they cost or earned is part of the change.
    """

    creator_id: str
    meter: str
    standing: int
    would_stand: int
    points: int
    would_show: int
    label: str
    would_be: str
    refused: int = 0

    @property
    def change(self) -> int:
        """By how much its standing would change, in micro-trust."""
        return self.would_stand - self.standing


class Example(NamedTuple):
    """An event that would be `refused`, or `accepted`, where it was not; and why."""

    how: str
    creator_id: str
    source: str
    external_ref: str
    kind: str
    why: str


@dataclass(slots=True)
class Part:
    """What some creators' books come to, up to and with the creator `through`."""

    through: str
    creators: int = 0
    books: int = 0
    events: int = 0
    standing: list[int] = field(default_factory=list)
    points: list[int] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    largest: list[Shift] = field(default_factory=list)
    refused: int = 0
    accepted: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, rehearsal: Rehearsal, shifts: Iterable[Shift]) -> None:
        """Take in one creator."""
        self.creators, self.events = self.creators + 1, self.events + rehearsal.events
        self.refused, self.accepted = self.refused + len(rehearsal.refused), self.accepted + len(rehearsal.accepted)
        told = [Example("refused", *each) for each in rehearsal.refused]
        told += [Example("accepted", *each) for each in rehearsal.accepted]
        self.examples = (self.examples + told)[:EXAMPLES]
        for shift in shifts:
            self.books += 1
            self.standing.append(shift.change)
            self.points.append(shift.would_show - shift.points)
            if shift.label:
                self.labels[f"{shift.label} {shift.would_be}"] += 1
            if shift.change:
                self.largest.append(shift)
        self.largest = _largest(self.largest)

    def line(self) -> bytes:
        """The part as a line of JSON."""
        named = {name: getattr(self, name) for name in self.__slots__}
        told = {"largest": list(map(list, self.largest)), "examples": list(map(list, self.examples))}
        return orjson.dumps(named | told | {"labels": dict(self.labels)}, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def of_line(cls, line: bytes) -> Part:
        """A part from its line."""
        named: dict[str, Any] = orjson.loads(line)
        named["largest"] = [Shift(*each) for each in named["largest"]]
        named["examples"] = [Example(*each) for each in named["examples"]]
        return cls(**named | {"labels": Counter(named["labels"])})


@dataclass(frozen=True, slots=True)
class Report:
    """What a candidate would change. Deciles go from the least to the most, of all books; amounts in micro-trust.

    `labels` counts the books of networks by the label that they have and the one that they would have.
    """

    creators: int
    books: int
    events: int
    up: int
    down: int
    same: int
    standing_deciles: Sequence[int]
    points_deciles: Sequence[int]
    labels: dict[tuple[str, str], int]
    gains: Sequence[Shift]
    losses: Sequence[Shift]
    refused: int
    accepted: int
    examples: Sequence[Example]

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Report:
        """All parts together."""
        found = list(parts)
        standing = sorted(change for part in found for change in part.standing)
        points = sorted(change for part in found for change in part.points)
        labels: Counter[str] = sum((part.labels for part in found), Counter())
        largest = _largest(shift for part in found for shift in part.largest)
        return cls(
            creators=sum(part.creators for part in found),
            books=len(standing),
            events=sum(part.events for part in found),
            up=sum(change > 0 for change in standing),
            down=sum(change < 0 for change in standing),
            same=sum(change == 0 for change in standing),
            standing_deciles=_deciles(standing),
            points_deciles=_deciles(points),
            labels={(was, would): count for (was, would), count in sorted(_moves(labels))},
            gains=[shift for shift in largest if shift.change > 0],
            losses=[shift for shift in largest if shift.change < 0],
            refused=sum(part.refused for part in found),
            accepted=sum(part.accepted for part in found),
            examples=[each for part in found for each in part.examples][:EXAMPLES],
        )

    @property
    def relabelled(self) -> int:
        """How many books would have another label."""
        return sum(count for (was, would), count in self.labels.items() if was != would)


def _moves(labels: Counter[str]) -> Iterable[tuple[tuple[str, str], int]]:
    for names, count in labels.items():
        was, _, would = names.partition(" ")
        yield (was, would), count


def _deciles(ordered: Sequence[int]) -> list[int]:
    """Eleven values: the least, nine between, the most; none of nothing."""
    last = len(ordered) - 1
    return [ordered[last * tenth // TENTHS] for tenth in range(TENTHS + 1)] if ordered else []


def _largest(shifts: Iterable[Shift]) -> list[Shift]:
    """The ten that gain most and the ten that lose most, most changed first."""
    found = sorted(shifts, key=lambda each: (-abs(each.change), each.creator_id, each.meter))
    up, down = ([each for each in found if (each.change > 0) is gains] for gains in (True, False))
    return up[:LARGEST] + down[:LARGEST]
