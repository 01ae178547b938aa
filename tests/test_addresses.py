"""Where webhooks may go: to public addresses, and to the very one that was looked at."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import addresses
from ledger.hosts import is_public

INWARD = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.0.1", "192.0.0.192", "168.63.129.16"),
    *("192.0.2.1", "198.18.0.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1"),
    *(
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "fe80::1",
        "fe80::1%eth0",
    ),
    *("fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "100::1", "5f00::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001:81b::200e"]


@pytest.mark.parametrize("address", INWARD)
def test_no_webhook_goes_inward(address: str) -> None:
    """Loopback, private, link-local, metadata, shared, multicast, reserved, mapped and translated are refused."""
    with pytest.raises(addresses.Forbidden):
        addresses.allowed("hooks.example", 443, private=False, lookup=lambda *_: [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    """A host of the public internet may be sent to."""
    assert addresses.allowed("hooks.example", 443, private=False, lookup=lambda *_: [address]) == [address]


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}", "::{}"]))
def test_no_ipv4_address_is_reached_by_way_of_ipv6(address: object, way: str) -> None:
    """Whatever IPv4 address is written as an IPv6 one, it is not public."""
    assert not is_public(way.format(address))


def test_one_inward_address_of_many_is_enough() -> None:
    """A name that stands for a public and a private address is refused whole."""
    with pytest.raises(addresses.Forbidden):
        addresses.allowed("hooks.example", 443, private=False, lookup=lambda *_: [*PUBLIC, "10.0.0.1"])


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "017700000001", "localhost", "127.0.0.1", "::1"])
def test_no_spelling_of_loopback_gets_through(host: str) -> None:
    """What the system's resolver makes of a host is looked at, not how it is spelt."""
    with pytest.raises((addresses.Forbidden, OSError)):
        addresses.allowed(host, 443, private=False)


@pytest.mark.parametrize(
    ("port", "is_allowed"), [(22, False), (25, False), (443, True), (80, True), (1023, False), (1024, True)]
)
def test_well_known_ports_but_the_webs_are_refused(port: int, is_allowed: bool) -> None:
    """Of the ports below 1024 a webhook may go to 80 and 443 alone; nothing is looked up for another."""
    asked: list[str] = []

    def lookup(host: str, _: int) -> list[str]:
        asked.append(host)
        return PUBLIC

    if is_allowed:
        assert addresses.allowed("hooks.example", port, private=False, lookup=lookup) == PUBLIC
    else:
        with pytest.raises(addresses.Forbidden):
            addresses.allowed("hooks.example", port, private=False, lookup=lookup)
    assert asked == ["hooks.example"] * is_allowed


def test_an_operator_may_allow_private_networks() -> None:
    """Where the operator allows it, a webhook goes to loopback, at any port."""
    assert addresses.allowed("127.0.0.1", 25, private=True) == ["127.0.0.1"]


def test_a_name_that_is_none_is_told_as_such() -> None:
    """What cannot be resolved raises what the resolver raises."""
    with pytest.raises(socket.gaierror):
        addresses.allowed("nobody.invalid", 443, private=False)
    with pytest.raises(UnicodeError):
        addresses.allowed(f"{'a' * 70}.example", 443, private=False)
