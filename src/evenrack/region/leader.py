"""The leader's turn: read the fleet, decide purely, write what changed behind the fence."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen
from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.balance.managing import decide_managing
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread import Move
from evenrack.errors import DatabaseUnreachable, NoLongerLeader
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.assignment_store import (
    close_problems,
    open_problems,
    write_managing,
)
from evenrack.region.database.engine import Connection, Database
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.fleet_store import read_fleet
from evenrack.region.database.leader_store import TakeOver, next_number, raise_above
from evenrack.region.database.notify import notify
from evenrack.region.database.process_store import Incarnation, mark_dead
from evenrack.region.leadership import LeaderSeat
from evenrack.region.newcomers import Newcomers
from evenrack.region.quiet import Quiet
from evenrack.region.trouble_watch import TroubleWatch
from evenrack.region.troubles import Trouble
from evenrack.runtime.look_again import LookAgain

MOST_ERAS_AHEAD = 1_000
MOST_GENERATIONS_AHEAD = 1_000_000_000
"""A database that went back lost fewer decisions than this; a rack that says so is not believed."""


@frozen(kw_only=True)
class LeaderSettings:
    """What the leader needs to know of the configuration."""

    policy: SpreadPolicy
    quiet_seconds: float
    grace_seconds: float


@frozen(kw_only=True)
class _Decisions:
    """Everything that one turn wants to change."""

    managers: Mapping[RackId, ProcessId] = field(factory=dict)
    moves: tuple[Move, ...] = ()
    opened: tuple[Trouble, ...] = ()
    closed: tuple[tuple[str, str], ...] = ()
    arrived: tuple[RackId, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.managers or self.opened or self.closed or self.arrived)


class Leader(MultiService):
    """Looks whenever something may have changed; decides only while it holds the seat."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        me: Callable[[], Incarnation],
        silent: Callable[[], list[tuple[Incarnation, int]]],
        clock: IReactorTime,
        settings: LeaderSettings,
    ) -> None:
        super().__init__()
        self._database = database
        self._me = me
        self._silent = silent
        self._settings = settings
        self.seat = LeaderSeat(database)
        self._newcomers = Newcomers(clock, settings.grace_seconds)
        self._quiet = Quiet(clock, settings.quiet_seconds)
        self._troubles = TroubleWatch(clock)
        self._buried: list[tuple[Incarnation, int]] = []
        self._looking = LookAgain(self._look, clock, gather_seconds=0.02, at_least_every=1.0)
        self._looking.setServiceParent(self)

    def trigger(self) -> None:
        """Look soon: something may have changed."""
        self._looking.trigger()

    async def _look(self) -> None:
        try:
            silent = self._silent()
            won = await self.seat.try_to_lead(self._me(), silent={who for who, _ in silent})
            if won is not None:
                await self._tell_of_take_over(won)
            if self.seat.epoch is not None:
                await self._lead(self.seat.epoch, silent)
        except NoLongerLeader as problem:
            self.log.warn("leading no more: {problem}", problem=str(problem))
            self.seat.step_down()
        except DatabaseUnreachable:
            self.seat.step_down()  # the fence decides again when the database is back

    async def _lead(self, epoch: int, silent: list[tuple[Incarnation, int]]) -> None:
        unburied = [death for death in silent if death not in self._buried]
        if unburied:
            await self._database.run(lambda c: _bury(c, epoch, unburied))
        self._buried = silent
        fleet = await self._database.read(read_fleet)
        if fleet.leadership.epoch != epoch:
            raise NoLongerLeader(f"epoch {epoch} has passed")
        decided = self._decide(fleet)
        if decided:
            await self._database.run(lambda c: _write(c, epoch, fleet, decided))
            self._quiet.disturbed()
        if self._newcomers.seconds_to_wait is not None:
            self._looking.trigger_in(self._newcomers.seconds_to_wait)

    def _decide(self, fleet: Fleet) -> _Decisions:
        waiting = self._newcomers.waiting(fleet)
        moves = decide_managing(
            fleet, self._settings.policy, waiting=waiting, voluntary=self._quiet.is_quiet(fleet)
        )
        managers = {RackId(move.item): ProcessId(move.to) for move in moves if move.to is not None}
        for rack in _ahead_of_their_number(fleet):
            manager = fleet.manager_of(rack)
            if manager is not None:
                managers.setdefault(rack, manager)
        opened, closed = self._troubles.changes(fleet)
        return _Decisions(
            managers=managers,
            moves=moves,
            opened=opened,
            closed=closed,
            arrived=tuple(self._newcomers.arrived(fleet)),
        )

    async def _tell_of_take_over(self, won: TakeOver) -> None:
        me = self._me()
        events = [
            Event(
                kind="leader",
                object=f"process:{me.process}",
                text=f"{me.process} leads in epoch {won.epoch}",
                data={"epoch": won.epoch},
            )
        ]
        if won.new_database:
            events.append(
                Event(
                    kind="database",
                    object="database",
                    text=f"another database or timeline answers: era {won.number.era} begins",
                )
            )
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
        and _is_believable(rack.holds, fleet.leadership.number)
    ]


def _is_believable(holds: FleetNumber, number: FleetNumber) -> bool:
    """Tell whether a rack's number can be this fleet's: one rack must not use up all numbers."""
    return (
        holds.era <= number.era + MOST_ERAS_AHEAD
        and holds.generation <= number.generation + MOST_GENERATIONS_AHEAD
    )


def _bury(connection: Connection, epoch: int, silent: list[tuple[Incarnation, int]]) -> None:
    """Record silent processes as dead, so that the next reading is without them and their links."""
    number = next_number(connection, epoch=epoch)
    dead = mark_dead(connection, silent)
    record(
        connection,
        [
            Event(
                kind="loss",
                object=f"process:{who.process}",
                text=f"{who.process} is dead: its beat stands still",
                data={"incarnation": who.incarnation},
            )
            for who in dead
        ],
        number,
    )
    notify(connection, "leader")


def _write(connection: Connection, epoch: int, fleet: Fleet, decided: _Decisions) -> None:
    number = next_number(connection, epoch=epoch)
    held = [rack.holds for rack in fleet.racks.values() if _is_believable(rack.holds, number)]
    highest = max(held, default=number)
    events = []
    if highest >= number:
        number = raise_above(connection, highest)
        events.append(_went_back(highest, number))
    write_managing(connection, decided.managers, number)
    open_problems(connection, [(t.code, t.object, t.affects) for t in decided.opened])
    close_problems(connection, decided.closed)
    events += [_moved(fleet, move) for move in decided.moves]
    moved = {move.item for move in decided.moves}
    events += [_checked(fleet, rack) for rack in decided.arrived if rack not in moved]
    events += [_opened(trouble) for trouble in decided.opened]
    events += [_closed(fleet, code, where) for code, where in decided.closed]
    record(connection, events, number)
    notify(connection, "leader")


def _went_back(highest: FleetNumber, number: FleetNumber) -> Event:
    return Event(
        kind="database",
        object="database",
        text=f"the database went back: a rack follows plan {highest}; numbers go on at {number}",
    )


def _moved(fleet: Fleet, move: Move) -> Event:
    name = fleet.racks[RackId(move.item)].hostname
    data: dict[str, Any] = {
        "what": "managing",
        "item": move.item,
        "name": name,
        "from": move.before,
        "to": move.to,
        "forced": move.forced,
        "reason": move.reason,
    }
    text = f"{name} is managed by {move.to} instead of {move.before}: {move.reason}"
    if move.before is None:
        text = f"{name} is managed by {move.to}: {move.reason}"
    return Event(kind="move", object=f"rack:{move.item}", text=text, data=data)


def _checked(fleet: Fleet, rack: RackId) -> Event:
    """Say that a rack's arrival was a reason to look, though nothing had to move for it."""
    name, manager = fleet.racks[rack].hostname, fleet.manager_of(rack)
    return Event(
        kind="balance",
        object=f"rack:{rack}",
        text=f"{name} connected: balance checked, {manager} goes on managing it",
        data={"what": "managing", "item": rack, "name": name, "from": manager, "to": manager},
    )


def _opened(trouble: Trouble) -> Event:
    kind = "loss" if trouble.code == "RackLost" else "problem"
    return Event(
        kind=kind,
        object=trouble.object,
        text=f"{trouble.code}: {trouble.affects}",
        data={"code": trouble.code, "state": "open"},
    )


def _closed(fleet: Fleet, code: str, where: str) -> Event:
    kind = "join" if code == "RackLost" else "problem"
    rack = fleet.racks.get(RackId(where.removeprefix("rack:")))
    name = where if rack is None else rack.hostname
    return Event(
        kind=kind,
        object=where,
        text=f"{code} is over: {name}",
        data={"code": code, "state": "over"},
    )
