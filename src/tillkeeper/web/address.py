"""Where a request comes from: the connection, or what a proxy that we trust says of it."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

Network = IPv4Network | IPv6Network
UNKNOWN = "unknown"
ipv6_prefix_bits = 64
"""Whoever has an IPv6 address has a whole network of that size, so it counts as one."""


def networks(written: str) -> tuple[Network, ...]:
    """Read addresses and networks with commas between; raises ValueError."""
    return tuple(ip_network(each.strip(), strict=False) for each in written.split(",") if each.strip())


def client_of(scope: Scope, trusted: Sequence[Network]) -> str:
    """Tell the address of whoever called: the last one in X-Forwarded-For that no proxy of ours wrote about itself.

    Anybody can send that header, so it counts only as far as it was written by addresses that are trusted.
    """
    client = scope.get("client")
    address = str(client[0]) if client else UNKNOWN
    told = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    while told and _is_in(address, trusted):
        before = told.pop().strip()
        if not _is_address(before):
            break
        address = before
    return address


def counted_as(address: str) -> str:
    """Tell which addresses count as one."""
    if not _is_address(address):
        return UNKNOWN
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ip_network((int(found), ipv6_prefix_bits), strict=False))
    return str(found)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_in(address: str, trusted: Sequence[Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in trusted)
