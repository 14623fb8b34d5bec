"""Turns of conversations: a BMC has one at a time, and a rack only so many with different BMCs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore
from twisted.internet.defer import TimeoutError as WaitedTooLong

from evenrack.errors import BmcBusy
from evenrack.model.power import BmcAccess


class Turns:
    """Who waits for a turn, waits until its conversation would have to be over."""

    def __init__(self, reactor: Any, most_sessions: int) -> None:
        self._reactor = reactor
        self._places = DeferredSemaphore(most_sessions)
        self._turns: WeakValueDictionary[tuple[Any, int], DeferredLock] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, access: BmcAccess, ends: float) -> AsyncIterator[None]:
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
        if waiting.called:  # mostly nobody is before us, and a timer costs as much as AES
            await waiting
            return
        try:
            await waiting.addTimeout(max(0.0, ends - self._reactor.seconds()), self._reactor)
        except WaitedTooLong:
            raise BmcBusy(why) from None
