"""Sends each rack that this process manages its newest plan."""

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp

from evenrack.balance.rack_plans import plan_for
from evenrack.errors import StalePlan
from evenrack.model.fleet import Fleet, Rack
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.rack_plan import RackPlan
from evenrack.region.batched_writes import BatchedWrites
from evenrack.region.connected_racks import ConnectedRacks, RackLink
from evenrack.region.database.connection_store import HeldPlan, record_held_plans
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_store import read_managed
from evenrack.region.rack_errands import RackErrands

ANSWER_SECONDS = 10.0


class PlanSender(RackErrands[RackPlan]):
    """Compares what each managed rack follows with its newest plan, and sends what is newer."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
    ) -> None:
        super().__init__(
            connected,
            clock,
            find=self._read_outdated,
            tell=self._send,
            answer_seconds=ANSWER_SECONDS,
        )
        self._database = database
        self._held: BatchedWrites[HeldPlan] = BatchedWrites(
            lambda held: database.run(lambda c: record_held_plans(c, held)), clock
        )
        self._held.setServiceParent(self)
        self._process = process

    async def _read_outdated(self) -> Mapping[RackId, RackPlan]:
        fleet = await self._database.read(lambda c: read_managed(c, self._process))
        return _outdated(fleet)

    async def _send(self, link: RackLink, plan: RackPlan) -> None:
        try:
            number, fingerprint = await link.apply_plan(plan)
        except (StalePlan, amp.RemoteAmpError) as refusal:
            self.log.warn(
                "rack {rack} refused plan {number}: {reason}",
                rack=link.rack,
                number=str(plan.number),
                reason=str(refusal),
            )
        else:
            await self._held.add(HeldPlan(rack=link.rack, number=number, fingerprint=fingerprint))


def _outdated(fleet: Fleet) -> dict[RackId, RackPlan]:
    plans = {rack: plan_for(fleet, rack) for rack in fleet.managing}
    return {
        rack: plan
        for rack, plan in plans.items()
        if plan is not None and _is_newer(plan, fleet.racks[rack])
    }


def _is_newer(plan: RackPlan, rack: Rack) -> bool:
    """Tell whether to send: the rack follows an older plan, or another under the same number."""
    if rack.holds == plan.number:
        return rack.holds_fingerprint != plan.fingerprint
    return rack.holds < plan.number
