"""The power driver that speaks IPMI 2.0 itself: no other program, and no password outside.

Open, do, close: a BMC has one session of this rack at a time, and none that is kept.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from secrets import token_bytes
from typing import Any, Final, TypeVar

from twisted.logger import Logger

from evenrack.errors import BmcBusy, BmcRefused, BmcRefusedSuite
from evenrack.model.power import CIPHER_SUITES, BmcAccess, BootDevice, PowerState
from evenrack.rack.power.rmcp.agreeing import Around, Way
from evenrack.rack.power.rmcp.commands import (
    OFF,
    ON,
    RESET,
    SOFT,
    STATUS,
    Command,
    boot_once,
    power_state,
)
from evenrack.rack.power.rmcp.session import Session, converse
from evenrack.rack.power.rmcp.suites import SUITES
from evenrack.rack.power.turns import Turns

Result = TypeVar("Result")

SECONDS: Final = 9.0
"""For all of it: waiting for a place, agreeing on a session, telling the BMC. So nothing is sent
later than that after it was asked for, which a successor of this rack counts on (10 s)."""

MOST_SESSIONS: Final = 64
"""Sessions of one rack at a time, each with another BMC."""


class IpmiDriver:
    """BMCs that speak IPMI 2.0 over RMCP+; promises what `driver.PowerDriver` does."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        most_sessions: int = MOST_SESSIONS,
        chance: Callable[[int], bytes] = token_bytes,
    ) -> None:
        self._around = Around(reactor=reactor, token_bytes=chance)
        self._turns = Turns(reactor, most_sessions)
        self._suites: dict[tuple[Any, int], int] = {}

    async def query(self, access: BmcAccess) -> PowerState:
        return power_state(await self._run(access, [STATUS]))

    async def turn_on(self, access: BmcAccess) -> None:
        await self._run(access, [ON])

    async def turn_off(self, access: BmcAccess) -> None:
        await self._run(access, [OFF])

    async def reset(self, access: BmcAccess) -> None:
        """Restart the machine at once; BmcSilent must not be followed by another one."""
        await self._run(access, [RESET])

    async def shut_down(self, access: BmcAccess) -> None:
        """Ask the machine's operating system to end; BmcSilent as above."""
        await self._run(access, [SOFT])

    async def boot_once(self, access: BmcAccess, device: BootDevice) -> None:
        """Let the next start be from this device, in the way of `access.boot_type`."""
        await self._run(access, boot_once(device, access.boot_type))

    async def _run(self, access: BmcAccess, commands: Sequence[Command]) -> bytes:
        """Give commands in one session; the answer of the last."""

        async def talk(session: Session) -> bytes:
            data = b""
            for command in commands:
                try:
                    data = await session.run(command)
                except (BmcRefused, BmcBusy):
                    if not command.may_be_refused:
                        raise
            return data

        ends = self._around.reactor.seconds() + SECONDS
        async with self._turns.alone(access, ends):
            return await self._with_some_suite(access, ends, talk)

    async def _with_some_suite(
        self, access: BmcAccess, ends: float, talk: Callable[[Session], Awaitable[Result]]
    ) -> Result:
        """Talk in the first suite that the BMC does not refuse, and remember that one."""
        suites = self._in_turn(access)
        for suite, following in pairwise(suites):
            try:
                return await self._converse(access, suite, ends, talk)
            except BmcRefusedSuite:
                self.log.info(
                    "BMC {address} refuses cipher suite {suite}; trying {following}",
                    address=str(access.address),
                    suite=suite,
                    following=following,
                )
                self._suites[access.address, access.port] = following
        return await self._converse(access, suites[-1], ends, talk)

    async def _converse(
        self,
        access: BmcAccess,
        suite: int,
        ends: float,
        talk: Callable[[Session], Awaitable[Result]],
    ) -> Result:
        way = Way(access=access, suite=SUITES[suite], ends=ends)
        return await converse(self._around, way, talk)

    def _in_turn(self, access: BmcAccess) -> tuple[int, ...]:
        """List the suites to try: what is pinned, or what it took last, and then the others."""
        if access.cipher_suite is not None:
            return (access.cipher_suite,)
        known = self._suites.get((access.address, access.port), CIPHER_SUITES[0])
        return (known, *(suite for suite in CIPHER_SUITES if suite != known))
