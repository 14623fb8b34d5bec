"""Sees that each power order is carried out: by the rack that it is for, or by the next one.

Every process looks at all unfinished orders and acts for the racks that it manages. Two that act
for the same order do no harm: only one of them raises its attempt.
"""

from collections import Counter
from collections.abc import Callable

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.balance.power_routes import (
    OVERDUE_SECONDS,
    End,
    Send,
    StoredOrder,
    Take,
    may_have_gone_further,
    needs_time,
    next_for,
    was_under_way,
)
from evenrack.errors import DatabaseUnreachable, EvenrackError
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import BmcId, OrderId, ProcessId, RackId
from evenrack.model.power import BmcAccess, Phase, PowerOrder, PowerOutcome
from evenrack.region.database.bmc_reading import (
    k_g_cell,
    password_cell,
    sealed_k_g_of,
    sealed_password_of,
)
from evenrack.region.database.engine import Connection, Database
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.database.order_store import (
    Ending,
    end_order,
    ending_of,
    give_back,
    prolong,
    read_unfinished,
    record_phase,
    seconds_for,
    take_order,
)
from evenrack.region.leading.absences import Absences
from evenrack.region.links.connected_racks import ConnectedRacks, RackLink
from evenrack.region.sealing import Sealer
from evenrack.runtime.log_format import error_text
from evenrack.runtime.look_again import LookAgain


class PowerOrders(MultiService):
    """Looks at every change, and each second while an order is unfinished."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        cache: FleetCache,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
        sealer: Callable[[], Sealer],
    ) -> None:
        super().__init__()
        self._database = database
        self._cache = cache
        self._connected = connected
        self._process = process
        self._clock = clock
        self._sealer = sealer
        self._absences = Absences(clock)
        self._unfinished = True
        self._no_database_at = float("-inf")
        self._began_at = clock.seconds()
        """What was before, it does not know: there may have been no database."""
        self._under_way: set[tuple[OrderId, int]] = set()
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.02, at_least_every=1.0, first_at_once=True
        )
        self._looking.setServiceParent(self)

    def startService(self) -> None:
        self._began_at = self._clock.seconds()
        super().startService()

    def trigger(self) -> None:
        """Look soon: there may be a new order."""
        self._looking.trigger()

    def trigger_if_any(self) -> None:
        """Look soon unless all orders were finished at the last look."""
        if self._unfinished:
            self._looking.trigger()

    async def record_phase(
        self, rack: RackId, order: OrderId, attempt: int, step: tuple[Phase, Phase]
    ) -> bool:
        """Record how far a rack is with an order; False when it may not go on."""
        try:
            return await self._database.run(lambda c: record_phase(c, rack, order, attempt, step))
        except DatabaseUnreachable:
            self._no_database_at = self._clock.seconds()
            raise

    async def _look(self) -> None:
        try:
            orders, fleet = await self._database.read(self._read)
            self._unfinished = bool(orders)
            if fleet is None:
                return
            self._absences.look(fleet)
            orders_of = Counter(order.rack for order in orders if order.rack is not None)
            waiting = [o.id for o in orders if await self._look_at(o, fleet, orders_of)]
            if waiting:
                await self._database.run(lambda c: prolong(c, waiting))
        except DatabaseUnreachable:  # racks finish what is recorded; all else waits
            self._no_database_at = self._clock.seconds()

    def _read(self, connection: Connection) -> tuple[list[StoredOrder], Fleet | None]:
        """Read the unfinished orders, and the fleet only where there are any."""
        orders = read_unfinished(connection)
        return orders, self._cache.read_without_answers(connection) if orders else None

    async def _look_at(self, order: StoredOrder, fleet: Fleet, orders_of: Counter[RackId]) -> bool:
        """Do what an order needs now; True when it is to be given more time."""
        away = None if order.rack is None else self._absences.seconds(order.rack)
        step = next_for(
            order,
            fleet,
            away_seconds=away,
            orders_of=orders_of,
            unrecorded=self._may_be_unrecorded(order),
            began_later=self._was_under_way(order, self._began_at),
        )
        if isinstance(step, Take):
            orders_of[step.rack] += 1
            if fleet.manager_of(step.rack) == self._process:
                await self._take(order, fleet, step.rack)
        elif isinstance(step, Send):
            if fleet.manager_of(step.rack) == self._process:
                self._send_once(order, fleet, step.rack)
        elif isinstance(step, End):
            ending = Ending(result=step.result, error=step.error)
            await self._database.run(lambda c: end_order(c, order, ending))
        return needs_time(order, step)

    def _may_be_unrecorded(self, order: StoredOrder) -> bool:
        return self._was_under_way(order, max(self._no_database_at, self._began_at))

    def _was_under_way(self, order: StoredOrder, moment: float) -> bool:
        seconds_ago = self._clock.seconds() - moment
        return was_under_way(order, seconds_ago=seconds_ago, of_seconds=seconds_for(order.action))

    async def _take(self, order: StoredOrder, fleet: Fleet, rack: RackId) -> None:
        taken = await self._database.run(lambda c: take_order(c, order, rack))
        if taken is not None:
            self._send_once(taken, fleet, rack)

    def _send_once(self, order: StoredOrder, fleet: Fleet, rack: RackId) -> None:
        link = self._connected.newest_admitted(rack)
        attempt = (order.id, order.attempt)
        if link is not None and attempt not in self._under_way and order.bmc in fleet.bmcs:
            self._under_way.add(attempt)
            Deferred.fromCoroutine(self._send(link, order, fleet))

    async def _send(self, link: RackLink, order: StoredOrder, fleet: Fleet) -> None:
        """Send in the background, and write down what came of it."""
        try:
            outcome = await self.ask(link, order, fleet)
            await self._database.run(lambda c: _write_outcome(c, order, outcome))
        except DatabaseUnreachable:
            pass  # the rack remembers what came of it, and is asked again
        except (EvenrackError, NoSuchObject) as problem:
            await self._give_up(order, problem)
        except Exception as problem:  # noqa: BLE001  a link that ended; the next look sees it
            self.log.debug("order {order} got lost: {why}", order=order.id, why=error_text(problem))
        finally:
            self._under_way.discard((order.id, order.attempt))

    async def ask(self, link: RackLink, order: StoredOrder, fleet: Fleet) -> PowerOutcome:
        """Send an order to a rack, and give what came of it."""
        sealed = await self._database.read(lambda c: _sealed_secrets(c, order.bmc))
        told = self._order_for(order, fleet, sealed)
        sent = Deferred.fromCoroutine(link.power_bmc(told))
        sent.addTimeout(max(order.seconds_left, 0) + OVERDUE_SECONDS, self._clock)
        return await sent

    def _order_for(
        self, order: StoredOrder, fleet: Fleet, sealed: tuple[bytes, bytes | None]
    ) -> PowerOrder:
        bmc = fleet.bmcs[order.bmc]
        password, k_g = sealed
        sealer = self._sealer()
        return PowerOrder(
            id=order.id,
            attempt=order.attempt,
            bmc=order.bmc,
            access=BmcAccess(
                address=bmc.address,
                port=bmc.port,
                user=bmc.user,
                password=sealer.open(password, password_cell(order.bmc)).reveal().decode(),
                cipher_suite=bmc.cipher_suite,
                driver=bmc.driver,
                k_g="" if k_g is None else sealer.open(k_g, k_g_cell(order.bmc)).reveal().decode(),
                privilege=bmc.privilege,
                boot_type=bmc.boot_type,
                login=bmc.login,
                system=bmc.system or "",
                certificate_sha256=bmc.certificate_sha256 or "",
                certificate_name=bmc.certificate_name or "",
            ),
            action=order.action,
            boot=order.boot,
            phase=order.phase,
            seconds_left=order.seconds_left,
            unrecorded=may_have_gone_further(order, unrecorded=self._may_be_unrecorded(order)),
        )

    async def _give_up(self, order: StoredOrder, problem: EvenrackError) -> None:
        """End an order that this process cannot send: no key, or a rack that has a newer one."""
        self.log.warn(
            "order {order} cannot be sent: {name}: {problem}",
            order=order.id,
            name=type(problem).__name__,
            problem=str(problem),
        )
        if order.phase != "NEW":
            return  # its rack knows more; the deadline ends it
        ending = Ending(result="failed", error=str(problem))
        try:
            await self._database.run(lambda c: end_order(c, order, ending))
        except DatabaseUnreachable:
            return  # the deadline ends it


def _sealed_secrets(connection: Connection, bmc: BmcId) -> tuple[bytes, bytes | None]:
    """Give a BMC's password and its own key, as they are kept; NoSuchObject."""
    return sealed_password_of(connection, bmc), sealed_k_g_of(connection, bmc)


def _write_outcome(connection: Connection, order: StoredOrder, outcome: PowerOutcome) -> None:
    """End the order, or let it go on, here or elsewhere, where that can do no harm."""
    if outcome.retryable and outcome.sent:
        return  # its rack had no lease for the rest; it is asked again within a second
    if outcome.result == "failed" and outcome.retryable and not outcome.sent:
        give_back(connection, order, outcome.error)
    else:
        end_order(connection, order, ending_of(outcome))
