"""Which IPv4 addresses a host can have, anywhere and in one network."""

from ipaddress import IPv4Address, IPv4Network


def problem_in(cidr: IPv4Network, address: IPv4Address) -> str | None:
    """Tell why no host of this network can have the address; None when one can."""
    if address not in cidr:
        return f"is outside the subnet {cidr}"
    if address == cidr.network_address:
        return f"is the network's own address in {cidr}"
    if address == cidr.broadcast_address:
        return f"is the broadcast address of {cidr}"
    return None


def is_for_hosts(address: IPv4Address, *, loopback: bool = False) -> bool:
    """Tell whether a host anywhere can have the address; `loopback`: also this host."""
    first = address.packed[0]
    return 0 < first < 224 and (loopback or not address.is_loopback)  # noqa: PLR2004  RFC 6890
