"""A process that is being stopped says so, and waits for others as long as that is of use."""

from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.errors import DatabaseUnreachable
from evenrack.region.database.assignment_store import write_managing
from evenrack.region.database.connection_store import record_links
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import FleetCache, read_fleet
from evenrack.region.database.leader_store import read_leadership, take_over
from evenrack.region.database.process_store import mark_off, register, say_leaving
from evenrack.region.links.departure import (
    ANSWER_SECONDS,
    LOOK_SECONDS,
    MOST_SECONDS,
    Departure,
)
from tests.region.database.sessions import facts, registration
from tests.region.processes import eventually, goes_on

pytestmark = pytest.mark.postgres

ONE, TWO = "region1/1", "region2/1"


class Asked:
    """A database of which is known whether somebody waits for it."""

    def __init__(self, database):
        self._database = database
        self.waiting = 0

    async def run(self, work):
        return await self._counted(self._database.run(work))

    async def read(self, work):
        return await self._counted(self._database.read(work))

    async def _counted(self, asking):
        self.waiting += 1
        try:
            return await asking
        finally:
            self.waiting -= 1


class Process:
    """The first of two processes: it leads, and manages a rack that is connected to both."""

    def __init__(self, database):
        self.database = database
        self.clock = Clock()
        self.asked = Asked(database)
        self.departure = Departure(self.asked, FleetCache(), lambda: self.me, self.clock)
        self.ended = False

    async def run(self, work):
        return await self.database.run(work)

    async def begin(self, *, connected_to_both=True):
        def work(connection):
            self.me, self.other = (register(connection, registration(p)) for p in (ONE, TWO))
            record_links(connection, self.me, [facts("rack0001", "a")])
            if connected_to_both:
                record_links(connection, self.other, [facts("rack0001", "b")])

        await self.run(work)
        await self.lead(ONE)
        await self.manage(ONE)

    async def lead(self, process):
        def work(connection):
            seen = read_leadership(connection).epoch
            take_over(connection, seen_epoch=seen, process=process, incarnation=1, lock_backend=0)

        await self.run(work)

    async def manage(self, process):
        await self.run(
            lambda c: write_managing(c, {"rack0001": process}, read_leadership(c).number)
        )

    def leave(self):
        Deferred.fromCoroutine(self._leave())

    async def _leave(self):
        await self.departure.wait()
        self.ended = True

    def has_ended(self):
        """Whether it has after some more of its looks; no time passes while one is under way."""
        if not self.asked.waiting:
            self.clock.advance(LOOK_SECONDS)
        return self.ended

    async def says_so(self):
        return (await self.run(read_fleet)).processes[ONE].leaving


@asynccontextmanager
async def process_on(dsn, **how):
    database = PooledDatabase(dsn, reactor, name="tests")
    process = Process(database)
    try:
        await process.begin(**how)
        yield process
    finally:
        process.departure.hurry()
        database.close()


async def test_it_says_so_and_waits_until_its_racks_and_its_seat_are_others(database_dsn):
    async with process_on(database_dsn) as process:
        process.leave()
        await eventually(process.says_so)
        assert ONE in (await process.run(read_fleet)).draining
        await goes_on(lambda: not process.ended, 0.3)
        await process.manage(TWO)
        await goes_on(lambda: not process.ended, 0.3)
        assert not process.has_ended(), "it still leads"
        await process.lead(TWO)
        await eventually(process.has_ended)
        assert process.clock.seconds() < MOST_SECONDS
        events = await process.run(lambda c: read_events(c, after=0, limit=9, kind="drain"))
        assert [event["text"] for event in events] == [
            "region1/1 is being stopped: what it manages moves away first"
        ]


async def test_it_does_not_wait_where_no_other_process_runs_that_stays(database_dsn):
    for how in (mark_off, say_leaving):
        async with process_on(database_dsn) as process:
            await process.run(lambda c, how=how, other=process.other: how(c, other))
            process.leave()
            await eventually(lambda: process.ended)
            assert process.clock.seconds() == 0
        await clear(database_dsn)


async def test_it_does_not_wait_for_a_rack_that_nobody_else_could_manage(database_dsn):
    async with process_on(database_dsn, connected_to_both=False) as process:
        await process.lead(TWO)
        process.leave()
        await eventually(lambda: process.ended)


async def test_it_waits_no_longer_than_some_seconds(database_dsn, log):
    async with process_on(database_dsn) as process:
        process.leave()
        await eventually(process.has_ended)
        assert process.clock.seconds() == pytest.approx(MOST_SECONDS, abs=2 * LOOK_SECONDS)
        (line,) = log.about("others have not taken over")
        assert "the leader's seat, rack1 is managed by region1/1" in line


async def test_a_second_signal_ends_the_waiting_at_once(database_dsn, log):
    async with process_on(database_dsn) as process:
        process.departure.hurry()  # of no effect before
        process.leave()
        await eventually(process.says_so)
        assert not process.ended
        process.departure.hurry()
        assert process.ended
        assert log.about("stopping at once, as was asked for")


async def test_a_process_that_has_never_joined_does_not_wait(database_dsn, log):
    def nobody():
        raise DatabaseUnreachable("this process has not registered yet")

    async with process_on(database_dsn) as process:
        process.departure = Departure(process.database, FleetCache(), nobody, process.clock)
        process.leave()
        assert process.ended
        assert not log.lines


async def test_it_does_not_wait_without_a_database(database_dsn, log):
    async with process_on(database_dsn) as process:
        process.database.hang_up()
        process.leave()
        await eventually(lambda: process.ended)
        assert log.about("without a word to the others")


async def test_it_does_not_wait_for_a_database_that_hangs(database_dsn, log):
    async with process_on(database_dsn) as process:

        class Hanging:
            async def run(self, _work):
                await Deferred()

        process.departure = Departure(Hanging(), FleetCache(), lambda: process.me, process.clock)
        process.leave()
        process.clock.advance(ANSWER_SECONDS - 0.1)
        assert not process.ended
        process.clock.advance(0.1)
        assert process.ended
        assert log.about("without a word to the others", "no answer within 1 s")


async def clear(dsn):
    database = PooledDatabase(dsn, reactor, name="tests")
    await database.run(lambda c: c.execute(text("TRUNCATE connection, managing, process CASCADE")))
    await database.run(lambda c: c.execute(text("UPDATE leadership SET epoch = 0")))
    database.close()
