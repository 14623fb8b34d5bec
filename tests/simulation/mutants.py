"""Known mistakes, put into a world on purpose: the simulation is worth what it finds of them.

Each is a function that spoils one program before it starts; `patches` (a pytest.MonkeyPatch) lasts
as long as the world, and is for what programs share. The product has no such switch. Decisions are
spoiled where they are written, so that it does not matter how a leader comes to them.
"""

from types import MappingProxyType

import attrs
from sqlalchemy import text

from evenrack.region.database import claim_store, connection_store
from evenrack.region.database.leader_store import TakeOver, current_number
from evenrack.region.leading import decision_writer, leadership
from evenrack.region.leading.beat_judge import BeatJudge
from tests.simulation.tables import read_tables

take_over = leadership.take_over
write_managing = decision_writer.write_managing


def silence_forgiven(program, patches):
    """M1: the age of a beat is subtracted the wrong way round, so nobody is ever silent."""

    def silent(judge):
        return {
            process: watched.beat
            for process, watched in judge._watched.items()
            if -watched.unchanged_seconds >= judge.dead_after_seconds
        }

    patches.setattr(BeatJudge, "silent", silent)


def one_out_of_reach_stops_all(program, patches):
    """M2: nothing is balanced while any running process has less than half of the racks."""

    def write(connection, managers, number):
        tables = read_tables(connection)
        linked = {process for _, process in tables.counted}
        running = {process for process, state in tables.states.items() if state == "running"}
        return write_managing(connection, managers if running <= linked else {}, number)

    patches.setattr(decision_writer, "write_managing", write)


def no_hysteresis(program, patches):
    """M3: each event moves a rack to whoever has as few or fewer."""

    def write(connection, managers, number):
        written = write_managing(connection, managers, number)
        tables = read_tables(connection)
        loads, _ = tables.loads(tables.managing)
        useless = [
            (rack, there)
            for rack, there in sorted(tables.counted)
            if (here := tables.manager_of(rack)) not in {None, there}
            and 0 <= loads[here] - loads[there] <= 1
        ]
        return written | write_managing(connection, dict(useless[:1]), number)

    patches.setattr(decision_writer, "write_managing", write)


def no_lock(program, patches):
    """M4: whoever looks decides as well: beside the leader, in the leader's epoch."""

    def lead_as_well(connection, *, seen_epoch, **who):
        if seen_epoch == 0:
            return take_over(connection, seen_epoch=seen_epoch, **who)
        number = current_number(connection)
        return TakeOver(epoch=seen_epoch, number=number, new_database=False)

    def always(connection):
        return connection.execute(text("SELECT pg_backend_pid()")).scalar_one()

    patches.setattr(leadership, "take_over", lead_as_well)
    patches.setattr(leadership, "try_lock", always)


def racks_of_the_dead_orphaned(program, patches):
    """M5: with a dead process goes what it managed; nobody asks who else is connected to it."""

    def write(connection, managers, number):
        tables = read_tables(connection)
        linked = {process for _, process in tables.counted}
        left = {
            rack: process
            for rack, process in managers.items()
            if tables.managing.get(rack, process) in linked
        }
        return write_managing(connection, left, number)

    patches.setattr(decision_writer, "write_managing", write)


def newcomer_gets_nothing(program, patches):
    """M6: a rack is moved to another process only when it has lost the one that it has."""

    def write(connection, managers, number):
        tables = read_tables(connection)
        forced = {
            rack: process for rack, process in managers.items() if not tables.manager_of(rack)
        }
        return write_managing(connection, forced, number)

    patches.setattr(decision_writer, "write_managing", write)


def link_of_same_rack_forgotten(program, patches):
    """M7: closing one link of a rack forgets the other links of the same rack to this process."""
    connected = getattr(program.service, "connected", None)
    if connected is not None:
        connected.remove = lambda link: connected._links.pop(link.rack, None)


def copy_takes_over(program, patches):
    """M8: whoever says hello last is the rack."""

    def claim(connection, greetings):
        racks = sorted(greetings)
        there = claim_store._enter(connection, racks, greetings) if racks else []
        claim_store._take(connection, there, greetings)
        return {rack: (greetings[rack].run, greetings[rack].address) for rack in there}

    patches.setattr(connection_store, "claim", claim)
    presence = getattr(program.service, "presence", None)
    if presence is not None:
        facts_of = presence._facts

        def facts(rack):
            of_rack, links = facts_of(rack), presence._connected.links_of(rack)
            newest = presence._greeting(links[-1]) if links else None
            return attrs.evolve(of_rack, greeting=newest)

        presence._facts = facts


def no_fence(program, patches):
    """Write as leader without asking whether the epoch is still one's own."""

    def number_without_fence(connection, *, epoch):
        connection.exec_driver_sql("UPDATE leadership SET generation = generation + 1")
        return current_number(connection)

    patches.setattr(decision_writer, "next_number", number_without_fence)


def old_plan_accepted(program, patches):
    """Follow whatever plan comes last, however old."""
    newest = getattr(program.service, "newest", None)
    if newest is not None:
        newest.is_news = lambda plan: plan != newest.plan


def no_resync(program, patches):
    """Write no links anew after a new incarnation, and compare no rows with sockets."""
    membership = getattr(program.service, "membership", None)
    if membership is not None:
        membership.on_new_incarnation = lambda: None
        membership.on_database_back = lambda: None
        membership.on_beat = lambda _links: None


def no_hold_down(program, patches):
    """Give the DHCP roles of a rack away as soon as it is out of sight."""
    leader = getattr(program.service, "leader", None)
    if leader is not None:
        leader._dhcp._hold_down_seconds = 0.0


def blind_counts_as_silence(program, patches):
    """Count time without a successful read as silence of the others."""
    patches.setattr(BeatJudge, "was_blind", lambda _judge: None)
    membership = getattr(program.service, "membership", None)
    if membership is not None:
        membership._judge.most_seconds_between_reads = float("inf")


@attrs.frozen
class Mutant:
    """A mistake, and words of the complaints that it may lead to: those of what it breaks."""

    spoil: object
    breaks: tuple[str, ...]


MUTANTS = MappingProxyType(
    {
        "M1": Mutant(silence_forgiven, ("is mute, and still counts as running",)),
        "M2": Mutant(one_out_of_reach_stops_all, ("is connected, and nobody manages it",)),
        "M3": Mutant(no_hysteresis, ("moves that help nobody",)),
        "M4": Mutant(no_lock, ("both in epoch",)),
        "M5": Mutant(racks_of_the_dead_orphaned, ("is connected, and nobody manages it",)),
        "M6": Mutant(newcomer_gets_nothing, ("uneven",)),
        "M7": Mutant(link_of_same_rack_forgotten, ("are open",)),
        "M8": Mutant(copy_takes_over, ("runs at once",)),
        "no fence": Mutant(no_fence, ("decided while", "has no link to", "is not running")),
        "no hold-down": Mutant(no_hold_down, ("is no more the",)),
        "no resync": Mutant(no_resync, (" rows, ", "nobody manages it")),
        "old plan accepted": Mutant(old_plan_accepted, ("back to",)),
    }
)
FOUND_BY = MappingProxyType(
    {
        "M1": 3,
        "M2": 54,
        "M3": 1,
        "M4": 1,
        "M5": 8,
        "M6": 1,
        "M7": 6,
        "M8": 6,
        "no fence": 15,
        "no hold-down": 2,
        "no resync": 6,
        "old plan accepted": 23,
    }
)
"""The seeds that found them last: worlds change with the product, and then the others are tried.

That costs minutes, each time: put in here what `make mutants` says at its end.
"""
