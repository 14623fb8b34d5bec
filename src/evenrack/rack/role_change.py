"""A restart that exchanges roles with a peer, until it is known what came of it: pure.

A server that restarts in another role serves nobody on that VLAN for 15 s unless its peer has the
other role; then both would serve, each with the same half of the free addresses. So the role is
taken back before that when the peer did not follow. docs/decisions/0016.
"""

from attrs import frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.identifiers import VlanId
from evenrack.rack.failover_states import KnownStates

DEMOTED_SECONDS = 12.0
"""So long, from before its restart, one that became a secondary waits for its peer to follow."""

PROMOTED_SECONDS = 5.0
"""So long, from after its restart, one that became the primary waits for its peer."""

LATE_SECONDS = 1.0
"""Later than this after it was told, one does not become the primary in a turn that ends."""


@frozen(kw_only=True)
class RoleChange:
    """What a server is doing that restarted with other roles."""

    before: KnownStates
    """What it goes back to."""
    vlans: frozenset[VlanId]
    """Whose roles it exchanged."""
    until: float
    """The moment, by the reactor's clock, at which it goes back."""

    def missing(self, known: KnownStates, applied: DhcpPlan) -> list[VlanId]:
        """Give the VLANs that are not known to be normal in what is applied now."""
        states = known.states if known.plan == applied else {}
        return [vlan for vlan in sorted(self.vlans) if states.get(vlan) != "normal"]

    def words(self, missing: list[VlanId]) -> str:
        """Say why it went back."""
        names = ", ".join(s.vlan.name for s in self.before.plan if s.vlan.id in missing)
        return f"took its role back: it did not become normal with its peer for {names}"


def role_change(
    before: KnownStates, after: DhcpPlan, *, began: float, ended: float, ends: bool
) -> RoleChange | None:
    """Give what has to be watched after a restart between these moments.

    Nothing when no role was exchanged; nor for one that became the primary where its peer takes
    nothing back any more (the turn does not end): then it is right as it is.
    """
    was = {service.vlan.id: service for service in before.plan}
    swapped = [s for s in after if s.vlan.id in was and _is_swapped(was[s.vlan.id], s)]
    demoted = any(service.role == "secondary" for service in swapped)
    if not swapped or not (demoted or ends):
        return None
    return RoleChange(
        before=before,
        vlans=frozenset(service.vlan.id for service in swapped),
        until=began + DEMOTED_SECONDS if demoted else ended + PROMOTED_SECONDS,
    )


def _is_swapped(before: VlanService, after: VlanService) -> bool:
    exchanged = {"primary": "secondary", "secondary": "primary"}.get(before.role)
    return before.peer == after.peer and after.role == exchanged
