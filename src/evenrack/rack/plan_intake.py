"""Takes a large plan in: its outline, and then the content of those VLANs that are not known yet.

What is held of plans that are not complete is bounded: only what the last outline asked for is
taken, and an outline is (`model.plan_outline`).
"""

from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.defer import DeferredLock

from evenrack.errors import ContentRefused
from evenrack.model.identifiers import VlanId
from evenrack.model.network import Vlan
from evenrack.model.plan_outline import Content, PlanOutline, content_of, vlan_from_content
from evenrack.model.rack_plan import RackPlan
from evenrack.model.vlan_change import VlanChange, change_between
from evenrack.rack.newest_plan import NewestPlan
from evenrack.runtime.collection import made_to_last
from evenrack.runtime.thinking import Think


class PlanIntake:
    """One for all links of a rack: who begins with a plan may not be who ends."""

    def __init__(
        self,
        newest: NewestPlan,
        follow: Callable[[RackPlan], Awaitable[None]],
        think: Think,
    ) -> None:
        self._newest = newest
        self._follow = follow
        self._think = think
        self._followed: Mapping[Content, Vlan] = {}
        self._known_from: RackPlan | None = None
        self._come: dict[Content, Vlan] = {}
        """Those that came for the next plan."""
        self._coming: dict[Content, bytearray] = {}
        self._one_at_a_time, self._one_reading = DeferredLock(), DeferredLock()

    async def offer(self, outline: PlanOutline) -> tuple[Content, ...]:
        """Follow the plan if all its VLANs are known; gives what is missing. StalePlan."""
        async with self._one_at_a_time:
            return await self._offer(outline)

    async def _offer(self, outline: PlanOutline) -> tuple[Content, ...]:
        self._newest.is_news(outline.plan)  # or else nothing needs to travel
        await self._know_what_is_followed()
        wanted = dict.fromkeys(outline.contents)
        known = {**self._followed, **self._come}
        missing = tuple(content for content in wanted if content not in known)
        self._coming = {it: self._coming.get(it, bytearray()) for it in missing}
        self._come = {it: vlan for it, vlan in self._come.items() if it in wanted}
        if not missing:
            await self._follow(outline.filled_with({it.sha256: known[it] for it in wanted}))
            await self._know_what_is_followed()
        return missing

    async def take(self, content: Content, start: int, text: bytes) -> None:
        """Take a part of a VLAN's content; ContentRefused when it is not what was asked for."""
        coming = self._coming.get(content)
        if coming is None or start not in {0, len(coming)}:
            raise ContentRefused("this part of a VLAN was not asked for")
        if start == 0:
            coming.clear()  # somebody begins again
        if len(coming) + len(text) > content.length:
            raise ContentRefused("a VLAN is longer than was said")
        coming += text
        if len(coming) == content.length:
            self._coming[content] = bytearray()
            async with self._one_reading:
                followed = {vlan.id: vlan for vlan in self._followed.values()}
                vlan = await self._think(lambda: _read(content, bytes(coming), followed))
            self._has_come(content, vlan)

    async def change(self, content: Content, base: Content, change: VlanChange) -> None:
        """Make a VLAN that was asked for from the one that is followed; ContentRefused."""
        await self._know_what_is_followed()
        if content not in self._coming:
            raise ContentRefused("this VLAN was not asked for")
        if base not in self._followed:
            raise ContentRefused("the VLAN that this one follows from is not here")
        before = self._followed[base]
        self._has_come(content, await self._think(lambda: _changed(content, before, change)))

    def _has_come(self, content: Content, vlan: Vlan) -> None:
        """Keep what was asked for, if it still is."""
        if self._coming.pop(content, None) is not None:
            self._come[content] = vlan

    async def _know_what_is_followed(self) -> None:
        plan = self._newest.plan
        if plan is not None and plan is not self._known_from:
            known = await self._think(lambda: {content_of(it.vlan): it.vlan for it in plan.dhcp})
            self._followed, self._known_from = known, plan


def _changed(content: Content, before: Vlan, change: VlanChange) -> Vlan:
    """Change a VLAN, and do all that takes long with it."""
    vlan = change.applied_to(before)
    if content_of(vlan) != content:
        raise ContentRefused("a VLAN does not become what it is called")
    return vlan


def _read(content: Content, text: bytes, followed: Mapping[VlanId, Vlan]) -> Vlan:
    """Read a VLAN, and do all that takes long with it."""
    try:
        with made_to_last():
            read = vlan_from_content(text)
            before = followed.get(read.id, read)
            # what did not change are the same objects as before, of which much is known already
            made = change_between(before, read).applied_to(before)
            found = next((it for it in (made, read) if content_of(it) == content), None)
    except (ValueError, RecursionError) as problem:
        raise ContentRefused(f"it is no VLAN: {problem}") from None
    if found is None:
        raise ContentRefused("a VLAN is not what it is called")
    return found
