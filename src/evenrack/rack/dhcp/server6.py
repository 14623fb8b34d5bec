"""The DHCPv6 server of this host: a second ISC dhcpd, which follows what the first one serves.

It never holds the first one up: where it does not start it is tried again, and said so.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol

from attrs import frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DhcpConfigurationRefused, ProgramFailed
from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.model.dhcp_report import Ipv6Side
from evenrack.model.held_halves import HeldHalves
from evenrack.model.identifiers import VlanId
from evenrack.model.interface_list import Interface
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.rack.dhcp.own_addresses6 import OwnAddresses, own_addresses6
from evenrack.rack.dhcp.systemd_unit import DhcpdUnit
from evenrack.rack.dhcp.written_vlans6 import WrittenVlans6
from evenrack.runtime.thinking import Think

RETRY_SECONDS: Final = 30.0
"""So long what did not start, or did not serve an interface, is not tried again."""
NOT_ON_LINK: Final = "{name} has no IPv6 address in a subnet of this VLAN: give it one"


class KeptHalves(Protocol):
    """Since when this rack has halves that another one had, kept over restarts."""

    def held_halves(self) -> HeldHalves:
        """Give what was kept."""

    def keep_held_halves(self, halves: HeldHalves) -> None:
        """Keep these."""


@frozen(kw_only=True)
class Host6:
    """What the server needs of its host."""

    interfaces: Callable[[], Awaitable[tuple[Interface, ...]]]
    clock: IReactorTime
    wall_clock: Callable[[], datetime]
    think: Think
    own_addresses: Callable[[], OwnAddresses] = own_addresses6


class IscDhcp6Server:
    """One dhcpd -6, from a plan to a running program; it has no OMAPI."""

    log = Logger()

    def __init__(self, program: DhcpdProgram | DhcpdUnit, kept: KeptHalves, host: Host6) -> None:
        self._program = program
        self._kept = kept
        self._host = host
        self._clock = host.clock
        self._halves = kept.held_halves() if program.running() else HeldHalves()
        """Where it does not run, another rack may have given the same half away meanwhile."""
        self._met: Collection[VlanId] = ()
        self._wanted: DhcpPlan | None = None
        self._served: DhcpPlan = ()
        self._names: Mapping[VlanId, Sequence[str]] = {}
        self._error, self._failed_text = "", ""
        self._aim = ""
        """The text that it is to have."""
        self._tried_at = float("-inf")
        self._one_at_a_time = DeferredLock()
        self._written = WrittenVlans6()
        self._writing = DeferredLock()
        self._in_file: str | None = None
        """What its file has, where that was read since it last changed."""

    async def prepare(self, plan: DhcpPlan) -> None:
        """Write what it is to be given, where it holds up nobody."""
        with suppress(ValueError):  # who checks it is told
            await self._text(plan)

    def serves(self, plan: DhcpPlan) -> bool:
        """Tell whether it has this, or follows it by itself already.

        Costs little for a plan that was prepared.
        """
        try:
            if self._wanted is not None:
                return self._write(plan) == self._write(self._wanted)
            return self._write(plan) == (self._program.current_text() or "")
        except ValueError:
            return False

    async def check(self, plan: DhcpPlan) -> None:
        """Try a configuration; DhcpConfigurationRefused says what is wrong with it."""
        try:
            text = await self._text(plan)
        except ValueError as problem:
            raise DhcpConfigurationRefused(str(problem)) from problem
        if text:
            await self._program.check(text)

    async def want(self, plan: DhcpPlan) -> None:
        """Serve this from now on, or as soon as it can be."""
        self.want_soon(plan)
        await self._follow()

    def want_soon(self, plan: DhcpPlan) -> None:
        """Serve this from the next look on: who says so has no time to wait for it."""
        self._wanted = plan

    async def look(
        self, applied: DhcpPlan, *, is_served: bool, met: Collection[VlanId] = ()
    ) -> None:
        """See that it does what it is to, while the server for IPv4 runs: `is_served`.

        Where that one waits before it starts (`converge`), this one waits, too. No half of another
        rack's is free before that one has `met` this one as its partner: it may still have it.
        """
        self._met = met
        if not is_served and applied:
            return
        if not is_served:
            self._wanted = ()
        elif self._wanted is None:
            self._wanted = applied
        await self._follow()

    def sides(self, plan: DhcpPlan) -> Mapping[VlanId, Ipv6Side]:
        """Tell how it serves each VLAN that has IPv6.

        What the server is and says is read once: a rack may have hundreds of VLANs.
        """
        services = [it for it in plan if it.vlan.has_ipv6]
        if not services:
            return {}
        served = {it.vlan.id: it for it in self._served} if self._program.running() else {}
        ignored = frozenset(self._program.ignored())
        waiting = frozenset(self._halves.waiting(plan, self._now()))
        found = {}
        for service in services:
            vlan = service.vlan.id
            deaf = [name for name in self._names.get(vlan, ()) if name in ignored]
            runs = None if deaf else served.get(vlan)
            found[vlan] = Ipv6Side(
                half=service.half,
                held=vlan in waiting,
                running=runs is not None,
                applied=None if runs is None else runs.number,
                error=self._error or "; ".join(NOT_ON_LINK.format(name=name) for name in deaf),
            )
        return found

    async def _follow(self) -> None:
        async with self._one_at_a_time:
            plan = self._wanted or ()
            try:
                self._note_halves(plan)
                text = await self._text(plan)
                if text != self._aim:  # whatever became of it when it was tried before
                    self._aim, self._tried_at = text, float("-inf")
                await self._bring_to(plan, text)
            except (ProgramFailed, ValueError, OSError) as problem:
                self._failed(str(problem))
                await self._leave_what_others_may_have(plan)

    async def _leave_what_others_may_have(self, plan: DhcpPlan) -> None:
        """End it where it gives away what may be another rack's from now on."""
        if not self._program.running() or _has_all(plan, self._served):
            return
        try:
            await self._program.stop()
            self._served = ()
        except (ProgramFailed, OSError) as problem:
            self._failed(str(problem))

    async def _bring_to(self, plan: DhcpPlan, text: str) -> None:
        if not text:
            if self._program.running():
                await self._program.stop()
            self._is_served(plan)
            return
        is_so = await self._runs_with(text)
        if is_so:
            self._is_served(plan)
            if not self._names:
                await self._find_names(plan)
        if self._clock.seconds() - self._tried_at < RETRY_SECONDS and (
            is_so or text == self._failed_text
        ):
            return
        if not is_so or self._would_ignore_less(plan):
            await self._restart(plan, text)

    async def _restart(self, plan: DhcpPlan, text: str) -> None:
        self._tried_at, self._failed_text = self._clock.seconds(), text
        await self._find_names(plan)
        names = sorted({name for each in self._names.values() for name in each})
        if not names:  # it would listen everywhere
            raise ProgramFailed("dhcpd -6", "was not started", "no interface is on its VLANs")
        self._in_file = None
        await self._program.restart(text, names)
        self._is_served(plan)
        self.log.info("serves IPv6 on {names}", names=", ".join(names))

    async def _runs_with(self, text: str) -> bool:
        if not self._program.running():
            return False
        if self._in_file is None:
            self._in_file = await self._host.think(self._program.current_text)
        return self._in_file == text

    def _is_served(self, plan: DhcpPlan) -> None:
        self._served, self._error = plan, ""
        self._written.forget_others(plan)

    async def _find_names(self, plan: DhcpPlan) -> None:
        interfaces = await self._host.interfaces()
        self._names = {
            it.vlan.id: sorted({each.name for each in interfaces if each.address.ip == it.address})
            for it in plan
            if it.vlan.has_ipv6
        }

    def _would_ignore_less(self, plan: DhcpPlan) -> bool:
        """Tell whether an interface that it does not serve has an address for it by now.

        Where none has, a restart would only hold up the others.
        """
        ignored = self._program.ignored()
        if not ignored:
            return False
        subnets = [
            subnet.cidr for it in plan for vlan in it.vlan.served for subnet in vlan.subnets6
        ]
        return any(
            name in ignored and any(address in subnet for subnet in subnets)
            for name, address in self._host.own_addresses()
        )

    def _failed(self, why: str) -> None:
        if why != self._error:
            self.log.warn("the DHCPv6 server does not obey: {why}", why=why)
        self._error = why

    def _note_halves(self, plan: DhcpPlan) -> None:
        halves = self._halves.following(plan, self._now(), met=self._met)
        if halves != self._halves:
            self._kept.keep_held_halves(halves)
            self._halves = halves

    async def _text(self, plan: DhcpPlan) -> str:
        """Write it beside the reactor's thread, and not again for the same plan."""
        held = self._halves.waiting(plan, self._now())
        known = self._written.known(plan, held)
        if known is not None:
            return known
        async with self._writing:
            return await self._host.think(lambda: self._written.file(plan, held))

    def _write(self, plan: DhcpPlan) -> str:
        return self._written.file(plan, self._halves.waiting(plan, self._now()))

    def _now(self) -> int:
        return int(self._host.wall_clock().timestamp())


def _has_all(plan: DhcpPlan, served: DhcpPlan) -> bool:
    """Tell whether a plan has all that was served, with the same halves."""
    halves = {(it.vlan.id, it.half) for it in plan}
    with_ipv6 = [it for it in served if it.vlan.has_ipv6]
    return bool(with_ipv6) and all((it.vlan.id, it.half) in halves for it in with_ipv6)
