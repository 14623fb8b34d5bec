"""Puts a rack daemon together from its parts, and starts and stops them in order."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from evenrack.config.rack_config import RackConfig
from evenrack.errors import (
    EvenrackError,
    PartnerDownRefused,
    ProbeRefused,
    RecoverWaitRefused,
    RegionUnreachable,
    TurnRefused,
)
from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import OrderId, ProcessId, RackId, RunId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.new_leases import LeaseNews
from evenrack.model.power import BmcTarget, Phase
from evenrack.model.rack_plan import RackPlan
from evenrack.rack.clock_watch import ClockWatch
from evenrack.rack.converge import Converge
from evenrack.rack.dhcp_host import DhcpServer, Wanted
from evenrack.rack.foreign_watch import ForeignWatch
from evenrack.rack.host_probe import FindHosts, HostProber
from evenrack.rack.ipv6_watch import Dhcp6Server, Ipv6Watch
from evenrack.rack.lease import Lease
from evenrack.rack.lease_watch import LeaseWatch
from evenrack.rack.listen.link import StartListener
from evenrack.rack.newest_plan import NewestPlan
from evenrack.rack.plan_intake import PlanIntake
from evenrack.rack.power.desk import PowerDesk, PowerSurroundings
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.reach_watch import Ask, ReachWatch
from evenrack.rack.region_connections import Dialling, RegionConnections
from evenrack.rack.region_session import RackSelf
from evenrack.rack.served_plan import ServedPlan
from evenrack.rack.state_folder import AppliedDhcp, StateFolder
from evenrack.rack.teller import Teller
from evenrack.runtime.log_format import error_text
from evenrack.runtime.thinking import Think


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
    wall_clock: Callable[[], datetime]
    """Only to be compared with the database's."""
    token_bytes: Callable[[int], bytes]
    dialling: Dialling
    state: StateFolder
    interfaces: Callable[[], Awaitable[tuple[Interface, ...]]]
    dhcp_server: DhcpServer
    dhcp6_server: Dhcp6Server | None = None
    """The one for IPv6, which follows the other one."""
    think: Think
    """Does long work where it holds up nobody."""
    leases: Callable[[LeasesAsked], Awaitable[LeasePage]]
    """What the DHCP server wrote down."""
    lease_files: tuple[Path, Path]
    """Where it does, that for IPv4 and the one for IPv6."""
    listener: StartListener
    """Hears other DHCP servers."""
    find_hosts: FindHosts
    """Finds out whether the host of another DHCP server runs."""
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
        self._think = surroundings.think
        self._one_plan_at_a_time = DeferredLock()
        self._intake = PlanIntake(self.newest, self._follow, surroundings.think)
        self.lease = Lease(surroundings.clock)
        self._clock_watch = ClockWatch(surroundings.clock, surroundings.wall_clock)
        self.converge = Converge(
            surroundings.dhcp_server,
            AppliedDhcp(self._state, surroundings.think),
            self._wanted,
            surroundings.interfaces,
            surroundings.clock,
        )
        self._prober = HostProber(
            surroundings.find_hosts, surroundings.interfaces, lambda: self.converge.applied
        )
        self.desk = self._make_desk(config, surroundings)
        self._reach = ReachWatch(
            self._bmcs, surroundings.ask_bmc, surroundings.clock, config.power.probes_per_second
        )
        self.connections = RegionConnections(
            surroundings.dialling, self._state.regions(), self._state.keep_regions
        )
        self.connections.begin_as(self._rack_self(config, surroundings))
        self._lease_watch = self._watch_leases(surroundings)
        self._teller = self._make_teller(surroundings)
        self._foreign_watch = self._watch_foreign_servers(config, surroundings)
        self._ipv6_watch = self._watch_ipv6(surroundings)
        self._join_parts()

    def _make_desk(self, config: RackConfig, surroundings: Surroundings) -> PowerDesk:
        return PowerDesk(
            PowerSurroundings(
                driver=surroundings.driver,
                record=self._record_phase,
                may_act=lambda: self.lease.manager is not None,
                clock=surroundings.clock,
                most_at_once=config.power.most_orders,
                most_looks_at_once=config.power.most_looks,
            )
        )

    def _make_teller(self, surroundings: Surroundings) -> Teller:
        return Teller(
            self.connections.sessions,
            lambda: self.lease.manager,
            surroundings.interfaces,
            self._report,
            lambda: self._reach.reach,
            surroundings.clock,
        )

    def _watch_leases(self, surroundings: Surroundings) -> LeaseWatch:
        return LeaseWatch(
            surroundings.lease_files,
            lambda: self.converge.applied,
            self._tell_leases,
            surroundings.think,
            surroundings.clock,
        )

    def _watch_foreign_servers(
        self, config: RackConfig, surroundings: Surroundings
    ) -> ForeignWatch:
        return ForeignWatch(
            surroundings.listener,
            lambda: self.converge.applied,
            lambda: self._teller.interfaces,
            config.dhcp.foreign_probe_seconds,
            surroundings.clock,
            surroundings.wall_clock,
        )

    def _watch_ipv6(self, surroundings: Surroundings) -> Ipv6Watch:
        return Ipv6Watch(
            surroundings.dhcp6_server,
            lambda: self.converge.applied,
            surroundings.dhcp_server.running,
            lambda: self.converge.report,
            surroundings.clock,
        )

    def _join_parts(self) -> None:
        """Let what one of them sees be told by another, and all start and stop together."""
        self.converge.on_report = self._look_and_tell
        watches = (self._reach, self._clock_watch, self._lease_watch, self._foreign_watch)
        for watch in (*watches, self._ipv6_watch):
            watch.on_change = self._teller.trigger
        for part in (self.connections, self.converge, self.desk, self._reach, self._teller):
            part.setServiceParent(self)
        self._lease_watch.setServiceParent(self)
        self._foreign_watch.setServiceParent(self)
        self._ipv6_watch.setServiceParent(self)

    def _look_and_tell(self) -> None:
        self._lease_watch.trigger()
        self._foreign_watch.trigger()
        self._teller.trigger()

    def _report(self) -> DhcpReport:
        report = self._lease_watch.added_to(self._ipv6_watch.added_to(self.converge.report))
        return self._foreign_watch.added_to(self._clock_watch.added_to(report))

    def _rack_self(self, config: RackConfig, surroundings: Surroundings) -> RackSelf:
        """Give the links what they need of this rack."""
        return RackSelf(
            rack=self.rack,
            run=RunId(surroundings.token_bytes(8).hex()),
            hostname=config.rack_name,
            failure_domain=config.failure_domain,
            clock=surroundings.clock,
            ping_seconds=config.liveness.ping_seconds,
            silence_seconds=config.liveness.silence_seconds,
            holds=self._holds,
            follow=self._follow,
            offer_plan=self._intake.offer,
            take_vlan=self._intake.take,
            change_vlan=self._intake.change,
            take_turn=self._take_turn,
            take_partner_down=self._take_partner_down,
            probe=self._probe,
            end_recover_wait=self._end_recover_wait,
            power=self.desk.take,
            leases=surroundings.leases,
            served=ServedPlan(lambda: self.converge.applied).piece,
            granted=self._granted,
            known_regions=self.connections.known_regions,
            learn_regions=self.connections.learn_regions,
            clock_watch=self._clock_watch,
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

    async def _probe(
        self, teller: ProcessId, addresses: tuple[IPv4Address, ...]
    ) -> tuple[ProbeAnswer, ...]:
        """Find out which hosts run only for the manager, under its lease."""
        if self.lease.manager != teller:
            raise ProbeRefused(f"this rack has no lease of {teller}")
        return await self._prober.probe(addresses)

    async def _end_recover_wait(self, teller: ProcessId, vlan: VlanId, peer: RackId) -> None:
        """End the wait only by the manager's word, under its lease."""
        if self.lease.manager != teller:
            raise RecoverWaitRefused(f"this rack has no lease of {teller}")
        await self.converge.end_recover_wait(vlan, peer)

    def _wanted(self) -> Wanted:
        plan = self.newest.plan
        return Wanted(
            plan=() if plan is None else plan.dhcp,
            from_region=plan is not None and self.lease.manager is not None,
        )

    def _bmcs(self) -> tuple[BmcTarget, ...] | None:
        return None if self.newest.plan is None else self.newest.plan.bmcs

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

    async def _tell_leases(self, news: LeaseNews) -> bool:
        """Tell the managing process of new leases; False when it is to be tried again."""
        manager = self.lease.manager
        for session in self.connections.sessions():
            if session.process == manager:
                try:
                    await session.report_leases(news)
                except Exception as problem:  # noqa: BLE001  every kind of lost connection, too
                    self.log.debug("not told of leases: {problem}", problem=error_text(problem))
                    return False
                return True
        return False

    def _holds(self) -> tuple[FleetNumber, str]:
        return self.newest.number, self.newest.fingerprint

    async def _follow(self, plan: RackPlan) -> None:
        """Keep the plan on disk first: what was confirmed must be there after a crash."""
        async with self._one_plan_at_a_time:
            if not self.newest.is_news(plan):
                return
            await self._think(lambda: self._keep(plan))
            self.newest.follow(plan)
            self.log.info(
                "follows plan {number}: managed by {process}",
                number=str(plan.number),
                process=plan.managed_by,
            )
            self.converge.trigger()
            self._reach.trigger()

    def _keep(self, plan: RackPlan) -> None:
        """Keep a plan, and name it: both take long where it is large."""
        self._state.keep_plan(plan)
        _ = plan.fingerprint

    def _granted(self, process: ProcessId, asked_at: float) -> None:
        self.lease.granted(process, asked_at=asked_at)

    def _own_plan(self) -> RackPlan | None:
        """Read the remembered plan; one of another rack (a copied folder) is left alone."""
        plan = self._state.plan()
        if plan is None or plan.rack != self.rack:
            return None
        _ = plan.fingerprint  # while nobody waits: it takes long where the plan is large
        return plan
