"""Keys where Klout's clients put them: in the query, from where one goes on as a header."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_plus

from api.problems import KLOUT_PREFIX

KEY_IN_QUERY = {
    "type": "apiKey",
    "in": "query",
    "name": "key",
    "description": "the same key where Klout's clients put it; taken under /v2 alone",
}
Start = Callable[..., Any]


class KeyInQuery:
    """WSGI middleware: under /v2 a key in the query goes on as a header, so that no log, error or link can hold it."""

    def __init__(self, app: Callable[[dict[str, Any], Start], Iterable[bytes]]) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        """Answer a request."""
        if environ.get("PATH_INFO", "").startswith(KLOUT_PREFIX) and environ.get("QUERY_STRING"):
            _lift(environ)
        return self.app(environ, start_response)


def _lift(environ: dict[str, Any]) -> None:
    """Take the key out of the query. A header that is there already wins."""
    pairs = [(unquote_plus(pair.partition("=")[0]), pair) for pair in environ["QUERY_STRING"].split("&")]
    given = [unquote_plus(pair.partition("=")[2]) for name, pair in pairs if name == "key"]
    if not given:
        return
    environ["QUERY_STRING"] = "&".join(pair for name, pair in pairs if name != "key")
    environ.setdefault("HTTP_AUTHORIZATION", f"Bearer {given[0]}")
    for name in ("RAW_URI", "REQUEST_URI"):  # gunicorn's and others' copies of the address as it came
        environ.pop(name, None)
