"""One order, one rack, one BMC in memory and one row, with a clock that a test moves."""

from collections.abc import Callable
from ipaddress import IPv4Address

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import BmcAccess, PowerOrder, PowerOutcome
from evenrack.rack.power.order_run import FINISH_SECONDS, run_order
from tests.rack.power.small_bmc import Book, SmallBmc

HIDDEN = "hidden word"
ACCESS = BmcAccess(address=IPv4Address("10.0.0.9"), user="me", password=HIDDEN)
LIMIT = 30.0


@define(kw_only=True)
class Story:
    """One rack, one BMC, one row."""

    clock: Clock = field(factory=Clock)
    bmc: SmallBmc = field()
    book: Book = field(factory=Book)
    lease: bool = True
    record: Callable | None = None
    """Instead of the book's own."""
    running: Deferred | None = None

    @bmc.default
    def _bmc(self):
        return SmallBmc(clock=self.clock)

    def start(self, action, *, seconds_left=LIMIT, places=None, boot=None):
        order = PowerOrder(
            id=OrderId(1),
            attempt=1,
            bmc=BmcId(1),
            access=ACCESS,
            action=action,
            phase=self.book.phase,
            seconds_left=seconds_left,
            boot=boot,
        )
        self.running = Deferred.fromCoroutine(
            run_order(
                order,
                self.bmc,
                self.record or self.book.record,
                lambda: self.lease,
                self.clock,
                places,
            )
        )

    def wait(self, seconds):
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)

    def finish(self, action, **more):
        """Run an order to its end, in more than enough time."""
        self.start(action, **more)
        return self.end()

    def end(self):
        self.wait(LIMIT + FINISH_SECONDS + 20)
        assert self.running.called, "it never ends"
        assert self.clock.getDelayedCalls() == []
        outcome = []
        self.running.addCallback(outcome.append)
        return outcome[0]


def ok(state, *, sent=True):
    return PowerOutcome(result="ok", state=state, sent=sent)
