"""A region process says of which orders it cannot know that all was recorded, and of no other."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.balance.power_routes import StoredOrder
from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import DatabaseUnreachable
from evenrack.model.identifiers import BmcId, OrderId, ProcessId
from evenrack.model.power import PowerOutcome
from evenrack.region.database.bmc_reading import password_cell
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.order_store import ORDER_SECONDS
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.power.power_orders import PowerOrders
from evenrack.region.sealing import Sealer
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import rack_id
from tests.wire.both_ends import Outcome

BMC, ONE = BmcId(1), rack_id(1)
FLEET = bmc_fleet({1: [1]}, owners={1: 1})
SEALER = Sealer(
    keys=Keys(all=(Key(id="k", content=Secret(b"k" * 32)),)), token_bytes=lambda n: b"t" * n
)
SEALED = SEALER.seal(Secret(b"word"), password_cell(BMC)), None


class AwayForRecords:
    """A database that answers questions, and is not there when something is to be written."""

    async def read(self, work):
        return SEALED

    async def run(self, work):
        raise DatabaseUnreachable("there is no database")


class Rack:
    """The link to a rack; it keeps what it is told."""

    def __init__(self):
        self.told = []

    async def power_bmc(self, order):
        self.told.append(order)
        return PowerOutcome(result="ok", state="on", sent=True)


class AtOrders:
    """The orders of one region process that begins now."""

    def __init__(self):
        self.clock, self.rack = Clock(), Rack()
        self.clock.advance(1000)
        self.orders = PowerOrders(
            AwayForRecords(),
            FleetCache(),
            ConnectedRacks(),
            ProcessId("region1/1"),
            self.clock,
            lambda: SEALER,
        )

    def told(self, *, taken_ago, phase="OFF_SENT", action="cycle"):
        """Send an order to its rack; give whether that is told that there may be more of it."""
        order = StoredOrder(
            id=OrderId(7),
            bmc=BMC,
            machine="m1",
            action=action,
            attempt=1,
            phase=phase,
            rack=ONE,
            seconds_left=ORDER_SECONDS - taken_ago,
        )
        Outcome(Deferred.fromCoroutine(self.orders.ask(self.rack, order, FLEET))).value()
        return self.rack.told[-1].unrecorded

    def record(self):
        step = ("OFF_SENT", "OFF_SEEN")
        return Outcome(Deferred.fromCoroutine(self.orders.record_phase(ONE, OrderId(7), 1, step)))


@pytest.fixture
def at():
    return AtOrders()


def test_a_process_that_began_later_than_an_order_does_not_know_what_was_recorded(at):
    at.clock.advance(10)
    assert at.told(taken_ago=11)
    assert not at.told(taken_ago=9)


def test_a_process_that_waited_to_join_knows_nothing_of_that_time(at):
    at.clock.advance(10)
    at.orders.startService()
    at.clock.advance(0.01)
    assert at.told(taken_ago=9)


def test_a_process_that_could_not_record_a_phase_tells_the_rack_so_afterwards(at):
    at.clock.advance(100)
    assert not at.told(taken_ago=9)
    assert isinstance(at.record().error(), DatabaseUnreachable)
    at.clock.advance(5)
    assert at.told(taken_ago=9)
    assert not at.told(taken_ago=4)


@pytest.mark.parametrize(
    ("action", "phase"), [("cycle", "NEW"), ("cycle", "OFF_SEEN"), ("off", "OFF_SENT")]
)
def test_of_other_orders_all_is_recorded_that_was_sent(at, action, phase):
    assert not at.told(taken_ago=50, action=action, phase=phase)
