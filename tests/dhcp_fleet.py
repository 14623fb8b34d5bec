"""Small fleets with VLANs, for tests of what is decided about DHCP."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from attrs import evolve

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.balance.rack_replacing import RackReplacement
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.dhcp_report import DhcpReport, VlanReport
from evenrack.model.dhcp_roles import Pair, Server, Service
from evenrack.model.fleet import Fleet, Leadership, Managing, Rack
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import LinkId, ProcessId, RackId, RangeId, SubnetId, VlanId
from evenrack.model.intents import Drain
from evenrack.model.links import Link
from evenrack.model.network import Range, Subnet, Vlan
from tests.strategies import running

PROCESS = ProcessId("region1/1")
NUMBER = FleetNumber(1, 5)


def rack_id(number):
    return RackId(f"rack000{number}")


def vlan_of(number, *, dhcp_on=True):
    return Vlan(
        id=VlanId(number),
        name=f"vlan{number}",
        dhcp_on=dhcp_on,
        subnets=(
            Subnet(
                id=SubnetId(number),
                cidr=IPv4Network(f"10.{number}.0.0/24"),
                ranges=(
                    Range(
                        id=RangeId(number),
                        first=IPv4Address(f"10.{number}.0.100"),
                        last=IPv4Address(f"10.{number}.0.199"),
                    ),
                ),
            ),
        ),
    )


def address_of(vlan, rack):
    return IPv4Address(f"10.{vlan}.0.{rack}")


def server_of(vlan, rack):
    return Server(rack=rack_id(rack), address=address_of(vlan, rack))


def service_of(vlan, primary, secondary=None):
    return Service(
        primary=server_of(vlan, primary),
        secondary=None if secondary is None else server_of(vlan, secondary),
        number=NUMBER,
    )


def pair_of(primary, secondary=None):
    return Pair(
        primary=rack_id(primary), secondary=None if secondary is None else rack_id(secondary)
    )


def dhcp_fleet(attached, *, away=(), pairs=None, services=None, off=(), running_process=True):
    """A fleet with VLANs {number: rack numbers}; racks in `away` are not connected.

    `pairs` and `services` are {VLAN: (primary, secondary)}.
    """
    racks = sorted({rack for of_vlan in attached.values() for rack in of_vlan} | set(away))
    processes = [running(PROCESS)] if running_process else []
    return Fleet(
        leadership=Leadership(number=NUMBER, epoch=1, holder=PROCESS),
        processes={process.id: process for process in processes},
        regions={process.region: "region1" for process in processes},
        racks={
            rack_id(n): Rack(id=rack_id(n), hostname=f"rack{n}", address="", holds=NUMBER)
            for n in racks
        },
        links=tuple(
            Link(id=LinkId(f"link{n}"), rack=rack_id(n), process=PROCESS)
            for n in racks
            if n not in away
        ),
        managing={
            rack_id(n): Managing(process=PROCESS, number=NUMBER) for n in racks if n not in away
        },
        vlans={VlanId(n): vlan_of(n, dhcp_on=n not in off) for n in attached},
        interfaces={
            rack_id(rack): tuple(
                IPv4Interface(f"10.{vlan}.0.{rack}/24")
                for vlan, of_vlan in attached.items()
                if rack in of_vlan
            )
            for rack in racks
        },
        pairs={VlanId(v): pair_of(*roles) for v, roles in (pairs or {}).items()},
        services={VlanId(v): service_of(v, *roles) for v, roles in (services or {}).items()},
    )


def plan_name(fleet, rack):
    return dhcp_fingerprint(dhcp_plan_for(fleet, rack_id(rack)))


def serving(fleet, *racks, state="normal", **more):
    """The fleet with these racks' servers as their plans say."""
    reports = dict(fleet.dhcp_reports)
    for rack in racks:
        plan = dhcp_plan_for(fleet, rack_id(rack))
        reports[rack_id(rack)] = DhcpReport(
            applied=dhcp_fingerprint(plan),
            running=True,
            vlans=tuple(
                VlanReport(
                    vlan=service.vlan.id,
                    number=service.number,
                    role=service.role,
                    peer=None if service.peer is None else service.peer.rack,
                    address=service.address,
                    peer_address=None if service.peer is None else service.peer.address,
                    state="alone" if service.peer is None else state,
                    relayed=tuple(vlan.id for vlan in service.vlan.relayed),
                )
                for service in plan
            ),
            **more,
        )
    return evolve(fleet, dhcp_reports=reports)


def waiting(fleet, *racks):
    """The fleet with these racks waiting for their turn to apply their newest plans."""
    reports = dict(fleet.dhcp_reports)
    for rack in racks:
        now = reports.get(rack_id(rack), DhcpReport())
        reports[rack_id(rack)] = evolve(now, waiting=plan_name(fleet, rack))
    return evolve(fleet, dhcp_reports=reports)


def draining(fleet, *racks):
    """The fleet with these racks drained."""
    since = datetime(2026, 5, 4, tzinfo=UTC)
    return evolve(
        fleet,
        drains=tuple(
            Drain(kind="rack", id=rack_id(n), message="", who="anna", since=since) for n in racks
        ),
    )


def replacing(fleet, old, new):
    """The fleet with a rack that drains, and another that is to take its places."""
    to = RackReplacement(fleet=fleet, old=rack_id(old), new=rack_id(new)).succession()
    others = [drain for drain in fleet.drains if drain.id != rack_id(old)]
    (drain,) = draining(fleet, old).drains
    return evolve(fleet, drains=(*others, evolve(drain, succession=to)))


def in_domains(fleet, **domains):
    """The fleet with racks ({"rack1": DOMAIN}) that fail together with others."""
    named = {f"rack{n}": rack_id(n) for n in range(1, 10)}
    told = {named[name]: domain for name, domain in domains.items()}
    return evolve(
        fleet,
        racks={
            rack: evolve(known, failure_domain=told.get(rack, known.failure_domain))
            for rack, known in fleet.racks.items()
        },
    )


def with_relays(fleet, relays, *, relayed=None):
    """The fleet with relayed VLANs, {VLAN: who relays it}; `relayed`: in whose files it stands."""
    return evolve(
        fleet,
        vlans={
            number: evolve(vlan, relay_vlan=relays.get(number))
            for number, vlan in fleet.vlans.items()
        },
        relayed=dict(relays if relayed is None else relayed),
    )


def with_services(fleet, services):
    """The fleet with other services."""
    return evolve(
        fleet, services={VlanId(v): service_of(v, *roles) for v, roles in services.items()}
    )
