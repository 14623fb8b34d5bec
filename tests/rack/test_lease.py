"""The right to act ends by itself, 5 s after it was asked for."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from evenrack.model.identifiers import ProcessId
from evenrack.rack.lease import LEASE_SECONDS, Lease

ONE, TWO = ProcessId("region1/1"), ProcessId("region1/2")


def test_without_a_lease_nobody_manages():
    assert Lease(Clock()).manager is None


def test_a_lease_runs_5_seconds_from_when_it_was_asked_for():
    clock = Clock()
    lease = Lease(clock)
    clock.advance(2.0)
    lease.granted(ONE, asked_at=1.0)
    assert lease.manager == ONE
    clock.advance(3.9)
    assert lease.manager == ONE
    clock.advance(0.1)
    assert lease.manager is None


def test_an_answer_that_comes_too_late_grants_nothing():
    clock = Clock()
    lease = Lease(clock)
    clock.advance(LEASE_SECONDS)
    lease.granted(ONE, asked_at=0.0)
    assert lease.manager is None


def test_an_answer_to_an_older_ping_takes_nothing_away():
    clock = Clock()
    lease = Lease(clock)
    clock.advance(2.0)
    lease.granted(TWO, asked_at=2.0)
    lease.granted(ONE, asked_at=1.0)
    assert lease.manager == TWO


@given(st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.integers(0, 20)), min_size=1))
def test_the_manager_is_whoever_was_asked_last_among_those_who_granted(grants):
    clock = Clock()
    clock.advance(20.0)
    lease = Lease(clock)
    for process, asked_at in grants:
        lease.granted(process, asked_at=asked_at)
    newest = max(asked_at for _, asked_at in grants)
    if newest + LEASE_SECONDS > 20:
        assert (lease.manager, newest) in grants
    else:
        assert lease.manager is None
