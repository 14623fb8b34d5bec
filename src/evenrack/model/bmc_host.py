"""Where a BMC is: an address of either family, or a name that each rack looks up for itself."""

import re
from ipaddress import IPv4Address, IPv6Address

from evenrack.model.host_address import is_for_hosts

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*(?=[0-9-]*[a-z]){_LABEL}", re.ASCII)
"""RFC 1123 section 2.1. The last label is no number: that would be meant as an address."""
HOST_NAME_PATTERN = _HOST_NAME.pattern.replace("a-z", "A-Za-z")
MOST_NAME_CHARACTERS = 253

WANTED = "an IPv4 or IPv6 address or a host name, as in 10.0.0.1, fd00::1 or bmc1.example.com"


class HostName(str):
    """A name in lower case; it says nothing of the network in which the BMC is."""

    __slots__ = ()


BmcHost = IPv4Address | IPv6Address | HostName


def bmc_host_from_text(text: str) -> BmcHost:
    """Read where a BMC is; ValueError, which does not show the text, when it cannot be read.

    That no BMC can be there (`problem_of`) is another question.
    """
    try:
        if ":" in text and not {".", "%"} & {*text}:
            return IPv6Address(text)
        if text.rpartition(".")[2].isdecimal():
            return IPv4Address(text)
    except ValueError:
        raise ValueError(f"must be {WANTED}") from None
    name = text.lower()
    if not text.isascii() or _HOST_NAME.fullmatch(name) is None:
        raise ValueError(f"must be {WANTED}")
    return HostName(name)


def problem_of(host: BmcHost) -> str | None:
    """Tell why no BMC can be there, with what to do; None when one can."""
    match host:
        case IPv4Address():
            possible = is_for_hosts(host, loopback=True)
        case IPv6Address():
            return _problem_of_6(host)
        case _:
            if len(host) <= MOST_NAME_CHARACTERS:
                return None
            return (
                f"its host name has {len(host)} characters, and at most {MOST_NAME_CHARACTERS} "
                "are possible; give its address"
            )
    return None if possible else f"no BMC can have the address {host}; give its own"


def _problem_of_6(address: IPv6Address) -> str | None:
    if address.ipv4_mapped is not None:
        return f"{address} is an address of IPv4; give it as {address.ipv4_mapped}"
    if address.is_link_local:
        return f"{address} means something else on each link; give an address that racks can reach"
    if address.is_multicast or address.is_unspecified:
        return f"no BMC can have the address {address}; give its own"
    return None
