"""What of a plan a DHCP server takes: a VLAN that it refuses keeps its last good content."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import define, field

from evenrack.errors import DhcpConfigurationRefused
from evenrack.model.dhcp_plan import SHARED, DhcpPlan, VlanService, serving, shared_part
from evenrack.model.identifiers import VlanId

MOST_ERROR_CHARACTERS = 500
"""dhcpd quotes what it complains of; a report with a thousand errors must fit into one command."""


class Checker(Protocol):
    """Who reads a configuration."""

    async def check(self, plan: DhcpPlan) -> None:
        """Try it; DhcpConfigurationRefused says what is wrong with it."""


async def good_part(
    server: Checker, plan: DhcpPlan, applied: DhcpPlan
) -> tuple[DhcpPlan, Mapping[VlanId, str]]:
    """Give what can be applied of a plan that is refused as a whole, and what is wrong elsewhere.

    One bad VLAN of 1,000 takes some ten to twenty checks. ProgramFailed when the server cannot be
    asked.
    """
    served = {service.vlan.id: service for service in applied}
    if _has_shared(applied) and not _has_shared(plan):
        plan = (shared_part(()), *plan)  # it may be that some VLAN needs what was there
    finding = _Finding(
        server=server,
        good={it.vlan.id: served[it.vlan.id] for it in plan if it.vlan.id in served},
    )
    changed = [it for it in plan if served.get(it.vlan.id) != it]
    await finding.sort_out(changed)
    if SHARED in finding.errors:  # perhaps only beside a VLAN as it was before
        await finding.sort_out([it for it in changed if it.is_shared])
    return serving(finding.plan_with([])), finding.errors


def _has_shared(plan: DhcpPlan) -> bool:
    return any(service.is_shared for service in plan)


@define(kw_only=True)
class _Finding:
    server: Checker
    good: dict[VlanId, VlanService]
    errors: dict[VlanId, str] = field(factory=dict)

    def plan_with(self, more: Sequence[VlanService]) -> DhcpPlan:
        """Give what is good so far, and this."""
        tried = {**self.good, **{service.vlan.id: service for service in more}}
        return tuple(tried[vlan] for vlan in sorted(tried))

    async def sort_out(self, services: Sequence[VlanService]) -> None:
        """Find the good ones among services that are not all good: half by half."""
        if len(services) <= 1:
            await self._try(services)
            return
        middle = len(services) // 2
        first, second = services[:middle], services[middle:]
        if await self._try(first):
            await self.sort_out(second)  # it is in there
            return
        await self.sort_out(first)
        if not await self._try(second):
            await self.sort_out(second)

    async def _try(self, services: Sequence[VlanService]) -> bool:
        """Try some beside what is good; what is wrong with one alone is noted."""
        try:
            await self.server.check(self.plan_with(services))
        except DhcpConfigurationRefused as problem:
            if len(services) == 1:
                self.errors[services[0].vlan.id] = str(problem)[:MOST_ERROR_CHARACTERS]
            return False
        self.good |= {service.vlan.id: service for service in services}
        for service in services:
            self.errors.pop(service.vlan.id, None)
        return True
