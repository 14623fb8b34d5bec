"""What the end of a lease file says of leases that the partner does not know yet: pure.

dhcpd appends a lease when it gives it away, and once more when the partner has acknowledged it,
then with `atsfp` (dhcpd.leases(5)). `tsfp` alone may be older than the lease: it is there when an
address that was set aside for the secondary, or given before, is given away.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Final

from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.lease_file import time_of

MOST_TAIL_BYTES: Final = 4 * 1024 * 1024
"""Of the file's end: some ten thousand leases. What is older was acknowledged long ago."""

IN_FLIGHT_SECONDS: Final = 60
"""What the partner has not acknowledged for so long it never will: it knows it otherwise, or
refuses it."""

_LEASE: Final = re.compile(rb"^lease (\S{7,15}) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_IS_ACTIVE: Final = re.compile(rb"^  binding state active;", re.MULTILINE)
_IS_KNOWN: Final = re.compile(rb"^  atsfp ", re.MULTILINE)
_HEARD: Final = re.compile(rb"^  cltt ([^;\n]{1,40});", re.MULTILINE)


def unshared_in(
    tail: bytes,
    networks: Mapping[VlanId, Sequence[IPv4Network]],
    now: float,
    *,
    older: float = 0.0,
) -> dict[VlanId, int]:
    """Count the active leases in the networks of each VLAN that are still to be acknowledged.

    `now` is in seconds since 1970, by the clock of the dhcpd that wrote the file. Only those that
    were given `older` seconds ago, or earlier. A VLAN without any is left out.
    """
    newest = {found[1]: found[2] for found in _LEASE.finditer(tail)}
    waiting = [address for address, said in newest.items() if _is_in_flight(said, now, now - older)]
    vlans = (_vlan_of(address, networks) for address in waiting)
    return dict(Counter(vlan for vlan in vlans if vlan is not None))


def _is_in_flight(said: bytes, now: float, until: float) -> bool:
    heard = _HEARD.search(said)
    at = None if heard is None else time_of(heard[1].split())
    is_meant = at is None or now - IN_FLIGHT_SECONDS <= at <= until
    return is_meant and _IS_ACTIVE.search(said) is not None and _IS_KNOWN.search(said) is None


def _vlan_of(address: bytes, networks: Mapping[VlanId, Sequence[IPv4Network]]) -> VlanId | None:
    try:
        ip = IPv4Address(address.decode("ascii", "replace"))
    except AddressValueError:
        return None
    found = (vlan for vlan, of_it in networks.items() if any(ip in network for network in of_it))
    return next(found, None)
