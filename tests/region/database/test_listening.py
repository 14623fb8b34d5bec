"""Notifications are heard on a session that is opened anew whenever it ends."""

from contextlib import asynccontextmanager

import pytest
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from evenrack.region.database.notify import CHANNEL, notify
from evenrack.region.notifications import Notifications
from evenrack.runtime.look_again import LookAgain
from tests.region.database.test_engine import until

pytestmark = pytest.mark.postgres

GATHER_SECONDS = 0.1
SESSION = "SELECT pid FROM pg_stat_activity WHERE application_name = 'region1/1 listen'"


@asynccontextmanager
async def listening(dsn):
    """Notifications that are open; gives the list that grows with each look they ask for."""
    notifications = Notifications(dsn, reactor, "region1/1")
    looks = []
    notifications.on_change(lambda: looks.append(reactor.seconds()))
    notifications.startService()
    try:
        yield notifications, looks
    finally:
        stopping = notifications.stopService()
        if stopping is not None:
            await stopping


async def opened(looks):
    await until(lambda: looks)
    looks.clear()


async def test_the_first_look_is_asked_for_when_listening_begins(database_dsn):
    async with listening(database_dsn) as (_, looks):
        await until(lambda: looks)


async def test_a_notification_arrives_when_its_transaction_commits(database_dsn, sessions):
    async with listening(database_dsn) as (_, looks):
        await opened(looks)
        with sessions.open_transaction() as writing:
            notify(writing, "region2/1")
            await deferLater(reactor, 0.05)
            assert looks == []
            writing.commit()
        await until(lambda: looks)  # by what arrived: it does not look by itself


async def test_notifications_of_other_channels_are_none_of_ours(database_dsn, sessions):
    async with listening(database_dsn) as (_, looks):
        await opened(looks)
        sessions.rows("SELECT pg_notify('elsewhere', '')")
        await deferLater(reactor, 0.05)
        assert looks == []
        sessions.rows("SELECT pg_notify(:channel, 'any text')", channel=CHANNEL)
        await until(lambda: looks)


async def test_everyone_who_wants_to_know_is_told(database_dsn, sessions):
    async with listening(database_dsn) as (notifications, looks):
        await opened(looks)
        others = []
        notifications.on_change(lambda: others.append(1))
        sessions.run(lambda c: notify(c, "x"))
        await until(lambda: looks and others)


async def test_a_session_that_was_ended_is_opened_again_and_everything_is_looked_at(
    database_dsn, sessions
):
    async with listening(database_dsn) as (_, looks):
        await opened(looks)
        before = sessions.value(SESSION)
        sessions.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=before)
        await until(lambda: looks)  # some may have been missed meanwhile
        assert sessions.value(SESSION) != before
        looks.clear()
        sessions.run(lambda c: notify(c, "x"))
        await until(lambda: looks)


async def test_another_session_listens_when_that_is_asked_for(database_dsn, sessions):
    async with listening(database_dsn) as (notifications, looks):
        await opened(looks)
        before = sessions.value(SESSION)
        notifications.reopen()
        notifications.reopen()  # twice is once
        await until(lambda: looks)
        await until(lambda: len(sessions.rows(SESSION)) == 1)
        assert sessions.value(SESSION) != before


async def test_listening_begins_when_the_server_comes(own_postgres_server):
    await deferToThread(own_postgres_server.stop)
    async with listening(own_postgres_server.dsn()) as (_, looks):
        await deferLater(reactor, 0.2)
        assert looks == []
        await deferToThread(own_postgres_server.start)
        await until(lambda: looks)


async def test_only_those_look_whom_the_topic_concerns(database_dsn, sessions):
    async with listening(database_dsn) as (notifications, looks):
        orders, links = [], []
        notifications.on_change(lambda: orders.append(1), "orders", "decisions")
        notifications.on_change(lambda: links.append(1), "links")
        await opened(looks)
        orders.clear()
        links.clear()
        sessions.run(lambda c: notify(c, "orders"))
        await until(lambda: looks)
        assert (len(orders), len(links)) == (1, 0)


async def test_a_word_of_another_version_concerns_everyone(database_dsn, sessions):
    async with listening(database_dsn) as (notifications, looks):
        links = []
        notifications.on_change(lambda: links.append(1), "links")
        await opened(looks)
        links.clear()
        sessions.rows("SELECT pg_notify(:channel, 'region2/1')", channel=CHANNEL)
        await until(lambda: looks)
        assert links == [1]


@pytest.mark.deadline(120)
async def test_a_thousand_notifications_cost_few_looks(database_dsn, sessions):
    async with listening(database_dsn) as (notifications, looks):
        await opened(looks)
        turns = []

        async def look():
            turns.append(1)

        looking = LookAgain(look, reactor, gather_seconds=GATHER_SECONDS, at_least_every=60)
        notifications.on_change(looking.trigger)
        looking.startService()
        began = reactor.seconds()

        def notify_often():
            for number in range(1000):
                sessions.run(lambda c, number=number: notify(c, f"process {number}"))

        await deferToThread(notify_often)
        await until(lambda: reactor.seconds() - looks[-1] > 0.1)
        looking.stopService()
        assert len(turns) <= (reactor.seconds() - began) / GATHER_SECONDS + 2
        assert len(turns) < 200


async def test_a_thousand_notifications_of_one_moment_are_one_look(database_dsn, sessions):
    async with listening(database_dsn) as (_, looks):
        await opened(looks)
        sessions.run(lambda c: [notify(c, f"process {n}") for n in range(1000)])
        await until(lambda: looks)
        await deferLater(reactor, 0.1)
        assert len(looks) <= 20


async def test_once_stopped_nothing_is_asked_and_no_session_is_left(database_dsn, sessions):
    async with listening(database_dsn) as (_, looks):
        await opened(looks)
    sessions.run(lambda c: notify(c, "x"))
    await deferLater(reactor, 0.05)
    assert looks == []
    sessions.wait_for(f"SELECT 1 WHERE NOT EXISTS ({SESSION})")


async def test_stopping_while_a_session_is_being_opened_leaves_none(database_dsn, sessions):
    async with listening(database_dsn):
        pass  # stopped before it was open
    sessions.wait_for(f"SELECT 1 WHERE NOT EXISTS ({SESSION})")
