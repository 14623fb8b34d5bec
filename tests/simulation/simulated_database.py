"""The doors to PostgreSQL for the simulation: real SQL, run at once, at seeded moments.

Faults sit before and after the real transaction. The world's clock stands in for the server's
wherever SQL asks for `clock_timestamp()`: a schema in front of pg_catalog shadows it.
"""

import sqlalchemy
from sqlalchemy import text
from sqlalchemy.pool import StaticPool
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from evenrack.errors import DatabaseUnreachable
from evenrack.region.database.engine import attempt, connect
from evenrack.region.database.notify import CHANNEL

SHADOW = """
CREATE SCHEMA IF NOT EXISTS sim;
CREATE OR REPLACE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT to_timestamp(current_setting('sim.now')::float8) $$;
"""

EMPTY = """
TRUNCATE event, problem, authority, certificate, enrolment, managing, connection, rack, process,
    region RESTART IDENTITY CASCADE;
UPDATE leadership SET epoch = 0, era = 0, generation = 0, database_identity = '',
    holder_id = NULL, holder_incarnation = 0, lock_backend = 0;
"""

ON_THE_WORLDS_TIME = "-c search_path=sim,public,pg_catalog -c synchronous_commit=off -c jit=off"


class Server:
    """The one database of a world, and the faults in front of it."""

    def __init__(self, world, dsn):
        self.world = world
        self._dsn = f"{dsn} options='{ON_THE_WORLDS_TIME}'"
        self.is_up = True
        self.lossy = 0.0
        self.slow = 0.003
        self.stall = 0.0
        self.stall_next_reader = None
        self.answer_late = {}
        self.listeners = []
        self.committed = []
        self._changed = False
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg2://", creator=self.new_session, poolclass=StaticPool
        )
        with engine.begin() as connection:
            connection.execute(text(SHADOW))
            connection.execute(text(EMPTY))
            connection.execute(text(f'LISTEN "{CHANNEL}"'))
        self.engine = engine

    def new_session(self):
        return connect(self._dsn, "simulation")

    def transaction(self, work):
        """Run a real transaction now, then tell of its notification."""

        def at_the_worlds_time(connection):
            connection.exec_driver_sql(f"SET LOCAL sim.now = '{self.world.now + 1e9:.6f}'")
            return work(connection)

        answer = attempt(self.engine, at_the_worlds_time)
        self._changed = self._deliver_notifications()
        return answer

    def tell_of_commit(self, by):
        """Let those who watch look at what a program has just changed, if it said so."""
        if self._changed:
            self._changed = False
            for look in self.committed:
                look(by)

    def _deliver_notifications(self):
        session = self.engine.raw_connection()
        heard = session.dbapi_connection.notifies
        if heard:
            heard.clear()
            for clock, look in self.listeners:
                delay = self.world.random.uniform(0.0002, 0.003)
                self.world.at(delay, clock.run, look)
            return True
        return False

    def close(self):
        self.engine.dispose()


class SimulatedDatabase:
    """`Database` for one run of one region process."""

    def __init__(self, server, clock, name):
        self.server = server
        self.clock = clock
        self.name = name
        self._own = []

    def run(self, work):
        return self._ask(lambda: self.server.transaction(work), told=True)

    def read(self, work):
        return self._ask(lambda: self.server.transaction(work), is_read=True)

    def own_connection(self, purpose):
        own = SimulatedSession(self, purpose)
        self._own.append(own)
        return own

    def on_change(self, look):
        """Stand in for `Notifications`: some come late, none carries anything."""
        self.server.listeners.append((self.clock, look))

    def die(self):
        """End every session with the program."""
        for own in self._own:
            own.drop()
        self.server.listeners = [x for x in self.server.listeners if x[0] is not self.clock]

    def ask(self, work, *, told=False):
        return self._ask(work, told=told)

    def _ask(self, work, *, told=False, is_read=False):
        answering = Deferred()
        chance = self.server.world.random
        slow = chance.random() < self.server.slow
        delay = chance.uniform(0.05, 2.5) if slow else chance.uniform(0.0003, 0.004)
        self.server.world.at(delay, self._work, work, answering, told, is_read)
        return answering

    def _work(self, work, answering, told, is_read):
        if self.clock.dead:  # killed before it was sent; a paused program has sent it
            return
        chance = self.server.world.random.random()
        if not self._is_there() or chance < self.server.lossy:
            self._answer(answering, Failure(DatabaseUnreachable("gone before it was done")), 0.001)
            return
        try:
            answer = work()
        except Exception:  # noqa: BLE001  as the real door does: it is the asker's to see
            self._answer(answering, Failure(), 0.001)
            return
        if told:
            self.server.tell_of_commit(self.name)
        if chance < 2 * self.server.lossy:
            self._answer(answering, Failure(DatabaseUnreachable("gone after COMMIT")), 0.001)
            return
        self._stall_perhaps(is_read)
        late = self.server.answer_late.get(self.name, 0.0) if is_read else 0.0
        self._answer(answering, answer, 0.0003 + late)

    def _is_there(self):
        return self.server.is_up and self.server.world.reaches(self.clock.host, "database")

    def _stall_perhaps(self, is_read):
        chance = self.server.world.random
        if self.clock.paused:
            return
        if is_read and self.server.stall_next_reader == self.name:
            self.server.stall_next_reader = None
            self._stall(chance.uniform(4, 10))  # long enough for another to take over
        elif chance.random() < self.server.stall:
            self._stall(chance.uniform(0.5, 20))

    def _stall(self, seconds):
        """Stop the program exactly between a database's answer and what is done with it."""
        world, clock = self.server.world, self.clock
        clock.paused = True
        world.note("stall", self.name, f"{seconds:.1f}")
        world.at(seconds, lambda: None if clock.dead else clock.resume())

    def _answer(self, answering, answer, delay):
        def give():
            if not answering.called:
                answering.callback(answer)

        self.clock.callLater(delay, give)


class SimulatedSession:
    """`OwnConnection`: a real session of its own, so that its lock is one of its own."""

    def __init__(self, database, purpose):
        self.database = database
        self.purpose = purpose
        self._engine = None
        self._closed = False

    def run(self, work):
        return self.database.ask(lambda: self._on_session(work))

    def repeat(self, seconds, work, *, answered, failed):
        def again():
            if not self._closed:
                asking = self.database.ask(lambda: self._on_session(work))
                asking.addCallbacks(answered, failed)
                asking.addErrback(failed)
                asking.addBoth(lambda _: self.database.clock.callLater(seconds, again))

        self.database.clock.callLater(0, again)

    async def close(self):
        self._closed = True
        self.drop()

    def drop(self):
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _on_session(self, work):
        if self._engine is None:
            server = self.database.server
            self._engine = sqlalchemy.create_engine(
                "postgresql+psycopg2://", creator=server.new_session, poolclass=StaticPool
            ).execution_options(isolation_level="AUTOCOMMIT")
        with self._engine.connect() as connection:
            return work(connection)
