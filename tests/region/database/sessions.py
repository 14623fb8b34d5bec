"""Sessions and rows for the tests of the stores: real ones, made by the stores themselves."""

import select
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import sqlalchemy
from sqlalchemy import Connection, text

from evenrack.model.fleet_number import BEFORE_ALL
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import LinkId, ProcessId, RackId, RunId
from evenrack.region.database.claim_store import Greeting
from evenrack.region.database.connection_store import (
    LinkFact,
    RackFacts,
    record_links,
)
from evenrack.region.database.engine import attempt
from evenrack.region.database.notify import CHANNEL
from evenrack.region.database.process_store import Registration, register

ADDRESS = "192.0.2.7:40000"
OTHER_ADDRESS = "192.0.2.99:41000"
SECONDS = 10


class Sessions:
    """Short transactions as the daemons run them, and sessions that stay open in a transaction."""

    def __init__(self, engine: sqlalchemy.Engine, threads: ThreadPoolExecutor) -> None:
        self.engine = engine
        self._threads = threads

    def run(self, work: Callable[[Connection], object]):
        """One transaction, through the daemons' own door."""
        return attempt(self.engine, work)

    def start(self, work: Callable[[], object]) -> Future:
        """Begin something that may block; `.result(seconds)` waits for it."""
        return self._threads.submit(work)

    def rows(self, statement: str, **values):
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def value(self, statement: str, **values):
        ((value,),) = self.rows(statement, **values)
        return value

    def change(self, statement: str, **values) -> int:
        with self.engine.begin() as connection:
            return connection.execute(text(statement), values).rowcount

    @contextmanager
    def open_transaction(self) -> Iterator[Connection]:
        """A session in the middle of its transaction; rolled back unless the test commits."""
        connection = self.engine.connect()
        try:
            yield connection
        finally:
            connection.invalidate()
            connection.close()

    def wait_for(self, statement: str, seconds: float = 20.0, **values):
        """Look until the statement gives a row."""
        for _ in range(int(seconds / 0.01)):
            found = self.rows(statement, **values)
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"nothing for {statement} within {seconds} s")

    def wait_until_blocked(self, count: int = 1) -> None:
        """Look until this many sessions wait for a lock."""
        self.wait_for(
            "SELECT 1 FROM (SELECT count(*) AS waiting FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()) AS w "
            "WHERE waiting >= :count",
            count=count,
        )


def backend_of(connection: Connection) -> int:
    return connection.execute(text("SELECT pg_backend_pid()")).scalar_one()


def registration(process: str = "region1/1", *, pid: int = 100, port: int = 5251) -> Registration:
    return Registration(
        process=ProcessId(process),
        hostname=f"{process.partition('/')[0]}.example.com",
        pid=pid,
        addresses=(HostPort(host="127.0.0.1", port=port),),
    )


def joined(sessions: Sessions, process: str = "region1/1", **more):
    return sessions.run(lambda c: register(c, registration(process, **more)))


def greeting(run: str = "run-a", *, fresh: bool = True, **more) -> Greeting:
    values = {
        "hostname": "rack1",
        "address": ADDRESS,
        "holds": BEFORE_ALL,
        "holds_fingerprint": "",
    }
    return Greeting(run=RunId(run), fresh=fresh, **{**values, **more})


def facts(rack: str, *links: str, run: str = "run-a", **more) -> RackFacts:
    """The links of one run of a rack, which said hello, unless it has no link."""
    address = more.get("address", ADDRESS)
    return RackFacts(
        rack=RackId(rack),
        links=tuple(LinkFact(link=LinkId(n), run=RunId(run), address=address) for n in links),
        greeting=greeting(run, **more) if links else None,
    )


def recorded(sessions: Sessions, me, *all_facts: RackFacts):
    return sessions.run(lambda c: record_links(c, me, all_facts))


@contextmanager
def heard(sessions):
    """Collect who sends notifications while something is done."""
    said = []
    listening = sessions.engine.raw_connection()
    try:
        with listening.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        listening.commit()
        yield said
        sessions.rows("SELECT pg_notify(:channel, 'the end')", channel=CHANNEL)
        while "the end" not in said:  # notifications come in the order of the commits
            assert select.select([listening.dbapi_connection], [], [], SECONDS)[0]
            listening.dbapi_connection.poll()
            said += [it.payload for it in listening.dbapi_connection.notifies]
            listening.dbapi_connection.notifies.clear()
        said.remove("the end")
    finally:
        listening.invalidate()
        listening.close()
