"""An order goes to its rack in the look that finds it, without a second one and without a timer."""

from attrs import evolve
from twisted.internet.task import Clock

from evenrack.balance.power_routes import StoredOrder
from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.model.fleet import Managing
from evenrack.model.fleet_number import BEFORE_ALL
from evenrack.model.identifiers import BmcId, LinkId, OrderId, ProcessId
from evenrack.model.power import PowerOutcome
from evenrack.region.database.bmc_reading import password_cell
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.power.power_orders import PowerOrders
from evenrack.region.sealing import Sealer
from evenrack.wire.version import PROTOCOL
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import rack_id

BMC, ONE = BmcId(1), rack_id(1)
SEALER = Sealer(
    keys=Keys(all=(Key(id="k", content=Secret(b"k" * 32)),)), token_bytes=lambda n: b"t" * n
)
SEALED = SEALER.seal(Secret(b"word"), password_cell(BMC)), None
NEW = StoredOrder(
    id=OrderId(7), bmc=BMC, machine="m1", action="on", attempt=0, phase="NEW", seconds_left=9.0
)
TAKEN = evolve(NEW, attempt=1, rack=ONE, seconds_left=60.0)


class Tables:
    """Answers one question after the other as the tables would, and counts them."""

    def __init__(self, fleet, taken):
        self._fleet = fleet
        self._taken = taken
        self.looks = 0

    async def read(self, work):
        if work.__name__ == "_read":
            self.looks += 1
            return [NEW], self._fleet
        return SEALED

    async def run(self, work):
        return self._taken


class Rack:
    """The link to a rack; it keeps what it is told."""

    link, rack, protocol = LinkId("link1"), ONE, PROTOCOL

    def __init__(self):
        self.told = []

    async def power_bmc(self, order):
        self.told.append((order.id, order.attempt, order.seconds_left))
        return PowerOutcome(result="ok", state="on", sent=True)


def told_in_first_look(taken):
    """Let a process look at a new order; gives what its rack was told, before any time passed."""
    fleet = bmc_fleet({1: [1]}, owners={1: 1})
    (process,) = {link.process for link in fleet.links}
    managing = {ONE: Managing(process=process, number=BEFORE_ALL)}
    fleet = evolve(fleet, managing=managing)
    tables, connected, rack, clock = Tables(fleet, taken), ConnectedRacks(), Rack(), Clock()
    connected.add(rack)
    connected.admit(rack, recorded=True)
    orders = PowerOrders(tables, FleetCache(), connected, ProcessId(process), clock, lambda: SEALER)
    orders.startService()
    clock.advance(0)
    orders.stopService()
    assert tables.looks == 1
    return rack.told


def test_an_order_that_is_taken_goes_to_its_rack_at_once_with_its_new_attempt_and_time():
    assert told_in_first_look(TAKEN) == [(7, 1, 60.0)]


def test_an_order_that_another_process_took_is_not_sent():
    assert told_in_first_look(None) == []
