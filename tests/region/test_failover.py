"""PostgreSQL's primary is lost and a standby promoted: no daemon restarts, nothing is forgotten."""

from contextlib import asynccontextmanager

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from evenrack.errors import DatabaseUnreachable
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.postgres.binaries import locate_binaries
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import raise_number
from evenrack.region.database.schema import upgrade
from evenrack.runtime.child_process import run_program
from tests.postgres_fixtures import execute
from tests.postgres_group import group_dsn, running_group
from tests.region.processes import eventually, fleet_on

COMMIT_TO_LOSE = (
    "INSERT INTO event (kind, object, text, data, era, generation) "
    "VALUES ('test', '', 'to lose', '{}', 0, 0)"
)

SESSIONS = "SELECT application_name FROM pg_stat_activity WHERE datname = 'hurt'"

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.deadline(120)]


@pytest.fixture
def patient_answers():
    """Let nobody be patient: how long an answer may take is what these tests are about."""


@pytest.fixture(scope="module")
def servers():
    """A primary with two standbys, for all of these tests."""
    with running_group() as group:
        yield group


@pytest.fixture
def group(servers):
    """The three, all of them running, with a database of this test's own; and how it is reached."""
    servers.start_all()
    primary = servers[servers.primary]
    execute(primary, "DROP DATABASE IF EXISTS hurt WITH (FORCE)")
    execute(primary, "CREATE DATABASE hurt")
    upgrade(group_dsn(servers, "hurt"))
    return servers, group_dsn(servers, "hurt")


async def test_p25_killing_the_primary_and_promoting_loses_nothing_and_restarts_nobody(group):
    servers, dsn = group
    async with fleet_on(dsn, "region1", "region2") as fleet:
        racks = [fleet.start_rack(f"rack{number}") for number in (1, 2, 3, 4)]
        await eventually(fleet.is_whole)
        sockets = {region.id: region.sockets() for region in fleet.regions.values()}
        third = fleet.start_rack("rack5")  # its assignment is as new as can be
        await eventually(lambda: third.newest.number > BEFORE_ALL)
        reported = {rack.rack: rack.newest.number for rack in (*racks, third)}
        before = fleet.read().leadership
        event = fleet.last_event()
        await deferToThread(servers[servers.primary].kill)
        await deferToThread(servers.promote, servers.most_advanced())
        await eventually(lambda: fleet.is_whole() and fleet.read().leadership.epoch > before.epoch)
        after = fleet.read()
        for rack in (*racks, third):
            assert after.managing[rack.rack].number >= reported[rack.rack]
            assert rack.newest.number >= reported[rack.rack]
        for region, links in sockets.items():
            assert links <= fleet.regions[region].sockets(), "a link does not end for a database"
        assert {p.incarnation for p in after.processes.values()} == {1}
        assert fleet.events("loss", after=event) == []
        assert after.leadership.number.era == before.number.era + 1


async def test_p25_no_change_that_was_answered_with_done_is_lost_while_the_primary_is_killed(group):
    servers, dsn = group
    database = PooledDatabase(dsn, reactor, name="writer")
    done, enough = [], []

    def change(connection):
        number = raise_number(connection)
        text = f"change {number.generation}"
        record(connection, [Event(kind="test", object="", text=text, data={})], number)
        return text

    async def change_all_the_time():
        while not enough:
            try:
                done.append(await database.run(change))
            except DatabaseUnreachable:
                await deferLater(reactor, 0.05)

    lost = servers.primary
    try:
        changing = Deferred.fromCoroutine(change_all_the_time())
        await eventually(lambda: len(done) > 20)
        for standby in servers.standbys:  # from here on nothing is safe, so nothing is done
            await deferToThread(servers[standby].kill)
        await deferLater(reactor, 0.3)
        await deferToThread(servers[lost].kill)
        for standby in servers.standbys:
            await deferToThread(servers.start, standby)
        await deferToThread(servers.promote, servers.most_advanced())
        before = len(done)
        await eventually(lambda: len(done) > before)
        enough.append(True)
        await changing
        rows = execute(servers[servers.primary], "SELECT text FROM event", "hurt")
        assert {text for (text,) in rows} >= set(done)
    finally:
        database.close()


async def test_p25_every_session_leaves_a_primary_that_hangs_when_another_was_promoted(group):
    """The old one should have been ended first; it hangs for good, so nothing is written there."""
    servers, dsn = group
    hung = servers.primary
    async with fleet_on(dsn, "region1", "region2") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        await deferToThread(servers[hung].pause)
        chosen = await deferToThread(servers.most_advanced)  # the other one could not follow
        await deferToThread(servers[chosen].promote)

        def sessions():
            rows = execute(servers[chosen], SESSIONS, "hurt")
            return {name for (name,) in rows}

        everyone = {f"{r} {s}" for r in fleet.regions for s in ("beat", "leader lock", "listen")}
        await eventually(lambda: sessions() >= everyone, seconds=60)
        await deferToThread(servers.promote, chosen)  # and the hung one ends
        await eventually(fleet.is_whole, seconds=20)


async def test_p25_a_primary_without_any_standby_is_told_of_and_all_goes_on_when_one_is_back(group):
    servers, dsn = group
    async with fleet_on(dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        region = fleet.regions["region1/1"]
        for standby in servers.standbys:
            await deferToThread(servers[standby].kill)
        rack = fleet.start_rack("rack2")

        async def told():
            return (await region.status())["database"]

        async def says_what_it_waits_for():
            database = await told()
            waits = "waits for a synchronous standby" in database["detail"]
            return waits and database["state"] == "unreachable"

        await eventually(says_what_it_waits_for, seconds=30)
        assert rack.newest.number == BEFORE_ALL, "what is not safe is not reported"
        await deferToThread(servers.start, servers.standbys[0])
        await eventually(fleet.is_whole, seconds=30)
        await eventually(lambda: has_state(told, "ok"), seconds=30)


async def has_state(told, state):
    return (await told())["state"] == state


async def test_an_asynchronous_promotion_that_loses_commits_heals_by_the_era(group):
    servers, dsn = group
    lost = servers.primary
    execute(servers[lost], "ALTER DATABASE hurt SET synchronous_commit = local")
    async with fleet_on(dsn, "region1", "region2") as fleet:
        racks = [fleet.start_rack(f"rack{number}") for number in (1, 2)]
        await eventually(fleet.is_whole)
        for standby in servers.standbys:
            await deferToThread(servers[standby].kill)
        racks.append(fleet.start_rack("rack3"))
        await eventually(fleet.is_whole)
        await fleet.stop_region(fleet.regions["region1/1"])
        await eventually(fleet.is_whole)
        held = {rack.rack: rack.newest.number for rack in racks}
        before = fleet.read().leadership.number
        execute(servers[lost], COMMIT_TO_LOSE, "hurt")
        await deferToThread(servers[lost].kill)
        for standby in servers.standbys:
            await deferToThread(servers.start, standby)
        await deferToThread(servers.promote, servers.standbys[0])
        kept = execute(servers[servers.primary], "SELECT text FROM event", "hurt")
        assert ("to lose",) not in kept, "a commit is lost, or this shows nothing"
        await eventually(lambda: fleet.read().leadership.number.era > before.era)
        await eventually(fleet.is_whole, seconds=20)
        assert all(rack.newest.number >= held[rack.rack] for rack in racks)
        assert racks[2].newest.number > held[racks[2].rack], "the new database never knew its plan"
        told = [event["text"] for event in fleet.events("database")]
        assert any("another database" in text or "went back" in text for text in told), told


async def test_a_restored_older_dump_heals_by_the_generation_and_is_told(group, tmp_path):
    servers, dsn = group
    primary = servers[servers.primary]
    dump, programs = tmp_path / "dump", locate_binaries()
    async with fleet_on(dsn, "region1", "region2") as fleet:
        racks = [fleet.start_rack(f"rack{number}") for number in (1, 2)]
        await eventually(fleet.is_whole)
        await deferToThread(
            run_program, [str(programs.program("pg_dump")), "-Fc", "-f", str(dump), dsn], seconds=30
        )
        racks.append(fleet.start_rack("rack3"))
        await eventually(fleet.is_whole)
        await fleet.stop_region(fleet.regions["region1/1"])
        await eventually(fleet.is_whole)
        fleet.start_region("region1")
        await eventually(fleet.is_whole)
        held = {rack.rack: rack.newest.number for rack in racks}
        restored = await deferToThread(restore, programs, primary, dump)
        assert restored < max(held.values())
        await eventually(
            lambda: fleet.is_whole() and fleet.read().leadership.number > max(held.values()),
            seconds=20,
        )
        assert all(rack.newest.number >= held[rack.rack] for rack in racks)
        assert any("the database went back" in e["text"] for e in fleet.events("database"))


def restore(programs, primary, dump):
    """Put an older dump in the place of a database in use, as docs/database.md says.

    Gives the fleet's number in it: as soon as it has its name a leader may raise that.
    """
    execute(primary, "CREATE DATABASE restored")
    command = [str(programs.program("pg_restore")), "-d", primary.dsn("restored"), str(dump)]
    run_program(command, seconds=30)
    ((era, generation),) = execute(primary, "SELECT era, generation FROM leadership", "restored")
    execute(primary, "DROP DATABASE hurt WITH (FORCE)")
    execute(primary, "ALTER DATABASE restored RENAME TO hurt")
    return FleetNumber(era, generation)


async def test_a_server_that_takes_no_changes_is_unreachable_and_no_crash(group):
    servers, _ = group
    standby = servers[servers.standbys[0]]
    execute(servers[servers.primary], "DROP DATABASE IF EXISTS bare")
    execute(servers[servers.primary], "CREATE DATABASE bare")
    ((written,),) = execute(servers[servers.primary], "SELECT pg_current_wal_lsn()")
    replayed = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
    await eventually(lambda: execute(standby, replayed) == [(True,)])
    async with doors_to(f"{standby.dsn('hurt')} target_session_attrs=any") as doors:
        for door in doors:
            with pytest.raises(DatabaseUnreachable, match="read-only"):
                await door(raise_number)
    with pytest.raises(DatabaseUnreachable, match="read-only"):
        await deferToThread(upgrade, f"{standby.dsn('bare')} target_session_attrs=any")
    with pytest.raises(DatabaseUnreachable, match=r"read-only|standby"):
        await deferToThread(upgrade, standby.dsn("bare"))


async def test_sessions_leave_a_server_that_takes_no_changes_any_more(group):
    servers, dsn = group
    primary = servers[servers.primary]
    async with doors_to(dsn) as doors:
        for door in doors:
            assert await door(raise_number)
        try:
            await take_changes(primary, "off")
            for door in doors:
                with pytest.raises(DatabaseUnreachable, match="read-only"):
                    await door(raise_number)
        finally:
            await take_changes(primary, "on")
        for door in doors:
            assert await door(raise_number)


async def take_changes(server, on_or_off):
    """Let new and present sessions of a primary take changes, or not."""
    read_only = {"on": "off", "off": "on"}[on_or_off]
    execute(server, f"ALTER SYSTEM SET default_transaction_read_only = {read_only}")
    execute(server, "SELECT pg_reload_conf()")
    shown = "SHOW default_transaction_read_only"
    await eventually(lambda: execute(server, shown) == [(read_only,)])


@asynccontextmanager
async def doors_to(dsn):
    """The pool's door, and that of a session of one's own."""
    database = PooledDatabase(dsn, reactor, name="test")
    own = database.own_connection("own")
    try:
        yield database.run, own.run
    finally:
        await own.close()
        database.close()
