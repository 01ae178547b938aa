"""A batch of events: read line by line, posted as one, answered line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from itertools import islice
from typing import Any

import orjson
from flask import Response, request

from api import auth, cloudevents, encoding, metrics, problems, receipts, state
from api.problems import InvalidRequest, TooLarge
from ledger import posting
from ledger.db import Session
from ledger.errors import Forbidden, InvalidEvent
from ledger.events import NewEvent, Receipt
from ledger.keys import Key
from ledger.posting import AtomicRefused

Lines = list[tuple[int, Any]]


def lines(limit: int) -> Lines:
    """The body's events, parsed but not checked, with the number of each line, which starts at 1.

    Blank lines count but hold nothing; a line that is not JSON is given as the InvalidEvent to refuse it with.
    Raises MalformedBody, WrongMediaType, InvalidRequest, TooLarge.
    """
    media = encoding.media_type(encoding.JSON, encoding.NDJSON, cloudevents.BATCHED)
    body = encoding.body()
    if media == encoding.NDJSON:
        written = ((number, text) for number, text in enumerate(BytesIO(body), 1) if not text.isspace())
        found = [(number, _line(text)) for number, text in islice(written, limit + 1)]
        count = f"more than {limit}"
    else:
        given = encoding.parse(body)
        if not isinstance(given, list):
            raise InvalidRequest([("", "must be an array of events")])
        found = list(enumerate(given[: limit + 1], 1))
        count = str(len(given))
    if len(found) > limit:
        raise TooLarge(f"a batch holds at most {limit} events, this one has {count}")
    if media == cloudevents.BATCHED:
        return list(enumerate(cloudevents.read_each([given for _, given in found]), 1))
    return found


def _line(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return InvalidEvent([("", f"the line is not JSON: {error.msg} at character {error.pos}")])


def post(found: Lines, *, key: Key, backfill: bool, atomic: bool) -> list[Receipt]:
    """Post what is well formed; a receipt for each line, in order. Raises AtomicRefused where `atomic`.

    What is well formed is judged too where nothing may be posted any more: all that stands in the way is said at once.
    """
    answers: list[Receipt | None] = [None] * len(found)
    accepted: list[NewEvent] = []
    places: list[int] = []
    pepper = state.ledger().pepper
    for place, (_, given) in enumerate(found):
        try:
            accepted.append(receipts.read(given, key=key, pepper=pepper))
            places.append(place)
        except (InvalidEvent, Forbidden) as wrong:
            answers[place] = receipts.refused(given, wrong)
    for place, foreign in receipts.elsewhere(accepted, key).items():
        answers[places[place]] = receipts.refused(found[places[place]][1], foreign)
    accepted = [event for place, event in zip(places, accepted, strict=True) if answers[place] is None]
    places = [place for place in places if answers[place] is None]
    whole = len(accepted) == len(found)
    try:
        given = post_events(accepted, backfill=backfill, atomic=atomic, keep=whole or not atomic)
    except AtomicRefused as refusal:
        raise AtomicRefused(_in_place(answers, places, refusal.receipts)) from None
    return _in_place(answers, places, given)


def _in_place(answers: list[Receipt | None], places: list[int], given: list[Receipt]) -> list[Receipt]:
    """The receipts of all lines, those of the books put where they belong."""
    for place, receipt in zip(places, given, strict=True):
        answers[place] = receipt
    return [answer for answer in answers if answer is not None]


def post_events(
    events: list[NewEvent], *, backfill: bool = False, atomic: bool = False, keep: bool = True
) -> list[Receipt]:
    """Post events in one transaction, run again whole on what is transient.

    Raises AtomicRefused where nothing may be posted: some are refused and it is `atomic`, or it is not to `keep` any.
    """
    ledger = state.ledger()
    schedule = ledger.schedule()

    def posted(session: Session) -> list[Receipt]:
        given = posting.post(
            session, events=events, clock=ledger.clock, schedule=schedule, backfill=backfill, atomic=atomic
        )
        if not keep:
            raise AtomicRefused(given)
        return given

    given = ledger.database.write(posted) if events or not keep else []
    return receipts.as_known(given, [event.creator for event in events], auth.current())


def shown() -> Callable[[Receipt], dict[str, Any]]:
    """How receipts are shown to this request: their errors point into what it sent."""
    if request.mimetype not in (cloudevents.STRUCTURED, cloudevents.BATCHED):
        return receipts.show
    return lambda receipt: receipts.show(cloudevents.located(receipt))


def answer(found: Lines, given: list[Receipt]) -> Response:
    """The response to a batch: counts, and what became of each line."""
    counts = {"posted": 0, "replayed": 0, "refused": 0}
    results, show = [], shown()
    for (number, _), receipt in zip(found, given, strict=True):
        counts[receipt.status] += 1
        results.append({"line": number, **show(receipt)})
    metrics.meters().told(counts)
    return encoding.json_response({**counts, "results": results})


def refuse(found: Lines, refusal: AtomicRefused) -> Response:
    """The response to an atomic batch of which nothing was posted: the lines that stand in the way.

    None has an `event_id`: what the books would have remembered of it is not kept either.
    """
    show = shown()
    results = [
        {"line": number, **show(replace(receipt, event_id=None))}
        for (number, _), receipt in zip(found, refusal.receipts, strict=True)
        if receipt.status == "refused"
    ]
    detail = f"nothing was posted: {len(results)} of {len(found)} events would be refused"
    return problems.problem(422, "batch_refused", detail, results=results)
