"""A restart that exchanges roles with a peer, until it is known what came of it: pure.

Two servers with one role would serve in the end, each with the same half of the free addresses.
So a role is taken back when the peer did not follow. docs/decisions/0016.
"""

from attrs import frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.identifiers import VlanId
from evenrack.rack.failover_states import KnownStates

DEMOTED_SECONDS = 16.0
"""So long, from before its restart, one that became a secondary waits for its peer to follow: its
partner serves meanwhile, and has to hear of every lease before that restart."""

PROMOTED_SECONDS = 5.0
"""So long, from after its restart, one that became the primary waits for its peer."""

MEET_SECONDS = 14.0
"""For so long after its restart, and longer, a server is in `startup` where its peer has not the
other role. What it says later it says without a peer, too."""

LATE_SECONDS = 1.0
"""Later than this after it was told, one does not become the primary in a turn that ends."""


@frozen(kw_only=True)
class RoleChange:
    """What a server is doing that restarted with other roles."""

    before: KnownStates
    """What it was before."""
    vlans: frozenset[VlanId]
    """Whose roles it exchanged."""
    is_demoted: bool
    """It was their primary."""
    ended: float
    """The moment, by the reactor's clock, at which it had restarted."""
    until: float
    """The moment at which it goes back when it has not met its peer in its new role."""

    def has_time(self, now: float, *, met: bool) -> bool:
        """Tell whether the two may still become normal; who has met its peer does not go back."""
        return now < (max(self.until, self.ended + MEET_SECONDS) if met else self.until)

    def may_meet(self, now: float) -> bool:
        """Tell whether what the server says now, other than `startup`, it says with its peer."""
        return now < self.ended + MEET_SECONDS

    def missing(self, known: KnownStates, applied: DhcpPlan) -> list[VlanId]:
        """Give the VLANs that are not known to be normal in what is applied now."""
        states = known.states if known.plan == applied else {}
        return [vlan for vlan in sorted(self.vlans) if states.get(vlan) != "normal"]

    def taken_back(self, applied: DhcpPlan) -> DhcpPlan:
        """Give what is applied with the old roles; what else changed with them stays as it is.

        A VLAN that was given away in the same restart may be served by others by now.
        """
        was = {service.vlan.id: service for service in self.before.plan}
        return tuple(was[it.vlan.id] if it.vlan.id in self.vlans else it for it in applied)

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
        is_demoted=demoted,
        ended=ended,
        until=began + DEMOTED_SECONDS if demoted else ended + PROMOTED_SECONDS,
    )


def is_demoted(before: VlanService, after: VlanService) -> bool:
    """Tell whether a server gives the role of the primary to its peer."""
    return _is_swapped(before, after) and after.role == "secondary"


def _is_swapped(before: VlanService, after: VlanService) -> bool:
    exchanged = {"primary": "secondary", "secondary": "primary"}.get(before.role)
    return before.peer == after.peer and after.role == exchanged
