"""Who asks for the fleet sees all that was written before, and many share one reading."""

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.errors import DatabaseUnreachable
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.views.fleet_view import NOTHING_KNOWN, FleetView, View


def fleet(generation):
    leadership = evolve(NOTHING_KNOWN.leadership, number=FleetNumber(1, generation))
    return evolve(NOTHING_KNOWN, leadership=leadership)


class SlowDatabase:
    """Answers each reading when the test says."""

    def __init__(self):
        self.readings = []

    def read(self, _work):
        self.readings.append(Deferred())
        return self.readings[-1]


@pytest.fixture
def database():
    return SlowDatabase()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def view(database, clock):
    return FleetView(database, FleetCache(), clock)


def asked(view):
    return Deferred.fromCoroutine(view.look())


def test_who_asks_while_a_reading_is_under_way_is_given_a_later_one(view, database):
    before = asked(view)
    after = [asked(view), asked(view)]  # of what was written since the first reading began
    database.readings[0].callback(fleet(1))
    assert before.result == View(fleet(1), None)
    assert not any(each.called for each in after)
    database.readings[1].callback(fleet(2))
    assert [each.result for each in after] == [View(fleet(2), None)] * 2
    assert len(database.readings) == 2, "both share one"
    assert not asked(view).called
    assert len(database.readings) == 3


def test_a_reading_that_fails_gives_the_last_one_with_the_reason(view, database):
    first = asked(view)
    database.readings[0].callback(fleet(1))
    failed, later = asked(view), asked(view)
    database.readings[1].errback(DatabaseUnreachable("no answer"))
    assert failed.result == View(fleet(1), "no answer")
    database.readings[2].callback(fleet(2))
    assert (first.result.problem, later.result) == (None, View(fleet(2), None))


def test_nobody_waits_longer_than_the_time_for_an_answer(view, database, clock):
    waiting = [asked(view), asked(view)]
    clock.advance(view.answer_seconds)
    assert [each.result.fleet for each in waiting] == [NOTHING_KNOWN] * 2
    assert all("no answer within" in each.result.problem for each in waiting)
    database.readings[0].callback(fleet(1))
    later = asked(view)
    database.readings[-1].callback(fleet(2))
    assert later.result == View(fleet(2), None)
