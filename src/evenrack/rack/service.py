"""Puts a rack daemon together from its parts, and starts and stops them in order."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from evenrack.config.rack_config import RackConfig
from evenrack.errors import EvenrackError, PartnerDownRefused, RegionUnreachable, TurnRefused
from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import OrderId, ProcessId, RackId, RunId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.power import BmcTarget, Phase
from evenrack.model.rack_plan import RackPlan
from evenrack.rack.converge import Converge
from evenrack.rack.dhcp_host import DhcpServer, Wanted
from evenrack.rack.lease import Lease
from evenrack.rack.newest_plan import NewestPlan
from evenrack.rack.power.desk import PowerDesk, PowerSurroundings
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.reach_watch import Ask, ReachWatch
from evenrack.rack.region_connections import Dialling, RegionConnections
from evenrack.rack.region_session import RackSelf
from evenrack.rack.state_folder import StateFolder
from evenrack.rack.teller import Teller
from evenrack.runtime.log_format import error_text


class Trust(Protocol):
    """Whom this rack trusts; the simulation, whose links have no certificates, has its own."""

    def trusted(self) -> str:
        """Name the authorities that this rack trusts; empty for none."""

    def trust(self, told: bytes) -> None:
        """Trust those whom a region names (PEM)."""

    def why_ended(self, transport: Any, failure: Failure) -> str | None:
        """Say why TLS ended a link, if it did."""


@frozen(kw_only=True)
class Surroundings:
    """Everything from outside that a rack daemon lives on; the simulation has its own."""

    clock: IReactorTime
    token_bytes: Callable[[int], bytes]
    dialling: Dialling
    state: StateFolder
    interfaces: Callable[[], Awaitable[tuple[Interface, ...]]]
    dhcp_server: DhcpServer
    leases: Callable[[LeasesAsked], Awaitable[LeasePage]]
    """What the DHCP server wrote down."""
    driver: PowerDriver
    ask_bmc: Ask
    trust: Trust


class RackService(MultiService):
    """One rack daemon."""

    log = Logger()

    def __init__(self, config: RackConfig, rack: RackId, surroundings: Surroundings) -> None:
        super().__init__()
        self._state = surroundings.state
        self.rack = rack
        self.newest = NewestPlan(self.rack, self._own_plan())
        self.lease = Lease(surroundings.clock)
        self.converge = Converge(
            surroundings.dhcp_server,
            self._state,
            self._wanted,
            surroundings.interfaces,
            surroundings.clock,
        )
        self.desk = PowerDesk(
            PowerSurroundings(
                driver=surroundings.driver,
                record=self._record_phase,
                may_act=lambda: self.lease.manager is not None,
                clock=surroundings.clock,
            )
        )
        self._reach = ReachWatch(self._bmcs, surroundings.ask_bmc, surroundings.clock)
        self.connections = RegionConnections(
            surroundings.dialling, self._state.regions(), self._state.keep_regions
        )
        self.connections.begin_as(self._rack_self(config, surroundings))
        self._teller = Teller(
            self.connections.sessions,
            lambda: self.lease.manager,
            surroundings.interfaces,
            lambda: self.converge.report,
            lambda: self._reach.reached,
            surroundings.clock,
        )
        self.converge.on_report = self._teller.trigger
        self._reach.on_change = self._teller.trigger
        for part in (self.connections, self.converge, self.desk, self._reach, self._teller):
            part.setServiceParent(self)

    def _rack_self(self, config: RackConfig, surroundings: Surroundings) -> RackSelf:
        """Give the links what they need of this rack."""
        return RackSelf(
            rack=self.rack,
            run=RunId(surroundings.token_bytes(8).hex()),
            hostname=config.rack_name,
            clock=surroundings.clock,
            ping_seconds=config.liveness.ping_seconds,
            silence_seconds=config.liveness.silence_seconds,
            holds=self._holds,
            follow=self._follow,
            take_turn=self._take_turn,
            take_partner_down=self._take_partner_down,
            power=self.desk.take,
            leases=surroundings.leases,
            granted=self._granted,
            known_regions=self.connections.known_regions,
            learn_regions=self.connections.learn_regions,
            trusted=surroundings.trust.trusted,
            trust=surroundings.trust.trust,
            why_ended=surroundings.trust.why_ended,
        )

    async def _take_turn(self, teller: ProcessId, turn: Turn) -> None:
        """Take a turn only from the manager, under its lease: it may be long over otherwise.

        So says whoever was stopped for a while and wakes up in another rack's turn.
        """
        if self.lease.manager != teller:
            raise TurnRefused(f"this rack has no lease of {teller}: the turn may be over")
        await self.converge.take_turn(turn.plan, ends=turn.ends)

    async def _take_partner_down(self, teller: ProcessId, vlan: VlanId, dead: RackId) -> int:
        """Take the word that a partner is dead only from the manager, under its lease."""
        if self.lease.manager != teller:
            raise PartnerDownRefused(f"this rack has no lease of {teller}")
        return await self.converge.take_partner_down(vlan, dead)

    def _wanted(self) -> Wanted:
        plan = self.newest.plan
        return Wanted(
            plan=() if plan is None else plan.dhcp,
            from_region=plan is not None and self.lease.manager is not None,
        )

    def _bmcs(self) -> tuple[BmcTarget, ...]:
        return () if self.newest.plan is None else self.newest.plan.bmcs

    async def _record_phase(
        self, order: OrderId, attempt: int, before: Phase, after: Phase
    ) -> bool:
        """Ask the process that manages this rack: it is the one whose lease it acts under."""
        manager = self.lease.manager
        for session in self.connections.sessions():
            if session.process == manager:
                try:
                    return await session.record_phase(order, attempt, before, after)
                except (EvenrackError, CancelledError):
                    raise
                except Exception as problem:
                    raise RegionUnreachable(
                        f"the answer got lost: {error_text(problem)}"
                    ) from problem
        raise RegionUnreachable("the managing process has no link to this rack now")

    def _holds(self) -> tuple[FleetNumber, str]:
        return self.newest.number, self.newest.fingerprint

    def _follow(self, plan: RackPlan) -> None:
        """Keep the plan on disk first: what was confirmed must be there after a crash."""
        if self.newest.is_news(plan):
            self._state.keep_plan(plan)
            self.newest.follow(plan)
            self.log.info(
                "follows plan {number}: managed by {process}",
                number=str(plan.number),
                process=plan.managed_by,
            )
            self.converge.trigger()
            self._reach.trigger()

    def _granted(self, process: ProcessId, asked_at: float) -> None:
        self.lease.granted(process, asked_at=asked_at)

    def _own_plan(self) -> RackPlan | None:
        """Read the remembered plan; one of another rack (a copied folder) is left alone."""
        plan = self._state.plan()
        return plan if plan is not None and plan.rack == self.rack else None
