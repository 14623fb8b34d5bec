"""Machines in memory, and the driver with which each rack switches them.

Every rack has a driver of its own, and all of them the same machines: what each was told, and by
whom, is counted for all.
"""

from attrs import define, field
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from evenrack.errors import BmcRefusedPassword, BmcUnreachable
from tests.rack.power.small_bmc import SmallBmc

WORD = "hidden word"
"""The password of every BMC, unless a test changes it."""


@define(kw_only=True)
class Machines:
    """All BMCs, by address, and what they were told, in order: (rack, what, address)."""

    clock: IReactorTime
    opened_by: str = WORD
    bmcs: dict = field(factory=dict)
    told: list = field(factory=list)
    asked_with: set = field(factory=set)
    """Every way in which a BMC was asked."""

    def add(self, address, **more):
        self.bmcs[address] = SmallBmc(clock=self.clock, **more)
        return self.bmcs[address]

    def told_to(self, address):
        return [what for _, what, where in self.told if where == address]


@define(kw_only=True)
class SmallDriver:
    """One rack's way to the machines."""

    machines: Machines
    rack: str = "rack1"
    unreachable: set = field(factory=set)
    """Addresses that this rack does not reach."""
    held: dict = field(factory=dict)
    """By address: what an answer to the question whether it is there waits for."""
    ends_in: float = 0.0
    """Seconds that a conversation goes on after it was cancelled, as a program that is ended."""
    bug: Exception | None = None
    talking: int = 0
    most_talking: int = 0

    async def query(self, access):
        return await self._talk(access, "query", lambda bmc: bmc.query(access))

    async def turn_on(self, access):
        await self._talk(access, "on", lambda bmc: bmc.turn_on(access))

    async def turn_off(self, access):
        await self._talk(access, "off", lambda bmc: bmc.turn_off(access))

    async def shut_down(self, access):
        await self._talk(access, "soft", lambda bmc: bmc.shut_down(access))

    async def reset(self, access):
        await self._talk(access, "reset", lambda bmc: bmc.reset(access))

    async def boot_once(self, access, device):
        await self._talk(access, f"boot {device}", lambda bmc: bmc.boot_once(access, device))

    async def answers(self, target):
        """What `ask_bmc` is."""
        if target.address in self.held:
            await self.held[target.address]
        return self._reaches(target.address)

    def _reaches(self, address):
        return address in self.machines.bmcs and address not in self.unreachable

    async def _talk(self, access, what, work):
        self.machines.asked_with.add(access)
        self.talking += 1
        self.most_talking = max(self.most_talking, self.talking)
        try:
            if self.bug is not None:
                raise self.bug
            if not self._reaches(access.address):
                raise BmcUnreachable(f"nothing answers at {access.address}")
            if access.password != self.machines.opened_by:
                raise BmcRefusedPassword("the password is another")
            if what != "query":
                self.machines.told.append((self.rack, what, access.address))
            return await work(self.machines.bmcs[access.address])
        except CancelledError:
            await deferLater(self.machines.clock, self.ends_in)
            raise
        finally:
            self.talking -= 1
