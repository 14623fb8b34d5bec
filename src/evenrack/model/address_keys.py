"""What of IP addresses counts as one host, and what as one network, where some are counted."""

from ipaddress import IPv4Address, IPv6Address, ip_address

_HOST_BITS = {4: 32, 6: 64}
"""A host with IPv6 has as many addresses of a /64 as it likes."""

_NETWORK_BITS = {4: 24, 6: 48}
"""What one party often has whole."""


def address_key(host: str) -> str:
    """Give what counts as one host: an IPv4 address, or a /64 of IPv6."""
    return _block_of(host, _HOST_BITS)


def network_key(host: str) -> str:
    """Give what counts as one network: a /24 of IPv4, or a /48 of IPv6."""
    return _block_of(host, _NETWORK_BITS)


def _block_of(host: str, bits: dict[int, int]) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host  # no IP address: it counts by itself
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    kept = bits[address.version]
    left_out = address.max_prefixlen - kept
    first = type(address)(int(address) >> left_out << left_out)
    is_whole = isinstance(address, IPv4Address) and not left_out
    return str(first) if is_whole else f"{first}/{kept}"
