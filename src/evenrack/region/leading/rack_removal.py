"""What deleting a rack would leave with nobody, and what becomes of its DHCP roles: pure.

Who serves and owns in its place is decided as the leader decides it, in a fleet without the rack.
"""

from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve, field, frozen

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.balance.power_routes import StoredOrder
from evenrack.balance.relayed_vlans import who_serves
from evenrack.model.dhcp_roles import Pair, Service
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.halves import with_halves
from evenrack.model.identifiers import BmcId, RackId, VlanId
from evenrack.model.network import Vlan


@frozen(kw_only=True)
class Hindrance:
    """Something that would be left with nobody, or not be safe."""

    object: str
    """`vlan:NAME`, `bmc:NAME`, `order:N`."""
    why: str
    gone_helps: bool
    """Whether the operator's word that the rack is dead is enough to go on."""


@frozen(kw_only=True)
class Removal:
    """What goes with a rack."""

    rack: RackId
    seen: FleetNumber
    """The number of the fleet that this was decided from."""
    owned: tuple[BmcId, ...]
    """BMCs that get another owner."""
    pairs: Mapping[VlanId, Pair | None] = field(factory=dict)
    """The designations in which it was, without it."""
    services: Mapping[VlanId, Service | None] = field(factory=dict)
    """The files in which it was, without it: its peer serves alone until it has another."""
    hindrances: tuple[Hindrance, ...] = ()

    def hindered(self, *, gone: bool) -> tuple[Hindrance, ...]:
        """Give what forbids it; with `gone` the rack is dead by the operator's word."""
        return tuple(each for each in self.hindrances if not (gone and each.gone_helps))


def removal_of(fleet: Fleet, rack: RackId, orders: Sequence[StoredOrder]) -> Removal:
    """Decide what becomes of everything that a rack of this fleet has; `orders` are unfinished."""
    left = _without(fleet, rack)
    return Removal(
        rack=rack,
        seen=fleet.leadership.number,
        owned=tuple(bmc for bmc, owner in fleet.bmc_owners.items() if owner == rack),
        pairs=_pairs_without(fleet, left, rack),
        services={
            vlan: _service_without(fleet, vlan, service, rack)
            for vlan, service in fleet.services.items()
            if rack in service.racks
        },
        hindrances=(
            *(each for vlan in fleet.vlans.values() for each in _of_vlan(fleet, left, vlan, rack)),
            *_of_bmcs(fleet, left, rack),
            *_of_orders(orders, rack),
        ),
    )


def _without(fleet: Fleet, rack: RackId) -> Fleet:
    """Give the fleet as the leader will see it, but for the roles that the rack had."""
    return evolve(
        fleet,
        racks={each: row for each, row in fleet.racks.items() if each != rack},
        links=tuple(link for link in fleet.links if link.rack != rack),
        interfaces={each: row for each, row in fleet.interfaces.items() if each != rack},
    )


def _pairs_without(fleet: Fleet, left: Fleet, rack: RackId) -> dict[VlanId, Pair | None]:
    """Give what the leader makes of the pairs of a rack, with nothing to add a moment later."""
    decided = decide_pairs(left, lost=()).pairs
    pairs = {
        vlan: decided.get(vlan, _pair_without(pair, rack))
        for vlan, pair in fleet.pairs.items()
        if rack in pair.racks
    }
    known = {vlan: pair for vlan, pair in {**fleet.pairs, **pairs}.items() if pair is not None}
    added = decide_pairs(evolve(left, pairs=known), lost=()).pairs
    return {vlan: added.get(vlan, pair) for vlan, pair in pairs.items()}


def _pair_without(pair: Pair, rack: RackId) -> Pair | None:
    """Give what is left where the leader decides nothing now, as while the breaker holds."""
    peer = next((each for each in pair.racks if each != rack), None)
    return None if peer is None else Pair(primary=peer)


def _service_without(fleet: Fleet, vlan: VlanId, service: Service, rack: RackId) -> Service | None:
    primary, secondary = service.primary, service.secondary
    left = secondary if primary.rack == rack else primary
    if left is None:
        return None
    has_ipv6 = vlan in fleet.to_be_served and fleet.to_be_served[vlan].has_ipv6
    return with_halves(service, Service(primary=left), has_ipv6=has_ipv6)


def _of_vlan(fleet: Fleet, left: Fleet, vlan: Vlan, rack: RackId) -> Iterator[Hindrance]:
    service, where = fleet.services.get(vlan.id), f"vlan:{vlan.name}"
    has_it_in_file = service is not None and rack in service.racks
    is_there = has_it_in_file or rack in fleet.attached[vlan.id]
    if vlan.has_racks and is_there and not any(map(left.is_connected, left.attached[vlan.id])):
        yield Hindrance(
            object=where,
            why=f"{vlan.name} has DHCP on, and no other connected rack has an address on it",
            gone_helps=True,
        )
    if has_it_in_file or rack in _waited_for(fleet, vlan):
        is_connected, name = fleet.is_connected(rack), fleet.racks[rack].hostname
        does = f"{name} has {vlan.name} in the file of its DHCP server, which"
        units = "evenrack-rackd, evenrack-dhcpd4 and evenrack-dhcpd6"
        now = f"goes on serving: drain it, then stop {units} on it, and say --gone"
        lost = f"may go on serving: when {units} are stopped on it, or it is dead, say --gone"
        yield Hindrance(
            object=where, why=f"{does} {now if is_connected else lost}", gone_helps=not is_connected
        )


def _waited_for(fleet: Fleet, vlan: Vlan) -> tuple[RackId, ...]:
    """Give those that may still serve a VLAN which others are to serve when they have stopped."""
    has_servers = vlan.id in fleet.services or vlan.id in fleet.relayed
    return () if has_servers or not vlan.dhcp_on else who_serves(fleet, vlan.id)


def _of_bmcs(fleet: Fleet, left: Fleet, rack: RackId) -> Iterator[Hindrance]:
    for bmc in fleet.bmcs.values():
        if rack in fleet.answered.get(bmc.id, ()) and not left.racks_reaching(bmc.id):
            yield Hindrance(
                object=f"bmc:{bmc.name}",
                why=f"{bmc.name} answers no other connected rack",
                gone_helps=True,
            )


def _of_orders(orders: Sequence[StoredOrder], rack: RackId) -> Iterator[Hindrance]:
    """Tell of what the rack may just be doing: nobody else may take it before it surely ended."""
    for order in orders:
        if order.rack == rack and order.phase != "NEW":
            yield Hindrance(
                object=f"order:{order.id}",
                why=f"order {order.id}, {order.deed} of {order.machine}, is at {order.phase} on "
                "it: wait until it has ended, two minutes at most",
                gone_helps=False,
            )
