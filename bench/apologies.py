"""Apologies: does what one wins back on the books go with what it won back of an audience.

Replays The Pudding's 34 apologies: a serious breach on the day of the controversy, an apology with all its parts
on its own day, the reactions to it where they are known. Prints the rank correlation over all 34 between the
share of the breach that the apology won back and how the audience's growth changed. Ends with 1 below .45.
"""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime

from bench import NETWORK, SCHEDULE, data_of, machine, now_us, show
from ledger import creators, db, events, posting
from ledger.creators import AccountOf
from ledger.db import Database
from ledger.events import NewEvent, Receipt
from ledger.kinds.apology import PARTS

LEAST = 0.45
RESAMPLES = 5_000


def main() -> None:
    """Replay and print."""
    path = data_of("youtube_apologies/apologies.csv")
    with path.open(encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    growth = [float(line["growth_delta"]) for line in told]
    won_back = shares(told)
    delays = [-float(at_us(line["apology_date"], 0) - at_us(line["controversy_date"], 0)) for line in told]
    lines = [row("apology ÷ breach, on the books", won_back, growth), row("promptness alone", delays, growth)]
    show(f"Rank correlation with growth_delta, {len(told)} apologies ({machine()})", HEAD, lines)
    if spearman(won_back, growth) < LEAST:
        raise SystemExit(f"below {LEAST}")


HEAD = ("", "Spearman", "95 % interval")


def row(name: str, values: Sequence[float], growth: Sequence[float]) -> tuple[str, str, str]:
    """A line of the table."""
    low, high = interval(values, growth)
    return name, f"{spearman(values, growth):.3f}", f"{low:.2f} to {high:.2f}"


def shares(told: Sequence[dict[str, str]]) -> list[float]:
    """What each apology won back of its breach, both as the books posted them."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/books.db"
        db.migrate(url)
        database = Database(url)
        receipts = database.write(lambda session: replay(session, told))
        database.dispose()
    amounts = [sum(posted.amount for posted in receipt.entries) for receipt in receipts]
    return [won / -lost for lost, won in zip(amounts[::2], amounts[1::2], strict=True)]


def replay(session: db.Session, told: Sequence[dict[str, str]]) -> list[Receipt]:
    """Post two events a creator: the breach, then its apology."""
    for line in told:
        account = AccountOf(NETWORK, line["id"])
        now = now_us()
        creators.enrol(
            session,
            display_name=line["id"],
            accounts=[account],
            consent_at_us=now,
            enrolled_by="bench",
            now_us=now,
        )
    both = [event for line in told for event in (breach(line), apology(line))]
    receipts = posting.post(session, events=both, clock=now_us, schedule=SCHEDULE, backfill=True)
    refused = [receipt.detail for receipt in receipts if receipt.status != "posted"]
    if refused:
        raise SystemExit(f"refused: {refused[0]}")
    return receipts


def breach(line: dict[str, str]) -> NewEvent:
    """A serious breach on the day of the controversy."""
    return event(line, "breach", {"severity": 3}, at_us(line["controversy_date"], 9))


def apology(line: dict[str, str]) -> NewEvent:
    """An apology with all its parts, for what it said was not recorded; reactions where they were."""
    facts: dict[str, object] = dict.fromkeys(PARTS, True)
    facts["breach"] = f"breach-{line['id']}"
    if line["likes"].isdigit() and line["dislikes"].isdigit():
        facts |= {"positive": int(line["likes"]), "negative": int(line["dislikes"])}
    return event(line, "apology", facts, at_us(line["apology_date"], 18))


def event(line: dict[str, str], kind: str, facts: dict[str, object], occurred_at_us: int) -> NewEvent:
    """An event about one creator of the file."""
    return events.new_event(
        creator=f"{NETWORK}:{line['id']}",
        meter=None,
        source="bench",
        external_ref=f"{kind}-{line['id']}",
        kind=kind,
        facts=facts,
        occurred_at_us=occurred_at_us,
        pepper=b"bench",
    )


def at_us(day: str, hour: int) -> int:
    """An hour of a day in microseconds since 1970."""
    return int(datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC).timestamp()) * 1_000_000


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the average of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranked = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranked[place] = (start + 1 + end) / 2
        start = end
    return ranked


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """The correlation of ranks; 0 where one side is all the same."""
    mean = (len(first) + 1) / 2
    a = [rank - mean for rank in ranks(first)]
    b = [rank - mean for rank in ranks(second)]
    spread = (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    return sum(x * y for x, y in zip(a, b, strict=True)) / spread if spread else 0.0


def interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the correlation over resamples of the apologies."""
    chance = random.Random(1)
    found = []
    for _ in range(RESAMPLES):
        picked = chance.choices(range(len(first)), k=len(first))
        found.append(spearman([first[n] for n in picked], [second[n] for n in picked]))
    found.sort()
    return found[RESAMPLES // 40], found[-RESAMPLES // 40]


if __name__ == "__main__":
    main()
