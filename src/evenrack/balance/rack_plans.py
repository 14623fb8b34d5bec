"""What each rack must do, from the fleet: pure."""

from evenrack.model.dhcp_plan import DhcpPlan, Peer, VlanService, serving, shared_part
from evenrack.model.dhcp_roles import Service
from evenrack.model.fleet import PlanFacts
from evenrack.model.halves import half_of, is_held
from evenrack.model.identifiers import RackId
from evenrack.model.network import Vlan
from evenrack.model.power import BmcTarget, probe_for
from evenrack.model.rack_plan import RackPlan


def plan_for(facts: PlanFacts, rack: RackId) -> RackPlan | None:
    """Give the rack's newest plan; None while nobody manages it."""
    managing = facts.managing.get(rack)
    if managing is None:
        return None
    return RackPlan(
        rack=rack,
        number=managing.number,
        managed_by=managing.process,
        dhcp=dhcp_plan_for(facts, rack),
        bmcs=_bmcs_near(facts, rack),
    )


def dhcp_plan_for(facts: PlanFacts, rack: RackId) -> DhcpPlan:
    """Give what the rack is to serve, in the order of the VLANs."""
    vlans = tuple(
        _service_of(facts.to_be_served[vlan], facts.services[vlan], rack)
        for vlan in facts.served_by.get(rack, ())
        if vlan in facts.vlans
    )
    if not facts.global_snippets:
        return vlans
    return serving((shared_part(facts.global_snippets), *vlans))


def _bmcs_near(facts: PlanFacts, rack: RackId) -> tuple[BmcTarget, ...]:
    """Give the BMCs in the networks of the rack's addresses: others it could not reach."""
    networks = [address.network for address in facts.interfaces.get(rack, ())]
    return tuple(
        BmcTarget(bmc=bmc.id, address=bmc.address, port=bmc.port, probe=probe_for(bmc.driver))
        for bmc in facts.bmc_addresses.within(networks)
    )


def _service_of(vlan: Vlan, service: Service, rack: RackId) -> VlanService:
    peer = service.peer_of(rack)
    return VlanService(
        vlan=vlan,
        number=service.number,
        role=service.role_of(rack),
        address=service.own(rack).address,
        peer=None if peer is None else Peer(rack=peer.rack, address=peer.address),
        # a rack from before IPv6 reads the plan of what has none
        half=half_of(service, rack) if vlan.has_ipv6 else "whole",
        half_held=vlan.has_ipv6 and is_held(service, rack),
    )
