"""Tells a running DHCP server of reservations that came, changed or went: nobody has to wait.

What it was told in part, by this daemon or the one before, is taken back first. Its file follows:
to check that takes seconds where there are very many, so those that come meanwhile are told, too,
and all of them are checked together.
"""

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import DhcpConfigurationRefused, DhcpServerSilent, ProgramFailed
from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.rack.dhcp_host import AppliedPlan, DhcpServer, Wanted
from evenrack.rack.plan_names import PlanNames

GATHER_SECONDS: Final = 3.0
"""After so long nothing more is told before the file is in step: states of pairs are not asked for
meanwhile, and no turn is taken."""

_AGAIN_SECONDS: Final = 0.05

_Failed = (DhcpConfigurationRefused, DhcpServerSilent, ProgramFailed)


class HostsInStep:
    """Each plan is tried once; what cannot be followed so waits for a restart."""

    log = Logger()

    def __init__(
        self,
        server: DhcpServer,
        kept: AppliedPlan,
        names: PlanNames,
        wanted: Callable[[], Wanted],
        clock: IReactorTime,
        *,
        half_way: DhcpPlan | None,
    ) -> None:
        """`half_way` is a plan whose reservations the server may have in part."""
        self._server = server
        self._kept = kept
        self._names = names
        self._wanted = wanted
        self._clock = clock
        self._half_way = half_way
        self._seen: DhcpPlan = ()
        """The plan of which the server has all that it can be told."""
        self._tried: tuple[DhcpPlan, str] = (), ""
        self.busy = False

    def restarted(self) -> None:
        """Note that the server has what its file has, and nothing else."""
        self._half_way = None

    async def remember(self, applied: DhcpPlan) -> None:
        """Keep what is applied, beside what the server may have in part, on the disk."""
        half_way = () if self._half_way is None else (self._half_way,)
        await self._kept.keep_applied_dhcp(applied, *half_way)

    async def what_follows(self, applied: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
        """Give what is applied, with all of the plan that the server can be told; else itself."""
        tried = applied, self._names.of(plan)
        known = self._tried[0] is applied and self._tried[1] == tried[1]
        if known or self._half_way is not None:
            return applied
        self._tried, self._seen = tried, plan
        return await self._server.followable(applied, plan)

    async def tell(self, applied: DhcpPlan, coming: DhcpPlan) -> DhcpPlan:
        """Tell the server, and also what comes meanwhile.

        Gives what it has then, and its file; what was applied when not all is as it is to be.
        """
        if not self._server.serves(applied):
            return applied  # a later rackd renders it in other words
        self.busy = True
        try:
            await self._tell(applied, applied, coming)
            told = await self._keep(applied, coming)
            self._half_way = None
        except _Failed as problem:
            self.log.warn(
                "reservations have to wait for a restart: {problem}", problem=str(problem)
            )
            return applied
        finally:
            self.busy = False
        return told

    async def _tell(self, applied: DhcpPlan, before: DhcpPlan, coming: DhcpPlan) -> None:
        await self._kept.keep_applied_dhcp(applied, coming)  # this daemon may end before the end
        self._half_way = coming
        await self._server.tell_hosts(before, coming)

    async def _keep(self, applied: DhcpPlan, told: DhcpPlan) -> DhcpPlan:
        """Bring the file in step with all that the server is told; gives that."""
        until = self._clock.seconds() + GATHER_SECONDS
        while True:
            keeping = Deferred.fromCoroutine(self._server.keep_hosts(told))
            try:
                more = await self._tell_meanwhile(applied, told, keeping, until)
            except Exception:  # not when all of this is thrown away: it waits for nothing then
                await keeping
                raise
            await keeping
            if more is told:
                return told
            told = await self._tell_more(applied, more)

    async def _tell_meanwhile(
        self, applied: DhcpPlan, told: DhcpPlan, keeping: "Deferred[None]", until: float
    ) -> DhcpPlan:
        """Tell what comes while the file is checked; gives all that the server was told."""
        while not keeping.called and self._clock.seconds() < until:
            more = await self._tell_more(applied, told)
            if more is told:
                await deferLater(self._clock, _AGAIN_SECONDS)
            told = more
        return told

    async def _tell_more(self, applied: DhcpPlan, told: DhcpPlan) -> DhcpPlan:
        """Tell what has come; gives all that the server was told."""
        wanted = self._wanted()
        if wanted.plan is self._seen or not wanted.from_region:
            return told
        self._seen = wanted.plan
        more = await self._server.more_hosts(applied, told, wanted.plan)
        if more is not told:
            await self._tell(applied, told, more)
        return more

    async def take_back(self, applied: DhcpPlan) -> None:
        """Bring a server that has another plan in part to what is applied."""
        if self._half_way is None:
            return
        self.busy = True
        try:
            there = await self._server.followable(self._half_way, applied)
            if self._names.same(there, applied):  # or else a restart was under way
                await self._server.tell_hosts(self._half_way, applied)
                await self._server.keep_hosts(applied)
            self._half_way = None
            await self._kept.keep_applied_dhcp(applied)
        except _Failed as problem:
            self.log.debug("not taken back yet: {problem}", problem=str(problem))
        finally:
            self.busy = False
