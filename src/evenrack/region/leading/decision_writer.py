"""Everything that one turn of the leader decided, and writing it in one transaction."""

from collections.abc import Mapping

from attrs import evolve, field, frozen

from evenrack.balance.circuit_breaker import BreakerChange
from evenrack.balance.spread_values import Move
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, ProcessId, RackId
from evenrack.region.database.assignment_store import (
    close_problems,
    open_problems,
    write_managing,
)
from evenrack.region.database.balance_store import write_breaker
from evenrack.region.database.bmc_facts import write_owners
from evenrack.region.database.changes import forget_changes
from evenrack.region.database.dhcp_store import (
    end_hurries,
    write_met,
    write_pairs,
    write_services,
    write_turns,
)
from evenrack.region.database.engine import Connection
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import next_number, raise_above
from evenrack.region.database.notify import notify
from evenrack.region.database.partner_down_store import (
    end_partner_downs,
    take_back,
    write_partner_down,
)
from evenrack.region.database.probe_store import write_probes
from evenrack.region.database.process_store import Incarnation, mark_dead
from evenrack.region.database.rack_store import are_all_there
from evenrack.region.database.relay_store import write_relayed
from evenrack.region.leading import decision_events as told
from evenrack.region.leading.dhcp_watch import DhcpDecisions
from evenrack.region.troubles.trouble import Trouble

MOST_ERAS_AHEAD = 1_000
MOST_GENERATIONS_AHEAD = 1_000_000_000
"""A database that went back lost fewer decisions than this; a rack that says so is not believed."""


@frozen(kw_only=True)
class Decisions:
    """Everything that one turn wants to change."""

    managers: Mapping[RackId, ProcessId] = field(factory=dict)
    moves: tuple[Move, ...] = ()
    dhcp: DhcpDecisions = field(factory=DhcpDecisions)
    bmc_moves: tuple[Move, ...] = ()
    opened: tuple[Trouble, ...] = ()
    closed: tuple[tuple[str, str], ...] = ()
    arrived: tuple[RackId, ...] = ()
    breaker: BreakerChange | None = None

    def __bool__(self) -> bool:
        balance = self.managers or self.dhcp or self.bmc_moves
        told = self.opened or self.closed or self.arrived
        return bool(balance or told or self.breaker is not None)


def write_decisions(connection: Connection, epoch: int, fleet: Fleet, decided: Decisions) -> None:
    """Write all of it, or nothing: NoLongerLeader when the epoch has passed.

    Also nothing when a rack of this fleet was deleted since: the next look decides without it.
    """
    number = next_number(connection, epoch=epoch)
    if not are_all_there(connection, fleet.racks):
        return
    held = [rack.holds for rack in fleet.racks.values() if is_believable(rack.holds, number)]
    highest = max(held, default=number)
    events = []
    if highest >= number:
        number = raise_above(connection, highest)
        forget_changes(connection)
        events.append(told.went_back(highest, number))
    managed = write_managing(connection, decided.managers, number)
    decided = evolve(decided, moves=tuple(m for m in decided.moves if m.item in managed))
    _write_dhcp(connection, decided.dhcp, number, who=told.the_leader(fleet))
    write_owners(connection, _owners(decided.bmc_moves), number)
    if decided.breaker is not None:
        write_breaker(connection, decided.breaker.now, trips=decided.breaker.trips)
    open_problems(connection, [(t.code, t.object, t.affects) for t in decided.opened])
    close_problems(connection, decided.closed)
    record(connection, [*events, *_events_of(fleet, decided)], number)
    notify(connection, "decisions")


def _write_dhcp(
    connection: Connection, dhcp: DhcpDecisions, number: FleetNumber, *, who: str
) -> None:
    write_pairs(connection, dhcp.pairs.pairs, number)
    write_services(connection, dhcp.services, number)
    write_relayed(connection, dhcp.relayed, number)
    write_met(connection, dhcp.met)
    end_hurries(connection, dhcp.hurried)
    end_partner_downs(connection, dhcp.ended)
    take_back(connection, dhcp.unfounded)
    for evidence in dhcp.dead:
        write_partner_down(
            connection,
            evidence.vlan,
            survivor=evidence.survivor,
            dead=evidence.dead,
            who=who,
            by_evidence=True,
        )
    write_probes(connection, dhcp.probed, dhcp.unprobed)
    write_turns(connection, dhcp.turns, dhcp.withdrawn, dhcp.after)


def bury(connection: Connection, epoch: int, silent: list[tuple[Incarnation, int]]) -> None:
    """Record silent processes as dead, so that the next reading is without them and their links."""
    number = next_number(connection, epoch=epoch)
    dead = mark_dead(connection, silent)
    record(connection, [told.died(who) for who in dead], number)
    notify(connection, "members")


def is_believable(holds: FleetNumber, number: FleetNumber) -> bool:
    """Tell whether a rack's number can be this fleet's: one rack must not use up all numbers."""
    return (
        holds.era <= number.era + MOST_ERAS_AHEAD
        and holds.generation <= number.generation + MOST_GENERATIONS_AHEAD
    )


def _owners(moves: tuple[Move, ...]) -> dict[BmcId, RackId | None]:
    return {BmcId(int(move.item)): None if move.to is None else RackId(move.to) for move in moves}


def _events_of(fleet: Fleet, decided: Decisions) -> list[Event]:
    moved = {move.item for move in decided.moves}
    dhcp = decided.dhcp
    return [
        *told.breaker_changed(decided.breaker),
        *(told.moved(fleet, move) for move in decided.moves),
        *(told.checked(fleet, rack) for rack in decided.arrived if rack not in moved),
        *(told.owned(fleet, move) for move in decided.bmc_moves),
        *(told.designated(fleet, move) for move in dhcp.pairs.moves),
        *(told.serves(fleet, vlan, service) for vlan, service in dhcp.services.items()),
        *(told.relayed(fleet, vlan, by) for vlan, by in dhcp.relayed.items()),
        *(told.has_turn(fleet, rack, len(dhcp.turns)) for rack in dhcp.turns),
        *(told.partner_down_over(fleet, vlan) for vlan in dhcp.ended),
        *(told.unfounded(fleet, vlan) for vlan in dhcp.unfounded if vlan not in dhcp.ended),
        *(told.called_dead(fleet, evidence) for evidence in dhcp.dead),
        *(told.lost_turn(fleet, rack) for rack in dhcp.withdrawn),
        *(told.opened(trouble) for trouble in decided.opened),
        *(told.closed(fleet, code, where) for code, where in decided.closed),
    ]
