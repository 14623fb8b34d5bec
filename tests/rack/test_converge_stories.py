"""Whatever happens to a rack, in any order: what its DHCP server may serve, and what is told."""

import tempfile
from pathlib import Path

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from evenrack.errors import TurnRefused
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.fleet_number import FleetNumber
from tests.rack.converging import RackHost, plan_of
from tests.wire.both_ends import STEP, Outcome


def is_bad(service):
    return service.number.generation % 3 == 0


def mistakes_in(plan):
    return ["a bad VLAN"] if any(map(is_bad, plan)) else []


def mistakes_together(plan):
    """Find also what is wrong only together: an odd VLAN beside an even one."""
    odd = {service.number.generation % 2 for service in plan}
    return [*mistakes_in(plan), *(["they overlap"] if len(odd) > 1 else [])]


plans = st.builds(
    lambda services, numbers: tuple(
        evolve(service, number=FleetNumber(1, numbers[service.vlan.id - 1]))
        for service in plan_of(services)
    ),
    st.dictionaries(st.integers(1, 3), st.sampled_from([(1, 2), (2, 1), (1,)])),
    st.tuples(*[st.integers(1, 8)] * 3),
)
happenings = st.one_of(
    st.tuples(st.just("plan"), plans),
    st.sampled_from(["turn", "kill", "restart", "crash", "region", "starts", "silent"]).map(
        lambda it: (it,)
    ),
    st.tuples(st.just("wait"), st.sampled_from([STEP, 0.25, 1.0, 2.0])),
)


def happen(host, turns, what, *details):
    match what:
        case "plan":
            host.follow(*details)
        case "turn":
            waits = host.report.waiting
            turns.append(Outcome(Deferred.fromCoroutine(host.converge.take_turn(waits))))
        case "kill":
            host.server.kill()
        case "restart":
            host.end()
            host.begin()
        case "crash":
            host.crash()
            host.begin()
        case "region":
            host.has_region = not host.has_region
        case "wait":
            host.advance(*details)
        case _:
            setattr(host.server, what, not getattr(host.server, what))


def is_all_that_is_good(served, plan):
    """Tell whether this is the plan, but for bad VLANs, which may have an older content or none."""
    bad = {service.vlan.id for service in plan if is_bad(service)}
    good = [service for service in plan if service.vlan.id not in bad]
    return [service for service in served if service.vlan.id not in bad] == good


def what_happens(story, seconds, mistakes):
    """Let it happen, and give the host when all is well and has come to rest again."""
    with tempfile.TemporaryDirectory() as folder:
        host, turns = RackHost(Path(folder)), []
        host.server.seconds, host.server.mistakes_in = seconds, mistakes
        host.begin()
        for happening in story:
            happen(host, turns, *happening)
        host.has_region, host.server.starts, host.server.silent = True, True, False
        host.advance(10.0)
        yield host
        waits = host.report.waiting
        if waits:
            turns.append(Outcome(Deferred.fromCoroutine(host.converge.take_turn(waits))))
        host.advance(10.0)
        assert bool(waits) == (host.report.waiting != waits), "a turn was used"
        yield host
        assert host.server.met == 0, "one start or stop at a time"
        host.end()
    for turn in turns:
        assert turn.results in ([], [None]) or isinstance(turn.error(), TurnRefused)


stories = st.lists(happenings, max_size=20)
paces = st.sampled_from([0.0, STEP, 0.5])


@given(stories, paces)
def test_whatever_happens_what_is_good_of_the_plan_is_reported_when_and_only_when_it_is_applied(
    story, pace
):
    for host in what_happens(story, pace, mistakes_in):
        served, plan = next(iter(host.kept), ()), host.plan
        assert len(host.kept) <= 1
        assert (host.server.runs or ()) == served
        assert (host.report.applied == dhcp_fingerprint(plan)) == is_all_that_is_good(served, plan)
        assert (host.report.waiting == "") == is_all_that_is_good(served, plan)
    assert host.report.applied == dhcp_fingerprint(host.plan)


@given(stories, paces)
def test_whatever_happens_only_content_that_was_checked_and_is_good_together_is_ever_served(
    story, pace
):
    for host in what_happens(story, pace, mistakes_together):
        checked = {service for plan in host.server.checked for service in plan}
        for plan, _ in host.server.started:
            assert set(plan) <= checked
            assert mistakes_together(plan) == []
    assert host.report.applied == dhcp_fingerprint(host.plan)
