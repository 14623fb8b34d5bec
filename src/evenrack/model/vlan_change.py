"""From a VLAN to the same one later: only those reservations that are others. Pure.

Reservations stand in the order of their ids, as regions tell them.
"""

from operator import attrgetter
from typing import Any

from attrs import evolve, frozen

from evenrack.model.differing import unlike
from evenrack.model.identifiers import ReservationId, SubnetId
from evenrack.model.json_form import from_json
from evenrack.model.network import Reservation, Subnet, Vlan

_NUMBER_BYTES = 12
"""A reservation's id as JSON, and what stands between two."""


@frozen(kw_only=True)
class SubnetChange:
    """What is another one in a subnet."""

    subnet: SubnetId
    removed: tuple[ReservationId, ...] = ()
    put: tuple[Reservation, ...] = ()
    """Those that came, or are not as before."""


@frozen(kw_only=True)
class VlanChange:
    """How a VLAN follows from what it was before."""

    vlan: Vlan
    """As it is now, without its reservations."""
    subnets: tuple[SubnetChange, ...] = ()
    """Of it and of what it relays: those in which reservations are others."""

    @property
    def size(self) -> int:
        """Tell how long it is as JSON, about."""
        put = sum(len(it.as_json) for change in self.subnets for it in change.put)
        removed = sum(len(change.removed) for change in self.subnets)
        return len(self.vlan.as_json) + put + _NUMBER_BYTES * removed

    def applied_to(self, before: Vlan) -> Vlan:
        """Give the VLAN as it is now; what did not change are the same objects."""
        known = {net.id: net.reservations for net in before.all_subnets}
        changes = {change.subnet: change for change in self.subnets}

        def reservations(subnet: SubnetId) -> tuple[Reservation, ...]:
            here = known.get(subnet, ())
            return _changed(here, changes[subnet]) if subnet in changes else here

        def filled(vlan: Vlan) -> Vlan:
            nets = (evolve(net, reservations=reservations(net.id)) for net in vlan.subnets)
            return evolve(vlan, relayed=tuple(map(filled, vlan.relayed)), subnets=tuple(nets))

        return filled(self.vlan)


def change_between(before: Vlan, after: Vlan) -> VlanChange:
    """Tell how one follows from the other."""
    known = {net.id: net.reservations for net in before.all_subnets}
    changes = (_between(net, known.get(net.id, ())) for net in after.all_subnets)
    return VlanChange(
        vlan=after.without_reservations,
        subnets=tuple(change for change in changes if change is not None),
    )


def vlan_change_from_json(form: Any) -> VlanChange:
    """Read a change; ValueError when the form is not one."""
    return from_json(form, VlanChange)


def _between(after: Subnet, before: tuple[Reservation, ...]) -> SubnetChange | None:
    if after.reservations == before:
        return None
    old, new = unlike(before, after.reservations)
    known, now = ({it.id: it for it in here} for here in (old, new))
    put = (it for it in new if known.get(it.id) != it)
    removed = (number for number in known if number not in now)
    return SubnetChange(subnet=after.id, removed=tuple(removed), put=tuple(put))


def _changed(here: tuple[Reservation, ...], change: SubnetChange) -> tuple[Reservation, ...]:
    gone = {*change.removed, *(it.id for it in change.put)}
    left = [it for it in here if it.id not in gone]
    return tuple(sorted([*left, *change.put], key=attrgetter("id")))
