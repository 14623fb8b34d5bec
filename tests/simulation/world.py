"""One seeded world: a clock for each program, hosts that can be cut off, and ordered byte streams.

Everything happens in one thread, in the order of one heap, and chance comes from one seed: the
same seed gives the same history, event for event.
"""

import hashlib
import heapq
import itertools
import random
from datetime import UTC, datetime

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport
from zope.interface import implementer

THE_TIME_OF_DAY = 1e9
"""In seconds of Unix, when a world begins."""
CONNECT_TRIES = 3
"""As often as TCP says SYN again, a second apart, before we give up."""
MOST_CALLS_AT_ONCE = 10_000


class World:
    """The clock, the network, and what has been noted."""

    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.now = 0.0
        self.cut = set()
        self.slow_sends = 0.0
        """How many of what is sent take up to 1.5 s; two of them in a row end a link."""
        self.listeners = {}
        self.streams = []
        self.history = []
        self.violations = []
        self._calls = []
        self._calls_at_once = 0
        self._order = itertools.count()
        self._trace = hashlib.sha256()

    @property
    def fingerprint(self):
        """Two runs with the same fingerprint had the same history."""
        return self._trace.hexdigest()[:16]

    def note(self, *what):
        """Write down what happened: it is part of the history that a seed repeats."""
        self.tell(*what)
        self._trace.update(self.history[-1].encode())

    def tell(self, *what):
        """Write down what only a reader needs."""
        self.history.append(f"{self.now:12.6f} {' '.join(str(part) for part in what)}")

    def violate(self, what):
        """Record what must never happen; here, since an exception in a responder is swallowed."""
        self.note("VIOLATION", what)
        self.violations.append(f"at {self.now:.3f} s: {what}")

    def at(self, delay, call, *arguments, skew=0.0):
        def push(delayed):
            due = delayed.getTime() - skew
            heapq.heappush(self._calls, (due, next(self._order), skew, delayed))

        delayed = DelayedCall(
            self.now + skew + max(0.0, delay),
            call,
            arguments,
            {},
            _ignore,
            push,
            lambda: self.now + skew,
        )
        push(delayed)
        return delayed

    def run_until(self, end, *, enough=lambda: False):
        """Live until then, or until it is enough."""
        while self._calls and self._calls[0][0] <= end and not enough():
            due, _, skew, delayed = heapq.heappop(self._calls)
            if delayed.cancelled or delayed.called:
                continue
            later = delayed.getTime() - skew
            if later > due:  # it was put off meanwhile
                heapq.heappush(self._calls, (later, next(self._order), skew, delayed))
                continue
            self._advance(due)
            delayed.called = 1
            delayed.func(*delayed.args, **delayed.kw)
        if not enough():
            self.now = end

    def _advance(self, due):
        self._calls_at_once = self._calls_at_once + 1 if due <= self.now else 0
        if self._calls_at_once > MOST_CALLS_AT_ONCE:
            raise RuntimeError(f"time stands still at {self.now}: something calls itself at once")
        self.now = max(self.now, due)

    def reaches(self, a, b):
        return (a, b) not in self.cut

    def heal(self, pairs):
        self.cut -= pairs
        for stream in list(self.streams):
            for end in stream:
                end.deliver_held()


def _ignore(_):
    pass


@implementer(IReactorTime)
class ProgramClock:
    """The reactor's clock as one run of one program sees it: dies with it, stops while paused."""

    def __init__(self, world, host, skew=0.0):
        self.world = world
        self.host = host
        self.skew = skew
        self.dead = False
        self.paused = False
        self.last_pause = (float("-inf"), float("-inf"))
        """When it began and when it ended."""
        self._held = []

    def seconds(self):
        return self.world.now + self.skew

    def wall_clock(self):
        """What its host takes for the time of day: off by as much as the reactor's clock."""
        return datetime.fromtimestamp(self.seconds() + THE_TIME_OF_DAY, tz=UTC)

    def callLater(self, delay, call, *arguments, **named):
        return self.world.at(delay, self.run, call, arguments, named, skew=self.skew)

    def getDelayedCalls(self):
        return []

    def run(self, call, arguments=(), named=None):
        if self.dead:
            return
        if self.paused or self._held:
            self._held.append((call, arguments, named))
            return
        call(*arguments, **(named or {}))

    def pause(self):
        """Do nothing until `resume`, as after SIGSTOP."""
        self.paused = True
        self.last_pause = (self.world.now, float("inf"))

    def resume(self):
        """Do what was held, in its order and before anything newer."""
        self.paused = False
        self.last_pause = (self.last_pause[0], self.world.now)
        self.world.at(0, self._catch_up)

    def _catch_up(self):
        while self._held and not self.paused and not self.dead:
            call, arguments, named = self._held[0]
            call(*arguments, **(named or {}))
            del self._held[0]


class StreamEnd(FakeTransport):
    """One end of a TCP stream: ordered, delayed, split, held back by a cut."""

    def __init__(self, world, clock, protocol, address, *, is_server):
        super().__init__(protocol, is_server)
        self.world = world
        self.clock = clock
        self.address = address
        self.other = None
        self.lost = False
        self._arrives = 0.0
        self._held = []

    def getPeer(self):  # noqa: N802
        return self.other.address

    def getHost(self):  # noqa: N802
        return self.address

    def write(self, data):
        if self.lost or self.disconnecting or not data:
            return
        pieces = [data]
        if len(data) > 1 and self.world.random.random() < 0.05:
            split = self.world.random.randrange(1, len(data))
            pieces = [data[:split], data[split:]]
        for piece in pieces:
            self.send(piece)

    def writeSequence(self, pieces):  # noqa: N802
        self.write(b"".join(pieces))

    def send(self, item):
        chance = self.world.random
        slow = chance.random() < self.world.slow_sends
        delay = chance.uniform(0.01, 1.5) if slow else chance.uniform(0.0002, 0.002)
        self._arrives = max(self._arrives, self.world.now + delay)
        self.world.at(self._arrives - self.world.now, self._arrive, item)

    def deliver_held(self):
        if not self.world.reaches(self.clock.host, self.other.clock.host):
            return
        held, self._held = self._held, []
        for item in held:
            self.other.take(item)

    def take(self, item):
        self.clock.run(self._give, (item,))

    def loseConnection(self, _reason=None):  # noqa: N802
        self._end(error.ConnectionDone(), error.ConnectionDone())

    def abortConnection(self):  # noqa: N802
        self._end(error.ConnectionAborted(), error.ConnectionLost())

    def vanish(self, *, silently):
        """Die with the program; the kernel resets the other end, unless it dies as well."""
        if not self.lost:
            self.lost = True
            if not silently:
                self.send(Failure(error.ConnectionLost()))

    def _end(self, mine, theirs):
        if self.lost or self.disconnecting:
            return
        self.disconnecting = True
        self.send(Failure(theirs))
        self.clock.callLater(0, self._gone, Failure(mine))

    def _arrive(self, item):
        if not self.world.reaches(self.clock.host, self.other.clock.host):
            if not isinstance(
                item, Failure
            ):  # a reset is sent once: lost, it leaves a half-open end
                self._held.append(item)
        elif self._held:
            self._held.append(item)
            self.deliver_held()
        else:
            self.other.take(item)

    def _give(self, item):
        if self.lost:
            return
        if isinstance(item, Failure):
            self._gone(item)
        elif not self.disconnecting:  # who ends a connection reads no more of it
            self.protocol.dataReceived(item)

    def _gone(self, reason):
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(reason)


@implementer(IStreamClientEndpoint)
class WorldEndpoint:
    """Dials a listener by its address, through whatever the network is like at that moment."""

    def __init__(self, world, clock, address):
        self.world = world
        self.clock = clock
        self.address = address

    def connect(self, factory):
        def give_up(_):
            pending.cancel() if pending.active() else None

        connecting = Deferred(give_up)
        delay = self.world.random.uniform(0.0005, 0.003)
        pending = self.clock.callLater(delay, self._dial, factory, connecting)
        return connecting

    def _dial(self, factory, connecting, tries_left=CONNECT_TRIES):
        if connecting.called:
            return
        listener = self.world.listeners.get(self.address)
        if listener is None or listener[0].dead:
            connecting.errback(Failure(error.ConnectionRefusedError()))
            return
        here, there = self.clock.host, listener[0].host
        if not (self.world.reaches(here, there) and self.world.reaches(there, here)):
            if tries_left:
                self.clock.callLater(1, self._dial, factory, connecting, tries_left - 1)
            else:
                connecting.errback(Failure(error.TimeoutError()))
            return
        self._meet(factory, listener, connecting)

    def _meet(self, factory, listener, connecting):
        clock, server_factory = listener
        port = self.world.random.randrange(30_000, 60_000)
        client = factory.buildProtocol(None)
        server = server_factory.buildProtocol(None)
        mine = StreamEnd(
            self.world,
            self.clock,
            client,
            IPv4Address("TCP", self.clock.host, port),
            is_server=False,
        )
        theirs = StreamEnd(
            self.world, clock, server, IPv4Address("TCP", clock.host, 1), is_server=True
        )
        mine.other, theirs.other = theirs, mine
        self.world.streams = [s for s in self.world.streams if not (s[0].lost and s[1].lost)]
        self.world.streams.append((mine, theirs))
        clock.run(server.makeConnection, (theirs,))
        client.makeConnection(mine)
        connecting.callback(client)


def kill(world, clock, *, silently=False):
    """Send SIGKILL: nothing of the program runs again, and its kernel resets its connections.

    Silently the kernel ends as well, and the other ends hear nothing.
    """
    clock.dead = True
    for stream in world.streams:
        for end in stream:
            if end.clock is clock:
                end.vanish(silently=silently)
