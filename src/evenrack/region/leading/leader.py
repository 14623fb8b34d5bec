"""The leader's turn: read the fleet, decide purely, write what changed behind the fence."""

from typing import Protocol

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.balance.bmc_owners import BmcBalance
from evenrack.balance.circuit_breaker import BreakerChange
from evenrack.balance.managing import ManagingBalance
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Move
from evenrack.errors import DatabaseUnreachable, NoLongerLeader
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.engine import Database
from evenrack.region.database.event_store import record
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.leader_store import TakeOver
from evenrack.region.database.process_store import Incarnation
from evenrack.region.leading.absences import Absences
from evenrack.region.leading.breaker_watch import BreakerWatch
from evenrack.region.leading.burst import Burst
from evenrack.region.leading.decision_events import another_database, leads
from evenrack.region.leading.decision_writer import Decisions, bury, is_believable, write_decisions
from evenrack.region.leading.dhcp_watch import DhcpWatch
from evenrack.region.leading.leadership import LeaderSeat
from evenrack.region.leading.newcomers import Newcomers
from evenrack.region.leading.quiet import Quiet
from evenrack.region.leading.trouble_watch import TroubleWatch
from evenrack.runtime.look_again import LookAgain
from evenrack.runtime.thinking import Think

GATHER_SECONDS = 0.02
"""What happens within this time is decided in one look."""

RETRY_SECONDS = 0.1
"""A hiccup of the database costs a leader no more; when it is away, it is tried each second."""

SEAT_SECONDS = 1.0
"""So often a leader makes sure of its lock; each reading of the fleet shows it whether it leads."""

AUDIT_SECONDS = 60.0
"""So often the balance is looked at as a whole, not only where something changed."""

Death = tuple[Incarnation, int]
"""A process that has been silent for too long, and the number of its last beat."""


class Members(Protocol):
    """The processes, as their beats show them to this one."""

    @property
    def me(self) -> Incarnation:
        """Name this process, in its incarnation; DatabaseUnreachable before it has joined."""

    def silent(self) -> list[Death]:
        """Give the others that have been silent for too long."""


@frozen(kw_only=True)
class LeaderSettings:
    """What the leader needs to know of the configuration."""

    policy: SpreadPolicy
    quiet_seconds: float
    grace_seconds: float
    dhcp_hold_down_seconds: float
    dhcp_defer_seconds: float
    dhcp_evidence_seconds: float | None
    bmc_policy: SpreadPolicy
    bmc_hold_down_seconds: float


class Leader(MultiService):
    """Looks whenever something may have changed; decides only while it holds the seat."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        cache: FleetCache,
        members: Members,
        clock: IReactorTime,
        think: Think,
        settings: LeaderSettings,
    ) -> None:
        super().__init__()
        self._database = database
        self._cache = cache
        self._members = members
        self._think = think
        self._settings = settings
        self.seat = LeaderSeat(database)
        self._newcomers = Newcomers(clock, settings.grace_seconds)
        self._clock = clock
        self._seat_due = clock.seconds()
        self._begin_anew()
        self._quiet = Quiet(clock, settings.quiet_seconds)
        self._dhcp = DhcpWatch(
            clock,
            hold_down_seconds=settings.dhcp_hold_down_seconds,
            defer_seconds=settings.dhcp_defer_seconds,
            evidence_seconds=settings.dhcp_evidence_seconds,
        )
        self._absences = Absences(clock)
        self._breaker = BreakerWatch(clock)
        self._troubles = TroubleWatch(clock)
        self._buried: list[Death] = []
        self._looking = LookAgain(
            self.look, clock, gather_seconds=GATHER_SECONDS, at_least_every=1.0
        )
        self._looking.setServiceParent(self)

    def trigger(self) -> None:
        """Look soon: something may have changed."""
        self._looking.trigger()

    def trigger_if_leading(self) -> None:
        """Look soon if it is this process that would decide something."""
        if self.seat.epoch is not None:
            self._looking.trigger()

    async def look(self) -> None:
        """Look now, and decide what is due if it is this process that leads."""
        try:
            silent = self._members.silent()
            if self.seat.epoch is None or self._clock.seconds() >= self._seat_due:
                await self._look_at_seat(silent)
            if self.seat.epoch is not None:
                await self._lead(self.seat.epoch, silent)
        except NoLongerLeader as problem:
            self.log.warn("leading no more: {problem}", problem=str(problem))
            self.seat.step_down()
        except DatabaseUnreachable:
            if self.seat.epoch is not None:
                self._looking.trigger_in(RETRY_SECONDS)
            self.seat.step_down()  # the fence decides again when the database is back
        except Exception:
            self._begin_anew()  # what it remembers may be half of something
            raise

    async def _look_at_seat(self, silent: list[Death]) -> None:
        won = await self.seat.try_to_lead(self._members.me, silent={who for who, _ in silent})
        self._seat_due = self._clock.seconds() + SEAT_SECONDS
        if won is not None:
            self._begin_anew()
            await self._tell_of_take_over(won)

    def _begin_anew(self) -> None:
        """Take nothing for granted from an earlier time as the leader."""
        self._has_just_begun = True
        self._managing = ManagingBalance(self._settings.policy)
        self._bmcs = BmcBalance(self._settings.bmc_policy)
        self._audited_at = self._clock.seconds()
        self._burst = Burst()

    async def _lead(self, epoch: int, silent: list[Death]) -> None:
        unburied = [death for death in silent if death not in self._buried]
        if unburied:
            await self._database.run(lambda c: bury(c, epoch, unburied))
        self._buried = silent
        fleet = await self._database.read(self._cache.read)
        if fleet.leadership.epoch != epoch:
            raise NoLongerLeader(f"epoch {epoch} has passed")
        if not self.seat.is_kept(fleet.leadership, self._members.me, {who for who, _ in silent}):
            self._seat_due = self._clock.seconds()
            self._looking.trigger()
            return
        breaker = self._breaker.look(fleet, silent=[who.process for who, _ in silent])
        if breaker is not None:
            fleet = breaker.applied_to(fleet)
        decided = await self._think(lambda: self._decide(fleet, breaker))
        if decided:
            await self._database.run(lambda c: write_decisions(c, epoch, fleet, decided))
            self._quiet.disturbed()
        if self._has_just_begun:
            self._has_just_begun = False
            self._looking.trigger()
        if self._newcomers.seconds_to_wait is not None:
            self._looking.trigger_in(self._newcomers.seconds_to_wait)

    def _decide(self, fleet: Fleet, breaker: BreakerChange | None) -> Decisions:
        waiting, quiet = self._newcomers.waiting(fleet), self._quiet.is_quiet(fleet)
        voluntary = quiet and not fleet.is_held
        self._burst.look(fleet.reach, quiet=quiet)
        self._audit_now_and_then()
        moves = self._managing.decide(
            fleet, waiting=waiting, voluntary=voluntary, avoid=self._burst.losers
        )
        managers = {RackId(move.item): ProcessId(move.to) for move in moves if move.to is not None}
        for rack in _ahead_of_their_number(fleet):
            manager = fleet.manager_of(rack)
            if manager is not None:
                managers.setdefault(rack, manager)
        opened, closed = self._troubles.changes(fleet)
        return Decisions(
            managers=managers,
            moves=moves,
            dhcp=self._dhcp.decide(fleet),
            bmc_moves=self._decide_bmcs(fleet, voluntary=voluntary),
            opened=opened,
            closed=closed,
            arrived=tuple(self._newcomers.arrived(fleet)),
            breaker=breaker,
        )

    def _decide_bmcs(self, fleet: Fleet, *, voluntary: bool) -> tuple[Move, ...]:
        """Decide who owns which BMC; what a rack has that was just lost is held for it."""
        self._absences.look(fleet)
        if self._has_just_begun:
            return ()  # racks wait for their managers, and to get to know all BMCs takes longest
        held = self._absences.for_less_than(self._settings.bmc_hold_down_seconds)
        return self._bmcs.decide(fleet, held=held, voluntary=voluntary, avoid=self._burst.losers)

    def _audit_now_and_then(self) -> None:
        now = self._clock.seconds()
        if now - self._audited_at >= AUDIT_SECONDS:
            self._audited_at = now
            self._managing.audit_next()
            self._bmcs.audit_next()

    async def _tell_of_take_over(self, won: TakeOver) -> None:
        me = self._members.me
        events = [leads(me.process, won.epoch)]
        if won.new_database:
            events.append(another_database(won.number))
        await self._database.run(lambda c: record(c, events, won.number))


def _ahead_of_their_number(fleet: Fleet) -> list[RackId]:
    """Name racks that follow a plan which this database never gave out: it went back in time.

    Also those whose newest plan is older than what they follow: they get it under a new number.
    """
    return [
        rack.id
        for rack in fleet.racks.values()
        if fleet.reach[rack.id]
        and rack.id in fleet.managing
        and rack.holds > fleet.managing[rack.id].number
        and is_believable(rack.holds, fleet.leadership.number)
    ]
