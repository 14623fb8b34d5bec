"""Sees that the power state of every machine is known and recent: each BMC is asked by its owner.

Every process has the racks that it manages ask, and never where an order has not ended. Two that
ask the same do no harm.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.balance.power_routes import StoredOrder
from evenrack.errors import (
    Damaged,
    DatabaseUnreachable,
    EvenrackError,
    KeyMissing,
    OrderOutdated,
    SchemaMismatch,
)
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import BmcId, ProcessId, RackId
from evenrack.model.power import NO_ORDER, PowerOutcome
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.database.state_store import DueBmc, put_off, read_due, record_look
from evenrack.region.links.connected_racks import ConnectedRacks, RackLink
from evenrack.region.power.power_orders import PowerOrders
from evenrack.runtime.log_format import error_text
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 1.0
MOST_OF_RACK = 8
"""BMCs that one rack is asked about at once when nothing else is set: 10,000 on ten racks have
their turn in 300 s."""
HELD_SECONDS = 10.0
"""After its rack could not ask a BMC, which says nothing about the BMC: it had no lease, or an
order had come."""

_NOT_OF_THE_BMC = (DatabaseUnreachable, SchemaMismatch, KeyMissing, Damaged, OrderOutdated)
"""What says nothing about a BMC, but about this process, or its keys; OrderOutdated by a rack of
an older version."""


@frozen(kw_only=True)
class PollingSource:
    """Where what is asked comes from, and goes to."""

    database: Database
    cache: FleetCache
    connected: ConnectedRacks
    orders: PowerOrders
    process: ProcessId


class PowerPolling(MultiService):
    """Looks each second for BMCs that have not been asked for long."""

    log = Logger()

    def __init__(
        self,
        source: PollingSource,
        clock: IReactorTime,
        poll_seconds: float,
        most_of_rack: int = MOST_OF_RACK,
    ) -> None:
        super().__init__()
        self._most_of_rack = most_of_rack
        self._source = source
        self._poll_seconds = poll_seconds
        self._asking: dict[BmcId, RackId] = {}
        self._turns = count(1)
        looking = LookAgain(self._look, clock, gather_seconds=0.5, at_least_every=LOOK_SECONDS)
        looking.setServiceParent(self)

    async def _look(self) -> None:
        source = self._source
        most = 2 * self._most_of_rack  # who is being asked is still due: as many others are read
        try:
            due = await source.database.read(lambda c: read_due(c, source.process, most))
            wanted = chosen_of(due, self._asking, self._most_of_rack)
            fleet = (
                await source.database.read(source.cache.read_without_answers) if wanted else None
            )
        except DatabaseUnreachable:
            return
        for each in wanted:
            link = source.connected.newest_admitted(each.rack)
            if fleet is not None and link is not None and each.bmc in fleet.bmcs:
                self._asking[each.bmc] = each.rack
                Deferred.fromCoroutine(self._ask(link, each, fleet))

    async def _ask(self, link: RackLink, due: DueBmc, fleet: Fleet) -> None:
        source = self._source
        look = StoredOrder(
            id=NO_ORDER,
            bmc=due.bmc,
            machine="",
            action="query",
            attempt=next(self._turns),
            phase="NEW",
            rack=due.rack,
            seconds_left=0.0,
        )
        outcome = None
        try:
            outcome = await source.orders.ask(link, look, fleet)
        except _NOT_OF_THE_BMC as problem:
            self.log.debug("BMC {bmc} was not asked: {why}", bmc=due.bmc, why=error_text(problem))
        except (EvenrackError, NoSuchObject) as problem:
            outcome = PowerOutcome(result="failed", state="unknown", error=str(problem))
        except Exception as problem:  # noqa: BLE001  a link that ended; the next look asks again
            self.log.debug("BMC {bmc} was not asked: {why}", bmc=due.bmc, why=error_text(problem))
        try:
            if outcome is None or outcome.retryable:
                await source.database.run(lambda c: put_off(c, due.bmc, HELD_SECONDS))
            else:
                seconds = self._poll_seconds
                await source.database.run(lambda c: record_look(c, due, outcome, seconds))
        except DatabaseUnreachable:
            pass  # it is asked again
        finally:
            del self._asking[due.bmc]


def chosen_of(
    due: Sequence[DueBmc], asking: Mapping[BmcId, RackId], most_of_rack: int = MOST_OF_RACK
) -> list[DueBmc]:
    """Leave out what is being asked, and what its rack has no place for."""
    places = Counter(asking.values())
    chosen = []
    for each in due:
        if each.bmc not in asking and places[each.rack] < most_of_rack:
            places[each.rack] += 1
            chosen.append(each)
    return chosen
