"""Which racks are named for the roles of a VLAN: by an operator, or since one is replaced. Pure.

A rack that is replaced drains, and its successor is named for the roles that it had. So it gets
them as racks that an operator names do, and nothing else has to know of it.
"""

from attrs import evolve

from evenrack.model.dhcp_roles import Pair, Pins
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import VlanId


def named_for(fleet: Fleet, vlan: VlanId) -> Pins:
    """Give the racks that are named; an operator's own word counts more than a succession."""
    named = fleet.pins.get(vlan, Pins())
    for drain in fleet.drains:
        to = drain.succession
        if to is None or to.rack in {named.primary, named.secondary}:
            continue
        if to.rack in fleet.draining or to.rack not in fleet.racks:
            continue  # it takes nothing, and must not keep its own successor from it
        if vlan in to.primary_of and named.primary is None:
            named = evolve(named, primary=to.rack)
        elif vlan in to.secondary_of and named.secondary is None:
            named = evolve(named, secondary=to.rack)
    return named


def is_replaced(fleet: Fleet, pair: Pair) -> bool:
    """Tell whether one of a pair has a successor that is to take its place."""
    replaced = {drain.id for drain in fleet.drains if drain.succession is not None}
    return any(rack in replaced for rack in pair.racks)
