"""Ratings: does a standing on the books foretell how someone will be rated next.

Replays Bitcoin OTC's 35,592 ratings in time order through the HTTP API of a running server (batches, backfill), then
asks the API for the standing and reliability of whoever is rated, a microsecond before each of the last 20 %. Prints
the area under the ROC curve of each as a forecast of the rating's sign, beside a plain running total of ratings.
Intervals are bootstrapped over the people rated. Ends with 1 where standing is below .78 or reliability below .80.
`--without decay` and `--without floor` replay under a policy without that, and ask for no aim.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from bench import FOUNDING, SCHEDULE, Client, Engine, data_of, engines, key_of, machine, now_us, serving, show, timed
from ledger import creators, policy, ratings
from ledger.creators import AccountOf
from ledger.db import Database, Session
from ledger.economy import PPM
from ledger.policy import Policy

NETWORK = "otc"
LEAST = {"standing": 0.78, "reliability": 0.80}
LAST_SHARE = 0.2
BATCH = 5_000
RESAMPLES = 500
WITHOUT = {
    "decay": {
        "decay.fresh_half_life": "3650",
        "decay.bedrock_half_life": "36500",
        "decay.memo_half_life": "3650",
    },  # the longest that a policy may ask for
    "floor": {"breach.floor": "0"},
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rating:
    """A line of the file. `at_us` in microseconds."""

    number: int
    rated: str
    rating: int
    at_us: int
    kind: str
    facts: dict[str, object]


def main() -> None:
    """Replay, ask, score and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    options.add_argument("--without", choices=(*WITHOUT,))
    given = options.parse_args()
    rulebook = variant(WITHOUT[given.without]) if given.without else FOUNDING
    ratings = read(data_of("bitcoin_otc/ratings.csv"))
    first = len(ratings) - round(LAST_SHARE * len(ratings))
    answers = next(replayed(engine, ratings, ratings[first:]) for engine in engines([given.engine], rulebook=rulebook))
    scores = {
        "standing": [float(standing) for standing, _ in answers],
        "reliability": [float(reliability) for _, reliability in answers],
        "running total, policy's prices, no decay": running_total(ratings, priced)[first:],
        "running total of ratings": running_total(ratings, lambda total, rating: total + rating.rating)[first:],
    }
    title = f"Area under the ROC curve, {len(ratings) - first:,} ratings from line {first + 1} ({machine()})"
    title += f", without {given.without}" if given.without else ""
    lines = [(name, *scored(score, ratings[first:])) for name, score in scores.items()]
    show(title, ("", "AUC", "95 % interval", "asked"), lines)
    missed = [line[0] for line in lines if float(line[1]) < LEAST.get(line[0], 0)]
    if missed and not given.without:
        raise SystemExit(f"below the aim: {', '.join(missed)}")


def variant(changes: dict[str, str]) -> Policy:
    """The founding policy with other values for some parameters."""
    text = FOUNDING.text
    for key, value in changes.items():
        section, name = key.split(".")
        text = re.sub(rf'(\[{section}\]\n(?:[^\[]*\n)?{name} = {{ value = ")[^"]*', rf"\g<1>{value}", text, count=1)
    changed = policy.parse(text)
    if any(changed.stated[key].value != value for key, value in changes.items()):
        raise SystemExit(f"could not change {', '.join(changes)}")
    return changed


def read(path: Path) -> list[Rating]:
    """The file's lines in time order, read as the import reads them."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        told = ratings.read_rating(line)
        found.append(
            Rating(number, told.external_id, int(line.split(",")[2]), told.occurred_at_us, told.kind, told.facts)
        )
    return sorted(found, key=lambda rating: rating.at_us)


def replayed(engine: Engine, ratings: Sequence[Rating], asked: Sequence[Rating]) -> list[tuple[Decimal, Decimal]]:
    """Post every rating; then (standing, reliability) just before each of those asked about."""
    database = Database(engine.url)
    database.write(lambda session: enrol(session, ratings))
    key = key_of(database, network=NETWORK)
    with serving(engine.url) as port, closing(Client(port, key)) as client:
        seconds = timed(lambda: post_all(client, ratings))
        print(f"{engine.name}: {len(ratings):,} ratings posted in {seconds:.1f} s, {len(ratings) / seconds:,.0f}/s")
        answers: list[tuple[Decimal, Decimal]] = []
        seconds = timed(lambda: answers.extend(just_before(client, rating) for rating in asked))
        print(f"{engine.name}: {len(asked):,} balances asked in {seconds:.1f} s, {len(asked) / seconds:,.0f}/s")
    database.dispose()
    return answers


def enrol(session: Session, ratings: Sequence[Rating]) -> None:
    """Those whom the ratings are about."""
    now = now_us()
    for rated in sorted({rating.rated for rating in ratings}):
        account = AccountOf(NETWORK, rated)
        creators.enrol(
            session, display_name=rated, accounts=[account], consent_at_us=now, enrolled_by="bench", now_us=now
        )


def post_all(client: Client, ratings: Sequence[Rating]) -> None:
    """Every rating, batch after batch."""
    for start in range(0, len(ratings), BATCH):
        post(client, ratings[start : start + BATCH])


def post(client: Client, ratings: Sequence[Rating]) -> None:
    """A batch of ratings, backfilled at their own times."""
    body = b"\n".join(orjson.dumps(event_of(rating)) for rating in ratings)
    request = client.request("POST", "/v1/events/batch?backfill=true", body, "application/x-ndjson")
    status, answer = client.send(request)
    posted = answer.count(b'"status":"posted"')
    if status != 200 or posted != len(ratings):
        raise SystemExit(f"status {status}, {posted} of {len(ratings)} posted: {answer[:500]!r}")


def event_of(rating: Rating) -> dict[str, object]:
    """A rating as a partner tells it."""
    return {
        "creator": f"{NETWORK}:{rating.rated}",
        "external_ref": f"rating-{rating.number}",
        "kind": rating.kind,
        "facts": rating.facts,
        "occurred_at": instant(rating.at_us),
    }


def just_before(client: Client, rating: Rating) -> tuple[Decimal, Decimal]:
    """(standing, reliability) of the one rated, a microsecond before; without a book yet, 0 and one half."""
    as_of = instant(rating.at_us - 1)
    status, answer = client.json("GET", f"/v1/creators/{NETWORK}:{rating.rated}/balance?as_of={as_of}")
    if status != 200:
        raise SystemExit(f"status {status}: {answer}")
    told: Any = answer
    for book in told["books"]:
        return Decimal(book["standing"]), Decimal(book["reliability"])
    return Decimal(0), Decimal("0.5")


def instant(at_us: int) -> str:
    """A moment as the API takes it."""
    return (EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def running_total(ratings: Sequence[Rating], add: Callable[[float, Rating], float]) -> list[float]:
    """What each one rated had gathered in all just before that rating."""
    totals: dict[str, float] = {}
    found = []
    for rating in ratings:
        found.append(totals.get(rating.rated, 0.0))
        totals[rating.rated] = add(found[-1], rating)
    return found


def priced(total: float, rating: Rating) -> float:
    """A total after a rating at the prices of the founding policy, without caps, repeats and decay."""
    founding = SCHEDULE.at(0)
    if rating.rating > 0:
        return total + founding["engagement.rating"] * rating.rating / 10
    share = founding[f"breach.severity_{rating.facts['severity']}"] / PPM
    return total - share * (max(total, 0) + founding["breach.floor"])


def scored(scores: Sequence[float], ratings: Sequence[Rating]) -> tuple[str, str, int]:
    """A line of the table."""
    good = [rating.rating > 0 for rating in ratings]
    by_person: dict[str, list[int]] = {}
    for place, rating in enumerate(ratings):
        by_person.setdefault(rating.rated, []).append(place)
    low, high = interval(steps_of(scores), good, list(by_person.values()))
    return f"{auc(steps_of(scores), good, [1] * len(good)):.4f}", f"{low:.3f} to {high:.3f}", len(scores)


def steps_of(scores: Sequence[float]) -> list[list[int]]:
    """Places by rising score; those of equal score together."""
    together: dict[float, list[int]] = {}
    for place, score in enumerate(scores):
        together.setdefault(score, []).append(place)
    return [together[score] for score in sorted(together)]


def auc(steps: Sequence[Sequence[int]], good: Sequence[bool], weights: Sequence[int]) -> float:
    """The chance that a good one scores above a bad one, ties counting half; each place counts its weight."""
    wins = below = goods = 0.0
    for step in steps:
        here_good = here_bad = 0
        for place in step:
            if good[place]:
                here_good += weights[place]
            else:
                here_bad += weights[place]
        wins += here_good * (below + here_bad / 2)
        below += here_bad
        goods += here_good
    return wins / (goods * below)


def interval(
    steps: Sequence[Sequence[int]], good: Sequence[bool], people: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """The middle 95 % over resamples of people, each with all ratings of theirs."""
    found = sorted(auc(steps, good, weights) for weights in resampled(people, len(good)))
    return found[RESAMPLES // 40], found[-RESAMPLES // 40]


def resampled(people: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """How often each rating is drawn, resample by resample."""
    chance = random.Random(1)
    for _ in range(RESAMPLES):
        weights = [0] * size
        for person in chance.choices(people, k=len(people)):
            for place in person:
                weights[place] += 1
        yield weights


if __name__ == "__main__":
    main()
