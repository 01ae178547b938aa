"""Deliveries: in order within each book, tried again, given up, and never by two at once."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ledger import deliveries, events, keys, outbox, webhooks
from ledger.db import Database
from ledger.deliveries import MOST_ATTEMPTS, RETRIES_S, Attempt, Turn
from ledger.economy import HOUR_US, SECOND_US
from ledger.webhooks import Webhook
from tests.post import BOOKS, endpoint, queue, rows

LEASE_US = 30 * SECOND_US


def longest(below: int) -> int:
    """The longest pause there may be."""
    return below - 1


def shortest(_: int) -> int:
    """The shortest pause there may be."""
    return 0


def take(database: Database, webhook: Webhook, now_us: int, limit: int = 10) -> Turn | None:
    """A turn at a webhook, by a dispatcher of its own."""
    taken = partial(deliveries.take, webhook_id=webhook.webhook_id, lease=events.new_id(), now_us=now_us)
    return database.write(lambda session: taken(session, lasts_us=LEASE_US, limit=limit))


def conclude(
    database: Database,
    turn: Turn,
    *answers: int | None,
    now_us: int,
    pause_us: int = 0,
    draw: Callable[[int], int] = longest,
) -> bool:
    """End a turn with these answers, None for none."""
    attempts = [
        Attempt(letter.delivery, answer, None if answer == 200 else "in words", pause_us)
        for letter, answer in zip(turn.letters, answers, strict=True)
    ]
    return database.write(
        lambda session: deliveries.conclude(session, turn=turn, attempts=attempts, now_us=now_us, draw=draw)
    )


def sent(database: Database, webhook: Webhook, now_us: int, *answers: int | None) -> list[int]:
    """Take a turn and end it with these answers; the sequences that went."""
    turn = take(database, webhook, now_us)
    if turn is None:
        return []
    assert conclude(database, turn, *answers, now_us=now_us)
    return [letter.delivery.sequence for letter in turn.letters]


def state_of(database: Database, webhook: Webhook) -> Webhook:
    """The webhook as it is now."""
    kept = {"webhook_id": webhook.webhook_id, "role": webhook.role, "owner": webhook.owner}
    return database.read(lambda session: webhooks.find(session, **kept))


def ready(database: Database, now_us: int) -> list[str]:
    """The webhooks that something is due to."""
    return database.read(partial(deliveries.ready, now_us=now_us, limit=10))


def test_a_message_waits_for_those_before_it_in_its_book_alone(database: Database) -> None:
    """Of each book the first that waits may go; one that fails holds back its own book and no other."""
    webhook = endpoint(database)
    queue(database, webhook, 1, 1, 2, 1, 2, 3)
    now_us, retried_us = 10, 10 + 5 * SECOND_US

    assert sent(database, webhook, now_us, 500, 200, 200) == [1, 3, 6]
    assert sent(database, webhook, now_us, 200) == [5]
    assert sent(database, webhook, now_us) == []
    assert ready(database, now_us) == []
    queue(database, webhook, 1, 4, now_us=now_us)
    assert sent(database, webhook, now_us, 200) == [8]
    assert ready(database, retried_us - 1) == []
    assert ready(database, retried_us) == [webhook.webhook_id]
    for sequence in (1, 2, 4, 7):
        assert sent(database, webhook, retried_us, 200) == [sequence]


@pytest.mark.parametrize("draw", [longest, shortest])
def test_a_message_is_tried_ten_times_and_then_given_up(database: Database, draw: Callable[[int], int]) -> None:
    """Pauses grow as announced, by chance from half to all of each; given up, it is kept and holds back nothing."""
    webhook = endpoint(database)
    queue(database, webhook, 1, 1)
    now_us = 10
    for attempt, pause_s in enumerate((*RETRIES_S, 0), 1):
        turn = take(database, webhook, now_us)
        assert turn is not None
        assert turn.letters[0].delivery.attempts == attempt - 1
        assert conclude(database, turn, 500, now_us=now_us, draw=draw)
        pause_us = pause_s * SECOND_US // (1 if draw is longest else 2)
        if attempt < MOST_ATTEMPTS:
            assert take(database, webhook, now_us + pause_us - 1) is None
            now_us += pause_us

    first, second = rows(database, "sequence, status, attempts, answered, error, ended_at_us")
    assert first == (1, "dead", MOST_ATTEMPTS, 500, "in words", now_us)
    assert second == (2, "waiting", 0, None, None, None)
    assert sent(database, webhook, now_us, 200) == [2]
    assert sum(RETRIES_S) == 75 * 3_600 + 35 * 60 + 5


def test_a_webhook_is_served_by_one_at_a_time(database: Database) -> None:
    """While a lease holds nobody else has a turn; one that was never ended runs out, and nothing is lost."""
    webhook = endpoint(database)
    queue(database, webhook, 1)
    first = take(database, webhook, 10)
    assert first is not None
    assert take(database, webhook, 10 + LEASE_US - 1) is None
    assert ready(database, 10 + LEASE_US - 1) == []

    second = take(database, webhook, 10 + LEASE_US)
    assert second is not None
    assert second.letters == first.letters


def test_who_lost_the_lease_changes_nothing(database: Database) -> None:
    """What came of sending is written by whoever holds the lease, once."""
    webhook = endpoint(database)
    queue(database, webhook, 1)
    first = take(database, webhook, 10)
    second = take(database, webhook, 10 + LEASE_US)
    assert first is not None
    assert second is not None
    before = rows(database, "*"), state_of(database, webhook)

    assert not conclude(database, first, 410, now_us=20 + LEASE_US)
    assert (rows(database, "*"), state_of(database, webhook)) == before
    assert conclude(database, second, 200, now_us=20 + LEASE_US)
    assert not conclude(database, second, 500, now_us=20 + LEASE_US)
    assert rows(database, "status, attempts") == [("delivered", 1)]


def test_a_late_end_of_a_lease_that_nobody_took_counts(database: Database) -> None:
    """A lease that ran out is still its holder's until another takes it."""
    webhook = endpoint(database)
    queue(database, webhook, 1)
    turn = take(database, webhook, 10)
    assert turn is not None
    assert conclude(database, turn, 200, now_us=10 + 2 * LEASE_US)


def test_a_receiver_that_is_gone_is_paused(database: Database) -> None:
    """410 pauses the webhook: nothing goes until its owner enables it again, and then nothing is missing."""
    webhook = endpoint(database)
    queue(database, webhook, 1, 2)
    assert sent(database, webhook, 10, 410, 200) == [1, 2]
    paused = state_of(database, webhook)

    assert (paused.status, paused.version) == ("paused", webhook.version + 1)
    assert take(database, webhook, 10 + HOUR_US) is None
    assert ready(database, 10 + HOUR_US) == []
    enable = partial(webhooks.amend, webhook=paused, private=True, status="enabled", now_us=20)
    database.write(enable)
    assert sent(database, webhook, 20, 200) == [1]  # at once: whoever enables it has put right what was wrong


@pytest.mark.parametrize(("asked_us", "waits_us"), [(HOUR_US, HOUR_US), (1_000 * HOUR_US, 24 * HOUR_US)])
def test_a_receiver_that_asks_to_be_left_alone_is(database: Database, asked_us: int, waits_us: int) -> None:
    """A pause that is asked for holds for the whole webhook, for at most a day; other webhooks go on."""
    webhook, other = endpoint(database), endpoint(database)
    queue(database, webhook, 1, 2)
    turn = take(database, webhook, 10, limit=1)
    assert turn is not None
    assert conclude(database, turn, 503, now_us=10, pause_us=asked_us)
    queue(database, other, 1)

    assert ready(database, 10) == [other.webhook_id]
    assert take(database, webhook, 10 + waits_us - 1) is None
    assert sent(database, webhook, 10 + waits_us, 200, 200) == [2, 1]


def test_a_webhook_says_since_when_it_fails(database: Database) -> None:
    """The first failure is remembered until something arrives."""
    webhook = endpoint(database)
    queue(database, webhook, 1, 2)
    sent(database, webhook, 10, 500, None)
    assert state_of(database, webhook).failing_since_us == 10
    queue(database, webhook, 3, now_us=20)
    sent(database, webhook, 20, 404)
    assert state_of(database, webhook).failing_since_us == 10
    queue(database, webhook, 4, now_us=30)
    sent(database, webhook, 30, 204)
    assert state_of(database, webhook).failing_since_us is None


def test_a_message_replayed_meanwhile_starts_anew(database: Database) -> None:
    """What came of an attempt before a replay says nothing of the replay."""
    webhook = endpoint(database)
    queue(database, webhook, 1)
    sent(database, webhook, 10, 500)
    turn = take(database, webhook, 10 + HOUR_US)
    assert turn is not None
    database.write(lambda session: session.connection().exec_driver_sql("UPDATE delivery SET attempts = 0"))
    assert conclude(database, turn, None, now_us=10 + HOUR_US)
    assert rows(database, "status, attempts") == [("waiting", 0)]


def test_webhooks_that_waited_longest_come_first(database: Database) -> None:
    """However much is due to a webhook, the others have their turn before it has its next."""
    many, few = endpoint(database), endpoint(database)
    queue(database, many, *range(1, 90))
    queue(database, few, 1)

    assert sent(database, many, 10, *[200] * 10) == list(range(1, 11))
    assert ready(database, 20) == [few.webhook_id, many.webhook_id]
    assert sent(database, few, 20, 200) == [1]
    assert ready(database, 30) == [many.webhook_id]


def test_what_ended_a_month_ago_is_forgotten(database: Database) -> None:
    """Delivered and dead alike are kept for thirty days; what waits is kept."""
    webhook = endpoint(database)
    queue(database, webhook, 1, 2)
    sent(database, webhook, 10, 200, 500)
    forget = partial(deliveries.forget, now_us=10 + deliveries.KEPT_US)

    assert database.write(forget) == 0
    assert database.write(partial(forget, now_us=11 + deliveries.KEPT_US)) == 1
    assert rows(database, "sequence, status") == [(2, "waiting")]


@hypothesis_settings(max_examples=30)
@given(
    books=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    fates=st.lists(st.sampled_from([200, 200, 500, None]), min_size=1, max_size=30),
    limit=st.integers(1, 4),
)
def test_every_message_ends_once_and_each_book_in_order(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    books: list[int],
    fates: list[int | None],
    limit: int,
) -> None:
    """Whatever the receiver answers, every message is delivered or given up, those of a book in their order."""
    path = shutil.copyfile(sqlite_template, tmp_path_factory.mktemp("law") / "ledger.sqlite3")
    database = Database(f"sqlite:///{path}")
    webhook = endpoint(database)
    queue(database, webhook, *books)
    ends: list[tuple[str, int]] = []
    now_us, answers = 10, iter(fates * MOST_ATTEMPTS * len(books))
    while any(status == "waiting" for (status,) in rows(database, "status")):
        turn = take(database, webhook, now_us, limit)
        now_us += SECOND_US if turn else HOUR_US
        if turn is None:
            continue
        told = [next(answers, 200) for _ in turn.letters]
        assert conclude(database, turn, *told, now_us=now_us)
        last = [each.delivery.attempts + 1 == MOST_ATTEMPTS for each in turn.letters]
        ended = [answer == 200 or is_last for answer, is_last in zip(told, last, strict=True)]
        letters = [letter.delivery for letter, has in zip(turn.letters, ended, strict=True) if has]
        ends += [(delivery.creator_id, delivery.sequence) for delivery in letters]
    database.dispose()

    assert sorted(sequence for _, sequence in ends) == list(range(1, len(books) + 1))
    for book in BOOKS:
        own = [sequence for creator_id, sequence in ends if creator_id == book]
        assert own == sorted(own)


def test_what_is_relayed_is_due_at_once(database: Database) -> None:
    """A message that was put on its way may go now, with the bytes of its envelope."""
    webhook = endpoint(database)
    database.write(lambda session: outbox.test(session, webhook=webhook, now_us=10))
    turn = take(database, webhook, 10)

    assert turn is not None
    assert turn.webhook == state_of(database, webhook)
    assert (
        turn.letters[0].body
        == b'{"type":"webhook.test","timestamp":"1970-01-01T00:00:00.000010Z","sequence":1,"data":{}}'
    )


def test_what_is_on_its_way_stays_when_the_last_key_ends(database: Database) -> None:
    """A webhook whose owner's keys were all revoked is paused as soon as something would be sent, and nothing is."""
    webhook = endpoint(database)
    queue(database, webhook, 1, 2)
    (key,) = database.read(keys.list_all)
    database.write(lambda session: keys.revoke(session, key_id=key.key_id, now_us=1))
    assert take(database, webhook, now_us=HOUR_US) is None
    assert database.read(lambda reader: reader.fetch("SELECT status, version, lease FROM webhook", ())) == [
        ("paused", 2, "")
    ]
    assert rows(database, "status, attempts") == [("waiting", 0)] * 2


def test_nothing_waits_for_ever(database: Database) -> None:
    """What was due thirty days ago and could not go, its webhook being paused, is swept; what came since is not."""
    webhook = endpoint(database)
    queue(database, webhook, 1, 2, now_us=1)
    queue(database, webhook, 3, now_us=2)
    swept = partial(deliveries.forget, now_us=2 + deliveries.KEPT_US)
    assert [database.write(swept) for _ in range(2)] == [2, 0]
    assert rows(database, "sequence, status") == [(3, "waiting")]
