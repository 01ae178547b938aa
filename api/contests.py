"""Contesting a line from the creator's own page: a form that works without script, for whoever holds the owner's link.

No cookie lets anyone in here. The signed token of the link is the only credential and stands in the form itself, so
that a form on somebody else's page, which cannot know it, does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import marshmallow as ma
from flask import Blueprint, Response, redirect, render_template, request

from api import fields, pages, state
from api.pages import Asked
from api.problems import status_of
from ledger import disputes, queries
from ledger.creators import Enrolled
from ledger.disputes import LONGEST_REASON
from ledger.errors import InvalidEvent, LedgerError, NotFound, UnknownCreator
from ledger.readers import Reader
from ledger.statements import StatementLine

blp = Blueprint("contests", __name__)
LONGEST_FORM = 40_000  # bytes: the longest reason takes up to twelve a character, as browsers send it
REASON = fields.SafeString(longest=LONGEST_REASON)
OURS = ("same-origin", "none")


class NoSuchLine(NotFound):
    """The link is good, the line is not: `back` leads to the owner's page."""

    def __init__(self, back: str) -> None:
        super().__init__("no such line")
        self.back = back


@dataclass(frozen=True, slots=True)
class Form:
    """A line that its owner may contest, and what they wrote."""

    asked: Asked
    creator: Enrolled
    line: StatementLine
    reason: str = ""


@blp.get("/c/<name>/contest")
def contest_page(name: str) -> Response:
    """The form."""
    try:
        form = state.ledger().database.read(lambda reader: look(reader, name, request.args))
    except NotFound as missing:
        return pages.lost(linked=True, back=getattr(missing, "back", None))
    return show(form, 200)


@blp.post("/c/<name>/contest")
def contest_line(name: str) -> Response:
    """Contest the line, and go back to it."""
    request.max_content_length = LONGEST_FORM
    given = request.form  # read before a connection is taken for it
    try:
        form = state.ledger().database.read(lambda reader: look(reader, name, given))
    except NotFound as missing:
        return pages.lost(linked=True, back=getattr(missing, "back", None))
    return send(form)


def look(reader: Reader, name: str, given: Mapping[str, str]) -> Form:
    """The line that is meant. Raises NotFound where the asker is not the owner, NoSuchLine where it is not there."""
    asked = Asked(name, given.get("t"), given.get("meter"), pages.seq_of(given.get("before")))
    creator, until_us = pages.whose(reader, asked)
    if not until_us or request.headers.get("Sec-Fetch-Site", "none") not in OURS:
        raise UnknownCreator("no such page")
    line = line_of(reader, creator, asked, pages.seq_of(given.get("seq")))
    return Form(asked, creator, line, reason=" ".join(given.get("reason", "").split()))


def line_of(reader: Reader, creator: Enrolled, asked: Asked, seq: int | None) -> StatementLine:
    """The line of an owner's book by its number. Raises NoSuchLine."""
    back = f"/c/{asked.name}?{asked.query(meter=None)}"
    if seq is None or asked.meter is None:
        raise NoSuchLine(back)
    try:
        key = {"creator_id": creator.creator_id, "meter": asked.meter}
        line, _ = queries.one_entry(reader, **key, seq=seq, schedule=state.ledger().schedule())
    except NotFound as missing:
        raise NoSuchLine(back) from missing
    return line


def send(form: Form) -> Response:
    """The answer to a form that was sent: back to the line, or the form again with what is wrong."""
    ledger = state.ledger()
    told = {"creator_id": form.creator.creator_id, "meter": form.line.meter, "seq": form.line.seq}
    try:
        reason = checked(form.reason)
        ledger.database.write(
            lambda session: disputes.contest(session, **told, reason=reason, now_us=ledger.clock())  # type: ignore[arg-type]
        )
    except LedgerError as wrong:
        return show(form, status_of(wrong), wrong=wrong.detail)
    back = form.asked.query(before=form.asked.before)
    return redirect(f"/c/{form.asked.name}?{back}#line-{form.line.seq}", 303)  # type: ignore[return-value]


def checked(reason: str) -> str:
    """A reason that can be kept. Raises InvalidEvent."""
    try:
        return str(REASON.deserialize(reason))
    except ma.ValidationError as wrong:
        what = "say why" if not reason else f"the reason is not one that can be kept: {' '.join(wrong.messages)}"
        raise InvalidEvent([("", what)]) from wrong


def show(form: Form, status: int, *, wrong: str = "") -> Response:
    """The form as a page."""
    return pages.answer(render_template("contest.html", form=form, wrong=wrong, longest=LONGEST_REASON), status)
