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
REASON = fields.SafeString(longest=LONGEST_REASON)
OURS = ("same-origin", "none")


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
    except NotFound:
        return pages.lost(linked=True)
    return show(form, 200)


@blp.post("/c/<name>/contest")
def contest_line(name: str) -> Response:
    """Contest the line, and go back to it."""
    try:
        form = state.ledger().database.read(lambda reader: look(reader, name, request.form))
    except NotFound:
        return pages.lost(linked=True)
    return send(form)


def look(reader: Reader, name: str, given: Mapping[str, str]) -> Form:
    """The line that is meant. Raises NotFound where there is none, or where the asker is not its owner."""
    asked = Asked(name, given.get("t"), given.get("meter"), pages.seq_of(given.get("before")))
    creator, until_us = pages.whose(reader, asked)
    seq = pages.seq_of(given.get("seq"))
    if not until_us or seq is None or asked.meter is None or request.headers.get("Sec-Fetch-Site", "none") not in OURS:
        raise UnknownCreator("no such page")
    key = {"creator_id": creator.creator_id, "meter": asked.meter}
    line, _ = queries.one_entry(reader, **key, seq=seq, schedule=state.ledger().schedule())
    return Form(asked, creator, line, reason=" ".join(given.get("reason", "").split()))


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
