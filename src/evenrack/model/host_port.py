"""Where a program listens or can be dialled: a host and a TCP port."""

import json
import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from attrs import Attribute, field, frozen

LOWEST_PORT = 1
HIGHEST_PORT = 65535
LONGEST_NAME = 253
LONGEST_SHOWN = 80

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LOOKS_LIKE_ADDRESS = re.compile(r"(?:.*\.)?[0-9]+\.?")  # the last label is a number: 10.0.0.256
_ZONE = re.compile(r"[A-Za-z0-9._-]+")
_BRACKETED = re.compile(r"\[(?P<host>[^\[\]]*)\]:(?P<port>[0-9]{1,5})")
_PLAIN = re.compile(r"(?P<host>[^:\[\]]+):(?P<port>[0-9]{1,5})")
_LOOPBACK_4 = ip_network("127.0.0.0/8")
_LOOPBACK_6 = IPv6Address("::1")


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """Read a host as an IP address; a host name gives None."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return address if _ZONE.fullmatch(address.scope_id) else None
    return address


def canonical_host(text: str) -> str:
    """Give the one spelling of a host name or IP address; raise ValueError for anything else."""
    address = address_of(text)
    if address is not None:
        return str(address)
    name = text.lower()
    if len(name) > LONGEST_NAME or _LOOKS_LIKE_ADDRESS.fullmatch(name) or not _NAME.fullmatch(name):
        raise ValueError(f"{_shown(text)} is neither a host name nor an IP address")
    return name


def is_loopback(host: str) -> bool:
    """Tell whether this host can be nothing but the one that asks."""
    address = address_of(host)
    if isinstance(address, IPv4Address):
        return address in _LOOPBACK_4
    if address is not None:
        return int(address) == int(_LOOPBACK_6)  # as numbers: a zone (::1%lo) changes nothing
    return host.lower() == "localhost"


def _port_in_range(_: object, __: "Attribute[int]", port: int) -> None:
    if not LOWEST_PORT <= port <= HIGHEST_PORT:
        raise ValueError(f"a port is {LOWEST_PORT} to {HIGHEST_PORT}")


@frozen(kw_only=True, order=True)
class HostPort:
    """A host, as a name or an IP address, and a TCP port; written `host:port` or `[v6]:port`."""

    host: str = field(converter=canonical_host)
    """Host name in small letters, or IP address without brackets."""

    port: int = field(validator=_port_in_range)
    """TCP port, 1 to 65535."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


def parse_host_port(text: str) -> HostPort:
    """Read `host:port` or `[v6]:port`; raise ValueError with a sentence that says what is wrong."""
    match = _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)
    if match is None:
        raise ValueError(f"{_shown(text)} is not host:port{_advice(text)}")
    host, port = match["host"], int(match["port"])
    if text.startswith("[") and not isinstance(address_of(host), IPv6Address):
        raise ValueError(f"{_shown(text)} is not host:port; only IPv6 addresses go in brackets")
    try:
        return HostPort(host=host, port=port)
    except ValueError as error:
        raise ValueError(f"{_shown(text)} is not host:port; {error}") from None


def _advice(text: str) -> str:
    """Say how the text could have been meant, if that can be told."""
    address = address_of(text.removeprefix("[").removesuffix("]"))
    if isinstance(address, IPv6Address):
        return "; an IPv6 address goes in brackets and has a port, as in [fd00::1]:5251"
    if "://" in text:
        return "; leave out what comes before and after: no scheme, no path"
    if len(text) <= LONGEST_NAME and _NAME.fullmatch(text.lower()):
        return "; the port is missing"
    return ""


def _shown(text: str) -> str:
    """Quote a text in pure ASCII, so that it can neither break a log line nor fill a screen."""
    return json.dumps(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")
