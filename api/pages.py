"""Pages for people: the front page, and a creator's ledger at /c/{handle}.

A public creator's page shows meter, label and history to anyone; the statement, and what there is with brands, are
for whoever holds the owner's signed link. A private creator's page is there for the owner alone; to all others there
is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from api import charts, dealings, multiples, problems, sheet, state
from ledger import creators, disputes, economy, links, notation, queries
from ledger.creators import Enrolled
from ledger.disputes import Dispute
from ledger.economy import DAY_US
from ledger.errors import NotFound, UnknownCreator
from ledger.events import UUID, CreatorRef
from ledger.histories import Mark, Point
from ledger.kinds.facts import Whole
from ledger.policy import Policy, Schedule
from ledger.queries import Balance, Balances, OpenAllegation, OpenBreach, Relabelling
from ledger.readers import Reader
from ledger.statements import title

blp = Blueprint("pages", __name__)
YEAR, AHEAD, LINES = 365, 45, 400
WIDE, NARROW = (960, 300), (360, 230)
SEQ = Whole(1, 2**62, "the line before which to begin")
blp.add_app_template_filter(sheet.amount, "amount")
blp.add_app_template_filter(sheet.signed, "signed")
blp.add_app_template_filter(sheet.percent, "percent")
blp.add_app_template_filter(sheet.whole, "whole")
blp.add_app_template_filter(notation.day, "iso")
blp.add_app_template_filter(multiples.plain, "plain")
blp.add_app_template_filter(sheet.spoken_day, "spoken")
blp.add_app_template_test(disputes.contestable, "contestable")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page's address asks for."""

    name: str
    token: str | None
    meter: str | None
    before: int | None

    def query(self, **changes: object) -> str:
        """The query of a link to this page with some of it changed."""
        given = {"t": self.token, "meter": self.meter, **changes}
        return urlencode({name: value for name, value in given.items() if value is not None}, safe=":")


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the template writes. `owner_until` is the day the owner's link ends, None for the public."""

    asked: Asked
    creator: Enrolled
    book: Balance
    meters: tuple[str, ...]
    today: int
    policy: Policy
    scale: charts.Scale
    wide: charts.Chart | None
    narrow: charts.Chart | None
    marks: tuple[tuple[Mark, str], ...]
    weeks: tuple[Point, ...]
    open_breaches: tuple[OpenBreach, ...]
    cleared: int
    changes: tuple[tuple[Relabelling, str], ...]
    sticks: multiples.Sticks | None
    owner_until: int | None = None
    rows: tuple[sheet.Row, ...] = ()
    contested: Mapping[int, Dispute] = field(default_factory=dict)
    older: int | None = None
    unanswered: tuple[OpenAllegation, ...] = ()
    dealings: dealings.Dealings | None = None

    @property
    def brand(self) -> str | None:
        """Whose book with the creator it is; None for a network's."""
        family, _, name = self.book.meter.partition(":")
        return name if family == "brand" else None

    @property
    def followers(self) -> int | None:
        """The audience on this book's network, where it is known."""
        network = self.book.meter.partition(":")[2]
        return next((held.followers for held in self.creator.accounts if held.network == network), None)


@blp.get("/")
def front_page() -> str:
    """What this is, and where to look."""
    return render_template("index.html")


@blp.get("/favicon.ico")
def icon() -> Response:
    """The mark, for whoever asks for it by its oldest name."""
    return current_app.send_static_file("mark.svg")


@blp.app_errorhandler(404)
def no_page(error: HTTPException) -> Response | HTTPException:
    """An address that leads nowhere: a page for a browser, a problem for everybody else and everywhere in the API."""
    accepted = request.accept_mimetypes
    is_browser = accepted.best_match(["application/json", "text/html"]) == "text/html"
    if is_browser and not request.path.startswith("/v1/"):
        return answer(render_template("lost.html"), 404)
    return problems.of_http(error)


@blp.get("/c", strict_slashes=False)
def nobody_page() -> Response:
    """No creator is named: there is no page, as of one who never was."""
    return lost(linked=False)


@blp.get("/c/<name>")
def creator_page(name: str) -> Response:
    """A creator's ledger page."""
    asked = Asked(name, request.args.get("t"), request.args.get("meter"), seq_of(request.args.get("before")))
    try:
        page = state.ledger().database.read(lambda reader: look(reader, asked))
    except NotFound:
        return lost(linked=asked.token is not None)
    return answer(render_template("creator.html", page=page, book=page.book, title=title), 200)


def lost(*, linked: bool, back: str | None = None) -> Response:
    """What anyone sees where there is no page of a person, or none for this reader; `back` where only a line is not."""
    return answer(render_template("lost.html", person=True, linked=linked, back=back), 404)


def answer(html: str, status: int) -> Response:
    """A page that no cache may keep for others."""
    response = make_response(html, status)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def seq_of(given: str | None) -> int | None:
    """The number of a line as an address has it; None for what is none."""
    try:
        return SEQ.read(int(given)) if given else None
    except ValueError:
        return None


def look(reader: Reader, asked: Asked) -> Page:
    """Everything a page shows. Raises UnknownCreator where there is no page, or none for this reader."""
    ledger = state.ledger()
    now_us, schedule = ledger.clock(), ledger.schedule()
    creator, until_us = whose(reader, asked)
    if creator.visibility != "public" and not until_us:
        raise UnknownCreator("no such page")
    found = queries.balances(reader, creator=CreatorRef(creator.creator_id), now_us=now_us, schedule=schedule)
    book = _meant(found, asked, is_owner=until_us is not None)
    meters = tuple(one.meter for one in found.networks)
    page = _drawn(reader, asked, creator, book, meters, now_us=now_us, schedule=schedule)
    if not until_us:
        return page
    dealt = dealings.look(
        reader,
        creator_id=creator.creator_id,
        now_us=now_us,
        schedule=schedule,
        policy=page.policy,
        brand=page.brand,
    )
    return replace(_with_statement(reader, page, until_us // DAY_US, schedule), dealings=dealt)


def _meant(found: Balances, asked: Asked, *, is_owner: bool) -> Balance:
    """The book that is asked for, a brand's for the owner alone; else the longest network's. Raises NotFound."""
    books = sorted(found.networks, key=lambda one: one.seq, reverse=True)
    if asked.meter is not None:
        books = [one for one in (found.books if is_owner else books) if one.meter == asked.meter]
    if not books:
        raise NotFound("no such book")
    return books[0]


def whose(reader: Reader, asked: Asked) -> tuple[Enrolled, int | None]:
    """A page's creator, and until when its address opens it as the owner, None where not. Raises UnknownCreator."""
    ledger = state.ledger()
    creator_id = asked.name if UUID.fullmatch(asked.name) else creators.by_handle(reader, asked.name)
    creator = creators.get(reader, creator_id)
    if asked.token is None:
        return creator, None
    return creator, links.read_page_link(ledger.settings, asked.token, creator_id=creator_id, now_us=ledger.clock())


def _drawn(
    reader: Reader,
    asked: Asked,
    creator: Enrolled,
    book: Balance,
    meters: Sequence[str],
    *,
    now_us: int,
    schedule: Schedule,
) -> Page:
    """The page as the public sees it."""
    today = now_us // DAY_US
    policy = schedule.at(today, book.policy_version)
    key = {"creator_id": creator.creator_id, "meter": book.meter}
    points, marks, changes = _year(reader, **key, now_us=now_us, schedule=schedule)
    ahead = _ahead(book, today, schedule)
    drawn = [
        charts.draw(points, marks, ahead, changes, width=width, height=height) if book.seq else None
        for width, height in (WIDE, NARROW)
    ]
    return Page(
        asked=asked,
        creator=creator,
        book=book,
        meters=tuple(meters),
        today=today,
        policy=policy,
        scale=charts.scale(book.points, book.plus_minus),
        wide=drawn[0],
        narrow=drawn[1],
        marks=tuple(reversed(marks)),
        weeks=tuple(reversed(points[::-7])),
        open_breaches=tuple(queries.open_breaches(reader, **key, today=today, schedule=schedule, policy=policy)),
        cleared=queries.cleared_breaches(reader, **key),
        changes=tuple(reversed(changes)),
        sticks=multiples.look(reader, creator_id=creator.creator_id, meters=meters, now_us=now_us, schedule=schedule)
        if book.meter in meters
        else None,
    )


def _year(
    reader: Reader, *, creator_id: str, meter: str, now_us: int, schedule: Schedule
) -> tuple[list[Point], tuple[tuple[Mark, str], ...], tuple[tuple[Relabelling, str], ...]]:
    """The days of the last year, what is marked on them and how the label changed, each with its title."""
    today = now_us // DAY_US
    key: dict[str, Any] = {"creator_id": creator_id, "meter": meter, "from_day": today - YEAR + 1, "to_day": today}
    points = queries.history(reader, **key, interval="day", schedule=schedule, now_us=now_us)
    marks = tuple((mark, _told(mark)) for mark in queries.marks(reader, **key))
    changes = tuple((change, _relabelled(change)) for change in queries.relabellings(reader, **key))
    return points, marks, changes


def _with_statement(reader: Reader, page: Page, until_day: int, schedule: Schedule) -> Page:
    """The page as its owner sees it."""
    lines = queries.statement(
        reader,
        creator_id=page.creator.creator_id,
        meter=page.book.meter,
        before_seq=page.asked.before,
        limit=LINES + 1,
        schedule=schedule,
    )
    older = lines[LINES - 1].seq if len(lines) > LINES else None
    shown = lines[:LINES]
    span = {"first": shown[-1].seq, "last": shown[0].seq} if shown else {"first": 0, "last": 0}
    contested = disputes.of_lines(reader, creator_id=page.creator.creator_id, meter=page.book.meter, **span)
    rows = tuple(sheet.rows(shown, contested))
    key = {"creator_id": page.creator.creator_id, "meter": page.book.meter}
    waiting = tuple(queries.unanswered(reader, **key, policy=page.policy))
    return replace(page, rows=rows, contested=contested, older=older, owner_until=until_day, unanswered=waiting)


def _ahead(book: Balance, today: int, schedule: Schedule) -> list[tuple[int, int]]:
    """Standing on the days to come if nothing else happens, where something is on its way."""
    if not (book.state.mending or book.standing < 0):
        return []
    held, days = book.state, []
    for day in range(today + 3, today + AHEAD + 1, 3):
        held = economy.accrue(held, day, schedule, policy_version=book.policy_version)
        days.append((day, held.standing))
    return days


def _told(mark: Mark) -> str:
    hidden = {"pitch": "Sponsored post that was hidden", "breach": "Hidden sponsored post found"}
    told = hidden.get(mark.kind, title(mark.kind)) if mark.hidden else title(mark.kind)
    return f"{told}, {sheet.spoken_day(mark.day)}: {sheet.signed(mark.change)}"


def _relabelled(change: Relabelling) -> str:
    return f"From {change.was} to {change.now}, {sheet.spoken_day(change.day)}"
