"""Tells a running DHCP server of reservations that came, changed or went: nobody has to wait.

What it was told in part, by this daemon or the one before, is taken back first.
"""

from twisted.logger import Logger

from evenrack.errors import DhcpConfigurationRefused, DhcpServerSilent, ProgramFailed
from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.rack.dhcp_host import AppliedPlan, DhcpServer
from evenrack.rack.plan_names import PlanNames

_Failed = (DhcpConfigurationRefused, DhcpServerSilent, ProgramFailed)


class HostsInStep:
    """Each plan is tried once; what cannot be followed so waits for a restart."""

    log = Logger()

    def __init__(
        self,
        server: DhcpServer,
        kept: AppliedPlan,
        names: PlanNames,
        half_way: DhcpPlan | None,
    ) -> None:
        """`half_way` is a plan whose reservations the server may have in part."""
        self._server = server
        self._kept = kept
        self._names = names
        self._half_way = half_way
        self._tried: tuple[DhcpPlan, str] = (), ""
        self.busy = False

    def restarted(self) -> None:
        """Note that the server has what its file has, and nothing else."""
        self._half_way = None

    async def what_follows(self, applied: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
        """Give what is applied, with all of the plan that the server can be told; else itself."""
        tried = applied, self._names.of(plan)
        known = self._tried[0] is applied and self._tried[1] == tried[1]
        if known or self._half_way is not None:
            return applied
        self._tried = tried
        return await self._server.followable(applied, plan)

    async def tell(self, applied: DhcpPlan, coming: DhcpPlan) -> bool:
        """Tell the server; gives whether all is as it is to be."""
        if not self._server.serves(applied):
            return False  # a later rackd renders it in other words
        self.busy = True
        try:
            await self._kept.keep_applied_dhcp(
                applied, coming
            )  # this daemon may end before the end
            self._half_way = coming
            await self._server.tell_hosts(applied, coming)
            self._half_way = None
        except _Failed as problem:
            self.log.warn(
                "reservations have to wait for a restart: {problem}", problem=str(problem)
            )
        finally:
            self.busy = False
        return self._half_way is None

    async def take_back(self, applied: DhcpPlan) -> None:
        """Bring a server that has another plan in part to what is applied."""
        if self._half_way is None:
            return
        self.busy = True
        try:
            there = await self._server.followable(self._half_way, applied)
            if self._names.same(there, applied):  # or else a restart was under way
                await self._server.tell_hosts(self._half_way, applied)
            self._half_way = None
            await self._kept.keep_applied_dhcp(applied)
        except _Failed as problem:
            self.log.debug("not taken back yet: {problem}", problem=str(problem))
        finally:
            self.busy = False
