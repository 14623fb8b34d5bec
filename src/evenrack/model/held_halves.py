"""Since when this rack has each half that another rack gave away before: pure.

Their clients have addresses of which this rack knows nothing. Nobody is given an address of such a
half before the longest lease that anybody may have of it has ended.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService, vlans_of
from evenrack.model.dhcp_report import DhcpReport, SideState
from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import from_json, to_json
from evenrack.model.network6 import Half

MARGIN_SECONDS = 60
"""More than both racks of a pair take to restart with their halves, one after the other."""

HAVE_MET: Final[frozenset[SideState]] = frozenset(
    {
        "alone",
        "normal",
        "partner-down",
        "potential-conflict",
        "conflict-done",
        "recover-wait",
        "recover-done",
    }
)
"""The states of a server whose partner has the same pair in its file, or does not live."""


@frozen(kw_only=True)
class HeldHalf:
    """One half of the ranges of a VLAN."""

    vlan: VlanId
    half: Half
    since: int
    """By this host's clock: in seconds of Unix."""
    until: int
    """When the longest lease ends that may have been given meanwhile: never sooner than it was."""
    met: bool
    """Before the partner has the pair in its file, too, it may give it away: nothing counts."""


@frozen(kw_only=True)
class HeldHalves:
    """All of them, as they are kept on the rack's disk."""

    halves: tuple[HeldHalf, ...] = field(default=())

    def following(self, plan: DhcpPlan, now: int, *, met: Collection[VlanId] = ()) -> "HeldHalves":
        """Give those of a plan: one that is new, or of a clock that went back, is from now.

        So is one whose pair has just `met`.
        """
        known = {it.vlan: it for it in self.halves if it.since <= now}
        return HeldHalves(halves=tuple(_newest(it, known, now, met) for it in _held_in(plan)))

    def waiting(self, plan: DhcpPlan, now: int) -> tuple[VlanId, ...]:
        """Give the VLANs of this plan whose half is not given away yet."""
        return tuple(
            it.vlan for it in self.following(plan, now).halves if now < it.until or not it.met
        )


def met_partners(plan: DhcpPlan, report: DhcpReport) -> frozenset[VlanId]:
    """Give the VLANs whose pair has met, and those that have none, as no range of IPv4."""
    states = {(it.vlan, it.number): it.state for it in report.vlans}
    return frozenset(
        it.vlan.id
        for it in vlans_of(plan)
        if states.get((it.vlan.id, it.number)) in HAVE_MET or not any(it.vlan.ranges)
    )


def held_halves_from_json(form: Any) -> HeldHalves:
    """Read what was kept; ValueError when the form is nothing like it."""
    return from_json(form, HeldHalves)


def held_halves_to_json(halves: HeldHalves) -> Any:
    """Give the form on the rack's disk."""
    return to_json(halves)


def _held_in(plan: DhcpPlan) -> list[VlanService]:
    return [service for service in vlans_of(plan) if service.half_held]


def _newest(
    service: VlanService, known: Mapping[VlanId, HeldHalf], now: int, met: Collection[VlanId]
) -> HeldHalf:
    vlan, half = service.vlan.id, service.half
    before = known.get(vlan)
    if before is None or before.half != half or (vlan in met and not before.met):
        end = _end(service, now)
        return HeldHalf(vlan=vlan, half=half, since=now, until=end, met=vlan in met)
    if now >= before.until:
        return before  # it is given away since, and longer leases are of now
    return evolve(before, until=max(before.until, _end(service, before.since)))


def _end(service: VlanService, since: int) -> int:
    """Give when a half is free: by the longest lease of now, and leases of before may be longer."""
    longest = max(vlan.settings.lease_limits[1] for vlan in service.vlan.served)
    return since + longest + MARGIN_SECONDS
