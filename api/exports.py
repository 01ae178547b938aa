"""A book's whole statement, streamed: as JSON or CSV lines, with every hash, or as a journal for another program."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import marshmallow as ma
import orjson
from flask import Response, stream_with_context

from api import auth, encoding, entries, fields, state, visibility
from api.blueprint import Blueprint
from ledger import exports, statements
from ledger.exports import Book
from ledger.readers import Reader
from ledger.statements import StatementLine

Read = Callable[[Callable[[Reader], Any]], Any]
blp = Blueprint("exports", __name__, description="Whole statements, to take along.")
PAGE = 500
COLUMNS = (
    *("meter", "seq", "kind", "title", "reason", "about", "amount", "change", "mending", "returned", "standing"),
    *("policy_version", "event_id", "source", "external_ref", "occurred_at", "recorded_at", "hash"),
)
# What partners chose the words of; the rest is ours, and its minus signs are those of numbers.
OF_OTHERS = frozenset({"title", "reason", "source", "external_ref"})
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are = + - @ as wide as a Chinese character


class Form(NamedTuple):
    """A form of export: its media type, the ending of its file's name, and what writes it."""

    mimetype: str
    ending: str
    write: Callable[[Read, Book], Iterator[bytes]]


def ndjson(read: Read, book: Book) -> Iterator[bytes]:
    """The lines as `entries` shows them, oldest first."""
    seen = visibility.Book(book.creator_id, book.meter)
    for lines in pages(read, book):
        contested = read(partial(entries.disputed, book=seen, lines=lines[::-1]))
        for line in lines:
            shown = entries.show(line, contested.get(line.seq))
            yield orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE)


def comma_separated(read: Read, book: Book) -> Iterator[bytes]:
    """The lines as a table, oldest first, under the names of its columns (RFC 4180)."""
    yield table([COLUMNS])
    for lines in pages(read, book):
        shown = (entries.show(line, None) for line in lines)
        yield table([cell(name, line[name]) for name in COLUMNS] for line in shown)


def table(rows: Iterable[Iterable[object]]) -> bytes:
    """Rows of cells as CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def cell(name: str, value: object) -> object:
    """A value of a column; text that a spreadsheet would take for a formula has a ' before it."""
    return f"'{value}" if name in OF_OTHERS and str(value).startswith(FORMULA) else value


def hashed(read: Read, book: Book) -> Iterator[bytes]:
    """Every hashed field of every line. Of events their hash alone: what others told of them is not the asker's."""
    return exports.chain(book, lambda after: read(lambda reader: exports.chain_page(reader, book, after)), events=False)


def hledger(read: Read, book: Book) -> Iterator[bytes]:
    """A journal for hledger."""
    return exports.book_journal(read, book, "hledger")


def beancount(read: Read, book: Book) -> Iterator[bytes]:
    """A journal for beancount."""
    return exports.book_journal(read, book, "beancount")


def pages(read: Read, book: Book) -> Iterator[list[StatementLine]]:
    """The lines of a book up to its head, oldest first."""
    schedule, after = state.ledger().schedule(), 0
    told: dict[str, Any] = {"creator_id": book.creator_id, "meter": book.meter, "limit": PAGE, "schedule": schedule}
    told["through_seq"] = book.seq
    while after < book.seq:
        lines = read(partial(statements.onward, after_seq=after, **told))
        yield lines
        after = lines[-1].seq


PLAIN = "text/plain; charset=utf-8"
FORMS = {
    "ndjson": Form(encoding.NDJSON, "ndjson", ndjson),
    "csv": Form("text/csv; charset=utf-8; header=present", "csv", comma_separated),
    "jsonl": Form(encoding.NDJSON, "jsonl", hashed),
    "hledger": Form(PLAIN, "journal", hledger),
    "beancount": Form(PLAIN, "beancount", beancount),
}


class ExportIn(ma.Schema):
    """Which book, and in which form."""

    meter = fields.SafeString(longest=80)
    format = ma.fields.String(
        load_default="ndjson",
        validate=ma.validate.OneOf([*FORMS]),
        metadata={
            "description": "ndjson and csv: the lines of the statement; jsonl: all that is hashed, for"
            " docs/examples/verify_book.py; hledger, beancount: a journal for the program of that name",
        },
    )


LINES = {"type": "string", "description": "lines, as long as the book is"}
EXAMPLES = {
    encoding.NDJSON: '{"meter":"network:youtube","seq":1,"kind":"engagement","amount":"4.000000"}\n',
    "text/csv": f"{','.join(COLUMNS[:7])}\r\nnetwork:youtube,1,engagement,Engagement,A reply.,,4.000000\r\n",
    "text/plain": "2026-11-23 (1) Ordinary post  ; source:acme, ref:r-1\n    world:post  0.000000 TRUST\n",
}
ANSWER = {
    "description": "The statement, streamed, oldest line first, up to the line that was the last when it began",
    "content": {media: {"schema": LINES, "example": shown} for media, shown in EXAMPLES.items()},
    "headers": {"Content-Disposition": {"schema": {"type": "string"}, "description": "a name for the file"}},
}


@blp.get("/v1/creators/<creator>/entries/export")
@auth.requires("statements:read", limit="batch")
@blp.arguments(ExportIn(), location="query")
@blp.doc(responses={200: ANSWER})
def get_export(asked: dict[str, Any], creator: str) -> Response:
    """A book's whole statement in one answer, as JSON or CSV lines, with every hash, or as a journal."""
    return export(creator, meter=asked.get("meter"), form=FORMS[asked["format"]])


def export(creator: str, *, meter: str | None, form: Form) -> Response:
    """A book as a stream. Raises UnknownCreator or NotFound before the first byte."""
    read, key = state.ledger().database.read, auth.current()
    seen = read(lambda reader: visibility.book(reader, creator=creator, meter=meter, key=key, statement=True))
    book = read(lambda reader: exports.book(reader, creator_id=seen.creator_id, meter=seen.meter))
    name = f"{seen.creator_id}-{seen.meter.replace(':', '-')}.{form.ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    # Each page is a read of its own: entries never change, so that a slow reader holds no transaction open.
    return Response(stream_with_context(form.write(read, book)), content_type=form.mimetype, headers=headers)
