"""Which problems a reading of the fleet shows of a VLAN: pure."""

from evenrack.balance.failure_domains import domain_of, fail_together, who_would_be_apart
from evenrack.balance.relayed_vlans import who_serves
from evenrack.model.dhcp_report import VlanReport
from evenrack.model.dhcp_roles import Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan
from evenrack.region.troubles.trouble import Trouble

SERVING = frozenset({"alone", "normal", "communications-interrupted", "partner-down", "unknown"})
"""States in which a server answers clients; `unknown` runs, and just did not say."""


def of_vlan(fleet: Fleet, vlan: Vlan) -> list[Trouble]:
    """Give what is wrong with the DHCP of a VLAN; nothing for one without DHCP."""
    if not vlan.dhcp_on:
        return []
    service = fleet.services.get(vlan.id)
    if service is None and vlan.relay_vlan is not None:
        return _relay_troubles(fleet, vlan)
    return [
        *_service_troubles(fleet, vlan, service),
        *_in_one_domain(fleet, vlan, service),
        *_refused(fleet, vlan, service),
    ]


def report_of(fleet: Fleet, rack: RackId, vlan: VlanId) -> VlanReport | None:
    """Give what a connected rack says of a VLAN; None for one that is lost or does not serve it."""
    return fleet.dhcp_side(rack, vlan) if fleet.is_connected(rack) else None


def serving_racks(fleet: Fleet, vlan: Vlan) -> list[RackId]:
    """Give the racks that answer this VLAN's clients, as far as the regions hear of them."""
    where = fleet.served_in(vlan.id)
    service = fleet.services.get(where)
    racks = () if service is None else service.racks
    reports = [(rack, report_of(fleet, rack, where)) for rack in racks]
    return [
        rack
        for rack, report in reports
        if report is not None
        and report.state in SERVING
        and (where == vlan.id or vlan.id in report.relayed)
    ]


def _relay_troubles(fleet: Fleet, vlan: Vlan) -> list[Trouble]:
    """Give what its clients suffer from; what else is wrong with the pair its own VLAN tells."""
    where, serving = f"vlan:{vlan.name}", serving_racks(fleet, vlan)
    by = fleet.vlans.get(fleet.served_in(vlan.id), vlan).name
    if not serving:
        why = _why_unserved(fleet, vlan) or f"no server of {by}, which relays it, answers"
        return [Trouble(code="VlanUnserved", object=where, affects=f"{vlan.name}: {why}")]
    if len(serving) == 1:
        affects = f"{vlan.name}, relayed by {by}: served by {_name(fleet, serving[0])} only"
        return [Trouble(code="VlanNotRedundant", object=where, affects=affects)]
    return []


def _why_unserved(fleet: Fleet, vlan: Vlan) -> str:
    """Tell of those who may still serve it, for whom the others wait; empty for none."""
    if vlan.id in fleet.services or vlan.id in fleet.relayed:
        return ""
    lost = [rack for rack in who_serves(fleet, vlan.id) if not fleet.is_connected(rack)]
    if not lost:
        return ""
    name = _name(fleet, lost[0])
    return f"{name} is lost and may still serve it; bring it back, or see `evenrack rack delete`"


def _service_troubles(fleet: Fleet, vlan: Vlan, service: Service | None) -> list[Trouble]:
    where = f"vlan:{vlan.name}"
    if service is None:
        why = _why_unserved(fleet, vlan) or "no connected rack has an address in its subnets"
        return [Trouble(code="VlanUnserved", object=where, affects=f"{vlan.name}: {why}")]
    names = ", ".join(_name(fleet, rack) for rack in service.racks)
    serving = serving_racks(fleet, vlan)
    if not serving:
        affects = f"{vlan.name}: no server answers ({names})"
        return [Trouble(code="VlanUnserved", object=where, affects=affects)]
    if len(serving) == 1:
        affects = f"{vlan.name}: served by {_name(fleet, serving[0])} only"
        return [Trouble(code="VlanNotRedundant", object=where, affects=affects)]
    states = {rack: report_of(fleet, rack, vlan.id) for rack in serving}
    abnormal = [
        f"{_name(fleet, rack)} is in {report.state}"
        for rack, report in states.items()
        if report is not None and report.state != "normal"
    ]
    if not abnormal:
        return []
    affects = f"{vlan.name}: {', '.join(abnormal)}"
    return [Trouble(code="PairNotNormal", object=where, affects=affects)]


def _in_one_domain(fleet: Fleet, vlan: Vlan, service: Service | None) -> list[Trouble]:
    """Give what may take both servers at once, and who could take the place of one."""
    if service is None or service.secondary is None or not fail_together(fleet, *service.racks):
        return []
    first, second = sorted(_name(fleet, rack) for rack in service.racks)
    domain = domain_of(fleet, service.primary.rack)
    affects = f"{vlan.name}: {first} and {second} are both in {domain}"
    return [
        Trouble(
            code="PairInOneDomain",
            object=f"vlan:{vlan.name}",
            affects=f"{affects}; {_who_is_apart(fleet, vlan)}",
        )
    ]


def _who_is_apart(fleet: Fleet, vlan: Vlan) -> str:
    pair = fleet.pairs.get(vlan.id)
    if pair is None or pair.secondary is None or not fail_together(fleet, *pair.racks):
        return "another is designated already, and takes its place"
    other = who_would_be_apart(fleet, vlan.id, pair)
    if other is None:
        return "no other connected rack of the VLAN is in another failure domain"
    name = _name(fleet, other)
    return f"{name} is not: evenrack vlan set {vlan.name} --secondary-rack {name}"


def _refused(fleet: Fleet, vlan: Vlan, service: Service | None) -> list[Trouble]:
    """Give one connected rack that does not serve the newest; what a lost one last said is old."""
    racks = () if service is None else service.racks
    found = (_not_applied(fleet, vlan, service, r) for r in racks if fleet.is_connected(r))
    where = f"vlan:{vlan.name}"
    return [
        Trouble(code="VlanNotApplied", object=where, affects=f"{vlan.name} on {affects}")
        for affects in found
        if affects is not None
    ][:1]


def _not_applied(fleet: Fleet, vlan: Vlan, service: Service | None, rack: RackId) -> str | None:
    told = fleet.dhcp_report(rack)
    for error in told.errors:
        if error.vlan == vlan.id:
            return f"{_name(fleet, rack)}: {error.error}"
    report = fleet.dhcp_side(rack, vlan.id)
    if report is not None and report.ipv6 is not None and report.ipv6.error:
        return f"{_name(fleet, rack)}: IPv6 is not served as it is to be: {report.ipv6.error}"
    if service is not None and report is not None and report.number != service.number:
        why = f"did not start: {told.failed}" if told.failed else "waits for its turn to be applied"
        return f"{_name(fleet, rack)}: the newest configuration {why}"
    return None


def _name(fleet: Fleet, rack: RackId) -> str:
    known = fleet.racks.get(rack)
    return rack if known is None else known.hostname
