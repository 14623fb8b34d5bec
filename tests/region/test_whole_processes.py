"""Whole region processes and racks over real sockets and a real PostgreSQL."""

from collections import Counter

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from evenrack.rack.region_session import RegionSession
from evenrack.region.database.process_store import Incarnation, mark_dead
from tests.region.processes import QUICK, eventually, fleet_on, goes_on, trust_of
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


def die(fleet, process):
    """Have a living process given up, as its fellows do after a long pause of it."""
    ((incarnation, beat),) = fleet.rows(
        f"SELECT incarnation, beat FROM process WHERE id = '{process}'"  # noqa: S608
    )
    who = Incarnation(process=process, incarnation=incarnation)
    with fleet._engine.begin() as connection:
        return mark_dead(connection, [(who, beat)])


def _managed(status):
    """How many racks each process manages, as one tells it."""
    processes = [process for region in status["regions"] for process in region["processes"]]
    return Counter({process["id"]: process["racks_managed"] for process in processes})


async def test_p1_p21_two_racks_that_know_one_endpoint_are_connected_everywhere_and_managed(
    database_dsn,
):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        fleet.start_rack("rack1", fleet.regions["region1/1"].port)
        fleet.start_rack("rack2", fleet.regions["region2/1"].port)
        await eventually(fleet.is_whole)
        assert sorted(fleet.managers().values()) == ["region1/1", "region2/1"]
        moves = fleet.events("move")
        assert len(moves) == 2
        assert all(move["data"]["forced"] for move in moves)


async def test_p3_p24_every_process_gives_the_same_status_and_it_equals_the_sockets(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        for number in (1, 2, 3):
            fleet.start_rack(f"rack{number}")
        await eventually(fleet.is_whole)

        async def told_by_both():
            one, two = [await region.status() for region in fleet.regions.values()]
            managed = Counter(fleet.managers().values())
            # a rack may report between the questions, or move: it came before a link of its own
            return one if one == two and _managed(one) == managed else None

        one = await eventually(told_by_both)
        for region in one["regions"]:
            (process,) = region["processes"]
            assert process["connections"] == len(fleet.regions[process["id"]].sockets()) == 3
        for rack in one["racks"]:
            assert (rack["connections"], rack["processes_connected"]) == (2, 2)
        assert one["leader"] in fleet.regions
        assert one["survives"] == {"yes": True, "not": []}


@pytest.mark.usefixtures("patient_departure")
async def test_p1_a_process_stopped_in_order_is_off_and_its_racks_move_at_once(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        for number in (1, 2, 3, 4):
            fleet.start_rack(f"rack{number}")
        await eventually(fleet.is_whole)
        leader = fleet.regions[fleet.read().leadership.holder]
        (other,) = [region for region in fleet.regions.values() if region is not leader]
        await fleet.stop_region(leader)
        with Stopwatch() as taken:
            await eventually(lambda: set(fleet.managers().values()) == {other.id})
        assert taken.seconds < 1
        assert fleet.read().processes[leader.id].state == "off"
        await eventually(fleet.is_whole)
        (shown,) = [
            r for r in (await other.status())["regions"] if r["id"] != other.config.region_name
        ]
        assert (shown["state"], shown["processes"][0]["connections"]) == ("off", 0)
        # it need not lead yet: all racks may have been its own before
        await eventually(lambda: fleet.read().leadership.holder == other.id)
        assert (await other.status())["leader"] == other.id


async def test_a_stopped_process_leaves_no_socket_no_session_and_no_listener(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        region = fleet.regions["region1/1"]
        await fleet.stop_region(region)
        assert not region.socket.exists()
        sessions = (
            "SELECT application_name, backend_start, state, query FROM pg_stat_activity "
            "WHERE application_name LIKE 'region1/%'"
        )
        # the server ends a session a moment after its client has
        await eventually(lambda: fleet.rows(sessions) == [], seconds=20)
        again = fleet.start_region("region1")  # the ports are free
        await eventually(fleet.is_whole)
        assert again.port == region.port


async def test_a_region_process_uses_six_sessions_at_most(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        await fleet.regions["region1/1"].status()
        ((count,),) = fleet.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'region1/1 %'"
        )
        assert count <= 6


async def test_p22_p25_a_restarted_rack_is_managed_again_and_moves_nobody_else(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        for number in (1, 2, 3, 4):
            fleet.start_rack(f"rack{number}")
        await eventually(fleet.is_whole)
        await eventually(lambda: is_still(fleet, 1.5), 20)  # what came one by one is even by now
        before, event = fleet.managers(), fleet.last_event()
        await fleet.stop_rack("rack2")
        await eventually(lambda: fleet.managers()["rack2"] is None)
        fleet.start_rack("rack2")
        await eventually(fleet.is_whole)
        moved = {move["data"]["name"] for move in fleet.events("move", after=event)}
        assert moved <= {"rack2"}
        assert {**fleet.managers(), "rack2": ""} == {**before, "rack2": ""}


async def test_a_rack_stopped_in_order_is_off_and_no_problem(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        fleet.start_rack("rack1")
        fleet.start_rack("rack2")
        await eventually(fleet.is_whole)
        await fleet.stop_rack("rack2")
        region = fleet.regions["region1/1"]

        async def state():
            return {r["hostname"]: r["state"] for r in (await region.status())["racks"]}

        async def is_off():
            return (await state())["rack2"] == "off"

        await eventually(is_off)
        await goes_on(
            lambda: "RackLost" not in {code for code, _ in fleet.read().open_problems}, 1.5
        )
        assert await state() == {"rack1": "running", "rack2": "off"}


async def test_m7_a_rack_twice_on_one_process_counts_once_until_its_last_link_is_gone(
    database_dsn,
):
    """Two runs would be refused; this is one daemon that dials one process by two addresses."""
    async with fleet_on(database_dsn, "region1") as fleet:
        rack = fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        region = fleet.regions["region1/1"]
        (first,) = region.sockets()
        (link,) = region.service.connected.all_links()
        second = await second_link(rack, region)
        await eventually(lambda: len(region.sockets()) == 2 and fleet.rows_equal_sockets())
        status = await region.status()
        assert status["racks"][0]["connections"] == 2
        assert status["racks"][0]["processes_connected"] == 1
        assert status["regions"][0]["racks_managed"] == 1
        second.abort()
        await eventually(lambda: region.sockets() == {first} and fleet.rows_equal_sockets())
        assert fleet.managers() == {"rack1": region.id}
        assert fleet.read().racks[rack.rack].stopped is False
        assert link.is_open


async def second_link(rack, region):
    """Open one more link of the same run of a rack."""
    maker = Factory.forProtocol(lambda: RegionSession(rack.connections._self, lambda _: None))
    maker.noisy = False
    plain = TCP4ClientEndpoint(reactor, "127.0.0.1", region.port)
    session = await wrapClientTLS(trust_of(rack._state).tls, plain).connect(maker)
    await session.greet()
    return session


async def test_a_process_that_was_given_up_registers_anew_and_writes_its_links_again(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        fleet.start_rack("rack1")
        fleet.start_rack("rack2")
        await eventually(fleet.is_whole)
        event = fleet.last_event()
        marked = await eventually(lambda: die(fleet, "region2/1"))
        await eventually(fleet.is_whole)
        process = fleet.read().processes["region2/1"]
        assert (process.state, process.incarnation) == ("running", marked[0].incarnation + 1)
        joins = [e for e in fleet.events("join", after=event) if e["object"] == "process:region2/1"]
        assert len(joins) == 1


async def test_m1_a_process_whose_beat_stands_still_is_dead_in_time_and_its_racks_are_moved(
    database_dsn,
):
    """A process that stopped beating is stood in for by a row that nobody raises."""
    async with fleet_on(database_dsn, "region1", liveness=QUICK) as fleet:
        fleet.rows("INSERT INTO region VALUES ('ghost', 'ghost')")
        await eventually(lambda: fleet.read().leadership.holder == "region1/1")
        began = reactor.seconds()
        with Stopwatch() as taken:
            fleet.rows("INSERT INTO process VALUES ('ghost/1', 'ghost', 1, 7, 1, '[]', 'running')")
            await eventually(lambda: fleet.read().processes["ghost/1"].state == "dead")
        assert reactor.seconds() - began >= QUICK.dead_after_seconds
        assert taken.seconds < 4
        deaths = [event for event in fleet.events("loss") if event["object"] == "process:ghost/1"]
        assert len(deaths) == 1
        number = fleet.number()
        await goes_on(lambda: fleet.number() == number, 1)


async def test_p22_a_rack_whose_only_configured_region_is_gone_stays_with_the_others(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        configured = fleet.regions["region1/1"]
        fleet.start_rack("rack1", configured.port)
        await eventually(fleet.is_whole)
        await fleet.stop_region(configured)
        await eventually(fleet.is_whole)
        assert fleet.managers() == {"rack1": "region2/1"}
        await fleet.stop_rack("rack1")
        fleet.start_rack("rack1", configured.port)  # restarted, it remembers the others
        await eventually(fleet.is_whole)


async def test_p23_a_rack_with_several_configured_regions_has_one_link_to_each_process(
    database_dsn,
):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        ports = [region.port for region in fleet.regions.values()]
        fleet.start_rack("rack1", *ports)
        fleet.start_rack("rack2", *ports[::-1])
        await eventually(fleet.is_whole)
        await goes_on(
            lambda: [len(region.sockets()) for region in fleet.regions.values()] == [2, 2], 1
        )


async def test_p6_a_process_that_joins_takes_its_share_after_the_quiet_time(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        for number in range(1, 7):
            fleet.start_rack(f"rack{number}")
        await eventually(fleet.is_whole)
        event = fleet.last_event()
        fleet.start_region("region2")
        await eventually(
            lambda: fleet.is_whole() and sorted(fleet.read().managed.values()) == [3, 3]
        )
        moves = fleet.events("move", after=event)
        assert len(moves) == 3
        assert {(m["data"]["to"], m["data"]["forced"]) for m in moves} == {("region2/1", False)}
        assert all(move["data"]["reason"] for move in moves)


async def test_nothing_is_written_while_nothing_happens(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        fleet.start_rack("rack1")
        fleet.start_rack("rack2")
        await eventually(fleet.is_whole)
        await eventually(lambda: is_still(fleet, 1.5), 20)  # the quiet time, and what follows it
        before = fleet.last_event()
        assert await is_still(fleet, 3), fleet.events(after=before)


async def is_still(fleet, seconds):
    """Tell whether the number of the fleet stays as it is for so long."""
    number, end = fleet.number(), reactor.seconds() + seconds
    while reactor.seconds() < end:
        if fleet.number() != number:
            return False
        await deferLater(reactor, 0.03)
    return True
