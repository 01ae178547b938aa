"""Quotes: terms that are kept as they were offered, one live quote for a brand and a book."""

from dataclasses import replace

from ledger import ids, quotes
from ledger.db import Database
from ledger.economy import HOUR_US
from ledger.quotes import Quote, Terms
from tests.desk import CREATOR, METER, noon

NOW_US = noon(0)
TERMS = Terms(
    brand="nike",
    disclosure="clear",
    fit=700_000,
    followers=None,
    established=True,
    policy_version="0123456789abcdef",
    drain=16_000_000,
    held=34_500_000,
    share=44_000,
    mending=770_000,
    credit=2_400_000,
    p10=7_400_000,
    p50=16_000_000,
    p90=34_500_000,
    low=463_000,
    mid=1_000_000,
    high=2_157_000,
)


def offer(database: Database, *, brand: str = "nike", now_us: int = NOW_US, terms: Terms = TERMS) -> Quote:
    """Write a quote for a brand at a moment."""
    return database.write(
        lambda session: quotes.make(
            session, creator_id=CREATOR, meter=METER, brand=brand, made_by=brand, terms=terms, now_us=now_us
        )
    )


def test_a_quote_is_kept_to_the_last_micro(database: Database) -> None:
    """What is found is what was offered: every term, by whom, and until when."""
    for terms in (TERMS, replace(TERMS, followers=84_000, established=False)):
        made = offer(database, terms=terms)
        assert found(database, CREATOR, made.quote_id) == made
        assert made.terms == terms


def test_a_quote_lives_a_day(database: Database) -> None:
    """It binds up to, and not including, the moment 24 hours on."""
    made = offer(database)
    assert made.expires_at_us == NOW_US + 24 * HOUR_US
    assert made.is_live(made.expires_at_us - 1)
    assert not made.is_live(made.expires_at_us)


def test_a_newer_quote_takes_the_place_of_the_older(database: Database) -> None:
    """Of two offers to a brand for one book the later is the newest, even within the same microsecond."""
    offer(database)
    same_moment = offer(database)
    assert newest(database, "nike") == same_moment.quote_id
    later = offer(database, now_us=NOW_US + 1)
    assert newest(database, "nike") == later.quote_id


def test_brands_do_not_replace_each_others_quotes(database: Database) -> None:
    """Another brand's offer leaves one's own as it is; a brand without any has none."""
    mine, others = offer(database), offer(database, brand="adidas", now_us=NOW_US + 1)
    assert (newest(database, "nike"), newest(database, "adidas")) == (mine.quote_id, others.quote_id)
    assert newest(database, "puma") is None


def found(database: Database, creator_id: str, quote_id: str) -> Quote | None:
    """A creator's quote by its id."""
    return database.read(lambda reader: quotes.find(reader, creator_id=creator_id, quote_id=quote_id))


def newest(database: Database, brand: str) -> str | None:
    """A brand's newest quote for the book."""
    return database.read(lambda reader: quotes.newest(reader, creator_id=CREATOR, meter=METER, brand=brand))


def test_what_was_never_offered_is_not_found(database: Database) -> None:
    """An unknown id, or one of another creator's, gives nothing."""
    made = offer(database)
    for creator_id, quote_id in ((CREATOR, CREATOR), (made.quote_id, made.quote_id)):
        assert found(database, creator_id, quote_id) is None


def test_its_name_leads_to_it(database: Database) -> None:
    """The id that is shown holds the creator and the quote."""
    made = offer(database)
    assert ids.split("quote", made.name) == (CREATOR, made.quote_id)
