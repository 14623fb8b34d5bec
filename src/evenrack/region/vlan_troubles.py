"""Which problems a reading of the fleet shows of a VLAN: pure."""

from evenrack.model.dhcp_report import VlanReport
from evenrack.model.dhcp_roles import Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan
from evenrack.region.trouble import Trouble

SERVING = frozenset({"alone", "normal", "communications-interrupted", "partner-down", "unknown"})
"""States in which a server answers clients; `unknown` runs, and just did not say."""


def of_vlan(fleet: Fleet, vlan: Vlan) -> list[Trouble]:
    """Give what is wrong with the DHCP of a VLAN; nothing for one without DHCP."""
    if not vlan.dhcp_on:
        return []
    return [
        *_service_troubles(fleet, vlan, fleet.services.get(vlan.id)),
        *_refused(fleet, vlan, fleet.services.get(vlan.id)),
    ]


def report_of(fleet: Fleet, rack: RackId, vlan: VlanId) -> VlanReport | None:
    """Give what a connected rack says of a VLAN; None for one that is lost or does not serve it."""
    if not fleet.is_connected(rack):
        return None
    reports = fleet.dhcp_report(rack).vlans
    return next((report for report in reports if report.vlan == vlan), None)


def serving_racks(fleet: Fleet, vlan: Vlan) -> list[RackId]:
    """Give the racks that answer this VLAN's clients, as far as the regions hear of them."""
    service = fleet.services.get(vlan.id)
    racks = () if service is None else service.racks
    reports = [(rack, report_of(fleet, rack, vlan.id)) for rack in racks]
    return [rack for rack, report in reports if report is not None and report.state in SERVING]


def _service_troubles(fleet: Fleet, vlan: Vlan, service: Service | None) -> list[Trouble]:
    where = f"vlan:{vlan.name}"
    if service is None:
        why = "no connected rack has an address in its subnets"
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
    report = next((report for report in told.vlans if report.vlan == vlan.id), None)
    if service is not None and report is not None and report.number != service.number:
        why = f"did not start: {told.failed}" if told.failed else "waits for its turn to be applied"
        return f"{_name(fleet, rack)}: the newest configuration {why}"
    return None


def _name(fleet: Fleet, rack: RackId) -> str:
    known = fleet.racks.get(rack)
    return rack if known is None else known.hostname
