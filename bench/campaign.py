"""Campaign plans: how long twelve pitches over two hundred creators take to plan, and how good the days found are.

Beside each other: the days that are searched for and those that brute force finds, where there are few enough; and
the plan and what one would do without it, pitching the same creators at even distances. Ends with 1 where the median
of a large plan is over a second of CPU, or the search is ever more than 1 % dearer than brute force.

Run as `python -m bench.campaign`.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from bench import FOUNDING, machine, show, timed
from ledger import campaign_days
from ledger.campaigns import Campaign, Curve, Lane, course, exact_curve, plan_of
from ledger.economy import PPM, Move, State
from ledger.policy import Schedule
from ledger.proposals import Proposal, Subject

CREATORS, PITCHES, DAYS, RUNS, SMALL, SEED = 200, 12, 180, 9, 60, 20_261_123
TRUST, TODAY = 1_000_000, 20_780
RULES = Schedule.of(FOUNDING)


def creator(chance: random.Random) -> Lane:
    """Somebody with 40 to 900 trust, earning up to eight a day, whose audience minds half or twice as much."""
    held, daily = int(chance.uniform(40, 900) * TRUST), int(chance.uniform(0, 8) * TRUST)
    state = State(
        fresh=held * 8 // 10,
        bedrock=held * 2 // 10,
        credits=held,
        drains=int(chance.uniform(0, held / 2)),
        pitches=int(chance.uniform(0, 4) * PPM),
        day=TODAY,
    )
    usual = Move(daily * 9 // 10, daily // 10, credits=daily)
    subject = Subject(state, RULES, followers=int(10 ** chance.uniform(3, 7)), usual=usual)
    warm = chance.choice((None, TODAY + chance.randrange(30)))
    proposal = Proposal("nike", "clear", fit=chance.randrange(PPM), established=chance.random() < 0.5)
    return Lane(subject, proposal, ratio=int(2 ** chance.uniform(-1, 1) * PPM), warm_from=warm)


def small(chance: random.Random) -> tuple[Lane, Campaign]:
    """A case that brute force can do, with a floor that may bind."""
    lane = creator(chance)
    floor = int(lane.subject.state.standing * chance.choice((0, 0.7, 0.9)))
    return lane, Campaign(chance.choice((2, 3)), chance.choice((14, 20)), floor, chance.choice((1, 2, 5)))


def over(found: Curve, best: Curve) -> float:
    """How much dearer than the best the options found are, at worst."""
    if len(found) < len(best):
        raise SystemExit("the search missed pitches that the floor lets")
    return max((option.cost / least.cost for option, least in zip(found[1:], best[1:], strict=True)), default=1.0)


def evenly(lanes: Sequence[Lane], places: Sequence[int], campaign: Campaign) -> int:
    """What the same number of pitches costs on the same creators at even distances."""
    spread = [(number * campaign.horizon) // campaign.pitches for number in range(campaign.pitches)]
    turns = {place: spread[turn :: len(places)] for turn, place in enumerate(places)}
    return sum(course(lanes[place], days, campaign.horizon).cost for place, days in turns.items())


def main() -> None:
    """Print the figures; end with 1 where a claim does not hold."""
    chance = random.Random(SEED)
    cases = [small(chance) for _ in range(SMALL)]
    ratios = [over(campaign_days.curves([lane], one)[0], exact_curve(lane, one)) for lane, one in cases]
    spent = [cpu(partial(campaign_days.curves, [lane], one)) for lane, one in cases]
    brute = [cpu(partial(exact_curve, lane, one)) for lane, one in cases]
    title = f"Days found beside brute force: {SMALL} creators, 2 or 3 pitches in 14 or 20 days"
    lines = [
        ["dearer than the best, mean", f"{statistics.mean(ratios) - 1:.4%}"],
        ["dearer than the best, worst", f"{max(ratios) - 1:.4%}"],
        ["not the best", f"{sum(ratio > 1 for ratio in ratios)} of {SMALL}"],
        ["brute force over search, CPU", f"{statistics.median(brute) / statistics.median(spent):.1f}"],
    ]
    show(title, ["", ""], lines)
    seconds = large(chance)
    if seconds > 1 or max(ratios) > 1.01:
        raise SystemExit("slower than a second of CPU, or more than 1 % dearer than brute force")


def large(chance: random.Random) -> float:
    """Plan the large campaigns and print what they take; gives the median seconds of CPU of the slowest."""
    lanes, lines, slowest = [creator(chance) for _ in range(CREATORS)], [], 0.0
    for creators, floor in ((CREATORS, 0), (CREATORS, 150), (12, 150), (1, 20)):
        some, campaign = lanes[:creators], Campaign(PITCHES, DAYS, floor * TRUST)
        spent = [cpu(partial(campaign_days.plan, some, campaign)) for _ in range(RUNS)]
        took = [timed(partial(campaign_days.plan, some, campaign)) for _ in range(RUNS)]
        found = campaign_days.plan(some, campaign)
        finer = plan_of(some, campaign_days.curves(some, campaign, ways=3), campaign, exact=False)
        beside = (evenly(some, list(found.courses), campaign) / found.cost, finer.cost / found.cost)
        told = [statistics.median(spent), statistics.median(took), found.pitches, found.cost / TRUST, *beside]
        lines.append([f"{creators} creators, floor {floor}", *(f"{one:.4g}" for one in told)])
        slowest = max(slowest, statistics.median(spent))
    head = ["", "CPU s", "wall s", "pitches", "cost", "evenly spread, x", "three ways kept, x"]
    show(f"Plans of {PITCHES} pitches in {DAYS} days, medians of {RUNS} runs", head, lines)
    print(
        "\nEvenly spread: the same creators in turn at even distances, whatever the floor. Three ways: of each label."
    )
    print(f"{machine()}.")
    return slowest


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU that work takes: on a busy machine the clock on the wall says little."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
