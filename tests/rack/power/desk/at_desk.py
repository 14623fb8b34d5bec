"""A desk of power orders with 40 machines, and what was recorded."""

from ipaddress import IPv4Address

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.errors import DatabaseUnreachable
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import BmcAccess, PowerOrder
from evenrack.rack.power.desk import PowerDesk, PowerSurroundings
from tests.rack.small_driver import WORD, Machines, SmallDriver
from tests.wire.both_ends import Outcome

LIMIT = 30.0


def address_of(bmc):
    return IPv4Address("10.9.0.0") + bmc


class AtDesk:
    """A desk, its driver, 40 machines that are on, and what was recorded."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.machines = Machines(clock=self.clock)
        for bmc in range(1, 41):
            self.machines.add(address_of(bmc), state="on", answers_in=0.5)
        self.driver = SmallDriver(machines=self.machines)
        self.lease = True
        self.has_database = True
        self.is_mine = True
        self.phases = []
        self.recorded = "NEW"
        self.around = PowerSurroundings(
            driver=self.driver,
            record=self._record,
            may_act=lambda: self.lease,
            clock=self.clock,
            **settings,
        )
        self.desk = PowerDesk(self.around)
        self.desk.startService()

    async def _record(self, order, attempt, before, after):
        if not self.has_database:
            raise DatabaseUnreachable("there is no database")
        if not self.is_mine:
            return False
        self.phases.append((order, attempt, after))
        self.recorded = after
        return True

    def restart(self):
        """Let another daemon of this rack begin, which knows nothing of the orders before."""
        self.desk.stopService()
        self.wait(1)
        self.desk = PowerDesk(self.around)
        self.desk.startService()

    def take(self, order=1, attempt=1, *, action="off", bmc=1, phase="NEW", unrecorded=False):
        access = BmcAccess(address=address_of(bmc), user="me", password=WORD)
        taken = PowerOrder(
            id=OrderId(order),
            attempt=attempt,
            bmc=BmcId(bmc),
            access=access,
            action=action,
            phase=phase,
            seconds_left=LIMIT,
            unrecorded=unrecorded,
        )
        return Outcome(Deferred.fromCoroutine(self.desk.take(taken)))

    def wait(self, seconds):
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)

    def told(self, bmc=1):
        return self.machines.told_to(address_of(bmc))

    def bmc(self, number=1):
        return self.machines.bmcs[address_of(number)]
