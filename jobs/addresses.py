"""Where a webhook may go: a host's addresses, looked up once, every one of them public.

Whoever connects does so to an address from here, never to the name: what a name means may change in between.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from ledger.hosts import is_public, is_web_port

Lookup = Callable[[str, int], Sequence[str]]


class Forbidden(Exception):
    """A webhook may not go there. Says nothing of what the name stands for."""


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, the preferred first. Raises OSError, or UnicodeError where it can't be a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def allowed(host: str, port: int, *, private: bool, lookup: Lookup = look_up) -> list[str]:
    """The addresses of a host that may be connected to: all of them, or none. Raises Forbidden, or as the lookup."""
    if private:
        return list(lookup(host, port))
    if not is_web_port(port):
        raise Forbidden
    found = list(lookup(host, port))
    if not all(map(is_public, found)):
        raise Forbidden
    return found
