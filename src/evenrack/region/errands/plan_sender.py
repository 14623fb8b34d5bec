"""Sends each rack that this process manages its newest plan."""

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp

from evenrack.errors import ContentRefused, StalePlan
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.rack_plan import RackPlan
from evenrack.region.database.connection_store import HeldPlan, record_held_plans
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.errands.newest_plans import NewestPlans
from evenrack.region.errands.rack_errands import RackErrands
from evenrack.region.links.batched_writes import BatchedWrites
from evenrack.region.links.connected_racks import ConnectedRacks, RackLink
from evenrack.region.links.plan_delivery import changes_since
from evenrack.runtime.thinking import Think

ANSWER_SECONDS = 30.0
"""For all parts of a plan; a rack that says nothing loses its link earlier."""


class PlanSender(RackErrands[RackPlan]):
    """Compares what each managed rack follows with its newest plan, and sends what is newer."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        cache: FleetCache,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
        think: Think,
    ) -> None:
        super().__init__(
            connected,
            clock,
            find=self._read_outdated,
            tell=self._send,
            answer_seconds=ANSWER_SECONDS,
        )
        self._database = database
        self._cache = cache
        self._think = think
        self._held: BatchedWrites[HeldPlan] = BatchedWrites(
            lambda held: database.run(lambda c: record_held_plans(c, held)), clock
        )
        self._held.setServiceParent(self)
        self._newest = NewestPlans(process)

    async def _read_outdated(self) -> Mapping[RackId, RackPlan]:
        facts = await self._database.read(self._cache.read_plan_facts)
        return await self._think(lambda: self._newest.outdated(facts))

    async def _send(self, link: RackLink, plan: RackPlan) -> None:
        if not self._newest.can_be_read(plan, link.rack, link.protocol):
            return  # it would end the link
        try:
            base = self._newest.base_of(link.rack)
            changes = await self._think(lambda: changes_since(base, plan))
            number, fingerprint = await link.apply_plan(plan, changes)
        except (StalePlan, ContentRefused, amp.RemoteAmpError) as refusal:
            self.log.warn(
                "rack {rack} refused plan {number}: {reason}",
                rack=link.rack,
                number=str(plan.number),
                reason=str(refusal),
            )
        else:
            await self._held.add(HeldPlan(rack=link.rack, number=number, fingerprint=fingerprint))
