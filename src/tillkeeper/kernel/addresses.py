"""Which addresses of the internet may be called for somebody else: an address is refused unless it is a public one."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

PUBLIC_V6 = ip_network("2000::/3")
"""All that was ever given out to the public; mapped IPv4, NAT64, unique local and link-local ones lie outside."""
SPECIAL = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",
            "100.64.0.0/10",  # behind a carrier's NAT
            "127.0.0.0/8",
            "168.63.129.16/32",  # a public address at which Azure serves secrets to its machines
            "169.254.0.0/16",  # link-local: where most clouds serve secrets to their machines
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            "2001::/23",  # protocols, Teredo among them, which carries IPv4 addresses
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which carries IPv4 addresses
            "3fff::/20",  # documentation
        ),
    )
)
PRIVATE = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "::1/128",
            "fc00::/7",
        ),
    )
)
METADATA = frozenset({ip_address("100.100.100.200"), ip_address("fd00:ec2::254")})
"""Addresses in private ranges at which clouds serve secrets to their machines."""


def is_allowed(text: str, *, private: bool) -> bool:
    """Tell whether an address may be called; private ones, this machine's own among them, only when that is wanted."""
    address = ip_address(text)
    return is_public(address) or (private and _is_private(address))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address belongs to the public internet, as the registries of IANA have it."""
    return (address.version == 4 or address in PUBLIC_V6) and not any(address in network for network in SPECIAL)  # noqa: PLR2004 (IP has two versions)


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    return address not in METADATA and any(address in network for network in PRIVATE)
