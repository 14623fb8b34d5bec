"""Async tests: each ends by a deadline, and none may leave anything behind (a pytest plugin).

pytest-twisted runs the reactor and waits for a Deferred that a test returns. By itself it waits
forever, and lets failures that were only logged, and calls and sockets that were left in the
reactor, pass. This plugin turns each `async def` test into such a Deferred and closes the gaps.

    @pytest.mark.deadline(60)                    # when 30 seconds are not enough
    async def test_slow_but_sure(): ...

    def test_bad_turn_is_logged(logged_failures):
        ...
        logged_failures.take(ValueError)         # this test expects one; any other one fails it
"""

import functools
import gc
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

DEFAULT_DEADLINE_SECONDS = 30.0
# A closed connection is gone a turn or two after its test has ended; anything that outlives
# these short turns was forgotten.
SETTLE_TURNS = 25
SETTLE_SECONDS = 0.01
SEARCHES = (20_000, 20, 20)
"""After how many new objects Python looks for circular garbage among the young, the older and all:
with its usual 700 a twentieth of the tests' time goes there."""


class DeadlineMissed(Exception):
    """An async test was still waiting when its time was over."""


class LoggedFailures:
    """The failures that were logged during one test."""

    def __init__(self) -> None:
        self._seen: list[Failure] = []

    def observe(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            self._seen.append(failure)

    def take(self, kind: type[BaseException]) -> list[Failure]:
        """Those of this kind, which the test expects: at least one, or the test fails."""
        taken = [failure for failure in self.seen() if failure.check(kind)]
        if not taken:
            pytest.fail(f"no {kind.__name__} was logged; logged was: {self._seen}")
        self._seen = [failure for failure in self._seen if failure not in taken]
        return taken

    def seen(self) -> list[Failure]:
        # A Deferred whose failure nobody looked at logs it only when it is collected. Among the
        # young: what was made in this test is, but for what the end of its file finds.
        gc.collect(1)
        return self._seen


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each `async def` test to the reactor, with its deadline."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        mark = item.get_closest_marker("deadline")
        seconds = float(mark.args[0]) if mark is not None else DEFAULT_DEADLINE_SECONDS
        if inspect.iscoroutinefunction(item.obj):
            item.obj = _with_deadline(item.obj, seconds)
        # A property: hypothesis calls the test for each example, which has the deadline.
        examples = getattr(item.obj, "hypothesis", None)
        if examples is not None and inspect.iscoroutinefunction(examples.inner_test):
            examples.inner_test = _with_deadline(examples.inner_test, seconds)


@pytest.fixture(scope="session", autouse=True)
def running_reactor() -> None:
    """Let the reactor start and open its own descriptors before the first test is watched."""
    pytest_twisted.blockon(deferLater(reactor, 0))
    gc.set_threshold(*SEARCHES)


@pytest.fixture(scope="module", autouse=True)
def whole_collections() -> Iterator[None]:
    """Find what the quick ones after each test left; a failure in it is one of this file's tests.

    What lives when a file begins is left out of all collections in it.
    """
    gc.collect()
    gc.freeze()
    yield
    failures = LoggedFailures()
    globalLogPublisher.addObserver(failures.observe)
    gc.collect()
    _refuse(failures)


@pytest.fixture(autouse=True)
def logged_failures() -> Iterator[LoggedFailures]:
    """The failures logged so far; those that the test does not take fail it."""
    failures = LoggedFailures()
    globalLogPublisher.addObserver(failures.observe)
    yield failures
    _refuse(failures)


def _refuse(failures: LoggedFailures) -> None:
    left = failures.seen()
    globalLogPublisher.removeObserver(failures.observe)
    if left:
        report = "\n".join(failure.getTraceback() for failure in left)
        pytest.fail(f"{len(left)} failure(s) logged that no one took:\n{report}")


@pytest.fixture(autouse=True)
def no_loose_ends(logged_failures: LoggedFailures) -> Iterator[None]:
    """Fail a test that leaves a delayed call or an open socket in the reactor."""
    calls_before = set(reactor.getDelayedCalls())
    sockets_before = set(_open_sockets())
    yield

    def left() -> list[IDelayedCall | object]:
        calls = [call for call in reactor.getDelayedCalls() if call not in calls_before]
        return [*calls, *(it for it in _open_sockets() if it not in sockets_before)]

    if left():
        pytest_twisted.blockon(Deferred.fromCoroutine(_settle(left)))
    forgotten = left()
    if forgotten:
        _remove(forgotten)
        pytest.fail("left in the reactor: " + ", ".join(str(it) for it in forgotten))


def _with_deadline(
    test: Callable[..., Awaitable[None]], seconds: float
) -> Callable[..., Deferred[None]]:
    def late(result: Any, _seconds: float) -> None:
        # Also when the test swallowed the cancellation and returned.
        cause = result.value if isinstance(result, Failure) else None
        raise DeadlineMissed(f"the test was not done after {seconds:g} s") from cause

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> Deferred[None]:
        running = Deferred.fromCoroutine(test(*arguments, **named))
        return running.addTimeout(seconds, reactor, onTimeoutCancel=late)

    return run


async def _settle(left: Callable[[], list[object]]) -> None:
    for _ in range(SETTLE_TURNS):
        await deferLater(reactor, SETTLE_SECONDS)
        if not left():
            return


def _open_sockets() -> list[object]:
    return [*reactor.getReaders(), *reactor.getWriters()]


def _remove(forgotten: list[IDelayedCall | object]) -> None:
    """Take what one test forgot away, so that the next is not blamed for it."""
    for it in forgotten:
        if IDelayedCall.providedBy(it):
            it.cancel()
        else:
            reactor.removeReader(it)
            reactor.removeWriter(it)
            it.connectionLost(Failure(DeadlineMissed("closed after the test that forgot it")))
