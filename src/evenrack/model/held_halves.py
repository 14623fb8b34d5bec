"""Since when this rack has each half that another rack gave away before: pure.

Their clients have addresses of which this rack knows nothing. Nobody is given an address of such a
half before the longest lease that anybody may have of it has ended.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService, vlans_of
from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import from_json, to_json
from evenrack.model.network6 import Half

MARGIN_SECONDS = 60
"""More than both racks of a pair take to restart with their halves, one after the other."""


@frozen(kw_only=True)
class HeldHalf:
    """One half of the ranges of a VLAN."""

    vlan: VlanId
    half: Half
    since: int
    """By this host's clock: in seconds of Unix."""


@frozen(kw_only=True)
class HeldHalves:
    """All of them, as they are kept on the rack's disk."""

    halves: tuple[HeldHalf, ...] = field(default=())

    def following(self, plan: DhcpPlan, now: int) -> "HeldHalves":
        """Give those of a plan: one that is new, or of a clock that went back, is from now."""
        known = {it.vlan: it for it in self.halves if it.since <= now}
        return HeldHalves(halves=tuple(_newest(it, known, now) for it in _held_in(plan)))

    def waiting(self, plan: DhcpPlan, now: int) -> tuple[VlanId, ...]:
        """Give the VLANs of this plan whose half is not given away yet."""
        since = {it.vlan: it.since for it in self.following(plan, now).halves}
        return tuple(
            it.vlan.id
            for it in _held_in(plan)
            if now < since[it.vlan.id] + _longest_lease(it) + MARGIN_SECONDS
        )


def held_halves_from_json(form: Any) -> HeldHalves:
    """Read what was kept; ValueError when the form is nothing like it."""
    return from_json(form, HeldHalves)


def held_halves_to_json(halves: HeldHalves) -> Any:
    """Give the form on the rack's disk."""
    return to_json(halves)


def _held_in(plan: DhcpPlan) -> list[VlanService]:
    return [service for service in vlans_of(plan) if service.half_held]


def _newest(service: VlanService, known: Mapping[VlanId, HeldHalf], now: int) -> HeldHalf:
    vlan, half = service.vlan.id, service.half
    before = known.get(vlan)
    if before is not None and before.half == half:
        return before
    return HeldHalf(vlan=vlan, half=half, since=now)


def _longest_lease(service: VlanService) -> int:
    return max(vlan.settings.lease_limits[1] for vlan in service.vlan.served)
