"""The two DHCP servers of this host as one: what is applied is applied in both, in one turn."""

from collections.abc import Mapping, Sequence

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.dhcp_report import SideState
from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.server import IscDhcpServer
from evenrack.rack.dhcp.server6 import IscDhcp6Server


class BothFamilies:
    """`converge.DhcpServer`: the server for IPv4, which that for IPv6 follows."""

    def __init__(self, four: IscDhcpServer, six: IscDhcp6Server) -> None:
        self._four = four
        self._six = six
        self._told: DhcpPlan | None = None
        """What the server for IPv4 was told of in part, until its file is in step with that."""

    def running(self) -> bool:
        return self._four.running()

    async def prepare(self, plan: DhcpPlan) -> None:
        await self._four.prepare(plan)
        await self._six.prepare(plan)

    def serves(self, plan: DhcpPlan) -> bool:
        return self._four.serves(plan) and self._six.serves(plan)

    def was_started_with(self, plan: DhcpPlan) -> bool:
        return self._four.serves(plan)

    async def check(self, plan: DhcpPlan) -> None:
        await self._four.check(plan)
        await self._six.check(plan)

    async def restart(self, plan: DhcpPlan, interfaces: Sequence[str]) -> None:
        """Restart the one for IPv4, unless only that for IPv6 has anything to do."""
        four_has_it = self._four.running() and self._four.serves(plan) and self._told is None
        if not four_has_it or self._six.serves(plan):
            await self._four.restart(plan, interfaces)
            self._told = None

    async def follow(self, plan: DhcpPlan) -> None:
        """Let the one for IPv6 follow: that for IPv4 serves already."""
        await self._six.want(plan)

    async def followable(self, served: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
        return await self._four.followable(served, plan)

    async def tell_hosts(self, served: DhcpPlan, plan: DhcpPlan) -> None:
        self._told = plan
        await self._four.tell_hosts(served, plan)

    async def more_hosts(self, served: DhcpPlan, told: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
        return await self._four.more_hosts(served, told, plan)

    async def keep_hosts(self, plan: DhcpPlan) -> None:
        await self._four.keep_hosts(plan)
        if plan is self._told:
            self._told = None
        self._six.want_soon(plan)

    async def stop(self) -> None:
        await self._four.stop()
        await self._six.want(())

    async def states(self, plan: DhcpPlan) -> Mapping[VlanId, SideState]:
        return await self._four.states(plan)

    async def put_back(self, service: VlanService, state: SideState) -> None:
        await self._four.put_back(service, state)

    async def mclt_seconds(self, service: VlanService) -> int:
        return await self._four.mclt_seconds(service)

    async def partner_state(self, service: VlanService) -> SideState:
        return await self._four.partner_state(service)

    async def hears_partner(self, service: VlanService) -> bool:
        return await self._four.hears_partner(service)

    async def unshared_leases(
        self, services: Sequence[VlanService], *, older: float = 0.0
    ) -> Mapping[VlanId, int]:
        return await self._four.unshared_leases(services, older=older)
