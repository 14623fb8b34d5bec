"""What is said on a link about DHCP: interfaces, reports, plans and turns."""

from ipaddress import IPv4Address, IPv4Interface

import pytest
from attrs import evolve
from hypothesis import given
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.balance.rack_plans import plan_for
from evenrack.errors import (
    DatabaseUnreachable,
    PartnerDownRefused,
    ProbeRefused,
    ProgramFailed,
    RecoverWaitRefused,
    TurnRefused,
)
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.dhcp_report import DhcpReport, VlanError, VlanReport
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.interface_list import MOST_ADDRESSES, Interface
from evenrack.rack.good_part import MOST_ERROR_CHARACTERS
from evenrack.rack.region_session import RegionSession
from evenrack.wire.rack_commands import TakePartnerDown, TakeTurn
from evenrack.wire.region_commands import ReportDhcp, ReportInterfaces
from tests.dhcp_fleet import dhcp_fleet, rack_id
from tests.strategies_reports import dhcp_reports, interface_lists
from tests.wire.both_ends import RACK, Link

MOST_VLANS = 1_000
PLAN = "the-fingerprint"
TURN = Turn(plan=PLAN)


def told(link):
    return [what for what in link.desk.told if what[0] in {"interfaces", "dhcp"}]


async def unreachable(*_):
    raise DatabaseUnreachable("no answer")


@given(interface_lists, dhcp_reports)
def test_a_region_is_told_what_the_rack_says_under_the_name_of_that_rack(interfaces, report):
    link = Link().introduce()
    link.ask(link.rack.report_interfaces(interfaces)).value()
    link.ask(link.rack.report_dhcp(report)).value()
    assert told(link) == [("interfaces", RACK, interfaces), ("dhcp", RACK, report)]


def test_saying_it_twice_is_harmless():
    link = Link().introduce()
    for _ in range(2):
        link.ask(link.rack.report_dhcp(DhcpReport())).value()
    assert told(link) == [("dhcp", RACK, DhcpReport())] * 2
    assert not link.wire.is_gone


def test_before_its_hello_a_rack_reports_nothing():
    link = Link()
    link.ask(link.rack.report_dhcp(DhcpReport()))
    link.ask(link.rack.report_interfaces(()))
    assert told(link) == []


def test_the_largest_report_arrives_whole():
    vlans = tuple(
        VlanReport(
            vlan=number,
            number=FleetNumber(1, 10**14),
            role="secondary",
            peer="rack0002",
            state="communications-interrupted",
        )
        for number in range(1, MOST_VLANS + 1)
    )
    errors = tuple(VlanError(vlan=it.vlan, error="x" * MOST_ERROR_CHARACTERS) for it in vlans)
    report = DhcpReport(applied="a" * 64, waiting="b" * 64, vlans=vlans, errors=errors)
    link = Link().introduce()
    link.ask(link.rack.report_dhcp(report)).value()
    assert told(link) == [("dhcp", RACK, report)]


def test_as_many_addresses_as_a_rack_may_have_arrive_whole_and_more_are_refused():
    address = Interface(name="a" * 15, address=IPv4Interface("255.255.255.254/32"))
    link = Link().introduce()
    link.ask(link.rack.report_interfaces((address,) * MOST_ADDRESSES)).value()
    assert len(told(link)[0][2]) == MOST_ADDRESSES
    link.ask(link.rack.report_interfaces((address,) * (MOST_ADDRESSES + 1))).error()
    assert b"BAD_ARGUMENTS" in link.wire.from_server
    assert not link.wire.is_gone


@pytest.mark.parametrize("command", [ReportInterfaces, ReportDhcp])
@pytest.mark.parametrize(
    "text", [b"{", b"null", b'{"applied": 3}', b'[{"name": "eth0"}]', b"[]" * 9]
)
def test_a_report_that_cannot_be_read_is_refused_and_the_link_stays(command, text):
    ((name, _),) = command.arguments
    link = Link().introduce()
    box = amp.AmpBox({name: b"1", b"%s.0" % name: text})
    answer = link.ask(link.rack._sendBoxCommand(command.commandName, box))
    assert answer.code() == b"BAD_ARGUMENTS"
    assert not link.wire.is_gone
    link.ask(link.rack.report_dhcp(DhcpReport())).value()


def test_without_a_database_a_report_is_refused_by_that_name_and_the_link_stays():
    link = Link(reception={"interfaces": unreachable, "dhcp": unreachable}).introduce()
    for report in (link.rack.report_interfaces(()), link.rack.report_dhcp(DhcpReport())):
        assert isinstance(link.ask(report).error(), DatabaseUnreachable)
    assert not link.wire.is_gone


def test_a_whole_plan_arrives_with_what_it_serves_and_is_confirmed():
    fleet = dhcp_fleet({1: (1, 2), 2: (1, 2)}, services={1: (1, 2), 2: (2, 1)})
    plan = plan_for(fleet, rack_id(1))
    assert [it.role for it in plan.dhcp] == ["primary", "secondary"]
    link = Link().introduce()
    assert link.ask(link.region.apply_plan(plan)).value() == (plan.number, plan.fingerprint)
    assert link.memory.newest.plan == plan
    assert dhcp_fingerprint(link.memory.newest.plan.dhcp) == dhcp_fingerprint(plan.dhcp)


def test_a_plan_that_differs_only_in_what_it_serves_has_another_fingerprint():
    fleet = dhcp_fleet({1: (1, 2)}, services={1: (1, 2)})
    plan = plan_for(fleet, rack_id(1))
    assert evolve(plan, dhcp=()).fingerprint != plan.fingerprint


def test_a_rack_takes_the_turn_that_it_waits_for():
    link = Link().introduce()
    link.memory.waits_for = PLAN
    link.ask(link.region.take_turn(TURN)).value()
    assert (link.memory.turns, link.memory.that_end) == ([PLAN], [])


def test_m12_a_rack_is_told_that_its_turn_ends_and_a_region_of_the_version_before_does_not_say():
    link = Link().introduce()
    link.memory.waits_for = PLAN
    link.ask(link.region.take_turn(evolve(TURN, ends=True))).value()
    assert link.memory.that_end == [PLAN]
    link.ask(link.region.callRemote(TakeTurn, plan=PLAN)).value()
    assert link.memory.that_end == [PLAN]


def test_a_turn_that_a_rack_does_not_wait_for_is_refused_by_that_name_and_the_link_stays():
    link = Link().introduce()
    refusal = link.ask(link.region.take_turn(TURN)).error()
    assert isinstance(refusal, TurnRefused)
    assert str(refusal) == "another plan waits"
    assert link.memory.turns == []
    assert not link.wire.is_gone


def test_a_bug_in_taking_a_turn_is_logged_on_the_rack_and_the_link_stays(logged_failures):
    async def broken(process, turn):
        raise ProgramFailed("dhcpd", "is not there", "")

    link = Link(rack={"take_turn": broken}).introduce()
    link.ask(link.region.take_turn(TURN)).error()
    assert b"INTERNAL" in link.wire.from_client
    assert not link.wire.is_gone
    logged_failures.take(ProgramFailed)


def test_a_region_that_did_not_answer_the_hello_gives_no_turn():
    link = Link()
    link.memory.waits_for = PLAN
    link.ask(link.region.take_turn(TURN)).error()
    assert link.memory.turns == []
    assert link.wire.is_gone


def test_m16_a_rack_takes_its_partner_for_dead_and_tells_its_mclt():
    link = Link().introduce()
    assert link.ask(link.region.take_partner_down(7, "rack0007")).value() == 3600
    refusal = link.ask(link.region.take_partner_down(8, "rack0007")).error()
    assert (type(refusal), str(refusal)) == (PartnerDownRefused, "it may live")
    assert not link.wire.is_gone


def test_rule_5_a_rack_finds_out_which_hosts_run():
    link = Link().introduce()
    near, far = IPv4Address("10.1.0.2"), IPv4Address("10.9.0.2")
    (answer,) = link.ask(link.region.probe([near])).value()
    assert answer == ProbeAnswer(address=near, found="silent")
    refusal = link.ask(link.region.probe([far])).error()
    assert (type(refusal), str(refusal)) == (ProbeRefused, "it is not beside this rack")
    assert not link.wire.is_gone


def test_rule_7_a_rack_lets_its_server_serve_without_waiting():
    link = Link().introduce()
    assert link.ask(link.region.end_recover_wait(7, "rack0007")).value() is None
    refusal = link.ask(link.region.end_recover_wait(8, "rack0007")).error()
    assert (type(refusal), str(refusal)) == (RecoverWaitRefused, "its server is in normal")
    assert not link.wire.is_gone


def test_m16_a_rack_of_the_version_before_does_not_know_that_command(monkeypatch):
    link = Link().introduce()
    known = RegionSession.locateResponder

    def located(session, name):
        return None if name == TakePartnerDown.commandName else known(session, name)

    monkeypatch.setattr(RegionSession, "locateResponder", located)
    refusal = link.ask(link.region.take_partner_down(7, "rack0007")).error()
    assert isinstance(refusal, amp.UnhandledCommand)
    assert not link.wire.is_gone


def test_pings_go_on_while_a_turn_is_taken():
    restarting = Deferred()

    async def slow(process, turn):
        await restarting

    link = Link(rack={"take_turn": slow}).introduce()
    turn = link.ask(link.region.take_turn(TURN))
    link.world.advance(10.0)
    assert not turn.is_there
    assert not link.wire.is_gone
    restarting.callback(None)
    link.world.settle()
    assert turn.value() is None
