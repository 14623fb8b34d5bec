"""Known mistakes, put into a world on purpose: the simulation is worth what it finds of them.

Each is a function that spoils one program before it starts. The product has no such switch.
"""

from evenrack.region import decision_writer
from evenrack.region.database.leader_store import current_number


def link_of_same_rack_forgotten(program):
    """M7: closing one link of a rack forgets the other links of the same rack to this process."""
    connected = getattr(program.service, "connected", None)
    if connected is not None:
        connected.remove = lambda link: connected._links.pop(link.rack, None)


def old_plan_accepted(program):
    """Follow whatever plan comes last, however old."""
    newest = getattr(program.service, "newest", None)
    if newest is not None:
        newest.is_news = lambda plan: plan != newest.plan


def no_resync(program):
    """Write no links anew after a new incarnation, and compare no rows with sockets."""
    membership = getattr(program.service, "membership", None)
    if membership is not None:
        membership.on_new_incarnation = lambda: None
        membership.on_database_back = lambda: None
        membership.on_beat = lambda _links: None


def blind_counts_as_silence(program):
    """Count time without a successful read as silence of the others."""
    membership = getattr(program.service, "membership", None)
    if membership is not None:
        membership._judge.was_blind = lambda: None
        membership._judge.most_seconds_between_reads = float("inf")


def lost_links_not_reported(program):
    """Tell nobody that a link is gone: only silence ends it."""
    connections = getattr(program.service, "connections", None)
    if connections is not None:
        connections._report_lost_links = lambda: None


def no_fence(program):
    """Write as leader without asking whether the epoch is still one's own."""
    if hasattr(program.service, "leader"):
        decision_writer.next_number = _number_without_fence


def _number_without_fence(connection, *, epoch):
    connection.exec_driver_sql("UPDATE leadership SET generation = generation + 1")
    return current_number(connection)


MUTANTS = {
    "M7": link_of_same_rack_forgotten,
    "no resync": no_resync,
    "no fence": no_fence,
    "old plan accepted": old_plan_accepted,
}
