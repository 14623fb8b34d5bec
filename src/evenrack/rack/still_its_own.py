"""What a rack starts again when it comes back with its server down: pure."""

from evenrack.model.dhcp_plan import DhcpPlan, VlanService, serving


def still_its_own(applied: DhcpPlan, newest: DhcpPlan) -> DhcpPlan:
    """Give what was served last and, by the newest plan, still is this rack's, with the same peer.

    The rest may be another rack's by now: started once more it would give away the addresses of
    that one's clients. It begins, if at all, in the rack's turn.
    """
    wanted = {service.vlan.id: service for service in newest}
    return serving(
        tuple(
            service
            for service in applied
            if service.vlan.id in wanted and not has_another_peer(service, wanted[service.vlan.id])
        )
    )


def has_another_peer(before: VlanService, after: VlanService) -> bool:
    """Tell whether another rack takes the place of the peer."""
    return (
        before.peer is not None and after.peer is not None and before.peer.rack != after.peer.rack
    )
