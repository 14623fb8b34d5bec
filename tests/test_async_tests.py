"""The plugin for async tests, and the rule against skips, catch what they are there for.

Each test writes a small test file and runs it with this project's own settings, in a pytest of
its own.
"""

import textwrap
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def outcome_of(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.delenv("CI", raising=False)

    def run(text):
        file = pytester.makepyfile(test_inner=textwrap.dedent(text))
        settings = ["-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(pytester.path)]
        # Plain asserts: rewriting hypothesis and other plugins would take most of the time.
        quick = ["-p", "no:cacheprovider", "--assert=plain"]
        return pytester.runpytest_subprocess(*settings, *quick, "-p", "tests.conftest", str(file))

    return run


PAUSE = """
    import pytest
    from twisted.internet import reactor
    from twisted.internet.defer import CancelledError, Deferred, fail
    from twisted.internet.protocol import Factory
    from twisted.internet.task import deferLater
    from twisted.logger import Logger

    def pause():
        return deferLater(reactor, 0.01)
"""


def test_async_tests_are_awaited_on_the_epoll_reactor(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    async def test_passes():
        await pause()
        assert type(reactor).__name__ == "EPollReactor"

    async def test_fails_after_a_pause():
        await pause()
        raise ValueError("after a pause")
    """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*ValueError: after a pause*"])


def test_a_test_that_hangs_fails_and_the_next_one_runs(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    @pytest.mark.deadline(0.1)
    async def test_hangs():
        await Deferred()

    async def test_next():
        await pause()
    """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*DeadlineMissed: the test was not done after 0.1 s*"])


def test_an_async_property_is_awaited_and_has_the_deadline_for_each_example(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    from hypothesis import given, strategies

    @given(strategies.booleans())
    async def test_wrong_for_one(value):
        await pause()
        assert value

    @pytest.mark.deadline(0.1)
    @given(strategies.just(0))
    async def test_hangs(value):
        await Deferred()
    """
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*assert value*", "*DeadlineMissed*"])


def test_swallowing_the_deadline_does_not_make_a_test_pass(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    @pytest.mark.deadline(0.1)
    async def test_swallows():
        try:
            await Deferred()
        except CancelledError:
            pass
    """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*DeadlineMissed*"])


def test_a_failure_that_was_only_logged_is_an_error(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    def test_logs():
        try:
            raise ValueError("nobody sees this")
        except ValueError:
            Logger().failure("it went wrong")
    """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ValueError: nobody sees this*"])


def test_a_deferred_whose_failure_nobody_handled_is_an_error(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    async def test_loses():
        fail(ValueError("lost on the way"))
    """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ValueError: lost on the way*"])


def test_a_failure_that_only_the_search_of_all_objects_finds_is_an_error_of_its_file(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    import gc

    def test_leaves_a_circle_that_was_there_for_long():
        circle = [fail(ValueError("nobody sees this"))]
        circle.append(circle)
        gc.collect(1)
    """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ValueError: nobody sees this*"])


def test_a_logged_failure_that_the_test_takes_is_fine(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    def log(problem):
        try:
            raise problem
        except type(problem):
            Logger().failure("it went wrong")

    def test_takes(logged_failures):
        log(ValueError("expected"))
        assert len(logged_failures.take(ValueError)) == 1

    def test_takes_another_kind(logged_failures):
        log(KeyError("seen"))
        logged_failures.take(ValueError)
    """
    )
    # The second fails (no ValueError), and has an error too (the KeyError was left).
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*no ValueError was logged*"])


def test_a_delayed_call_that_is_left_is_an_error_of_that_test_only(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    async def test_forgets():
        reactor.callLater(60, print)

    async def test_next():
        await pause()
    """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*left in the reactor: *DelayedCall*"])


def test_a_port_that_is_left_open_is_an_error_of_that_test_only(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    async def test_forgets():
        reactor.listenTCP(0, Factory(), interface="127.0.0.1")

    async def test_closes():
        await reactor.listenTCP(0, Factory(), interface="127.0.0.1").stopListening()
    """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*left in the reactor: *Factory*"])


def test_a_coroutine_that_nobody_awaits_fails_the_run(outcome_of):
    result = outcome_of(
        PAUSE
        + """
    async def work():
        await pause()

    def test_forgets_to_await():
        work()
    """
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*coroutine 'work' was never awaited*"])


SKIP = """
    import pytest

    def test_skips():
        pytest.skip("no such program here")
"""


def test_a_skip_is_a_failure_under_ci_only(outcome_of, monkeypatch):
    outcome_of(SKIP).assert_outcomes(skipped=1)
    monkeypatch.setenv("CI", "true")
    result = outcome_of(SKIP)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no such program here*"])


def test_properties_are_the_same_in_every_run_under_ci(outcome_of, monkeypatch):
    text = """
    from hypothesis import settings

    def test_profile():
        assert (settings().derandomize, settings().max_examples) == {expected}
    """
    outcome_of(text.format(expected=(False, 50))).assert_outcomes(passed=1)
    monkeypatch.setenv("CI", "true")
    outcome_of(text.format(expected=(True, 50))).assert_outcomes(passed=1)
