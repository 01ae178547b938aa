"""The check of scale: six campaigns told day by day, with what they leave of a creator's trust."""

from dataclasses import dataclass

import pytest

from ledger import kinds, policy
from ledger.economy import State, accrue, advance, land
from ledger.kinds.base import Context, Line
from ledger.kinds.pitch import PitchFacts, UndisclosedPitchFacts, price, price_undisclosed
from ledger.policy import Schedule

FOUNDING = policy.builtin()
RULES = Schedule.of(FOUNDING)
FIRST, LAST, LATER = 180, 359, 539
FOLLOWERS = 50_000


@dataclass(frozen=True)
class Campaign:
    """So many pitches a month for half a year."""

    monthly: int
    fit: int = 700_000
    established: bool = True
    disclosed: bool = True

    def days(self) -> list[int]:
        """When they are posted."""
        return [int(FIRST + n * 30 / self.monthly) for n in range(6 * self.monthly)]

    def lines(self, state: State) -> list[Line]:
        """One of its pitches, priced on the day's book."""
        context = Context(state, FOUNDING, state.day, 0, followers=FOLLOWERS, established=self.established)
        if self.disclosed:
            return price(PitchFacts("nike", "clear", self.fit), context)
        return price_undisclosed(UndisclosedPitchFacts("nike", self.fit), context)


def standings(campaign: Campaign | None = None) -> list[int]:
    """Standing at the end of each day of a creator whom the audience credits with 4 a day."""
    state, path = State(), []
    pitches = campaign.days() if campaign else []
    for day in range(LATER + 1):
        state = accrue(state, day + 1, RULES)
        for _ in range(pitches.count(day)):
            for line in campaign.lines(state) if campaign else []:
                state = post(state, line)
        state = post(state, Line("engagement", credit(4_000_000)))
        path.append(state.standing)
    return path


def post(state: State, line: Line) -> State:
    """The book after a line."""
    move = kinds.amounts(line.kind, line.factors, FOUNDING.rates)
    return advance(state, land(state, move), move)


def credit(amount: int) -> dict[str, int]:
    """The factors of a day's engagement of that much."""
    return {
        "known_before": 0,
        "known_after": amount,
        "unknown_before": 0,
        "unknown_after": 0,
        "unknown_bound": 0,
        "day_cap": FOUNDING["engagement.day_cap"],
        "bedrock_share": FOUNDING["engagement.bedrock_share"],
        "late_days": 0,
    }


@pytest.mark.parametrize(
    ("at_the_end", "half_a_year_later", "campaign"),
    [
        (0.97, 1.00, Campaign(1)),
        (0.89, 0.99, Campaign(2)),
        (0.51, 0.95, Campaign(6)),
        (0.68, 0.93, Campaign(1, disclosed=False)),
        (0.92, 0.99, Campaign(1, fit=200_000, established=False)),
        (0.27, 0.91, Campaign(6, fit=200_000, established=False)),
    ],
    ids=["monthly", "fortnightly", "six a month", "hidden", "stranger", "six strangers"],
)
def test_scale(at_the_end: float, half_a_year_later: float, campaign: Campaign) -> None:
    """Selling a little is forgiven, selling out empties you and leaves a mark, hiding costs most per pitch."""
    without, path = standings(), standings(campaign)
    assert path[LAST] / without[LAST] == pytest.approx(at_the_end, abs=0.01)
    assert path[LATER] / without[LATER] == pytest.approx(half_a_year_later, abs=0.01)
