"""What a rack tells of each VLAN that it serves: pure."""

from collections.abc import Callable

from evenrack.model.dhcp_plan import DhcpPlan, VlanService, vlans_of
from evenrack.model.dhcp_report import SideState, VlanReport
from evenrack.model.identifiers import VlanId


def vlan_reports(
    applied: DhcpPlan, state_of: Callable[[VlanId], SideState] | None
) -> tuple[VlanReport, ...]:
    """Tell of all VLANs; `state_of` gives the state of a pair, and is None for a server down."""
    return tuple(_report(service, state_of) for service in vlans_of(applied))


def _report(service: VlanService, state_of: Callable[[VlanId], SideState] | None) -> VlanReport:
    state: SideState = "down"
    if state_of is not None:
        state = "alone" if service.peer is None else state_of(service.vlan.id)
    return VlanReport(
        vlan=service.vlan.id,
        number=service.number,
        role=service.role,
        peer=None if service.peer is None else service.peer.rack,
        address=service.address,
        peer_address=None if service.peer is None else service.peer.address,
        state=state,
        relayed=tuple(vlan.id for vlan in service.vlan.relayed),
    )
