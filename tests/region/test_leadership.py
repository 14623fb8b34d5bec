"""Who leads: one process, soon after a death by the lock, and by the beats at the latest (I12)."""

from contextlib import asynccontextmanager

import pytest
from twisted.internet import reactor

from evenrack.errors import DatabaseUnreachable, NoLongerLeader
from evenrack.region.database.engine import PooledDatabase, attempt, open_engine
from evenrack.region.database.leader_store import (
    ask_to_step_down,
    next_number,
    read_leadership,
)
from evenrack.region.database.process_store import (
    Incarnation,
    Registration,
    mark_off,
    register,
    say_leaving,
)
from evenrack.region.leading.leadership import LeaderSeat
from tests.region.processes import eventually
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.postgres

SOON_SECONDS = 2.0
"""For the server to see that a session was closed."""


class Candidate:
    """A process as far as leading goes: a pool and a session for the lock."""

    def __init__(self, dsn, name):
        self.me = Incarnation(process=f"{name}/1", incarnation=1)
        self.database = PooledDatabase(dsn, reactor, name=self.me.process)
        self.seat = LeaderSeat(self.database)

    async def register(self):
        registration = Registration(process=self.me.process, hostname="host", pid=1, addresses=())
        self.me = await self.database.run(lambda c: register(c, registration))

    async def stop(self):
        await self.database.run(lambda c: mark_off(c, self.me))

    async def look(self, *silent):
        return await self.seat.try_to_lead(self.me, silent={other.me for other in silent})

    async def leave(self):
        await self.database.run(lambda c: say_leaving(c, self.me))

    async def write(self):
        """What a leader does with the epoch that it believes in."""
        epoch = self.seat.epoch
        return await self.database.run(lambda c: next_number(c, epoch=epoch))

    async def end(self):
        await self.seat.close()
        self.database.close()


@asynccontextmanager
async def candidates(dsn, *names):
    everyone = [Candidate(dsn, name) for name in names]
    try:
        for candidate in everyone:
            await candidate.register()
        yield everyone
    finally:
        for candidate in everyone:
            await candidate.end()


@pytest.fixture
def engine(database_dsn):
    engine = open_engine(database_dsn, "tests", sessions=0)
    yield engine
    engine.dispose()


def leadership(engine):
    return attempt(engine, read_leadership)


def kill(engine, backend):
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({backend}, 5000)")


def is_there(engine, backend):
    with engine.begin() as connection:
        seen = f"SELECT 1 FROM pg_stat_activity WHERE pid = {backend}"  # noqa: S608
        return connection.exec_driver_sql(seen).first()


async def test_the_first_to_look_leads_and_the_others_do_not(database_dsn, engine):
    async with candidates(database_dsn, "a", "b", "c") as everyone:
        won = [await candidate.look() for candidate in everyone]
        assert [w is not None for w in won] == [True, False, False]
        assert [c.seat.epoch for c in everyone] == [1, None, None]
        assert leadership(engine).holder == "a/1"


async def test_i12_of_many_that_look_at_once_exactly_one_leads(database_dsn, engine):
    from twisted.internet.defer import Deferred

    async with candidates(database_dsn, *"abcdef") as everyone:
        looks = [Deferred.fromCoroutine(candidate.look()) for candidate in everyone]
        won = [await look for look in looks]
        assert sum(w is not None for w in won) == 1
        (leader,) = [c for c in everyone if c.seat.epoch is not None]
        assert leadership(engine).holder == leader.me.process


async def test_looking_again_keeps_the_seat_and_raises_nothing(database_dsn, engine):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await a.look()
        before = leadership(engine)
        for _ in range(3):
            assert await a.look() is None
            assert await b.look() is None
        assert a.seat.epoch == before.epoch
        assert leadership(engine) == before


async def test_a_leader_sees_in_what_it_reads_anyway_whether_it_leads_on(database_dsn, engine):
    async with candidates(database_dsn, "a", "b") as (a, b):
        assert not a.seat.is_kept(leadership(engine), a.me, set())
        await a.look()
        assert a.seat.is_kept(leadership(engine), a.me, set())
        assert not b.seat.is_kept(leadership(engine), b.me, set())
        await a.database.run(ask_to_step_down)
        assert not a.seat.is_kept(leadership(engine), a.me, set())
        assert a.seat.is_kept(leadership(engine), a.me, {b.me}), "there is nobody else to lead"
        await b.look(a)
        assert not a.seat.is_kept(leadership(engine), a.me, set())
        assert b.seat.is_kept(leadership(engine), b.me, set())
        await b.register()  # it was given up, and has begun a new incarnation
        assert not b.seat.is_kept(leadership(engine), b.me, set())


async def test_when_the_leader_s_lock_session_is_killed_another_leads_and_it_steps_down(
    database_dsn, engine
):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await a.look()
        kill(engine, leadership(engine).lock_backend)
        won = await b.look()
        assert won.epoch == 2
        with pytest.raises(NoLongerLeader):
            await a.write()
        with pytest.raises(DatabaseUnreachable):
            await a.look()
        assert await a.look() is None
        assert a.seat.epoch is None
        assert leadership(engine).holder == "b/1"


async def test_a_leader_whose_lock_session_ended_and_who_gets_it_back_leads_in_a_new_epoch(
    database_dsn, engine
):
    async with candidates(database_dsn, "a") as (a,):
        await a.look()
        kill(engine, leadership(engine).lock_backend)
        with pytest.raises(DatabaseUnreachable):
            await a.look()
        won = await a.look()
        assert (won.epoch, a.seat.epoch) == (2, 2)
        await a.write()


async def test_a_leader_that_ends_in_order_leaves_the_seat_at_once(database_dsn, engine):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await a.look()
        backend = leadership(engine).lock_backend
        await a.seat.close()
        with Stopwatch() as taken:
            await eventually(lambda: not is_there(engine, backend))
        assert taken.seconds < SOON_SECONDS
        assert (await b.look()).epoch == 2


async def test_i12_a_silent_leader_that_keeps_its_lock_is_replaced_and_loses_the_lock(
    database_dsn, engine
):
    async with candidates(database_dsn, "a", "b", "c") as (a, b, c):
        await a.look()
        assert await b.look() is None, "not before it is silent"
        assert (await b.look(a)).epoch == 2
        with pytest.raises(NoLongerLeader):
            await a.write()
        await b.write()
        # the lock is free in a moment: b takes it, so that its own death frees it
        assert await eventually(b.look)
        assert b.seat.epoch == leadership(engine).epoch
        assert leadership(engine).lock_backend != 0
        assert await c.look(a) is None


async def test_i12_of_two_that_find_the_leader_silent_one_takes_over(database_dsn, engine):
    from twisted.internet.defer import Deferred

    async with candidates(database_dsn, "a", "b", "c") as (a, b, c):
        await a.look()
        looks = [Deferred.fromCoroutine(x.look(a)) for x in (b, c)]
        won = [await look for look in looks]
        assert sum(w is not None for w in won) >= 1
        assert sum(x.seat.epoch == leadership(engine).epoch for x in (b, c)) == 1


async def test_a_former_incarnation_of_the_leader_leads_no_more(database_dsn, engine):
    async with candidates(database_dsn, "a") as (a,):
        await a.look()
        await a.register()
        await a.look()
        assert leadership(engine).holder_incarnation == 2
        assert a.seat.epoch == leadership(engine).epoch == 2


async def test_a_silent_process_that_does_not_lead_is_no_reason_to_take_over(database_dsn, engine):
    async with candidates(database_dsn, "a", "b", "c") as (a, b, c):
        await a.look()
        assert await b.look(c) is None
        assert leadership(engine).epoch == 1


async def test_a_leader_that_was_stopped_is_replaced_though_its_lock_is_held(database_dsn, engine):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await a.look()
        assert await b.look() is None
        await a.stop()  # its lock's session hangs on
        assert (await b.look()).epoch == 2


async def test_a_leader_that_was_cut_off_leads_again_though_its_old_session_keeps_the_lock(
    database_dsn, engine
):
    # To the server a process that was cut off and is back is a second one of the same name: it
    # has not noticed yet that the sessions from before are gone.
    async with candidates(database_dsn, "a", "a", "b") as (before, back, b):
        before.me = back.me  # the newest registration of that name
        await before.look()
        old = leadership(engine).lock_backend
        assert await b.look() is None
        assert (await back.look()).epoch == 2
        await back.write()
        assert await eventually(back.look)
        assert leadership(engine).lock_backend not in {0, old}, "the old session had to go"
        assert await b.look() is None


# Handing over


async def step_down(candidate):
    await candidate.database.run(ask_to_step_down)


async def test_a_leader_that_is_to_step_down_gives_the_seat_to_another(database_dsn, engine):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await a.look()
        await step_down(a)
        assert await b.look() is None, "not before it has given up the seat"
        assert await a.look() is None
        assert a.seat.epoch is None
        assert (await b.look()).epoch == 2
        assert leadership(engine).holder == "b/1"
        await b.write()
        assert not leadership(engine).is_to_step_down
        await b.stop()
        await b.seat.close()
        assert (await a.look()).epoch == 3, "it was told so for that one time"


async def test_a_leader_that_stepped_down_does_not_take_the_seat_while_another_can(database_dsn):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await a.look()
        await step_down(a)
        for _ in range(3):
            assert await a.look() is None
            assert a.seat.epoch is None
        assert (await b.look()).epoch == 2
        assert await a.look() is None
        await b.stop()
        assert (await a.look()).epoch == 3


async def test_a_leader_that_is_to_step_down_leads_on_when_all_others_are_silent(
    database_dsn, engine
):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await a.look()
        await step_down(a)
        assert await a.look(b) is None
        assert a.seat.epoch == leadership(engine).epoch == 1
        await a.look()
        assert a.seat.epoch is None
        won = await a.look(b)
        assert won.epoch == 2, "it takes the seat back"
        await a.write()


async def test_a_leader_that_is_being_stopped_gives_the_seat_to_one_that_is_not(
    database_dsn, engine
):
    async with candidates(database_dsn, "a", "b", "c") as (a, b, c):
        await a.look()
        await a.leave()
        await c.leave()
        assert await a.look() is None
        assert await c.look() is None
        assert leadership(engine).holder == "a/1"
        assert (await b.look()).epoch == 2


async def test_where_all_are_being_stopped_the_leader_leads_to_the_end(database_dsn, engine):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await a.look()
        for candidate in (a, b):
            await candidate.leave()
        for candidate in (a, b):
            assert await candidate.look() is None
        assert a.seat.epoch == leadership(engine).epoch == 1
        await a.write()


async def test_a_process_that_is_started_again_can_lead(database_dsn):
    async with candidates(database_dsn, "a", "b") as (a, b):
        await b.look()
        await a.leave()
        await a.register()
        await b.stop()
        assert (await a.look()).epoch == 2
