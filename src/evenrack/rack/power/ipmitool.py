"""The power driver that runs `ipmitool`: a process for each question, slow and proven."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import Any, Final, TypeVar

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from evenrack.errors import BmcBusy, BmcSilent, BmcUnreachable, ProgramFailed
from evenrack.model.power import CIPHER_SUITES, BmcAccess, BootDevice, PowerState
from evenrack.rack.power.ipmi_command import (
    PASSWORD_DESCRIPTOR,
    Command,
    Said,
    ipmitool_arguments,
    read_done,
    read_state,
    refuses_suite,
)
from evenrack.rack.power.rmcp_ping import ping
from evenrack.runtime.spawned import run_spawned

Answer = TypeVar("Answer")

SECONDS: Final = 9.0
"""For all of it: waiting for the BMC's other conversation, finding the BMC, telling it. So nothing
is sent later than that after it was asked for, which a successor of this rack counts on (10 s)."""

PING_SECONDS: Final = 4.0
"""A BMC that says nothing for so long is not there."""


class IpmitoolDriver:
    """BMCs that speak IPMI 2.0, by way of ipmitool; promises what `driver.PowerDriver` does."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        program: str = "ipmitool",
        seconds: float = SECONDS,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._reactor = reactor
        self._program = program
        self._seconds = seconds
        self._ping_seconds = ping_seconds
        self._turns: dict[tuple[IPv4Address | IPv6Address, int], DeferredLock] = {}
        self._suites: dict[tuple[IPv4Address | IPv6Address, int], int] = {}

    async def query(self, access: BmcAccess) -> PowerState:
        return await self._converse(access, "status", read_state)

    async def turn_on(self, access: BmcAccess) -> None:
        await self._converse(access, "on", read_done)

    async def turn_off(self, access: BmcAccess) -> None:
        await self._converse(access, "off", read_done)

    async def shut_down(self, access: BmcAccess) -> None:
        await self._converse(access, "soft", read_done)

    async def reset(self, access: BmcAccess) -> None:
        await self._converse(access, "reset", read_done)

    async def boot_once(self, access: BmcAccess, device: BootDevice) -> None:
        await self._converse(access, device, read_done)

    async def _converse(
        self, access: BmcAccess, command: Command, read: Callable[[Said], Answer]
    ) -> Answer:
        ends = self._reactor.seconds() + self._seconds
        async with self._turns.setdefault((access.ip, access.port), DeferredLock()):
            await self._find(access, ends)
            return read(await self._tell(access, command, ends))

    async def _find(self, access: BmcAccess, ends: float) -> None:
        """See that a BMC is there: ipmitool takes 20 s to find out, and does not say so."""
        left = ends - self._reactor.seconds()
        if left < self._ping_seconds:
            raise BmcBusy("another conversation with this BMC took too long")
        heard = await ping(self._reactor, access.ip, access.port, self._ping_seconds)
        if heard == "refused":
            raise BmcUnreachable(f"nothing listens on {access.address}, UDP port {access.port}")
        if heard == "silence":
            raise BmcUnreachable(f"{access.address} does not answer on UDP port {access.port}")

    async def _tell(self, access: BmcAccess, command: Command, ends: float) -> Said:
        """Tell it with the first suite that the BMC does not refuse, and remember that one."""
        suites = self._in_turn(access)
        for suite, following in pairwise(suites):
            said = await self._run(access, suite, command, ends)
            if not refuses_suite(said):
                return said
            self.log.info(
                "BMC {address} refuses cipher suite {suite}; trying {following}",
                address=str(access.address),
                suite=suite,
                following=following,
            )
            self._suites[access.ip, access.port] = following
        return await self._run(access, suites[-1], command, ends)

    async def _run(self, access: BmcAccess, suite: int, command: Command, ends: float) -> Said:
        _, *options = ipmitool_arguments(access, suite, command)
        try:
            ended = await run_spawned(
                self._reactor,
                [self._program, *options],
                seconds=max(0.0, ends - self._reactor.seconds()),
                pipes={PASSWORD_DESCRIPTOR: access.password.encode()},
            )
        except ProgramFailed:
            if self._reactor.seconds() < ends:  # it was not even started
                raise
            raise BmcSilent(f"the BMC gave no answer within {self._seconds:g} s") from None
        return Said(
            code=ended.code,
            output=ended.output.decode(errors="replace"),
            errors=ended.errors.decode(errors="replace"),
        )

    def _in_turn(self, access: BmcAccess) -> tuple[int, ...]:
        """List the suites to try: what is pinned, or what it took last, and then the others."""
        if access.cipher_suite is not None:
            return (access.cipher_suite,)
        known = self._suites.get((access.ip, access.port), CIPHER_SUITES[0])
        return (known, *(suite for suite in CIPHER_SUITES if suite != known))
