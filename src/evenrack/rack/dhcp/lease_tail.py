"""What the end of a lease file says of leases that the partner does not know yet: pure.

dhcpd appends a lease when it gives it away, and once more when the partner has acknowledged it,
then with a `tsfp` that is not before its end (dhcpd.leases(5)). One before it is older than the
lease: of when the address was set aside for the secondary, or was given for a shorter time.
"""

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Final

from evenrack.rack.dhcp.lease_file import time_of

MOST_TAIL_BYTES: Final = 4 * 1024 * 1024
"""Of the file's end: some ten thousand leases. What is older was acknowledged long ago."""

IN_FLIGHT_SECONDS: Final = 60
"""What the partner has not acknowledged for so long it never will: it knows it otherwise, or
refuses it."""

_LEASE: Final = re.compile(rb"^lease (\S{7,15}) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_IS_ACTIVE: Final = re.compile(rb"^  binding state active;", re.MULTILINE)
_ENDS: Final = re.compile(rb"^  ends ([^;\n]{1,40});", re.MULTILINE)
_KNOWN_UNTIL: Final = re.compile(rb"^  tsfp ([^;\n]{1,40});", re.MULTILINE)
_HEARD: Final = re.compile(rb"^  cltt ([^;\n]{1,40});", re.MULTILINE)


def unshared_in(
    tail: bytes, networks: Sequence[IPv4Network], now: float, *, older: float = 0.0
) -> int:
    """Count the active leases in these networks that are still to be acknowledged.

    `now` is in seconds since 1970, by the clock of the dhcpd that wrote the file. Only those that
    were given `older` seconds ago, or earlier.
    """
    newest = {found[1]: found[2] for found in _LEASE.finditer(tail)}
    waiting = (address for address, said in newest.items() if _is_in_flight(said, now, now - older))
    return sum(_is_in(address, networks) for address in waiting)


def _is_in_flight(said: bytes, now: float, until: float) -> bool:
    at = _time(_HEARD, said)
    is_meant = at is None or now - IN_FLIGHT_SECONDS <= at <= until
    return is_meant and _IS_ACTIVE.search(said) is not None and not _is_known(said)


def _is_known(said: bytes) -> bool:
    if _KNOWN_UNTIL.search(said) is None:
        return False
    ends, until = _time(_ENDS, said), _time(_KNOWN_UNTIL, said)
    return ends is None or until is None or until >= ends


def _time(pattern: re.Pattern[bytes], said: bytes) -> float | None:
    """Give the moment; None where none is written, and for one that never comes."""
    found = pattern.search(said)
    return None if found is None else time_of(found[1].split())


def _is_in(address: bytes, networks: Sequence[IPv4Network]) -> bool:
    try:
        ip = IPv4Address(address.decode("ascii", "replace"))
    except AddressValueError:
        return False
    return any(ip in network for network in networks)
