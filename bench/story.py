"""The check of scale: six campaigns told day by day through the code that posts, and what they leave of a creator.

A creator with 50,000 followers whom the audience credits with 4 a day is pitched from day 180 to 360, clearly
disclosed where disclosed at all. Standing at the end of it, and half a year after, as a share of what it would be
without the pitches. Ends with 1 where a share is off the expected one by more than half a hundredth.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench import show
from tests.desk import Desk

FIRST, LAST, LATER = 180, 359, 539
MONTH = 30
FOLLOWERS = 50_000
OFF = 0.005
HEAD = ("campaign", "day 360", "expected", "off", "half a year later", "expected", "off")


@dataclass(frozen=True, slots=True)
class Campaign:
    """So many pitches a month for half a year, and the shares of standing expected at its end and later."""

    name: str
    monthly: int
    expected: tuple[float, float]
    fit: str = "0.7"
    established: bool = True
    disclosed: bool = True

    @property
    def days(self) -> list[int]:
        """When they are posted."""
        return [int(FIRST + n * MONTH / self.monthly) for n in range(6 * self.monthly)]


CAMPAIGNS = (
    Campaign("1 a month", 1, (0.97, 1.00)),
    Campaign("2 a month", 2, (0.89, 0.99)),
    Campaign("6 a month", 6, (0.51, 0.95)),
    Campaign("1 a month, hidden, found and never owned", 1, (0.68, 0.93), disclosed=False),
    Campaign("1 a month for a stranger, fit .2", 1, (0.92, 0.99), fit="0.2", established=False),
    Campaign("6 a month for strangers, fit .2", 6, (0.27, 0.91), fit="0.2", established=False),
)


def standings(campaign: Campaign | None = None) -> list[int]:
    """Standing in micro-trust at the end of each day, with a campaign or without."""
    desk, path = Desk(followers=FOLLOWERS), []
    for day in range(LATER + 1):
        if campaign and campaign.established and day == FIRST - MONTH:
            desk.befriend("acme", day=day)
        if campaign and day in campaign.days:
            _pitch(desk, campaign, day)
        desk.tell("engagement", day=day, act="share", engager=f"fan {day}")
        path.append(desk.standing(day))
    return path


def _pitch(desk: Desk, campaign: Campaign, day: int) -> None:
    if campaign.disclosed:
        desk.tell("pitch", day=day, brand="acme", fit=campaign.fit, disclosure="clear")
    else:
        desk.tell("undisclosed_pitch", day=day, brand="acme", fit=campaign.fit)


def shares(campaign: Campaign) -> tuple[float, float]:
    """What a campaign leaves of standing: at its end, and half a year later."""
    path, plain = standings(campaign), standings()
    return path[LAST] / plain[LAST], path[LATER] / plain[LATER]


def main() -> None:
    """Tell all six, print, and fail where a share is not the expected one."""
    lines, worst = [], 0.0
    for campaign in CAMPAIGNS:
        cells: list[str] = []
        for share, expected in zip(shares(campaign), campaign.expected, strict=True):
            cells += [f"{share:.4f}", f"{expected:.2f}", f"{share - expected:+.4f}"]
            worst = max(worst, abs(share - expected))
        lines.append((campaign.name, *cells))
    show("Standing as a share of what it would be without the campaign", HEAD, lines)
    if worst > OFF:
        raise SystemExit(f"off by {worst:.4f}, more than {OFF}")


if __name__ == "__main__":
    main()
