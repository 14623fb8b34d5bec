"""Which DHCP servers on a VLAN are none of ours, by what its racks hear: pure."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from evenrack.model.dhcp_report import ForeignServer, VlanReport
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan
from evenrack.region.troubles.trouble import Trouble

MOST_NAMED = 3


def foreign_servers(fleet: Fleet, vlan: VlanId, rack: RackId) -> tuple[ForeignServer, ...]:
    """Give what a rack hears on a VLAN without our own: any rack that has an address there.

    It may have just given the VLAN away, or be about to serve it. All its addresses are its own,
    also that of another VLAN, by which a relay may ask it.
    """
    side = fleet.dhcp_side(rack, vlan)
    return () if side is None else _without_ours(fleet, side)


def of_foreign_servers(fleet: Fleet) -> list[Trouble]:
    """Give one problem a VLAN, by what connected racks say that serve it."""
    found: dict[VlanId, dict[RackId, tuple[ForeignServer, ...]]] = {}
    for rack, report in fleet.dhcp_reports.items():
        for side in report.vlans:
            if side.foreign and fleet.is_connected(rack):
                found.setdefault(side.vlan, {})[rack] = _without_ours(fleet, side)
    return [
        trouble
        for vlan, heard in sorted(found.items())
        if vlan in fleet.vlans
        for trouble in _of_vlan(fleet, fleet.vlans[vlan], heard)
    ]


def _of_vlan(
    fleet: Fleet, vlan: Vlan, heard: Mapping[RackId, tuple[ForeignServer, ...]]
) -> list[Trouble]:
    service = fleet.services.get(vlan.id) if vlan.dhcp_on else None
    by_address: dict[IPv4Address, dict[RackId, ForeignServer]] = {}
    for rack in () if service is None else service.racks:
        for server in heard.get(rack, ()):
            by_address.setdefault(server.address, {})[rack] = server
    if not by_address:
        return []
    named = [_in_words(fleet, address, by) for address, by in sorted(by_address.items())]
    more = f"; and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    affects = f"{vlan.name}: {'; '.join(named[:MOST_NAMED])}{more}"
    return [Trouble(code="ForeignDhcpServer", object=f"vlan:{vlan.name}", affects=affects)]


def _without_ours(fleet: Fleet, side: VlanReport) -> tuple[ForeignServer, ...]:
    if not side.foreign:
        return ()
    ours = set(_ours(fleet, side.vlan))
    return tuple(server for server in side.foreign if server.address not in ours)


def _ours(fleet: Fleet, vlan: VlanId) -> Iterator[IPv4Address]:
    service = fleet.services.get(vlan)
    if service is not None:
        yield from (service.own(rack).address for rack in service.racks)
    for rack in fleet.attached.get(vlan, ()):
        yield from (interface.ip for interface in fleet.interfaces.get(rack, ()))


def _in_words(fleet: Fleet, address: IPv4Address, by: Mapping[RackId, ForeignServer]) -> str:
    mac = next((server.mac for server in by.values() if server.mac is not None), None)
    racks = ", ".join(fleet.racks[rack].hostname for rack in by)
    return f"{address} ({mac or 'its MAC is not known'}), heard by {racks}"
