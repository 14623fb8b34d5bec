"""The doors to PostgreSQL for the simulation: real SQL, run at once, at seeded moments.

Faults sit before and after the real transaction. The world's clock stands in for the server's
wherever SQL asks for `clock_timestamp()`: a schema in front of pg_catalog shadows it.
"""

import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from evenrack.errors import DatabaseUnreachable
from evenrack.region.database.engine import attempt
from evenrack.region.database.notify import CHANNEL
from evenrack.region.database.sessions import connect
from tests.simulation.world import THE_TIME_OF_DAY

SHADOW = """
CREATE SCHEMA IF NOT EXISTS sim;
CREATE OR REPLACE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT to_timestamp(current_setting('sim.now')::float8) $$;
CREATE OR REPLACE FUNCTION sim.pg_terminate_backend(backend integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE was_there boolean := EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(backend));
BEGIN
    FOR _ IN 1 .. 20000 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(backend));
        PERFORM pg_catalog.pg_terminate_backend(backend), pg_catalog.pg_sleep(0.001);
        PERFORM pg_catalog.pg_stat_clear_snapshot();
    END LOOP;
    RETURN was_there;
END $$;
"""
"""Of the world's time, and of none: a session that was ended is gone, and what it held is free.

The server's own way takes as long as its processes need to end, which is different each time.
"""

EMPTY = """
DO $$ BEGIN
    EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
        FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('leadership', 'cluster', 'alembic_version')
    );
END $$;
UPDATE leadership SET epoch = 0, era = 0, generation = 0, database_identity = '',
    holder_id = NULL, holder_incarnation = 0, lock_backend = 0, step_down_epoch = 0;
"""

ON_THE_WORLDS_TIME = "-c search_path=sim,public,pg_catalog -c synchronous_commit=off -c jit=off"
TIME_STEP_SECONDS = 0.25
"""The server's clock is moved on in such steps: each costs a statement."""
SLOW_THOUGHTS = 0.02
"""So many decisions of a leader take a while, as those of a large fleet do."""

GIVEN_UP_SECONDS = 12.0
"""So long a program waits for a server that hangs (`sessions.HUNG_LOOKS`)."""


class Server:
    """The one database of a world, and the faults in front of it."""

    def __init__(self, world, dsn):
        self.world = world
        self._dsn = f"{dsn} options='{ON_THE_WORLDS_TIME}'"
        self.is_up = True
        self.lossy = 0.0
        self.slow = 0.0
        self.stall = 0.0
        self.stall_next_reader = None
        self.answer_late = {}
        self.listeners = []
        self.committed = []
        """Each is called after a commit that changed something, with the name of its program."""
        self.sessions = {}
        """Every session that is open beside the pools, in the order of their opening."""
        self.last_hang = (float("-inf"), float("-inf"))
        """When it began and when it ended."""
        self._hangs = False
        self._waiting = []
        self._changed = False
        self._time = float("-inf")
        engine = self.open_engine()
        with engine.begin() as connection:
            connection.execute(text(SHADOW))
            connection.execute(text(EMPTY))
            connection.execute(text(f'LISTEN "{CHANNEL}"'))
        self.engine = engine
        self._looking = self.open_engine().execution_options(isolation_level="AUTOCOMMIT")

    def open_engine(self, purpose="simulation"):
        """Make an engine with one session that stays."""
        return sqlalchemy.create_engine(
            "postgresql+psycopg2://",
            creator=lambda: connect(self._dsn, purpose),
            use_native_hstore=False,
            poolclass=StaticPool,
        )

    @property
    def is_well(self):
        return self.is_up and not self._hangs and not self.lossy

    def look(self, read):
        """Read past all faults, as no program can."""
        with self._looking.connect() as connection:
            return read(connection)

    def restart(self, seconds):
        """End every session, and with it what it held; answer nobody for a while."""
        self.is_up = False
        for session in list(self.sessions):
            session.drop()
        self.world.at(seconds, setattr, self, "is_up", True)

    def hang(self, seconds):
        """Stop answering, and do all that was asked meanwhile when going on."""
        self._hangs = True
        self.last_hang = (self.world.now, float("inf"))
        self.world.at(seconds, self.go_on)

    def go_on(self):
        """Do what was asked meanwhile; of what was given up nobody sends the COMMIT."""
        if self._hangs:
            self._hangs = False
            self.last_hang = (self.last_hang[0], self.world.now)
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            self.world.at(0.0, *call)

    def waits(self, *call):
        """Tell whether the server hangs; then the call is made when it goes on."""
        if self._hangs:
            self._waiting.append(call)
        return self._hangs

    def transaction(self, work):
        """Run a real transaction now, then tell of its notification."""

        def at_the_worlds_time(connection):
            if self.world.now - self._time >= TIME_STEP_SECONDS:
                self.tell_the_time(connection)
                self._time = self.world.now
            return work(connection)

        try:
            answer = attempt(self.engine, at_the_worlds_time)
        except BaseException:
            self._time = float("-inf")  # the setting was rolled back as well
            raise
        self._changed = self._deliver_notifications()
        return answer

    def tell_the_time(self, connection):
        """Set the server's clock, for this session."""
        connection.exec_driver_sql(f"SET sim.now = '{self.world.now + THE_TIME_OF_DAY:.6f}'")

    def end_session(self, backend):
        """Return when a session is gone: nothing in the world waits for the real server."""
        self.look(lambda c: c.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend}))

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
            topics = {each.payload for each in heard}
            heard.clear()
            for clock, look, wanted in self.listeners:
                delay = self.world.random.uniform(0.0002, 0.003)
                if topics & wanted:
                    self.world.at(delay, clock.run, look)
            return True
        return False

    def close(self):
        self.engine.dispose()
        self._looking.dispose()


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

    def on_change(self, look, *topics):
        """Stand in for `Notifications`: some come late, none carries anything but its topic."""
        self.server.listeners.append((self.clock, look, frozenset(topics)))

    async def think(self, work):
        """Stand in for a thread: what is worked out is there a little later, now and then much."""
        answer = work()
        chance = self.server.world.random.random()
        await deferLater(self.clock, 0.3 if chance < SLOW_THOUGHTS else 0.004 * chance)
        return answer

    def die(self):
        """End every session with the program."""
        for own in self._own:
            own.drop()
        self.server.listeners = [x for x in self.server.listeners if x[0] is not self.clock]

    def ask(self, work, *, lost):
        return self._ask(work, lost=lost)

    def _ask(self, work, *, told=False, is_read=False, lost=None):
        answering = Deferred()
        chance = self.server.world.random
        slow = chance.random() < self.server.slow
        delay = chance.uniform(0.05, 2.5) if slow else chance.uniform(0.0003, 0.004)
        asking = _Asking(self, work, answering, told=told, is_read=is_read, lost=lost)
        self.server.world.at(delay, asking.arrive)
        return answering

    def reaches_server(self):
        return self.server.is_up and self.server.world.reaches(self.clock.host, "database")


class _Asking:
    """One question on its way, and what becomes of it."""

    def __init__(self, database, work, answering, *, told, is_read, lost):
        self.database = database
        self.server = database.server
        self.clock = database.clock
        self.work = work
        self.answering = answering
        self.told = told
        self.is_read = is_read
        self.lost = lost
        """Called when the session was lost with the question."""

    def arrive(self):
        if self.clock.dead:  # killed before it was sent; a paused program has sent it
            return
        if self.server.waits(self.be_done):
            self.clock.callLater(GIVEN_UP_SECONDS, self._fail, "the server hangs")
            return
        self.be_done()

    def be_done(self):
        if self.answering.called:
            return
        chance = self.server.world.random.random()
        if not self.database.reaches_server() or chance < self.server.lossy:
            self._fail("gone before it was done")
            return
        try:
            answer = self.work()
        except Exception:  # noqa: BLE001  as the real door does: it is the asker's to see
            self._answer(Failure(), 0.001)
            return
        if self.told:
            self.server.tell_of_commit(self.database.name)
        if chance < 2 * self.server.lossy:
            self._fail("gone after COMMIT")
            return
        self._stall_perhaps()
        late = self.server.answer_late.get(self.database.name, 0.0) if self.is_read else 0.0
        self._answer(answer, 0.0003 + late)

    def _fail(self, why):
        if self.lost is not None and not self.answering.called:
            self.lost()
        self._answer(Failure(DatabaseUnreachable(why)), 0.001)

    def _stall_perhaps(self):
        server, chance = self.server, self.server.world.random
        if self.clock.paused:
            return
        if self.is_read and server.stall_next_reader == self.database.name:
            server.stall_next_reader = None
            self._stall(chance.uniform(4, 10))  # long enough for another to take over
        elif chance.random() < server.stall:
            self._stall(chance.uniform(0.5, 20))

    def _stall(self, seconds):
        """Stop the program exactly between a database's answer and what is done with it."""
        world, clock = self.server.world, self.clock
        clock.pause()
        world.note("stall", self.database.name, f"{seconds:.1f} s after an answer of the database")
        world.at(seconds, lambda: None if clock.dead else clock.resume())

    def _answer(self, answer, delay):
        def give():
            if not self.answering.called:
                self.answering.callback(answer)

        self.clock.callLater(delay, give)


class SimulatedSession:
    """`OwnConnection`: a real session of its own, so that its lock is one of its own."""

    def __init__(self, database, purpose):
        self.database = database
        self.purpose = purpose
        self._engine = None
        self._backend = 0
        self._closed = False

    def run(self, work):
        return self.database.ask(lambda: self._on_session(work), lost=self._lost)

    def repeat(self, seconds, work, *, answered, failed):
        def again():
            if not self._closed:
                asking = self.run(work)
                asking.addCallbacks(answered, failed)
                asking.addErrback(failed)
                asking.addBoth(lambda _: self.database.clock.callLater(seconds, again))

        self.database.clock.callLater(0, again)

    async def close(self):
        self._closed = True
        self.drop()

    def drop(self):
        """End the session: what it held is free."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
            self.database.server.sessions.pop(self, None)
            self.database.server.end_session(self._backend)

    def _lost(self):
        """A server that is cut off does not know yet that nobody is at the other end."""
        if self.database.server.world.reaches(self.database.clock.host, "database"):
            self.drop()

    def _on_session(self, work):
        if self._engine is None:
            server, name = self.database.server, f"{self.database.name} {self.purpose}"
            self._engine = server.open_engine(name).execution_options(isolation_level="AUTOCOMMIT")
            server.sessions[self] = None
        try:
            with self._engine.connect() as connection:
                self._backend = connection.connection.dbapi_connection.info.backend_pid
                self.database.server.tell_the_time(connection)
                return work(connection)
        except OperationalError as problem:  # another program has ended this session
            self.drop()
            raise DatabaseUnreachable(str(problem)) from problem
