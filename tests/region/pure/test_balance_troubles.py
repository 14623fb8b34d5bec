"""Holds, forgotten drains and the circuit breaker as problems."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.model.intents import Breaker, Drain, Hold
from evenrack.problems import CATALOGUE
from evenrack.region.leading.trouble_watch import TroubleWatch
from evenrack.region.troubles.troubles import find_troubles
from tests.strategies import fleet_of, rack_named, running

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ONE, TWO = running("region1/1"), running("region2/1")
RACK = rack_named("rack0001")
WELL = fleet_of(
    [ONE, TWO],
    [RACK],
    links=[(RACK.id, ONE.id), (RACK.id, TWO.id)],
    managing={RACK.id: ONE.id},
    holder=ONE.id,
)
HOLD = Hold(reason="storage is moved", who="anna", since=NOON)
DRAIN = Drain(kind="rack", id=RACK.id, message="new fan", who="otto", since=NOON, overdue=True)
TRIPPED = Breaker(why="3 of 4 racks were lost")


@pytest.mark.parametrize(
    ("changed", "code", "where", "affects"),
    [
        (
            {"hold": HOLD},
            "BalanceHeld",
            "balance",
            "every voluntary move: storage is moved (anna)",
        ),
        (
            {"hold": evolve(HOLD, until=NOON + timedelta(hours=2))},
            "BalanceHeld",
            "balance",
            "every voluntary move: storage is moved (anna, until 2026-05-04 14:00 UTC)",
        ),
        (
            {"drains": (DRAIN,)},
            "DrainForgotten",
            "rack:rack0001",
            "rack0001.example.com, drained by otto since 2026-05-04 12:00 UTC: new fan",
        ),
        (
            {"drains": (evolve(DRAIN, kind="region", id="region2", message=""),)},
            "DrainForgotten",
            "region:region2",
            "region2, drained by otto since 2026-05-04 12:00 UTC",
        ),
        (
            {"breaker": TRIPPED},
            "CircuitBreaker",
            "balance",
            "every move that is not forced: 3 of 4 racks were lost",
        ),
    ],
)
def test_each_is_told_at_once_with_who_and_why(changed, code, where, affects):
    fleet = evolve(WELL, **changed)
    (trouble,) = find_troubles(fleet)
    assert (trouble.code, trouble.object, trouble.affects) == (code, where, affects)
    assert code in CATALOGUE
    opened, _ = TroubleWatch(Clock()).changes(fleet)
    assert opened == (trouble,)


def test_a_drain_in_time_and_a_released_breaker_are_no_problem():
    fleet = evolve(
        WELL, drains=(evolve(DRAIN, overdue=False),), breaker=evolve(TRIPPED, released=True)
    )
    assert find_troubles(fleet) == []


def test_what_is_over_is_closed():
    held = evolve(WELL, open_problems={("BalanceHeld", "balance"): NOON})
    assert TroubleWatch(Clock()).changes(held)[1] == (("BalanceHeld", "balance"),)
