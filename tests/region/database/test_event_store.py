"""Events in the tables: in order, in pages, with their numbers."""

import pytest

from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.event_store import MOST_EVENTS, Event, read_events, record

pytestmark = pytest.mark.postgres


NUMBER = FleetNumber(2, 5)


def write(sessions, *names, kind="join"):
    events = [Event(kind=kind, object="rack:x", text=name, data={"n": name}) for name in names]
    sessions.run(lambda c: record(c, events, NUMBER))


def texts(sessions, **query):
    query = {"after": None, "limit": 100, **query}
    return [e["text"] for e in sessions.run(lambda c: read_events(c, **query))]


def test_an_event_is_read_as_it_was_recorded_with_a_moment_in_utc(sessions):
    write(sessions, "hello")
    (event,) = sessions.run(lambda c: read_events(c, after=0, limit=10))
    at = event.pop("at")
    assert at.endswith("Z")
    assert len(at) == len("2026-01-02T03:04:05.678Z")
    assert event == {
        "id": 1,
        "kind": "join",
        "object": "rack:x",
        "text": "hello",
        "data": {"n": "hello"},
        "generation": "2.5",
    }


def test_events_of_one_transaction_keep_their_order(sessions):
    names = [f"event {n}" for n in range(300)]
    write(sessions, *names)
    assert texts(sessions, after=0, limit=MOST_EVENTS) == names


def test_pages_after_one_another_show_every_event_once(sessions):
    names = [f"event {n}" for n in range(25)]
    write(sessions, *names)
    seen, after = [], 0
    while page := sessions.run(lambda c, after=after: read_events(c, after=after, limit=10)):
        seen += [event["text"] for event in page]
        after = page[-1]["id"]
    assert seen == names


def test_without_a_place_to_begin_the_newest_are_shown_in_their_order(sessions):
    write(sessions, "a", "b", "c", "d")
    assert texts(sessions, limit=2) == ["c", "d"]


def test_events_of_one_kind_are_shown_without_the_others(sessions):
    write(sessions, "come")
    write(sessions, "moved", kind="move")
    write(sessions, "gone", kind="loss")
    assert texts(sessions, kind="move") == ["moved"]


def test_one_answer_has_a_limited_number_of_events(sessions):
    write(sessions, *map(str, range(MOST_EVENTS + 1)))
    assert len(texts(sessions, after=0, limit=MOST_EVENTS * 2)) == MOST_EVENTS


def test_no_events_is_no_error(sessions):
    write(sessions)
    assert texts(sessions) == []
