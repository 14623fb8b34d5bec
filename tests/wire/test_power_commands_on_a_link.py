"""What is said on a link about power: orders, phases, and which BMCs answer."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve
from hypothesis import given
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.balance.power_routes import OVERDUE_SECONDS
from evenrack.errors import DatabaseUnreachable, OrderOutdated
from evenrack.model.bmc_host import HostName
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import BmcAccess, BmcReach, PowerOrder, PowerOutcome
from evenrack.rack import region_session
from evenrack.rack.power.order_run import FINISH_SECONDS
from evenrack.wire.region_commands import ReportReach
from evenrack.wire.version import (
    BOOT_DEVICES,
    EVERY_BMC,
    UNREADABLE_SECONDS,
    UNRECORDED_ORDERS,
    too_old,
)
from tests.strategies_reports import bmc_lists, power_orders, power_outcomes
from tests.wire.both_ends import RACK, Link

WORD = "hidden word"
ORDER = PowerOrder(
    id=OrderId(7),
    attempt=2,
    bmc=BmcId(3),
    access=BmcAccess(address=IPv4Address("10.9.0.3"), user="me", password=WORD),
    action="cycle",
    phase="OFF_SENT",
    seconds_left=12.5,
)
OUTCOME = PowerOutcome(result="ok", state="on", sent=True)


def power(link, order=ORDER):
    return link.ask(link.region.power_bmc(order))


def phase(link, attempt=2):
    return link.ask(link.rack.record_phase(OrderId(7), attempt, "NEW", "OFF_SENT"))


@given(power_orders, power_outcomes)
def test_the_rack_gets_the_order_as_it_is_and_the_region_its_outcome(order, outcome):
    taken = []

    async def take(order):
        taken.append(order)
        return outcome

    link = Link(rack={"power": take}).introduce()
    assert power(link, order).value() == outcome
    assert taken == [order]


@pytest.mark.parametrize(("older", "told"), [(0, True), (1, False)])
def test_a_rack_of_the_version_before_is_told_of_nothing_unrecorded(monkeypatch, older, told):
    """It would end the link: it reads no order with a field that it does not know."""
    monkeypatch.setattr(region_session, "PROTOCOL", UNRECORDED_ORDERS - older)
    taken = []

    async def take(order):
        taken.append(order)
        return OUTCOME

    link = Link(rack={"power": take}).introduce()
    assert power(link, evolve(ORDER, unrecorded=True)).value() == OUTCOME
    assert taken == [evolve(ORDER, unrecorded=told)]


@pytest.mark.parametrize(
    ("later", "phase", "result"),
    [
        ({"access": evolve(ORDER.access, address=HostName("bmc1.example.com"))}, "NEW", "failed"),
        ({"access": evolve(ORDER.access, driver="ipmi")}, "OFF_SENT", "unknown"),
        ({"action": "reset"}, "NEW", "failed"),
    ],
)
def test_a_rack_of_the_version_before_is_not_told_of_an_order_that_it_cannot_read(
    monkeypatch, later, phase, result
):
    """Another rack may take it, and the link lives on."""
    monkeypatch.setattr(region_session, "PROTOCOL", EVERY_BMC - 1)
    taken = []

    async def take(order):
        taken.append(order)
        return OUTCOME

    link = Link(rack={"power": take}).introduce()
    outcome = power(link, evolve(ORDER, phase=phase, **later)).value()
    assert (outcome.result, outcome.retryable, outcome.sent) == (result, True, phase != "NEW")
    assert "has an older version" in outcome.error
    assert taken == []
    assert power(link).value() == OUTCOME


@pytest.mark.parametrize("phase", ["NEW", "OFF_SEEN"])
def test_a_rack_of_the_version_before_is_not_told_of_an_order_with_a_boot_device(
    monkeypatch, phase
):
    """It would be another order without. Another rack may take it at once, also when it was begun:
    this one cannot have been at it."""
    monkeypatch.setattr(region_session, "PROTOCOL", BOOT_DEVICES - 1)
    taken = []

    async def take(order):
        taken.append(order)
        return OUTCOME

    link = Link(rack={"power": take}).introduce()
    outcome = power(link, evolve(ORDER, boot="pxe", phase=phase, seconds_left=-50.0)).value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    assert "older version, which cannot have a machine start from pxe" in outcome.error
    assert "upgrade it" in outcome.error
    assert (taken, link.wire.is_gone) == ([], False)
    assert power(link).value() == OUTCOME, "others are carried out"


def test_a_rack_of_this_version_is_told_of_the_boot_device():
    taken = []

    async def take(order):
        taken.append(order)
        return OUTCOME

    link = Link(rack={"power": take}).introduce()
    booting = evolve(ORDER, boot="pxe")
    assert power(link, booting).value() == OUTCOME
    assert taken == [booting]


def test_an_order_that_has_begun_and_that_its_rack_cannot_read_ends_with_the_reason_in_the_end():
    """Not before a rack that was told of it earlier has turned on what is off."""
    begun = evolve(ORDER, phase="OFF_SEEN")
    for seconds_left, retryable in ((60.0, True), (0.0, True), (-29.0, True), (-31.0, False)):
        outcome = too_old(EVERY_BMC - 1, evolve(begun, seconds_left=seconds_left), "rack2")
        assert (outcome.result, outcome.retryable, outcome.sent) == ("unknown", retryable, True)
        assert outcome.error.startswith("rack2 has an older version")
    new = evolve(ORDER, phase="NEW", seconds_left=-31.0)
    assert too_old(EVERY_BMC - 1, new, "rack2").retryable
    assert FINISH_SECONDS + 10.0 <= UNREADABLE_SECONDS < OVERDUE_SECONDS - 5.0


def test_an_order_is_answered_when_it_has_ended_however_long_that_takes():
    ends = Deferred()

    async def take(order):
        return await ends

    link = Link(rack={"power": take}).introduce()
    outcome = power(link)
    link.world.advance(90.0)
    assert not outcome.is_there
    assert not link.wire.is_gone
    ends.callback(OUTCOME)
    link.world.settle()
    assert outcome.value() == OUTCOME


def test_several_orders_are_under_way_on_one_link_and_end_in_any_order():
    ends = {}

    async def take(order):
        ends[order.id] = Deferred()
        return await ends[order.id]

    link = Link(rack={"power": take}).introduce()
    first, second = (power(link, evolve(ORDER, id=OrderId(n))) for n in (1, 2))
    ends[2].callback(OUTCOME)
    link.world.settle()
    assert (first.is_there, second.value()) == (False, OUTCOME)
    ends[1].callback(OUTCOME)
    link.world.settle()
    assert first.is_there


def test_an_outdated_order_is_refused_by_name():
    link = Link().introduce()
    problem = power(link, evolve(ORDER, attempt=1)).error()
    assert isinstance(problem, OrderOutdated)
    assert "a later attempt was seen" in str(problem)
    assert not link.wire.is_gone


def test_a_link_that_ends_meanwhile_ends_the_waiting_and_not_with_an_outcome():
    async def take(order):
        return await Deferred()

    link = Link(rack={"power": take}).introduce()
    outcome = power(link)
    link.wire.cut()
    link.world.advance(3.5)
    assert not isinstance(outcome.error(), amp.RemoteAmpError)


def test_a_bug_of_the_rack_shows_no_password_and_keeps_the_link(logged_failures, logged):
    async def take(order):
        raise RuntimeError(f"with {order}")

    link = Link(rack={"power": take}).introduce()
    assert isinstance(power(link).error(), amp.UnknownRemoteError)
    assert WORD.encode() not in link.wire.from_client
    assert not link.wire.is_gone
    (failure,) = logged_failures.take(RuntimeError)
    assert WORD not in str(failure.value)


def test_an_order_that_is_none_is_refused_without_its_password(logged):
    link = Link().introduce()
    form = b'{"access": {"password": "hidden word", "user": 7}}'
    outcome = link.ask(link.region.callRemoteString(b"PowerBmc", order=form))
    assert isinstance(outcome.error(), amp.UnknownRemoteError | amp.RemoteAmpError)
    assert WORD.encode() not in link.wire.from_client
    assert not any(WORD in line for line in logged())


def test_a_phase_is_recorded_under_the_rack_s_own_name_and_the_answer_is_told():
    link = Link().introduce()
    assert phase(link).value() is True
    assert link.desk.told[-1] == ("phase", RACK, 7, 2, ("NEW", "OFF_SENT"))
    assert phase(link, attempt=1).value() is False


def test_without_a_database_a_phase_is_not_recorded_and_the_rack_is_told_so():
    async def unreachable(*_):
        raise DatabaseUnreachable("no answer")

    link = Link(reception={"record_phase": unreachable}).introduce()
    assert isinstance(phase(link).error(), DatabaseUnreachable)
    assert not link.wire.is_gone


@given(bmc_lists, bmc_lists)
def test_a_region_is_told_which_bmcs_answer_the_rack_and_of_which_it_does_not_know(bmcs, unknown):
    link = Link().introduce()
    reach = BmcReach(answering=bmcs, unknown=unknown)
    link.ask(link.rack.report_reach(reach)).value()
    assert link.desk.told[-1] == ("reach", RACK, reach)


def test_a_rack_of_the_version_before_knows_of_all_that_its_plan_names():
    link = Link().introduce()
    link.ask(link.rack.callRemote(ReportReach, bmcs=(BmcId(3),))).value()
    assert link.desk.told[-1] == ("reach", RACK, BmcReach(answering=(BmcId(3),)))


def test_a_region_of_the_version_before_reads_which_bmcs_answer():
    class AsBefore(amp.Command):
        arguments = [each for each in ReportReach.arguments if each[0] != b"unknown"]

    box = ReportReach.makeArguments({"bmcs": (BmcId(3),), "unknown": (BmcId(4),)}, None)
    assert AsBefore.parseArguments(box, None) == {"bmcs": (3,)}


def test_ten_thousand_bmcs_are_told_whole():
    link = Link().introduce()
    bmcs = tuple(BmcId(n) for n in range(2**31 - 10_000, 2**31))
    for reach in (BmcReach(answering=bmcs), BmcReach(unknown=bmcs)):
        link.ask(link.rack.report_reach(reach)).value()
        assert link.desk.told[-1] == ("reach", RACK, reach)


@pytest.mark.parametrize("what", ["reach", "phase"])
def test_before_its_hello_a_rack_says_nothing_of_power(what):
    link = Link()
    if what == "reach":
        link.ask(link.rack.report_reach(BmcReach()))
    else:
        phase(link)
    assert [what for what, *_ in link.desk.told] == []


def test_a_thousand_orders_may_wait_for_their_ends_on_one_link():
    ends = Deferred()

    async def takes_long(order):
        await ends
        return OUTCOME

    link = Link(rack={"power": takes_long}).introduce()
    for number in range(1_000):
        Deferred.fromCoroutine(link.region.power_bmc(evolve(ORDER, id=OrderId(number))))
    link.world.settle()
    assert not link.wire.is_gone
    ends.callback(None)
    link.world.settle()
    assert not link.wire.is_gone
