"""Whole processes: what a hold and the circuit breaker stop, and what goes on all the same."""

import pytest
from twisted.internet import reactor
from twisted.internet.task import deferLater

from evenrack.region.links import departure
from tests.region.processes import ask, eventually, fleet_on, goes_on
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

HOLD = "/api/v1/balance/hold"
QUIET_SECONDS = 2.0
"""Five times what the balance waits until it is quiet."""
LOST = ("rack1", "rack2", "rack3")


async def whole_fleet(fleet):
    for number in (1, 2, 3, 4):
        fleet.start_rack(f"rack{number}")
    await eventually(fleet.is_whole)
    return next(iter(fleet.regions.values()))


async def open_problems(region):
    return {problem["code"] for problem in (await region.status())["problems"]}


async def lose(fleet, name):
    """Let a rack go as if it had said no goodbye."""
    await fleet.stop_rack(name)
    fleet.rows(f"UPDATE rack SET stopped = false WHERE hostname = '{name}'")  # noqa: S608


async def test_a_hold_stops_what_is_voluntary_and_nothing_else(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        one = await whole_fleet(fleet)
        await ask(one.socket, HOLD, "POST", {"reason": "core"})
        two = fleet.start_region("region2")
        await eventually(fleet.is_whole)
        assert "BalanceHeld" in await open_problems(one)
        await goes_on(lambda: set(fleet.managers().values()) == {one.id}, QUIET_SECONDS)
        await fleet.stop_region(one)
        await eventually(lambda: set(fleet.managers().values()) == {two.id})
        fleet.start_region("region1")
        await eventually(fleet.is_whole)
        await goes_on(lambda: set(fleet.managers().values()) == {two.id}, QUIET_SECONDS)
        await ask(two.socket, HOLD, "DELETE")
        await eventually(lambda: sorted(fleet.read().managed.values()) == [2, 2])
        assert "BalanceHeld" not in await open_problems(two)


@pytest.mark.usefixtures("patient_departure")
async def test_what_drains_is_left_although_the_balance_is_held(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        one = await whole_fleet(fleet)
        await ask(one.socket, HOLD, "POST", {"reason": "core"})
        (two,) = [region for region in fleet.regions.values() if region is not one]
        with Stopwatch() as taken:
            await fleet.stop_region(one)
        assert taken.seconds < departure.MOST_SECONDS / 2, "others had taken over"
        assert set(fleet.managers().values()) == {two.id}


async def test_the_breaker_trips_holds_for_a_new_leader_and_ends_when_the_racks_are_back(
    database_dsn,
):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        await whole_fleet(fleet)
        await deferLater(reactor, 3.5)  # a new leader judges no sooner
        for name in LOST:
            await lose(fleet, name)
        await eventually(lambda: fleet.read().breaker_holds)
        leader = fleet.regions[fleet.read().leadership.holder]
        assert "CircuitBreaker" in await open_problems(leader)
        await fleet.stop_region(leader)
        (other,) = fleet.regions.values()
        await eventually(lambda: fleet.read().leadership.holder == other.id)
        await goes_on(lambda: fleet.read().breaker_holds, 4.0)
        assert len(fleet.events("breaker")) == 1
        for name in LOST:
            fleet.start_rack(name)
        await eventually(lambda: fleet.read().breaker is None)
        assert [e["data"]["state"] for e in fleet.events("breaker")] == ["open", "over"]
