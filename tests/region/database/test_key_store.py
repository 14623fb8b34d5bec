"""What the cluster knows of its keys."""

import pytest

from evenrack.model.identifiers import ProcessId
from evenrack.region.database.key_store import (
    NOTHING_REPORTED,
    KeyOrigin,
    KeyReport,
    KeyStanding,
    lock_key_origin,
    read_key_origin,
    read_key_standing,
    read_process_keys,
    report_keys,
    write_key_origin,
)
from evenrack.region.database.process_store import mark_off
from tests.region.database.sessions import heard, joined

pytestmark = pytest.mark.postgres

FIRST, SECOND = ProcessId("region1/1"), ProcessId("region2/1")
OLD = KeyReport(known={"a": "print a"}, encrypting="print a")
BOTH = KeyReport(known={"a": "print a", "b": "print b"}, encrypting="print a")


def report(sessions, me, said):
    sessions.run(lambda c: report_keys(c, me.process, me.incarnation, said))


def standing(sessions, process):
    return sessions.run(lambda c: read_key_standing(c, process))


def told(sessions):
    return {each.process: each.report for each in sessions.run(read_process_keys)}


def test_a_new_cluster_knows_of_no_key(sessions):
    assert sessions.run(lock_key_origin) is None
    assert sessions.run(read_key_origin) is None


def test_the_newest_key_is_remembered_in_the_place_of_the_one_before(sessions):
    for n in (1, 2):
        origin = KeyOrigin(fingerprint=f"print {n}", host=f"host{n}")
        sessions.run(lambda c, origin=origin: write_key_origin(c, origin))
        assert sessions.run(lock_key_origin) == sessions.run(read_key_origin) == origin


def test_every_process_hears_at_once_that_another_key_encrypts(sessions):
    with heard(sessions) as said:
        sessions.run(lambda c: write_key_origin(c, KeyOrigin(fingerprint="print", host="host")))
    assert said == ["keys"]


def test_a_process_reads_what_it_has_said_and_nothing_before_it_has_joined(sessions):
    assert standing(sessions, FIRST) == KeyStanding(
        origin=None, incarnation=None, reported=NOTHING_REPORTED
    )
    me = joined(sessions, FIRST)
    assert standing(sessions, FIRST).reported == NOTHING_REPORTED
    report(sessions, me, OLD)
    report(sessions, me, BOTH)
    assert standing(sessions, FIRST) == KeyStanding(
        origin=None, incarnation=me.incarnation, reported=BOTH
    )


def test_of_a_process_that_began_anew_nothing_is_known_until_it_says_it_again(sessions):
    report(sessions, joined(sessions, FIRST), BOTH)
    again = joined(sessions, FIRST)
    assert told(sessions) == {FIRST: NOTHING_REPORTED}
    report(sessions, again, OLD)
    assert told(sessions) == {FIRST: OLD}


def test_the_keys_of_every_running_process_are_told_with_its_host(sessions):
    for process, said in ((SECOND, OLD), (FIRST, BOTH)):
        report(sessions, joined(sessions, process), said)
    off = joined(sessions, "region3/1")
    report(sessions, off, OLD)
    sessions.run(lambda c: mark_off(c, off))
    found = sessions.run(read_process_keys)
    assert [(each.process, each.hostname, each.report) for each in found] == [
        (FIRST, "region1.example.com", BOTH),
        (SECOND, "region2.example.com", OLD),
    ]


def test_operators_read_it_among_the_events(sessions):
    me = joined(sessions, FIRST)
    for said in (BOTH, KeyReport(known={"b": "print b"}, encrypting=None), NOTHING_REPORTED):
        report(sessions, me, said)
    assert sessions.rows("SELECT object, text FROM event WHERE kind = 'keys' ORDER BY id") == [
        ("process:region1/1", "region1/1 has the keys a, b, and encrypts with a"),
        ("process:region1/1", "region1/1 has the keys b, and encrypts with none of them"),
        ("process:region1/1", "region1/1 has no keys"),
    ]
