"""How sessions are opened, to the one of several servers that takes changes, and given up."""

import socket
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from evenrack.errors import CannotEverWork, DatabaseUnreachable
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.sessions import (
    HUNG_LOOKS,
    REMEMBER_LOOKS,
    WHEN_NOT_SET,
    Sessions,
    connect,
    setting_problem,
)
from tests.region.database.test_engine import is_one, until

pytestmark = pytest.mark.postgres


def parameters_of(dsn):
    session = connect(dsn, "test")
    try:
        return session.info.dsn_parameters
    finally:
        session.close()


def test_what_the_operator_did_not_set_lets_no_session_hang_on_a_dead_host(database_dsn):
    used = parameters_of(database_dsn)
    assert used["target_session_attrs"] == "read-write"
    assert {name: used[name] for name in WHEN_NOT_SET} == {
        name: str(value) for name, value in WHEN_NOT_SET.items()
    }


def test_what_the_operator_set_is_left_as_it_is(database_dsn):
    theirs = {name: "4" for name in WHEN_NOT_SET if name.startswith(("connect", "tcp", "keep"))}
    theirs |= {"keepalives": "0", "target_session_attrs": "any"}
    added = " ".join(f"{name}={value}" for name, value in theirs.items())
    used = parameters_of(f"{database_dsn} {added}")
    assert {name: used[name] for name in theirs} == theirs


def test_the_next_server_is_tried_when_one_refuses(postgres_server, own_migrated_server):
    server, _ = own_migrated_server  # the first has no such database
    hosts = f"{postgres_server.directory},{server.directory}"
    used = parameters_of(f"host={hosts} port=5432 dbname=hurt user=postgres")
    assert used["host"] == str(server.directory)


def test_a_server_that_accepts_and_says_nothing_keeps_nobody_from_the_next(own_migrated_server):
    server, _ = own_migrated_server
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts, ports = f"127.0.0.1,{server.directory}", f"{silent.getsockname()[1]},5432"
        used = parameters_of(f"host={hosts} port={ports} dbname=hurt user=postgres")
    assert used["host"] == str(server.directory)


def test_what_each_server_said_is_told_when_none_takes_changes(tmp_path):
    with pytest.raises(psycopg2.OperationalError, match=r"port 1 failed.*; .*port 2 failed"):
        connect("host=127.0.0.1,127.0.0.1 port=1,2 password=geheim", "test")
    with pytest.raises(psycopg2.OperationalError) as one:
        connect(f"host={tmp_path}", "test")
    assert "; " not in str(one.value)


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("host=a port=1 password='x", "no libpq connection string"),
        ("host=a,b,c port=1,2", "names 3 hosts and 2 ports"),
        ("host=a,b target_session_attrs=readwrite", "write target_session_attrs=read-write"),
        ("postgresql://a,b/x?target_session_attrs=standby", "finds no primary"),
    ],
)
def test_a_setting_that_can_find_no_primary_is_refused_in_words(dsn, said):
    assert said in setting_problem(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        "host=a,b,c port=5432 dbname=x target_session_attrs=read-write",
        "host=a,b port=1,2 target_session_attrs=primary",
        "postgresql://u@a:1,b:2/x?target_session_attrs=any",
        "dbname=evenrack",
        "",
    ],
)
def test_other_settings_are_taken(dsn):
    assert setting_problem(dsn) is None


def test_a_setting_that_libpq_refuses_is_no_outage():
    with pytest.raises(CannotEverWork, match="no libpq connection string"):
        connect("host=a password='geheim", "test")


def test_a_session_that_waits_for_one_answer_for_long_is_cut(database_dsn):
    opened = Sessions(database_dsn)
    waiting, idle = opened.connect("waiting"), opened.connect("idle")

    def wait():
        with waiting.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(wait)
        while waiting.step % 2 == 0:
            assert not answer.done()
        assert opened.trouble is None
        assert [opened.cut_the_hung() for _ in range(HUNG_LOOKS)] == [0] * HUNG_LOOKS
        assert "waits for a synchronous standby" in opened.trouble
        assert opened.cut_the_hung() == 1
        with pytest.raises(psycopg2.OperationalError):
            answer.result(10)
    with idle.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert waiting.closed
    for _ in range(REMEMBER_LOOKS - 1):
        opened.cut_the_hung()
        assert opened.trouble is not None
    opened.cut_the_hung()
    assert opened.trouble is None


def test_a_session_that_gets_answers_is_not_cut_however_often_it_is_seen_waiting(database_dsn):
    opened = Sessions(database_dsn)
    busy = opened.connect("busy")
    for _ in range(3 * HUNG_LOOKS):
        with busy.waiting():
            assert opened.cut_the_hung() == 0
    assert opened.trouble is None


@pytest.mark.deadline(120)
async def test_whoever_waits_for_a_server_that_hangs_is_told_and_finds_it_again(
    own_migrated_server, log
):
    server, dsn = own_migrated_server
    database = PooledDatabase(dsn, reactor, name="test", look_seconds=0.3)
    own, cut = database.own_connection("own"), []
    database.on_hung = lambda: cut.append(1)
    try:
        assert await database.run(is_one)
        assert await own.run(is_one)
        await deferToThread(server.pause)
        asked = [Deferred.fromCoroutine(ask(is_one)) for ask in (database.run, own.run)]
        for answer in asked:
            with pytest.raises(DatabaseUnreachable):
                await answer
        await until(lambda: cut)
        assert log.about("PostgreSQL hangs")
        await deferToThread(server.resume)
        assert await database.run(is_one)
        assert await own.run(is_one)
    finally:
        await deferToThread(server.resume)
        await own.close()
        database.close()
