"""Reads very many IPv4 reservations for decisions: what they say, and nothing of their rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import IPv4Address
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, not_, select, text

from evenrack.model.identifiers import ReservationId, VlanId
from evenrack.model.network import Reservation
from evenrack.region.database.inventory_tables import reservation, subnet

BySubnet = Mapping[int, Sequence[Reservation]]
"""Subnet, by its id, to its reservations in the order of theirs."""

_HERE = reservation.c
IS_IPV6: ColumnElement[bool] = _HERE.address.contains(":")
"""Those of IPv6 are few, and read with the other rows."""
_IS_IPV4 = not_(IS_IPV6)
_ROWS = (
    select(_HERE.subnet_id, _HERE.id, _HERE.mac, _HERE.address, _HERE.hostname, _HERE.other_macs)
    .where(_IS_IPV4)
    .order_by(_HERE.id)
)
_WRITTEN_SINCE = text(
    "mod(reservation.xmin::text::bigint - :oldest + 4294967296, 4294967296) < 2147483648"
)
"""Rows have the last 32 bits of the number of the transaction that wrote them (`xmin`). Very old
ones may look new when these bits begin anew: then they are read once more."""


def read_reservations(connection: Connection, vlans: Collection[VlanId] | None) -> BySubnet:
    """Give the reservations on some VLANs, or on all."""
    if vlans is None:
        return _read(connection.execute(_ROWS))
    here = _ROWS.join(subnet).where(subnet.c.vlan_id.in_(list(vlans)))
    return _read(connection.execute(here))


def reservations_since(connection: Connection, known: BySubnet, oldest: int) -> BySubnet:
    """Give all reservations, from all that were known and what was written since.

    `oldest` is the oldest transaction that may not have been over when they were read. What did
    not change are the same objects as before.
    """
    written = connection.execute(_ROWS.where(_WRITTEN_SINCE), {"oldest": oldest % 2**32})
    found = _replaced(known, _read(written))
    counting = select(func.count()).select_from(reservation).where(_IS_IPV4)
    there = connection.execute(counting).scalar_one()
    if sum(map(len, found.values())) == there:
        return found  # what is there is known, or was written since; so as many are the same ones
    ids = set(connection.execute(select(_HERE.id).where(_IS_IPV4)).scalars())
    return {number: [it for it in here if it.id in ids] for number, here in found.items()}


def _replaced(known: BySubnet, written: BySubnet) -> BySubnet:
    """Give these with some that were written anew, wherever they were before."""
    ids = {it.id for here in written.values() for it in here}
    if not ids:
        return known
    before = {it.id: it for here in known.values() for it in here if it.id in ids}
    found = dict(known)
    for number, here in known.items():
        if any(it.id in before for it in here):
            found[number] = [it for it in here if it.id not in before]
    for number, here in written.items():
        new = [before[it.id] if before.get(it.id) == it else it for it in here]
        found[number] = sorted([*found.get(number, ()), *new], key=attrgetter("id"))
    return found


def _read(rows: Iterable[Any]) -> BySubnet:
    found: defaultdict[int, list[Reservation]] = defaultdict(list)
    for of_subnet, number, mac, address, hostname, other_macs in rows:
        kept = Reservation(
            id=ReservationId(number),
            mac=mac,
            address=IPv4Address(address),
            hostname=hostname,
            other_macs=tuple(other_macs),
        )
        found[of_subnet].append(kept)
    return found
