"""What is said on a link after its hello: pings, leases, endpoints, plans, losses, goodbye."""

import attrs
import pytest
from twisted.protocols import amp

from evenrack.errors import DatabaseUnreachable, StalePlan
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import LinkId, ProcessId, RackId
from evenrack.model.rack_plan import RackPlan
from evenrack.wire.rack_commands import ApplyPlan
from evenrack.wire.region_commands import Goodbye, Ping
from tests.wire.both_ends import RACK, Link

PLAN = RackPlan(rack=RACK, number=FleetNumber(1, 5), managed_by=ProcessId("region1/1"))


def apply_plan(link, plan):
    return link.ask(link.region.apply_plan(plan))


def endpoints(count):
    return {
        ProcessId(f"region{number}/1"): tuple(
            HostPort(host=f"rpc{address}.region{number}.example.com", port=5251)
            for address in range(4)
        )
        for number in range(count)
    }


def test_a_plan_is_followed_and_confirmed_by_number_and_fingerprint():
    link = Link().introduce()
    assert apply_plan(link, PLAN).value() == (PLAN.number, PLAN.fingerprint)
    assert link.memory.newest.plan == PLAN
    assert (link.region.holds, link.region.holds_fingerprint) == (PLAN.number, PLAN.fingerprint)


def test_sending_a_plan_twice_does_nothing_and_is_answered_the_same():
    link = Link().introduce()
    first = apply_plan(link, PLAN).value()
    assert apply_plan(link, PLAN).value() == first
    assert link.memory.newest.plan == PLAN


def test_a_plan_that_is_older_is_refused_and_the_newer_one_stays():
    link = Link().introduce()
    apply_plan(link, PLAN).value()
    older = attrs.evolve(PLAN, number=FleetNumber(1, 4), managed_by=ProcessId("region2/1"))
    problem = apply_plan(link, older).error()
    assert isinstance(problem, StalePlan)
    assert "1.4" in str(problem)
    assert link.memory.newest.plan == PLAN
    assert not link.wire.is_gone


def test_a_plan_of_another_rack_is_refused():
    link = Link().introduce()
    other = attrs.evolve(PLAN, rack=RackId("rack0002"))
    assert isinstance(apply_plan(link, other).error(), StalePlan)
    assert link.memory.newest.plan is None


def test_a_plan_of_a_new_era_is_followed_though_its_generation_is_smaller():
    link = Link().introduce()
    apply_plan(link, PLAN).value()
    reborn = attrs.evolve(PLAN, number=FleetNumber(2, 1))
    assert apply_plan(link, reborn).value() == (reborn.number, reborn.fingerprint)


def test_another_plan_under_the_same_number_is_followed():
    link = Link().introduce()
    apply_plan(link, PLAN).value()
    other = attrs.evolve(PLAN, managed_by=ProcessId("region2/1"))
    assert apply_plan(link, other).value() == (other.number, other.fingerprint)


def test_only_the_process_that_manages_the_rack_grants_a_lease_and_from_when_it_was_asked():
    link = Link().introduce()
    link.world.advance(2.5)
    assert link.memory.leases == []
    link.desk.manages.add(RACK)
    link.world.advance(1.0)
    assert link.memory.leases == [("region1/1", 3.0)]


def test_a_lease_counts_from_when_the_ping_was_sent_however_late_the_answer_comes():
    link = Link().introduce()
    link.desk.manages.add(RACK)
    sent = link.rack.clock.seconds() + 1.0
    link.rack.clock.advance(1.0)  # the ping leaves the rack
    link.rack.clock.advance(0.7)  # and is answered 0.7 s later
    link.world.settle()
    assert link.memory.leases == [("region1/1", sent)]


def test_the_first_ping_is_sent_with_the_hello_so_that_a_lease_need_not_wait():
    link = Link()
    link.desk.manages.add(RACK)
    link.introduce()
    assert link.memory.leases == [("region1/1", 0.0)]


def test_the_rack_pings_each_second():
    link = Link().introduce()
    before = link.wire.from_client.count(Ping.commandName)
    link.world.advance(10.0)
    assert link.wire.from_client.count(Ping.commandName) == before + 10


def test_p21_the_rack_asks_for_the_endpoints_once_and_again_only_when_they_changed():
    link = Link()
    link.desk.endpoints = endpoints(2)
    link.introduce()
    assert link.memory.known == endpoints(2)
    link.world.advance(5.0)
    assert link.wire.from_client.count(b"ListEndpoints") == 1
    link.desk.endpoints = endpoints(3)
    link.world.advance(1.1)
    assert link.memory.known == endpoints(3)
    assert link.wire.from_client.count(b"ListEndpoints") == 2


def test_a_list_of_endpoints_larger_than_64_kib_arrives_whole():
    link = Link()
    link.desk.endpoints = endpoints(900)
    link.introduce()
    assert len(link.wire.from_server) > 2 * amp.MAX_VALUE_LENGTH
    assert link.memory.known == endpoints(900)
    assert not link.wire.is_gone


def test_the_rack_reports_a_lost_link_under_its_own_name_only():
    link = Link().introduce()
    link.ask(link.rack.report_lost_link(LinkId("abc"))).value()
    assert link.desk.told[-1] == ("lost", RACK, "abc")


@pytest.mark.parametrize("what", ["lost", "goodbye"])
def test_without_a_database_the_rack_is_told_so_and_it_is_no_bug(what):
    async def unreachable(*_):
        raise DatabaseUnreachable("no answer")

    link = Link(reception={what: unreachable}).introduce()
    work = link.rack.report_lost_link(LinkId("abc")) if what == "lost" else link.rack.say_goodbye()
    # `logged_failures` of the test plugin fails the test when a traceback is logged.
    assert isinstance(link.ask(work).error(), DatabaseUnreachable)
    assert not link.wire.is_gone


def test_a_goodbye_names_the_rack_and_its_run():
    link = Link().introduce()
    link.ask(link.rack.say_goodbye()).value()
    assert link.desk.told[-1] == ("goodbye", RACK, "run1")


def test_a_bug_in_an_answer_of_the_region_is_named_internal_and_keeps_the_link(logged_failures):
    def buggy(_link):
        raise ZeroDivisionError

    link = Link(reception={"grants_lease": buggy}).introduce()
    outcome = link.ask(link.rack.callRemoteString(Ping.commandName))
    assert outcome.code() == b"INTERNAL"
    link.world.advance(5.0)
    assert not link.wire.is_gone
    logged_failures.take(ZeroDivisionError)


def test_a_bug_in_an_answer_of_the_rack_is_named_internal_and_keeps_the_link(logged_failures):
    def buggy(_plan):
        raise KeyError("not while parsing")

    link = Link(rack={"follow": buggy}).introduce()
    assert isinstance(apply_plan(link, PLAN).error(), amp.UnknownRemoteError)
    assert b"INTERNAL" in link.wire.from_client
    link.world.advance(5.0)
    assert not link.wire.is_gone
    logged_failures.take(KeyError)


def test_what_a_bug_said_does_not_cross_the_wire(logged_failures):
    async def buggy(_rack, _run):
        raise RuntimeError("postgres password is 12345")

    link = Link(reception={"goodbye": buggy}).introduce()
    link.ask(link.rack.callRemote(Goodbye)).error()
    assert b"12345" not in link.wire.from_server
    logged_failures.take(RuntimeError)


def test_an_unknown_command_is_answered_as_such_and_the_link_stays():
    # A newer region may know commands that this rack does not, and the other way round.
    link = Link().introduce()
    for end in (link.rack, link.region):
        outcome = link.ask(end.callRemoteString(b"Novelty"))
        assert isinstance(outcome.error(), amp.UnhandledCommand)
    assert not link.wire.is_gone


def test_an_answer_too_large_for_amp_is_named_and_the_link_stays():
    link = Link(reception={"process": ProcessId("p" * 70_000)})
    outcome = link.ask(link.rack.greet())
    assert isinstance(outcome.error(), amp.UnknownRemoteError)
    assert b"TOO_LARGE" in link.wire.from_server
    assert not link.wire.is_gone


def test_a_list_of_endpoints_that_the_rack_finds_unreasonable_changes_nothing():
    link = Link(reception={"endpoints": lambda: endpoints(1_001)}).introduce()
    before = link.wire.from_client.count(Ping.commandName)
    link.world.advance(3.0)
    assert link.memory.known == {}
    assert link.wire.from_client.count(Ping.commandName) == before + 3
    assert not link.wire.is_gone


def test_a_command_on_a_link_that_is_gone_fails_and_does_not_hang():
    link = Link().introduce()
    link.rack.close()
    link.world.settle()
    assert apply_plan(link, PLAN).is_there
    assert link.ask(link.rack.say_goodbye()).is_there


def test_a_command_that_waits_when_the_link_ends_fails_then():
    link = Link().introduce()
    link.wire.cut()
    outcome = link.ask(link.region.callRemote(ApplyPlan, plan=PLAN))
    assert not outcome.is_there
    link.world.advance(3.5)
    assert not isinstance(outcome.error(), amp.RemoteAmpError)
