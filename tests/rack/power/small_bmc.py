"""A BMC in memory, as `driver.PowerDriver` promises it, and a book in which phases are recorded.

For stories that real time would make long. What it does when nothing is wrong is what a real one
does: the tests of drivers ask both.
"""

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from evenrack.errors import BmcSilent, DatabaseUnreachable, RegionUnreachable
from evenrack.model.power import phases_between


@define(kw_only=True)
class SmallBmc:
    """Does what it is told after a while, and has the troubles that a test gives it."""

    clock: IReactorTime
    state: str = "off"
    answers_in: float = 0.0
    turns_in: float = 0.0
    """Seconds from when it has agreed to when it has done it."""
    stuck: bool = False
    told: list = field(factory=list)
    looks: int = 0
    outages: int = 0
    """How often its machine went off."""
    troubles: dict = field(factory=dict)
    """For `query` and each change: what the next ones raise, in turn; the last one goes on for ever
    when `for_ever` is set."""
    for_ever: bool = False
    does_it_silently: bool = False
    """Whether a command that is not answered is carried out."""

    async def query(self, access):
        self.looks += 1
        await self._answer("query")
        return self.state

    async def turn_on(self, access):
        await self._change("on")

    async def turn_off(self, access):
        await self._change("off")

    async def shut_down(self, access):
        await self._change("soft")

    async def reset(self, access):
        await self._change("reset")

    async def boot_once(self, access, device):
        await self._answer("boot")
        self.told.append(f"boot {device}")

    async def _change(self, state):
        try:
            await self._answer(state)
        except BmcSilent:
            if self.does_it_silently:
                self._do(state)
            raise
        self._do(state)

    def _do(self, state):
        self.told.append(state)
        after = {"soft": "off", "reset": "on"}.get(state, state)
        if not self.stuck:
            self.clock.callLater(self.turns_in, self.press, after)

    def press(self, state):
        self.outages += (self.state, state) == ("on", "off")
        self.state = state

    async def _answer(self, what):
        await deferLater(self.clock, self.answers_in)
        waiting = self.troubles.get(what)
        if waiting:
            raise waiting[0] if self.for_ever and len(waiting) == 1 else waiting.pop(0)


@define(kw_only=True)
class Book:
    """The row of an order, as the region would write it."""

    phase: str = "NEW"
    mine: bool = True
    unreachable: bool = False
    """Whether the region that is asked has no database."""
    cut_off: bool = False
    """Whether there is no region to ask."""
    lost: set = field(factory=set)
    """Of these phases the answer gets lost, once each."""
    written: list = field(factory=list)

    async def record(self, before, after):
        if self.cut_off:
            raise RegionUnreachable("there is no region")
        if self.unreachable:
            raise DatabaseUnreachable("there is no database")
        if not self.mine or self.phase not in phases_between(before, after):
            return False
        self.phase = after
        self.written.append(after)
        if after in self.lost:
            self.lost.remove(after)
            raise RegionUnreachable("the answer got lost")
        return True
