"""The power driver that speaks IPMI 2.0 itself: no other program, and no password outside.

Open, do, close: a BMC has one session of this rack at a time, and none that is kept.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from secrets import token_bytes
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.logger import Logger

from evenrack.errors import BmcBusy, BmcRefused, BmcRefusedSuite
from evenrack.model.power import CIPHER_SUITES, BmcAccess, PowerState
from evenrack.rack.power.rmcp.agreeing import Around, Way
from evenrack.rack.power.rmcp.commands import (
    OFF,
    ON,
    RESET,
    SOFT,
    STATUS,
    BootDevice,
    Command,
    boot_once,
    power_state,
)
from evenrack.rack.power.rmcp.session import Session, converse
from evenrack.rack.power.rmcp.suites import SUITES

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
        self._places = DeferredSemaphore(most_sessions)
        self._turns: WeakValueDictionary[tuple[Any, int], DeferredLock] = WeakValueDictionary()
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
        async with self._alone(access, ends):
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

    @asynccontextmanager
    async def _alone(self, access: BmcAccess, ends: float) -> AsyncIterator[None]:
        """Wait for the end of this BMC's other session, then for a place; BmcBusy when too long."""
        key = (access.address, access.port)
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = DeferredLock()
        await self._in_time(turn.acquire(), ends, "another session with this BMC takes too long")
        try:
            await self._in_time(self._places.acquire(), ends, "too many sessions on this rack")
            try:
                yield
            finally:
                self._places.release()
        finally:
            turn.release()

    async def _in_time(self, waiting: Deferred[Any], ends: float, why: str) -> None:
        reactor = self._around.reactor
        try:
            await waiting.addTimeout(max(0.0, ends - reactor.seconds()), reactor)
        except WaitedTooLong:
            raise BmcBusy(why) from None
