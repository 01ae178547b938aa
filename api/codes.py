"""Every code that a problem may carry: its status, what it means, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from api import problems
from ledger.errors import LedgerError

NEVER = ("refused", "ledger_error")  # families, of which only the members are answered
PLAIN = {
    "batch_refused": (422, "events of an atomic batch would be refused, and nothing was posted"),
    "not_ready": (503, "the service is up and cannot answer yet"),
    "expectation_failed": (417, "the server does not do what `Expect` asks"),
    "not_implemented": (501, "the server does not know that transfer encoding"),
}
ADVICE = {
    "account_taken": "Read the creator it belongs to; correct the accounts.",
    "already_contested": "Wait for the verdict on the first.",
    "already_done": "Nothing: it is so, or it is over.",
    "already_resolved": "Nothing: a verdict is final.",
    "backfill_closed": "Report it live, without `backfill`.",
    "bad_request": "Correct the request.",
    "batch_refused": "`results` names the lines: correct them, and send the whole batch under the same references.",
    "conflict": "Read what is there; use another name, reference or day.",
    "content_too_large": "Send less at once.",
    "exceeds_available": "Quote a smaller pitch, or wait until holds end or standing has grown.",
    "expectation_failed": "Send it without `Expect`.",
    "external_ref_reused": "Send what differs under a new reference; the same event needs none.",
    "forbidden": "Use a key with the scope, role or network that `detail` names.",
    "headers_too_large": "Send fewer or shorter headers.",
    "hold_waiting": "Wait for the answer, or withdraw the pitch that waits.",
    "idempotency_key_in_use": "Send the same again after `Retry-After`.",
    "idempotency_key_reused": "Take a new key for another request; the same request needs the same address and body.",
    "illegal_transition": "Read how things stand; `next` of a pitch says what may follow.",
    "internal_error": "Send the same again later; if it stays so, tell the operator.",
    "invalid_cursor": "Begin again without `after`.",
    "invalid_event": "`errors` names each fact: correct them and send it under the same reference.",
    "invalid_key": "Correct what is named.",
    "key_ended": "Use the key that took its place; where its secret was lost, have an operator make another.",
    "key_overlaps": "Revoke the key before, or wait for its end; then replace this one.",
    "invalid_policy": "Correct what is named; `trust-ledger policy check` names everything.",
    "invalid_request": "`errors` names each member or parameter: correct them.",
    "invalid_webhook": "Correct what `errors` names.",
    "malformed_body": "Send JSON (or NDJSON) that is whole and in UTF-8.",
    "method_not_allowed": "`Allow` names the methods there are.",
    "not_authenticated": "Send `Authorization: Bearer` with a live key.",
    "not_contestable": "Choose another line; to put right what you told of yourself, reverse it.",
    "not_covered": "Ask again once the next checkpoint is made: one a day, after midnight (UTC).",
    "not_found": "Check the address and ids; what you may not know of does not exist for you.",
    "not_implemented": "Send it whole or `chunked`.",
    "not_let_in": "Introduce the brand, and have the creator accept.",
    "not_ready": "Wait; the operator finds why in `detail`.",
    "out_of_order": "Send what is filled in by time, the oldest first.",
    "precondition_required": "Send the `ETag` that you read as `If-Match`.",
    "proof_too_long": "Ask with `checkpoint` for the day in `detail` if it names one, or export the book and check it.",
    "quote_expired": "Ask for a new quote.",
    "quote_replaced": "Hold the newest quote.",
    "rate_limited": "Wait as long as `Retry-After` says; ask for many at once instead of one by one.",
    "request_timeout": "Send it again, in one go.",
    "stale": "Read it again, and repeat the change on what you find.",
    "too_early": "Send the same again from the day that `detail` names.",
    "too_late": "Nothing: it is too old to be told, or no longer counts.",
    "too_many_accounts": "Nothing: no creator has more.",
    "too_many_webhooks": "Delete one that is not needed, or widen the filters of another.",
    "unavailable": "Send the same again after `Retry-After`; nothing was done, or it is replayed.",
    "unchanged": "Nothing.",
    "unknown_creator": "Enrol the creator, or check the id; private ones are known to their own partners alone.",
    "unknown_reference": "Tell of that event first, or correct the reference: it must be of the same book and partner.",
    "unsupported_media_type": "Send `Content-Type: application/json`, or what the operation takes.",
    "uri_too_long": "Shorten the query.",
    "wrong_reference": "Name an event of the kind that this may speak of.",
}


class Code(NamedTuple):
    """A code, the status that it comes with, and two sentences on it."""

    name: str
    status: int
    means: str
    advice: str


def every() -> list[Code]:
    """All codes that may be answered, by name. Complete once all resources are imported."""
    plain = PLAIN | {code: (status, told) for status, (code, told) in problems.CODES.items()}
    found = {code: (status, f"{told[:1].upper()}{told[1:]}.") for code, (status, told) in plain.items()}
    for error in _classes(LedgerError):
        status = next(problems.STATUS[kind] for kind in error.__mro__ if kind in problems.STATUS)
        if status == 500:  # a failure is told as `internal_error`, whatever it was
            continue
        if "code" in vars(error) and error.code not in NEVER:
            means = " ".join((error.__doc__ or "").partition("\n\n")[0].split())
            found[error.code] = (status, means.removesuffix(" Never remembered."))
    return [Code(name, *found[name], ADVICE.get(name, "")) for name in sorted(found)]


def _classes(family: type[LedgerError]) -> Iterator[type[LedgerError]]:
    """A family of our errors; what tests add is none of ours."""
    if family.__module__.partition(".")[0] in ("ledger", "api"):
        yield family
    for error in family.__subclasses__():
        yield from _classes(error)
