"""Sends each rack that this process manages its newest plan."""

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp

from evenrack.balance.rack_plans import plan_for
from evenrack.errors import DatabaseUnreachable, StalePlan
from evenrack.model.fleet import Fleet, Rack
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.rack_plan import RackPlan
from evenrack.region.connected_racks import ConnectedRacks, RackLink
from evenrack.region.database.connection_store import record_held_plan
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_store import read_managed
from evenrack.runtime.look_again import LookAgain

ANSWER_SECONDS = 10.0


class PlanSender(MultiService):
    """Compares what each managed rack follows with its newest plan, and sends what is newer."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._database = database
        self._connected = connected
        self._process = process
        self._clock = clock
        self._sending = LookAgain(
            self._send_what_is_new, clock, gather_seconds=0.02, at_least_every=1.0
        )
        self._sending.setServiceParent(self)
        self._under_way: set[RackId] = set()

    def trigger(self) -> None:
        """Look soon: an assignment may have changed."""
        self._sending.trigger()

    async def _send_what_is_new(self) -> None:
        try:
            fleet = await self._database.read(lambda c: read_managed(c, self._process))
        except DatabaseUnreachable:
            return
        for rack, plan in self._outdated(fleet):
            link = self._connected.newest_admitted(rack)
            if link is not None and rack not in self._under_way:
                self._under_way.add(rack)
                Deferred.fromCoroutine(self._send(link, plan))

    def _outdated(self, fleet: Fleet) -> list[tuple[RackId, RackPlan]]:
        plans = [(rack, plan_for(fleet, rack)) for rack in fleet.managing]
        return [
            (rack, plan)
            for rack, plan in plans
            if plan is not None and _is_newer(plan, fleet.racks[rack])
        ]

    async def _send(self, link: RackLink, plan: RackPlan) -> None:
        """Send in the background: a slow rack must not hold up the others."""
        try:
            sent = Deferred.fromCoroutine(link.apply_plan(plan))
            sent.addTimeout(ANSWER_SECONDS, self._clock)
            number, fingerprint = await sent
            await self._database.run(lambda c: record_held_plan(c, link.rack, number, fingerprint))
        except (StalePlan, amp.RemoteAmpError) as refusal:
            self.log.warn(
                "rack {rack} refused plan {number}: {reason}",
                rack=link.rack,
                number=str(plan.number),
                reason=str(refusal),
            )
        except DatabaseUnreachable:
            pass
        except Exception:  # noqa: BLE001  a link that ends under way; the next look finds another
            self.log.debug("plan {number} to {rack} got lost", number=plan.number, rack=link.rack)
        finally:
            self._under_way.discard(link.rack)


def _is_newer(plan: RackPlan, rack: Rack) -> bool:
    """Tell whether to send: the rack follows an older plan, or another under the same number."""
    if rack.holds == plan.number:
        return rack.holds_fingerprint != plan.fingerprint
    return rack.holds < plan.number
