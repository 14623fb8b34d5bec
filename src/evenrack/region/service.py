"""Puts a region process together from its parts, and starts and stops them in order."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from attrs import frozen
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from evenrack.balance.policy import SpreadPolicy
from evenrack.config.region_config import BalanceSettings, RegionConfig
from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.model.identifiers import LinkId, RackId
from evenrack.region.cache_keeper import CacheKeeper
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.notify import Topic
from evenrack.region.database.process_store import Registration
from evenrack.region.database.schema import check
from evenrack.region.errands.partner_down_sender import PartnerDownSender
from evenrack.region.errands.plan_sender import PlanSender
from evenrack.region.errands.recover_wait_ender import RecoverWaitEnder
from evenrack.region.errands.turn_sender import TurnSender
from evenrack.region.leading.leader import Leader, LeaderSettings
from evenrack.region.leading.membership import Membership
from evenrack.region.links.connected_racks import ConnectedRacks, RackLink
from evenrack.region.links.departure import Departure
from evenrack.region.links.doorkeeper import Doorkeeper
from evenrack.region.links.endpoint_list import EndpointList
from evenrack.region.links.presence import Presence
from evenrack.region.links.rack_listener import RackListener
from evenrack.region.links.rack_session import Reception
from evenrack.region.links.refusals import Refusals
from evenrack.region.links.strangers import Strangers
from evenrack.region.power.power_orders import PowerOrders
from evenrack.region.power.power_polling import PollingSource, PowerPolling
from evenrack.region.power.probe_sender import ProbeSender
from evenrack.region.sealing import Sealer
from evenrack.region.views.fleet_view import FleetView
from evenrack.runtime.look_again import LookAgain
from evenrack.runtime.thinking import Think

OF_THE_SEAT: tuple[Topic, ...] = ("lost links", "members", "leader", "wishes")
"""What may show that another process is to lead: the leader's death costs racks their links."""

OF_THE_LEADER: tuple[Topic, ...] = ("links", "decisions", "inventory", "racks", "trust")
"""What else the leader decides from."""


class Notifier(Protocol):
    """Tells when something may have changed in the database."""

    def on_change(self, look: Callable[[], None], *topics: Topic) -> None:
        """Call this at every change of these topics."""


@frozen(kw_only=True)
class Surroundings:
    """Everything from outside that a region process lives on; the simulation has its own."""

    database: Database
    clock: IReactorTime
    wall_clock: Callable[[], datetime]
    """Only to be compared with the database's."""
    token_bytes: Callable[[int], bytes]
    notifier: Notifier
    think: Think
    """Does long, pure work where it holds up nobody."""
    listen: Callable[[Factory], None]
    """Begin to accept racks."""
    sealer: Sealer
    """Opens the passwords of BMCs."""
    doorkeeper: Doorkeeper
    """Knows who is at the other end of a link."""


class RegionService(MultiService):
    """One region process without its outer doors."""

    log = Logger()

    def __init__(
        self,
        config: RegionConfig,
        registration: Registration,
        surroundings: Surroundings,
    ) -> None:
        super().__init__()
        self._surroundings = surroundings
        self._warnings = config.balance.dhcp.warnings
        database, clock = surroundings.database, surroundings.clock
        self.connected = ConnectedRacks()
        self.strangers = Strangers()
        self.membership = Membership(
            database, registration, clock, surroundings.wall_clock, config.liveness
        )
        self.presence = Presence(database, self.connected, lambda: self.membership.me, clock)
        self.endpoints = EndpointList(database, clock)
        cache = FleetCache(older=lambda: self.connected.older)
        self.leader = self._make_leader(config, cache)
        self.plans = PlanSender(
            database, cache, self.connected, registration.process, clock, surroundings.think
        )
        told_by_me = (database, self.connected, registration.process, clock)
        self.turns = TurnSender(*told_by_me)
        self.partner_downs = PartnerDownSender(*told_by_me)
        self.probes = ProbeSender(*told_by_me)
        self.wait_ender = RecoverWaitEnder(*told_by_me)
        self.orders = self._make_orders(cache)
        self.polling = self._make_polling(cache, config)
        self.view = FleetView(database, cache, clock)
        self.departure = Departure(database, cache, lambda: self.membership.me, clock)
        """To be waited for before the service is stopped, while all doors are open."""
        self._listener = RackListener(self._reception(config))
        self._joining = LookAgain(self._join, clock, gather_seconds=0.0, at_least_every=1.0)
        self._last_trouble = ""
        self.presence.setServiceParent(self)  # from the start: racks are let in without a database
        self._parts = self._begun_when_joined(CacheKeeper(database, cache, clock))
        self._wire()

    def startService(self) -> None:
        super().startService()
        for warning in self._warnings:
            self.log.warn("regiond.conf: {warning}", warning=warning)
        self._surroundings.listen(self._listener)
        self._joining.startService()

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop_in_order())

    def _begun_when_joined(self, cache_keeper: CacheKeeper) -> tuple[Service, ...]:
        """Give what has no work before this process has joined."""
        return (
            self.endpoints,
            self.leader,
            self.plans,
            self.turns,
            self.partner_downs,
            self.probes,
            self.wait_ender,
            self.orders,
            self.polling,
            self.view,
            cache_keeper,
        )

    def _make_leader(self, config: RegionConfig, cache: FleetCache) -> Leader:
        return Leader(
            self._surroundings.database,
            cache,
            self.membership,
            self._surroundings.clock,
            self._surroundings.think,
            leader_settings(config.balance),
        )

    def _make_orders(self, cache: FleetCache) -> PowerOrders:
        return PowerOrders(
            self._surroundings.database,
            cache,
            self.connected,
            self.membership.process,
            self._surroundings.clock,
            lambda: self._surroundings.sealer,
        )

    def _make_polling(self, cache: FleetCache, config: RegionConfig) -> PowerPolling:
        source = PollingSource(
            database=self._surroundings.database,
            cache=cache,
            connected=self.connected,
            orders=self.orders,
            process=self.membership.process,
        )
        return PowerPolling(
            source,
            self._surroundings.clock,
            config.power_poll_seconds,
            config.power_polls_of_rack,
        )

    def _wire(self) -> None:
        self.membership.on_new_incarnation = self.presence.resync
        self.membership.on_database_back = self.presence.resync
        self.membership.on_beat = self._beaten
        self.presence.on_recorded = self._racks_are_here
        on_change = self._surroundings.notifier.on_change
        on_change(self.leader.trigger, *OF_THE_SEAT)
        on_change(self.leader.trigger_if_leading, *OF_THE_LEADER)
        on_change(self.plans.trigger, "decisions", "inventory")
        on_change(self.turns.trigger, "decisions")
        on_change(self.wait_ender.trigger, "racks")
        on_change(self.partner_downs.trigger, "wishes")
        on_change(self.orders.trigger, "orders")
        on_change(self.orders.trigger_if_any, "decisions", "links", "lost links")
        on_change(self.endpoints.trigger, "members")

    def _beaten(self, recorded: dict[LinkId, RackId]) -> None:
        """Compare the links with the tables, and let silence be looked at when it is noticed."""
        self.presence.reconcile(recorded)
        if self.membership.silent():
            self.leader.trigger()

    def _racks_are_here(self) -> None:
        """Tell racks that have just said hello what they missed."""
        self.plans.trigger()
        self.turns.trigger()
        self.partner_downs.trigger()

    def _reception(self, config: RegionConfig) -> Reception:
        return Reception(
            process=self.membership.process,
            doorkeeper=self._surroundings.doorkeeper,
            token_bytes=self._surroundings.token_bytes,
            clock=self._surroundings.clock,
            silence_seconds=config.liveness.silence_seconds,
            refusals=Refusals(),
            strangers=self.strangers,
            admit=self.presence.admit,
            gone=self.presence.gone,
            cloned=self.presence.cloned,
            lost=self.presence.lost,
            goodbye=self.presence.goodbye,
            interfaces=self.presence.interfaces,
            dhcp=self.presence.dhcp,
            new_leases=self.presence.new_leases,
            bmc_reach=self.presence.bmc_reach,
            record_phase=self.orders.record_phase,
            grants_lease=self._grants_lease,
            endpoints=lambda: self.endpoints.endpoints,
            database_clock=self.membership.database_clock,
        )

    def _grants_lease(self, link: RackLink) -> bool:
        """Tell whether a rack may act for this process; a copy of it, on its own link, may not."""
        return self.connected.is_recorded(link) and self.membership.grants_lease(link.rack)

    async def _join(self) -> None:
        """Register as soon as the database answers; then everything else begins."""
        try:
            await self._surroundings.database.run(check)
            await self.membership.join()
        except (DatabaseUnreachable, SchemaMismatch) as problem:
            if self._last_trouble != str(problem):
                self._last_trouble = str(problem)
                self.log.warn(
                    "cannot join, trying again each second: {name}: {problem}",
                    name=type(problem).__name__,
                    problem=str(problem),
                )
            return
        self._joining.stopService()
        self.log.info("{process} has joined", process=self.membership.process)
        for part in self._parts:
            part.setServiceParent(self)

    async def _stop_in_order(self) -> None:
        """Leave while others take over: first no more decisions, then no more presence."""
        await _waited(self._joining.stopService())
        await _waited(super().stopService())
        await self.leader.seat.close()
        for link in list(self.connected.all_links()):
            link.cut("this process is being stopped")
        await self.membership.leave()


async def _waited(stopping: object) -> None:
    if isinstance(stopping, Deferred):
        await stopping


def leader_settings(balance: BalanceSettings) -> LeaderSettings:
    """Give the leader what it needs of the configuration."""
    managing = balance.managing
    return LeaderSettings(
        policy=SpreadPolicy(theta=managing.theta, gap=managing.gap),
        quiet_seconds=balance.quiet,
        grace_seconds=balance.grace,
        dhcp_hold_down_seconds=balance.dhcp.hold_down,
        dhcp_defer_seconds=balance.dhcp.defer_while_alone,
        dhcp_evidence_seconds=balance.dhcp.auto_partner_down,
        bmc_policy=SpreadPolicy(theta=balance.bmc.theta, gap=balance.bmc.gap),
        bmc_hold_down_seconds=balance.bmc.hold_down,
    )
