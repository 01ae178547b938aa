"""Hosts: which addresses and ports are of the public web, so that no webhook leads inside."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

WEB_PORTS = (80, 443)
FIRST_UNPRIVILEGED_PORT = 1024
UNICAST = ip_network("2000::/3")
# Global by the registries, and yet no host of its own: what leads into IPv4, to the nearest relay, or into documents,
# and what clouds answer at inside each machine of theirs (192.0.0.192 and 168.63.129.16).
DETOURS = tuple(map(ip_network, ("192.88.99.0/24", "2002::/16", "3fff::/20", "192.0.0.0/24", "168.63.129.16/32")))


def is_web_port(port: int) -> bool:
    """Whether a web server may well listen there: no port of mail, shells or name servers."""
    return port in WEB_PORTS or port >= FIRST_UNPRIVILEGED_PORT


def is_public(address: str) -> bool:
    """Whether an address is a host's on the public internet, and no way to another. Raises ValueError for a name."""
    where = ip_address(address)
    return where.is_global and not where.is_multicast and not where.is_reserved and _is_plain(where)


def _is_plain(where: IPv4Address | IPv6Address) -> bool:
    """IPv6 is unicast from its one public block: mapped, translated and compatible addresses lie outside of it."""
    if any(where in network for network in DETOURS if network.version == where.version):
        return False
    return where.version == 4 or where in UNICAST
