"""PostgreSQL is away, restarted, hung or set back: nobody dies of it, and all heals by itself."""

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from evenrack.config.region_config import RegionLiveness
from evenrack.region.database.schema import upgrade
from tests.postgres_fixtures import MigratedContent
from tests.region.processes import PATIENT_RACK, ask, eventually, fleet_on, goes_on
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

REAL = RegionLiveness()
LASTING = {"dead_after_seconds": 6.0, "silence_seconds": 20.0}
"""What a busy machine alone does not reach; the lease is as it is."""
ASKED = ("/api/v1/status", "/readyz", "/api/v1/events", "/api/v1/balance/history")


@pytest.fixture
def patient_answers():
    """Let nobody be patient: how long an answer may take is what these tests are about."""


async def answers(where, path):
    """What is answered, and after how many seconds."""
    with Stopwatch() as taken:
        answer = await ask(where, path)
    return answer, taken.seconds


async def test_a_region_process_joins_when_its_database_comes(own_migrated_server, log):
    server, dsn = own_migrated_server
    server.stop()
    async with fleet_on(dsn, "region1", "region2") as fleet:
        rack = fleet.start_rack("rack1")
        region = fleet.regions["region1/1"]
        await eventually(region.sockets)
        status = (await ask(region.socket, "/api/v1/status")).json
        assert status["database"]["state"] == "unreachable"
        assert status["problems"][0]["code"] == "DatabaseUnreachable"
        assert (await ask(region.socket, "/healthz")).status == 200
        assert (await ask(region.socket, "/readyz")).status == 503
        assert rack.lease.manager is None
        await goes_on(lambda: len(region.sockets()) == 1, 1)
        assert len(log.about("cannot join", "DatabaseUnreachable")) == 2, "one line a process"
        await deferToThread(server.start)
        await eventually(fleet.is_whole)
        assert (await ask(region.socket, "/readyz")).status == 200


async def test_m1_a_restart_of_the_database_moves_nothing_and_rows_equal_sockets_again(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with fleet_on(dsn, "region1", "region2") as fleet:
        for number in (1, 2, 3, 4):
            fleet.start_rack(f"rack{number}")
        await eventually(
            lambda: fleet.is_whole() and sorted(fleet.read().managed.values()) == [2, 2]
        )
        managers, event = fleet.managers(), fleet.last_event()
        sockets = {region.id: region.sockets() for region in fleet.regions.values()}
        region = fleet.regions["region1/1"]
        # nobody asks, and yet the status is known afterwards: it looks by itself now and then
        await eventually(lambda: len(region.service.view._last.managing) == 4, seconds=20)
        await deferToThread(server.stop, "immediate")
        answer, seconds = await answers(region.socket, "/api/v1/status")
        assert answer.json["database"]["state"] == "unreachable"
        assert {rack["managed_by"] for rack in answer.json["racks"]} <= set(fleet.regions)
        assert len(answer.json["racks"]) == 4
        assert seconds < 3
        await deferToThread(server.start)
        await eventually(fleet.is_whole)
        assert {r.id: r.sockets() for r in fleet.regions.values()} == sockets
        assert fleet.managers() == managers
        assert fleet.events("move", "loss", after=event) == []
        incarnations = {p.id: p.incarnation for p in fleet.read().processes.values()}
        assert incarnations == dict.fromkeys(fleet.regions, 1)


async def test_racks_that_come_and_go_while_the_database_is_away_are_right_when_it_is_back(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with fleet_on(dsn, "region1", "region2") as fleet:
        for number in (1, 2):
            fleet.start_rack(f"rack{number}")
        await eventually(fleet.is_whole)
        await deferToThread(server.stop, "immediate")
        await fleet.stop_rack("rack1")
        fleet.start_rack("rack3")
        await eventually(
            lambda: all(len(region.sockets()) == 2 for region in fleet.regions.values())
        )
        await deferToThread(server.start)
        await eventually(fleet.is_whole)
        assert fleet.managers()["rack1"] is None
        assert fleet.managers()["rack3"] in fleet.regions


async def test_m1_a_database_that_hangs_kills_nobody_is_told_of_and_ends_every_lease_in_time(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with fleet_on(dsn, rack_liveness=PATIENT_RACK) as fleet:
        for host in ("region1", "region2"):
            fleet.start_region(host, liveness=evolve(REAL, **LASTING))
        for number in (1, 2, 3, 4):
            fleet.start_rack(f"rack{number}")
        await eventually(
            lambda: fleet.is_whole() and sorted(fleet.read().managed.values()) == [2, 2]
        )
        await deferLater(reactor, 1.5)
        managers, event, numbers = fleet.managers(), fleet.last_event(), fleet.read().leadership
        sockets = {region.id: region.sockets() for region in fleet.regions.values()}
        region = fleet.regions["region1/1"]
        paused_at = reactor.seconds()
        await deferToThread(server.pause)
        with Stopwatch() as taken:
            asked = [Deferred.fromCoroutine(answers(region.socket, path)) for path in ASKED]
            status, ready, events, history = [await asking for asking in asked]
            for answer, seconds in (status, ready, events, history):
                assert seconds < 3
                assert answer.status == (200 if answer is status[0] else 503)
            assert status[0].json["problems"][0]["code"] == "DatabaseUnreachable"
            assert status[0].json["database"]["state"] == "unreachable"
            for answer, _ in (ready, events, history):
                assert answer.json["code"] == "DatabaseUnreachable"
            await eventually(lambda: not any(r.lease.manager for r in fleet.racks.values()))
        assert reactor.seconds() - paused_at > 4
        assert taken.seconds < 7.5  # a fresh beat 2 s, then a lease 5 s
        for rack in fleet.racks.values():
            assert rack.connections.sessions(), "a link does not end for a database"
        await deferToThread(server.resume)
        await eventually(fleet.is_whole)
        await deferLater(reactor, LASTING["dead_after_seconds"] + 0.5)  # by then it would be told
        assert {r.id: r.sockets() for r in fleet.regions.values()} == sockets
        assert fleet.managers() == managers
        assert fleet.events("move", "loss", "join", after=event) == []
        assert fleet.read().leadership.epoch == numbers.epoch


async def test_a_process_stops_in_order_while_its_database_hangs(own_migrated_server, log):
    server, dsn = own_migrated_server
    async with fleet_on(dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        region = fleet.regions["region1/1"]
        await deferToThread(server.pause)
        resume = reactor.callLater(12, reactor.callInThread, server.resume)
        try:
            await deferLater(reactor, 0.5)
            with Stopwatch() as taken:
                await fleet.stop_region(region)
            assert taken.seconds < 6
            assert log.about("the others were not told of the stop")
        finally:
            resume.cancel()
            await deferToThread(server.resume)


async def test_after_the_tables_were_set_back_everything_heals_and_plans_have_newer_numbers(
    postgres_server, database_dsn
):
    """A restored older dump is stood in for by putting the tables' older content back."""
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        racks = [fleet.start_rack(f"rack{number}") for number in (1, 2)]
        await eventually(fleet.is_whole)
        dump = MigratedContent(postgres_server, "evenrack_tests")
        dumped = fleet.read().leadership.number
        fleet.rows("UPDATE leadership SET generation = generation + 100")
        third = fleet.start_rack("rack3")
        await eventually(fleet.is_whole)
        await fleet.stop_region(fleet.regions["region1/1"])
        await eventually(fleet.is_whole)
        fleet.start_region("region1")
        await eventually(fleet.is_whole)
        held = {rack.rack: rack.newest.number for rack in [*racks, third]}
        highest = max(held.values())
        await deferToThread(dump.restore)
        dump.close()
        assert dumped < highest
        await eventually(lambda: fleet.is_whole() and fleet.read().leadership.number > highest)
        assert fleet.managers().keys() == {"rack1", "rack2", "rack3"}
        for rack in [*racks, third]:
            assert rack.newest.number >= held[rack.rack]
        told = [event["text"] for event in fleet.events("database")]
        assert any("the database went back" in text for text in told)
        assert fleet.rows("SELECT FROM change_pruned"), "nobody trusts what was noted before"
        assert any(rack.newest.number > highest for rack in [*racks, third])


async def test_a_process_without_schema_says_so_once_and_joins_when_it_is_made(
    empty_database_dsn, log
):
    async with fleet_on(empty_database_dsn, "region1") as fleet:
        region = fleet.regions["region1/1"]
        await eventually(lambda: log.about("cannot join", "SchemaMismatch", "init"))
        for path in ("/api/v1/status", "/readyz", "/api/v1/events"):
            answer, seconds = await answers(region.socket, path)
            assert seconds < 1
            assert "schema" in answer.text
        await deferLater(reactor, 1.2)
        assert len(log.about("cannot join")) == 1
        await deferToThread(upgrade, empty_database_dsn)
        await eventually(lambda: fleet.read().live == (region.id,))
