"""What a rack starts again when it comes back with its server down: pure."""

from attrs import evolve

from evenrack.model.dhcp_plan import DhcpPlan, VlanService, serving


def still_its_own(applied: DhcpPlan, newest: DhcpPlan | None) -> DhcpPlan:
    """Give what was served last and, by the newest plan, still is this rack's, with the same peer.

    The rest may be another rack's by now: started once more it would give away the addresses of
    that one's clients. It begins, if at all, in the rack's turn. So it is with its half of IPv6
    ranges, which no failover guards: while no region has said what is `newest` it has none.
    """
    if newest is None:
        return tuple(map(_without_its_half, applied))
    wanted = {service.vlan.id: service for service in newest}
    return serving(
        tuple(
            _with_what_is_left(service, wanted[service.vlan.id])
            for service in applied
            if service.vlan.id in wanted and not has_another_peer(service, wanted[service.vlan.id])
        )
    )


def has_another_peer(before: VlanService, after: VlanService) -> bool:
    """Tell whether another rack takes the place of the peer."""
    return (
        before.peer is not None and after.peer is not None and before.peer.rack != after.peer.rack
    )


def _with_what_is_left(before: VlanService, after: VlanService) -> VlanService:
    is_kept = before.half == after.half and (before.half_held or not after.half_held)
    return before if is_kept else _without_its_half(before)


def _without_its_half(service: VlanService) -> VlanService:
    """Leave the IPv6 reservations, which both racks of a pair serve."""
    return evolve(service, half="none", half_held=False) if service.vlan.has_ipv6 else service
