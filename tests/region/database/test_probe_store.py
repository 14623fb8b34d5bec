"""Rows of what racks are to find out about hosts, and what they found."""

import pytest
from attrs import evolve
from sqlalchemy import event

from evenrack.model.dhcp_probe import AGAIN_SECONDS, Probe, ProbeAnswer
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId
from evenrack.region.database.assignment_store import write_managing
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.inventory_store import create
from evenrack.region.database.probe_store import (
    note_answers,
    read_due,
    read_probes,
    read_wanted,
    write_probes,
)
from tests.dhcp_fleet import address_of, rack_id
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres

MANAGER, OTHER = ProcessId("region1/1"), ProcessId("region1/2")
ONE, TWO, THREE = (rack_id(n) for n in (1, 2, 3))


@pytest.fixture
def vlan(sessions):
    """A VLAN, and three racks that one process manages."""
    me = joined(sessions)
    joined(sessions, OTHER)
    recorded(sessions, me, *(facts(rack, f"link-{rack}") for rack in (ONE, TWO, THREE)))
    managed = dict.fromkeys((ONE, TWO, THREE), me.process)
    sessions.run(lambda c: write_managing(c, managed, FleetNumber(1, 2)))
    sessions.run(lambda c: create(c, "vlan", {"name": "vlan1", "dhcp_on": True}))
    return sessions.value("SELECT id FROM vlan")


def probe(vlan, asked, target):
    number = int(target[-1])
    return Probe(vlan=vlan, asked=asked, target=target, address=address_of(1, number))


def found(probe, word, why=""):
    return ProbeAnswer(address=probe.address, found=word, why=why)


def begin(sessions, *probes):
    sessions.run(lambda c: write_probes(c, probes, ()))


def make_older(sessions, seconds):
    """Put the answers back in time."""
    sessions.change(
        "UPDATE dhcp_probe SET answered_at = answered_at - make_interval(secs => :seconds)",
        seconds=seconds,
    )


def due(sessions, process=MANAGER):
    asked = sessions.run(lambda c: read_due(c, process))
    return [(rack, each.target) for rack, probes in asked.items() for each in probes]


def test_a_rack_is_asked_by_its_manager_again_when_its_answer_is_old(sessions, vlan):
    two, three = probe(vlan, TWO, ONE), probe(vlan, THREE, ONE)
    begin(sessions, two, three)
    assert sorted(due(sessions)) == [(TWO, ONE), (THREE, ONE)]
    assert due(sessions, OTHER) == []
    sessions.run(lambda c: note_answers(c, [two], [found(two, "silent")]))
    assert due(sessions) == [(THREE, ONE)]
    make_older(sessions, AGAIN_SECONDS)
    assert sorted(due(sessions)) == [(TWO, ONE), (THREE, ONE)]


def test_what_was_found_is_read_with_its_age(sessions, vlan):
    two, three = probe(vlan, TWO, ONE), probe(vlan, THREE, ONE)
    begin(sessions, two, three)
    assert sessions.run(read_probes) == sessions.run(read_wanted) == {vlan: (two, three)}
    sessions.run(lambda c: note_answers(c, [two, three], [found(two, "unknown", "no route")]))
    make_older(sessions, 30)
    read, _ = sessions.run(read_probes)[vlan]
    assert (read.found, read.why, read.question) == ("unknown", "no route", two)
    assert 30 <= read.age < 90
    assert sessions.run(read_wanted) == {vlan: (two, three)}


def test_the_answer_to_another_question_is_not_noted(sessions, vlan):
    two = probe(vlan, TWO, ONE)
    moved = evolve(two, address=address_of(1, 9))
    begin(sessions, two)
    sessions.run(lambda c: note_answers(c, [moved], [found(moved, "silent")]))
    assert sessions.run(read_probes) == {vlan: (two,)}
    sessions.run(lambda c: write_probes(c, [moved], [two]))
    assert sessions.run(read_probes) == {vlan: (moved,)}


def test_what_begins_twice_keeps_its_answer_and_what_ends_is_gone(sessions, vlan):
    two = probe(vlan, TWO, ONE)
    begin(sessions, two)
    sessions.run(lambda c: note_answers(c, [two], [found(two, "silent")]))
    begin(sessions, two)
    ((read,),) = sessions.run(read_probes).values()
    assert read.found == "silent"
    sessions.run(lambda c: write_probes(c, (), [two]))
    assert sessions.run(read_probes) == {}


def test_what_begins_and_ends_with_many_racks_is_each_one_statement(sessions, vlan):
    probes = [probe(vlan, TWO, ONE), probe(vlan, THREE, ONE), probe(vlan, THREE, TWO)]
    said = []

    def write(connection, begun, ended):
        def note(_connection, _cursor, statement, *_):
            said.append(statement.split()[0])

        event.listen(connection, "before_cursor_execute", note)
        write_probes(connection, begun, ended)

    sessions.run(lambda c: write(c, probes, ()))
    assert sessions.run(read_wanted) == {vlan: tuple(probes)}
    sessions.run(lambda c: write(c, (), probes[:2]))
    assert sessions.run(read_wanted) == {vlan: (probes[2],)}
    assert said == ["INSERT", "DELETE"]


def test_a_question_goes_with_its_vlan(sessions, vlan):
    begin(sessions, probe(vlan, TWO, ONE))
    sessions.change("DELETE FROM vlan")
    assert sessions.run(read_probes) == {}


def test_a_fleet_that_is_kept_has_the_newest_answers(sessions, vlan):
    cache = FleetCache()
    two = probe(vlan, TWO, ONE)
    assert sessions.run(cache.read).probes == {}
    begin(sessions, two)
    assert sessions.run(cache.read).probes == {vlan: (two,)}
    for word in ("silent", "refused"):
        sessions.run(lambda c, word=word: note_answers(c, [two], [found(two, word)]))
        ((read,),) = sessions.run(cache.read).probes.values()
        assert read.found == word
    cache.audit_next()
    assert sessions.run(cache.read).probes[vlan][0].question == two
    assert cache.was_wrong == ()
    sessions.run(lambda c: write_probes(c, (), [two]))
    assert sessions.run(cache.read).probes == {}


def test_answers_are_read_for_who_needs_them_only(sessions, vlan):
    cache, two, said = FleetCache(), probe(vlan, TWO, ONE), []
    begin(sessions, two)
    sessions.run(lambda c: note_answers(c, [two], [found(two, "silent")]))
    sessions.run(cache.read)

    def note(_connection, _cursor, statement, *_more):
        said.append("answered_at" in statement)

    event.listen(sessions.engine, "before_cursor_execute", note)
    read = sessions.run(cache.read_without_answers)
    event.remove(sessions.engine, "before_cursor_execute", note)
    assert (read.probes, any(said)) == ({vlan: (two,)}, False)
    assert sessions.run(cache.read).probes[vlan][0].found == "silent"
