"""A small client of the Trust Ledger: one file to copy, and httpx2 (`pip install httpx2`).

    ledger = TrustLedger("http://127.0.0.1:8000", "tl_…")
    ledger.balance("video:mara-bakes")["total"]["standing"]

Amounts are decimal strings, as the service has them: make `Decimal`s of them, never floats. What is refused raises
`Problem`. What is busy, limited or lost on the way is sent again under the same Idempotency-Key, and so done once.
"""

import gzip
import json
import time
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Self

import httpx2

Json = dict[str, Any]
BATCH = 10_000
LOOKUP = 1_000
ATTEMPTS = 5
AGAIN = (429, 502, 503, 504)


class Problem(Exception):
    """What the service refused: `code` is stable, `detail` is for people, `errors` point at what was wrong."""

    def __init__(self, status: int, body: Json) -> None:
        self.status, self.code = status, body.get("code", "unknown")
        self.detail, self.errors = body.get("detail", ""), body.get("errors", [])
        super().__init__(f"{status} {self.code}: {self.detail}")


class TrustLedger:
    """A connection to one service with one key. Use it as a context, or `close` it."""

    def __init__(self, url: str, key: str, *, timeout: float = 30) -> None:
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "trust-ledger-client"}
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    # What happened

    def enrol(self, display_name: str, accounts: list[Json], *, agreed_at: str, **more: Any) -> Json:
        """Enrol a creator who agreed at that time (RFC 3339); the same accounts again give the same creator."""
        consent = {"at": agreed_at}
        return self._post(
            "/v1/creators", {"display_name": display_name, "accounts": accounts, "consent": consent} | more
        )

    def tell(self, creator: str, kind: str, external_ref: str, occurred_at: str, **facts: Any) -> Json:
        """Tell of one event; the same reference again is answered as the first time."""
        told = {"creator": creator, "kind": kind, "external_ref": external_ref, "occurred_at": occurred_at}
        return self._post("/v1/events", told | {"facts": facts})

    def tell_many(self, events: Iterable[Json]) -> Iterator[Json]:
        """Tell of any number, ten thousand a call, packed; gives what became of each, in order."""
        waiting, done = iter(events), 0
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        while lines := [json.dumps(event) for event in islice(waiting, BATCH)]:
            packed = gzip.compress("\n".join(lines).encode())
            answer = self._send("POST", "/v1/events/batch", content=packed, headers=headers)
            yield from ({**result, "line": done + result["line"]} for result in answer["results"])
            done += len(lines)

    # What the books hold

    def balance(self, creator: str, **query: Any) -> Json:
        """A creator's books, now or as of a moment (`as_of`)."""
        return self._get(f"/v1/creators/{creator}/balance", query)

    def balances(self, creators: Iterable[str]) -> Iterator[Json]:
        """Many creators' books, a thousand a call; those not found, or not yours to know of, are left out."""
        waiting = iter(creators)
        while names := list(islice(waiting, LOOKUP)):
            yield from self._post("/v1/balances/lookup", {"creators": names})["balances"]

    def history(self, creator: str, meter: str, **query: Any) -> Json:
        """A book by day, week or month."""
        return self._get(f"/v1/creators/{creator}/history", {"meter": meter, **query})

    def statement(self, creator: str, meter: str, **query: Any) -> Iterator[Json]:
        """Every line of a book, newest first, page after page."""
        return self._pages(f"/v1/creators/{creator}/entries", {"meter": meter, **query}, "entries")

    def find(self, **query: Any) -> Iterator[Json]:
        """Creators who chose to be found: `network=`, `topic=`, `meter_min=`, `label=`, `followers_min=`."""
        return self._pages("/v1/creators", query, "creators")

    # What a pitch would cost, and making it

    def estimate(
        self, creator: str, brand: str, disclosure: str, fit: str, *, quote: bool = False, **more: Any
    ) -> Json:
        """What a pitch would do to a meter; with `quote` an offer that binds."""
        asked = {"creator": creator, "brand": brand, "disclosure": disclosure, "fit": fit, "quote": quote}
        return self._post("/v1/estimates", asked | more)

    def hold(self, quote: str) -> Json:
        """Hold trust for a quoted pitch."""
        return self._post("/v1/pitches", {"quote": quote})

    def step(self, pitch: str, step: str, **body: Any) -> Json:
        """Take a pitch further: accept, decline, withdraw, publish or outcome."""
        return self._post(f"/v1/pitches/{pitch}/{step}", body or None)

    # How it is sent

    def _get(self, path: str, query: Json) -> Json:
        return self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    def _post(self, path: str, body: Json | None) -> Json:
        return self._send("POST", path, **({} if body is None else {"json": body}))

    def _pages(self, path: str, query: Json, member: str) -> Iterator[Json]:
        after = None
        while True:
            page = self._get(path, {**query, "after": after})
            yield from page[member]
            if (after := page["next"]) is None:
                return

    def _send(self, method: str, path: str, *, headers: Json | None = None, **body: Any) -> Json:
        kept = {**(headers or {}), **({"Idempotency-Key": str(uuid.uuid4())} if method != "GET" else {})}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._http.request(method, path, headers=kept, **body)
            except httpx2.TransportError:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(2**attempt / 10)
                continue
            if answer.is_success:
                told: Json = answer.json()
                return told
            problem = Problem(answer.status_code, _problem(answer))
            is_busy = answer.status_code in AGAIN or problem.code == "idempotency_key_in_use"
            if not is_busy or attempt == ATTEMPTS:
                raise problem
            time.sleep(_pause(answer.headers.get("Retry-After", ""), attempt))
        raise AssertionError("unreachable")


def _pause(asked: str, attempt: int) -> float:
    """Seconds to wait: as many as were asked for, or a little longer each time."""
    return float(asked) if asked.isdigit() else 2**attempt / 10


def _problem(answer: httpx2.Response) -> Json:
    try:
        found = answer.json()
    except ValueError:
        return {"detail": answer.text[:200]}
    return found if isinstance(found, dict) else {}
