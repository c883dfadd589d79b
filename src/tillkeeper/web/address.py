"""Where a request comes from: the connection, or what a proxy that we trust says of it."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Network = IPv4Network | IPv6Network
addresses_kept_max = 4_096
"""Reading an address takes longer than to check a signature, and most callers come again."""
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
    headers = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    told = ",".join(headers).split(",") if headers else []
    while told and _is_in(address, trusted):
        before = told.pop().strip()
        if _read(before) is None:
            break
        address = before
    return address


@lru_cache(addresses_kept_max)
def counted_as(address: str) -> str:
    """Tell which addresses count as one."""
    found = _read(address)
    if found is None:
        return UNKNOWN
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ip_network((int(found), ipv6_prefix_bits), strict=False))
    return str(found)


@lru_cache(addresses_kept_max)
def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_in(address: str, trusted: Sequence[Network]) -> bool:
    found = _read(address)
    return found is not None and any(found in network for network in trusted)
