"""Whole processes: drained, stopped in order, and a leader that steps down; nobody is ownerless."""

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from evenrack.region.links import departure
from evenrack.region.links.departure import MOST_SECONDS
from tests.region.processes import ask, eventually, fleet_on
from tests.stopwatch import Stopwatch

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.deadline(120),
    pytest.mark.usefixtures("patient_departure"),
]


class Watched:
    """Looks again and again whether a rack is without a manager, as the tables show it."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.ownerless = []
        self._looking = reactor.callLater(0, self._look)

    def _look(self):
        self.ownerless += [name for name, who in self.fleet.managers().items() if who is None]
        self._looking = reactor.callLater(0.01, self._look)

    def stop(self):
        self._looking.cancel()


async def whole_fleet(fleet):
    for number in (1, 2, 3, 4):
        fleet.start_rack(f"rack{number}")
    await eventually(fleet.is_whole)
    await eventually(lambda: sorted(fleet.read().managed.values()) == [2, 2])
    await eventually(fleet.is_whole)
    leader = fleet.regions[fleet.read().leadership.holder]
    (other,) = [region for region in fleet.regions.values() if region is not leader]
    return leader, other


def moves_of(fleet, after):
    return [event["data"]["item"] for event in fleet.events("move", after=after)]


async def test_a_process_that_is_stopped_is_left_by_its_racks_first_and_no_rack_is_ownerless(
    database_dsn,
):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        leader, other = await whole_fleet(fleet)
        before = fleet.last_event()
        watched = Watched(fleet)
        with Stopwatch() as taken:
            await fleet.stop_region(leader)
        assert taken.seconds < departure.MOST_SECONDS / 2, "others had taken over"
        watched.stop()
        assert watched.ownerless == []
        assert fleet.read().processes[leader.id].state == "off"
        assert fleet.read().leadership.holder == other.id
        assert set(fleet.managers().values()) == {other.id}
        assert len(moves_of(fleet, before)) == 2
        await eventually(fleet.is_whole)
        assert len(moves_of(fleet, before)) == 2, "each moved once, and before the stop"


async def test_a_process_is_drained_and_resumed(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        leader, other = await whole_fleet(fleet)
        watched = Watched(fleet)
        path = f"/api/v1/drains/region:{other.config.region_name}"
        assert (await ask(leader.socket, path, "POST", {})).json["to_move"] != []
        await eventually(lambda: set(fleet.managers().values()) == {leader.id})
        await eventually(fleet.is_whole)
        shown = (await leader.get(path)).json
        assert (shown["to_move"], shown["stays"]) == ([], [])
        (region,) = [
            r for r in (await other.status())["regions"] if r["id"] == other.config.region_name
        ]
        assert region["state"] == "draining"
        assert (await ask(other.socket, path, "DELETE")).json["drained"] is None
        await eventually(lambda: sorted(fleet.read().managed.values()) == [2, 2])
        watched.stop()
        assert watched.ownerless == []


async def test_a_leader_steps_down_for_the_other_and_nothing_is_moved(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        leader, other = await whole_fleet(fleet)
        before = fleet.last_event()
        answer = await ask(other.socket, "/api/v1/leader/step-down", "POST", {})
        assert answer.json == {"leader": leader.id}
        await eventually(lambda: fleet.read().leadership.holder == other.id)
        assert other.service.leader.seat.epoch is not None or await eventually(
            lambda: other.service.leader.seat.epoch
        )
        assert leader.service.leader.seat.epoch is None
        assert moves_of(fleet, before) == []


async def test_a_process_that_is_alone_stops_at_once(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        (region,) = fleet.regions.values()
        with Stopwatch() as taken:
            await fleet.stop_region(region)
        assert taken.seconds < MOST_SECONDS  # the real one: nobody is waited for


async def test_processes_that_are_stopped_together_wait_for_nobody(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        leader, other = await whole_fleet(fleet)
        with Stopwatch() as taken:
            both = [Deferred.fromCoroutine(fleet.stop_region(region)) for region in (leader, other)]
            for stopping in both:
                await stopping
        assert taken.seconds < MOST_SECONDS  # the real one: nobody is waited for
