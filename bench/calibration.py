"""Calibration: how often outcomes fall within p10..p90 where the world is not as the estimates assume.

Creators pitch for years, each measured pitch teaching the next estimate, in worlds with another law than the prior:
skewed or heavy-tailed noise, biases from a mixture, noise that differs from creator to creator, audiences that
drift. Printed beside the plain model (normal, noise pooled over all creators), which was tried first. Ends with 1
where forecasts on 50 or more earlier pitches cover less than 75 % or more than 85 %.

Run as `python -m bench.calibration`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from bench import FOUNDING, machine, show, timed
from ledger.calibration import Calibration, Measured, Tab, Walk
from ledger.economy import PPM
from ledger.scatter import COHORTS, Pooled, Scatter

CREATORS, PITCHES, SEED = 200, 250, 20_261_123
LEAST, MOST = 750_000, 850_000
FEW = 50
WALKED = [name for _, name in COHORTS]


def student(chance: random.Random, freedom: float) -> float:
    """A draw from Student's t."""
    return chance.gauss(0, 1) / math.sqrt(chance.gammavariate(freedom / 2, 2 / freedom))


def skewed(chance: random.Random) -> float:
    """A draw with a long tail of audiences that minded far more: an exponential, centred."""
    return chance.expovariate(1) - 1


def mixture(chance: random.Random) -> float:
    """A creator's own bias: some audiences hardly mind, most are as the formula says, some mind a lot."""
    return chance.choice((-0.6, 0.1, 0.1, 0.9)) + chance.gauss(0, 0.15)


@dataclass(frozen=True, slots=True)
class World:
    """How audiences are: a creator's bias, its noise at a pitch by the creator's own scale, and how much it drifts."""

    name: str
    bias: Callable[[random.Random], float]
    noise: Callable[[random.Random], float]
    scales: float = 0.0
    drift: float = 0.0


WORLDS = (
    World("as assumed", lambda chance: chance.gauss(0, 0.11**0.5), lambda chance: chance.gauss(0, 0.5)),
    World("Student-t, 3 degrees", mixture, lambda chance: 0.35 * student(chance, 3)),
    World("skewed", mixture, lambda chance: 0.6 * skewed(chance)),
    World("unlike creators", mixture, lambda chance: 0.5 * skewed(chance) + 0.25 * student(chance, 3), scales=0.4),
    World("and they drift", mixture, lambda chance: 0.5 * skewed(chance), scales=0.4, drift=0.03),
)


def outcomes(world: World) -> Iterator[Measured]:
    """What is measured, day by day: creators begin at any time in two years and pitch every one to three weeks."""
    chance = random.Random(SEED)
    told = [item for number in range(CREATORS) for item in creator(world, f"creator {number}", chance)]
    return iter(sorted(told, key=lambda item: item.day))


def creator(world: World, name: str, chance: random.Random) -> Iterator[Measured]:
    """The outcomes of one creator's pitches."""
    bias, scale, day = world.bias(chance), math.exp(chance.gauss(0, world.scales)), 20_000 + chance.randrange(730)
    for _ in range(PITCHES):
        bias, day = bias + chance.gauss(0, world.drift), day + chance.randint(7, 21)
        yield Measured((name, "network:bench"), day, bias + scale * world.noise(chance))


@dataclass(slots=True)
class Watched(Walk):
    """The walk of the nightly job; forecasts on 50 or more pitches are scored by creator too."""

    books: dict[tuple[str, str], Tab] = field(default_factory=dict)

    def look(self, item: Measured, foretold: Scatter) -> None:
        """As the job does."""
        Walk.look(self, item, foretold)
        if foretold.measured >= FEW:
            self.books.setdefault(item.book, Tab()).add(foretold, item.logarithm)


@dataclass(slots=True)
class Plain(Watched):
    """The model tried first: noise is normal, and alike for all creators."""

    def pooled(self) -> Pooled:
        """No shape is learnt."""
        return Pooled(self.freedom, self.squares)


def walked(walk: Watched, world: World) -> Calibration:
    """Walk through a world day by day."""
    days: dict[int, list[Measured]] = {}
    for item in outcomes(world):
        days.setdefault(item.day, []).append(item)
    for _, told in sorted(days.items()):
        walk.one_day(told)
    return walk.found()


def main() -> None:
    """Print the tables; end with 1 where the claim does not hold."""
    lines, missed = [], []
    alike = replace(FOUNDING, values={**FOUNDING.values, "estimate.own_outcomes": 10**9})
    for world in WORLDS:
        for called, walk in (("plain", Plain(alike)), ("learnt", Watched(FOUNDING))):
            found = walked(walk, world)
            lines.append([f"{world.name}, {called}", *_figures(found, walk)])
            if called == "learnt" and not LEAST <= found.cohorts["50+"].coverage <= MOST:
                missed.append(world.name)
    head = ["world, model", *WALKED, "by creator", "loss p10", "p50", "p90"]
    show("Share of outcomes within p10..p90, by earlier measured pitches; 80 % is meant", head, lines)
    print(f"\n{CREATORS} creators of {PITCHES} pitches; by creator: the middle 80 % of creators after {FEW} pitches.")
    print("Loss: mean pinball loss of log(outcome / formula) after 50 pitches; smaller is sharper.")
    seconds = timed(lambda: walked(Watched(FOUNDING), WORLDS[0]))
    print(f"A walk through {CREATORS * PITCHES:,} outcomes takes {seconds:.1f} s. {machine()}.")
    if missed:
        raise SystemExit(f"not within 75 % to 85 % after {FEW} pitches: {', '.join(missed)}")


def _figures(found: Calibration, walk: Watched) -> list[str]:
    """A line of the table."""
    covered = [f"{score.coverage / PPM:.1%}" for score in found.cohorts.values()]
    each = sorted(tab.score().coverage / PPM for tab in walk.books.values())
    middle = f"{each[len(each) // 10]:.0%}-{each[len(each) * 9 // 10]:.0%}"
    return [*covered, middle, *(f"{loss / PPM:.3f}" for loss in found.cohorts["50+"].loss)]


if __name__ == "__main__":
    main()
