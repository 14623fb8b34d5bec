"""The DHCP server of this host: ISC dhcpd, from a plan to a running program and its states."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from twisted.internet.defer import DeferredLock

from evenrack.errors import DhcpConfigurationRefused, DhcpServerSilent, ProgramFailed
from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.dhcp_report import SideState
from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.rack.dhcp.failover_sockets import SOCKETS, are_connected
from evenrack.rack.dhcp.host_changes import followable, host_changes, more_hosts
from evenrack.rack.dhcp.lease_tail import unshared_in
from evenrack.rack.dhcp.omapi import Omapi
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from evenrack.rack.dhcp.systemd_unit import DhcpdUnit
from evenrack.rack.dhcp.written_vlans import WrittenVlans
from evenrack.runtime.thinking import Think
from evenrack.runtime.wall_clock import utc_now


class IscDhcpServer:
    """`converge.DhcpServer` over a real dhcpd."""

    def __init__(
        self,
        program: DhcpdProgram | DhcpdUnit,
        omapi: Omapi,
        access: OmapiAccess,
        think: Think,
        wall_clock: Callable[[], datetime] = utc_now,
        *,
        sockets: Path = SOCKETS,
    ) -> None:
        self._program = program
        self._omapi = omapi
        self._access = access
        self._think = think
        self._wall_clock = wall_clock
        self._sockets = sockets
        self._written = WrittenVlans()
        self._one_at_a_time = DeferredLock()

    def running(self) -> bool:
        return self._program.running()

    async def prepare(self, plan: DhcpPlan) -> None:
        with suppress(ValueError):  # who checks it is told
            await self._text(plan)

    def serves(self, plan: DhcpPlan) -> bool:
        try:
            return bool(plan) and self._program.current_text() == self._write(plan)
        except ValueError:
            return False

    async def check(self, plan: DhcpPlan) -> None:
        try:
            text = await self._text(plan)
        except ValueError as problem:
            raise DhcpConfigurationRefused(str(problem)) from problem
        await self._program.check(text)

    async def restart(self, plan: DhcpPlan, interfaces: Sequence[str]) -> None:
        try:
            text = await self._text(plan)
        except ValueError as problem:
            raise ProgramFailed("dhcpd", "was not started", str(problem)) from problem
        await self._program.restart(text, interfaces)
        self._written.forget_others(plan)

    async def followable(self, served: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
        try:
            return await self._think(lambda: followable(served, plan))
        except ValueError:  # who checks it is told
            return served

    async def more_hosts(self, served: DhcpPlan, told: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
        try:
            return await self._think(lambda: more_hosts(served, told, plan))
        except ValueError:
            return told

    async def tell_hosts(self, served: DhcpPlan, plan: DhcpPlan) -> None:
        changes = await self._think(lambda: host_changes(served, plan))
        await self._omapi.change_hosts(changes)

    async def keep_hosts(self, plan: DhcpPlan) -> None:
        """Let dhcpd check it, too: that takes long for a large one; our own checks came first."""
        text = await self._text(plan)
        await self._program.check(text)
        await self._program.keep_in_step(text)
        self._written.forget_others(plan)

    async def stop(self) -> None:
        await self._program.stop()

    async def states(self, plan: DhcpPlan) -> Mapping[VlanId, SideState]:
        names = {service.peer_name: service.vlan.id for service in plan if service.peer is not None}
        if not names:
            return {}
        states = await self._omapi.failover_states(list(names))
        return {names[name]: state for name, state in states.items()}

    async def put_back(self, service: VlanService, state: SideState) -> None:
        await self._omapi.set_failover_state(service.peer_name, state)

    async def mclt_seconds(self, service: VlanService) -> int:
        return await self._omapi.mclt_seconds(service.peer_name)

    async def partner_state(self, service: VlanService) -> SideState:
        states = await self._omapi.partner_states([service.peer_name])
        return states[service.peer_name]

    async def hears_partner(self, service: VlanService) -> bool:
        if service.peer is None:
            return False
        own, peer, sockets = service.address, service.peer.address, self._sockets
        try:
            return await self._think(lambda: are_connected(sockets.read_text("ascii"), own, peer))
        except OSError as problem:
            raise DhcpServerSilent(f"{sockets}: {problem.strerror}") from problem

    async def unshared_leases(
        self, services: Sequence[VlanService], *, older: float = 0.0
    ) -> Mapping[VlanId, int]:
        networks = {it.vlan.id: [net.cidr for net in it.vlan.all_subnets] for it in services}
        now = self._wall_clock().timestamp()
        return await self._think(
            lambda: unshared_in(self._program.lease_tail(), networks, now, older=older)
        )

    async def _text(self, plan: DhcpPlan) -> str:
        """Write the file beside the reactor's thread: 100,000 reservations take a second."""
        async with self._one_at_a_time:
            return await self._think(lambda: self._write(plan))

    def _write(self, plan: DhcpPlan) -> str:
        return self._written.file(plan, self._access)
