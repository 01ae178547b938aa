"""Where a webhook may go: a host's addresses, looked up once, every one of them public.

Whoever connects does so to an address from here, never to the name: what a name means may change in between.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Lookup = Callable[[str, int], Sequence[str]]
WEB_PORTS = (80, 443)
FIRST_UNPRIVILEGED_PORT = 1024
UNICAST = ip_network("2000::/3")
# Global by the registries, and yet no host of its own: what leads into IPv4, to the nearest relay, or into documents.
DETOURS = tuple(map(ip_network, ("192.88.99.0/24", "2002::/16", "3fff::/20")))


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
    if port not in WEB_PORTS and port < FIRST_UNPRIVILEGED_PORT:
        raise Forbidden
    found = list(lookup(host, port))
    if not all(map(is_public, found)):
        raise Forbidden
    return found


def is_public(address: str) -> bool:
    """Whether an address is a host's on the public internet, and no way round to another."""
    where = ip_address(address)
    return where.is_global and not where.is_multicast and not where.is_reserved and _is_plain(where)


def _is_plain(where: IPv4Address | IPv6Address) -> bool:
    """IPv6 is unicast from its one public block: mapped, translated and compatible addresses lie outside of it."""
    if any(where in network for network in DETOURS if network.version == where.version):
        return False
    return where.version == 4 or where in UNICAST
