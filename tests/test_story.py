"""The check of scale: what six campaigns leave of a creator's trust, as `python -m bench.story` prints it."""

import pytest

from bench import story
from bench.story import CAMPAIGNS, Campaign


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.name)
def test_scale(campaign: Campaign) -> None:
    """Selling a little is forgiven, selling out empties you and leaves a mark, hiding costs most per pitch."""
    assert story.shares(campaign) == pytest.approx(campaign.expected, abs=story.OFF)


def test_the_story_ends_well_where_it_is_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    """The bench prints every campaign with what was expected of it."""
    story.main()
    printed = capsys.readouterr().out
    assert all(campaign.name in printed for campaign in CAMPAIGNS)


def test_the_story_fails_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that is off by a hundredth ends the bench with a failure."""
    wrong = Campaign("wrong", 1, (0.98, 1.0))
    monkeypatch.setattr(story, "CAMPAIGNS", (wrong,))
    with pytest.raises(SystemExit, match="off by"):
        story.main()
