"""Sends a rack a large plan: what it does, and the content of those VLANs that the rack lacks."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.protocols import amp

from evenrack.errors import ContentRefused
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.model.plan_outline import Content, content_of, outline_of
from evenrack.model.rack_plan import RackPlan
from evenrack.model.vlan_change import VlanChange, change_between
from evenrack.wire.rack_commands import ChangeVlan, OfferPlan, TakeVlan

SMALL_BYTES = 256 * 1024
"""Up to this a plan is sent whole: it needs one answer only."""

PART_BYTES = 60_000
"""So much fits into one value of AMP, and delays a ping by no time."""

AT_ONCE = 8
"""Parts that are under way: enough to fill the way to a rack that is far."""

_TRIES = 2

Ask = Callable[..., Deferred[Any]]
"""Sends a command and gives its answer, as `amp.AMP.callRemote`."""


def is_large(plan: RackPlan) -> bool:
    """Tell whether to send this plan in parts."""
    return sum(len(service.vlan.as_json) for service in plan.dhcp) > SMALL_BYTES


@frozen(kw_only=True)
class Changed:
    """How a VLAN follows from one that a rack may have."""

    base: Content
    change: VlanChange


Changes = Mapping[VlanId, Changed]


def changes_since(base: RackPlan | None, plan: RackPlan) -> Changes:
    """Tell how the VLANs of a plan follow from those of an earlier one: pure, and for a thread.

    Where many reservations are others it takes a tenth of a second.
    """
    if base is None or not is_large(plan):
        return {}
    before = {service.vlan.id: service.vlan for service in base.dhcp}
    return {
        vlan.id: Changed(base=content_of(old), change=change_between(old, vlan))
        for vlan in (service.vlan for service in plan.dhcp)
        if (old := before.get(vlan.id)) is not None and old is not vlan
    }


async def deliver(ask: Ask, plan: RackPlan, changes: Changes) -> tuple[FleetNumber, str]:
    """Send a plan; gives the number and fingerprint of what the rack follows now.

    `changes` are those since what it followed before, as far as is known. StalePlan,
    ContentRefused.
    """
    outline = outline_of(plan)
    vlans = dict(zip(outline.contents, plan.dhcp, strict=True))
    for _ in range(_TRIES):
        answer = await ask(OfferPlan, outline=outline)
        if not answer["missing"]:
            return answer["generation"], answer["fingerprint"]
        for content in dict.fromkeys(answer["missing"]):  # once each, whatever a rack says
            if content not in vlans:
                raise ContentRefused("the rack wants a VLAN that its plan has not")
            vlan = vlans[content].vlan
            if not await _send_change(ask, content, changes.get(vlan.id)):
                await _send(ask, content, vlan.as_json.encode())
    raise ContentRefused("the rack still lacks what it was sent")


async def _send_change(ask: Ask, content: Content, changed: Changed | None) -> bool:
    """Send only what is another one than before; tells whether that was enough."""
    if changed is None or changed.change.size > SMALL_BYTES:
        return False
    try:
        await ask(ChangeVlan, vlan=content, base=changed.base, change=changed.change)
    except (ContentRefused, amp.RemoteAmpError, amp.UnhandledCommand):
        return False  # it has something else, or a version before these
    return True


async def _send(ask: Ask, content: Content, text: bytes) -> None:
    starts = range(0, len(text), PART_BYTES)
    for first in range(0, len(starts), AT_ONCE):
        parts = [
            ask(
                TakeVlan,
                vlan=content.sha256,
                length=content.length,
                start=start,
                text=text[start : start + PART_BYTES],
            )
            for start in starts[first : first + AT_ONCE]
        ]
        try:
            await gatherResults(parts, consumeErrors=True)
        except FirstError as problem:
            problem.subFailure.raiseException()
