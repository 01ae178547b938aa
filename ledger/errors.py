"""Every refusal the ledger makes: a class, a stable code, and a sentence that names the thing."""

from __future__ import annotations


class LedgerError(Exception):
    """Base of all that the ledger refuses or finds wrong. `code` is stable; `detail` is for people."""

    code = "ledger_error"

    def __init__(self, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class InvalidPolicy(LedgerError):
    """A policy file that cannot be used."""

    code = "invalid_policy"


class InvalidEvent(LedgerError):
    """An event that is not well formed; `errors` are (JSON pointer, sentence) pairs. Never remembered."""

    code = "invalid_event"

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        told = "; ".join(f"{pointer}: {what}" if pointer else what for pointer, what in errors)
        super().__init__(told, pointer=errors[0][0])
        self.errors = errors


class NotFound(LedgerError):
    """Nothing by that name, or nothing the asker may know of."""

    code = "not_found"


class UnknownCreator(NotFound):
    """No enrolled creator by that name. Never remembered."""

    code = "unknown_creator"


class Conflict(LedgerError):
    """The same reference was used for something else."""

    code = "conflict"


class AccountTaken(Conflict):
    """The account belongs to a creator already enrolled with other details."""

    code = "account_taken"


class Stale(Conflict):
    """It was changed since the asker last read it. Nothing was done."""

    code = "stale"


class InvalidKey(LedgerError):
    """A key that cannot be made: an unknown role, scope or network."""

    code = "invalid_key"


class Forbidden(LedgerError):
    """The key may not do that."""

    code = "forbidden"


class Refusal(LedgerError):
    """A well-formed event that the books do not accept. Remembered under its external_ref, if `remembered`."""

    code = "refused"
    remembered = True


class UnknownReference(Refusal):
    """The event it speaks of is not in this creator's books."""

    code = "unknown_reference"


class WrongReference(Refusal):
    """The event it speaks of is of a kind this cannot apply to."""

    code = "wrong_reference"


class AlreadyDone(Refusal):
    """Owned, evaded, cleared or reversed once already."""

    code = "already_done"


class TooEarly(Refusal):
    """It may be told, but not yet. Never remembered."""

    code = "too_early"
    remembered = False


class TooLate(Refusal):
    """It no longer counts."""

    code = "too_late"


class Unchanged(Refusal):
    """There is nothing to write down. Never remembered."""

    code = "unchanged"
    remembered = False


class NotLetIn(Refusal):
    """The creator has not let the brand in, or no longer."""

    code = "not_let_in"


class IllegalTransition(Refusal):
    """It is not in a state from which that may happen."""

    code = "illegal_transition"


class ExceedsAvailable(Refusal):
    """More than is available: trust can't be leveraged."""

    code = "exceeds_available"


class HoldWaiting(Refusal):
    """A pitch of this brand waits for the creator's answer: one at a time."""

    code = "hold_waiting"


class BackfillClosed(Refusal):
    """The book holds live entries: its past can no longer be filled in."""

    code = "backfill_closed"


class OutOfOrder(Refusal):
    """A backfilled event older than what the book already holds."""

    code = "out_of_order"


class Unavailable(LedgerError):
    """The database could not take the work after all retries. Nothing was done."""

    code = "unavailable"
