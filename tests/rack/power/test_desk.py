"""The desk of power orders: each attempt once, the newest only, and never more at once than 16."""

from ipaddress import IPv4Address

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.errors import BmcBusy, BmcSilent, DatabaseUnreachable, OrderOutdated
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import NO_ORDER, BmcAccess, PowerOrder
from evenrack.rack.power.desk import (
    MOST_AT_ONCE,
    MOST_LOOKS_AT_ONCE,
    PowerDesk,
    PowerSurroundings,
)
from tests.rack.small_driver import WORD, Machines, SmallDriver
from tests.wire.both_ends import Outcome

LIMIT = 30.0


def address_of(bmc):
    return IPv4Address("10.9.0.0") + bmc


class AtDesk:
    """A desk, its driver, 40 machines that are on, and what was recorded."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.machines = Machines(clock=self.clock)
        for bmc in range(1, 41):
            self.machines.add(address_of(bmc), state="on", answers_in=0.5)
        self.driver = SmallDriver(machines=self.machines)
        self.lease = True
        self.has_database = True
        self.is_mine = True
        self.phases = []
        self.recorded = "NEW"
        self.around = PowerSurroundings(
            driver=self.driver,
            record=self._record,
            may_act=lambda: self.lease,
            clock=self.clock,
            **settings,
        )
        self.desk = PowerDesk(self.around)
        self.desk.startService()

    async def _record(self, order, attempt, before, after):
        if not self.has_database:
            raise DatabaseUnreachable("there is no database")
        if not self.is_mine:
            return False
        self.phases.append((order, attempt, after))
        self.recorded = after
        return True

    def restart(self):
        """Let another daemon of this rack begin, which knows nothing of the orders before."""
        self.desk.stopService()
        self.wait(1)
        self.desk = PowerDesk(self.around)
        self.desk.startService()

    def take(self, order=1, attempt=1, *, action="off", bmc=1, phase="NEW", unrecorded=False):
        access = BmcAccess(address=address_of(bmc), user="me", password=WORD)
        taken = PowerOrder(
            id=OrderId(order),
            attempt=attempt,
            bmc=BmcId(bmc),
            access=access,
            action=action,
            phase=phase,
            seconds_left=LIMIT,
            unrecorded=unrecorded,
        )
        return Outcome(Deferred.fromCoroutine(self.desk.take(taken)))

    def wait(self, seconds):
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)

    def told(self, bmc=1):
        return self.machines.told_to(address_of(bmc))

    def bmc(self, number=1):
        return self.machines.bmcs[address_of(number)]


@pytest.fixture
def at():
    return AtDesk()


def test_an_order_is_carried_out_and_answered_when_it_has_ended(at):
    outcome = at.take()
    at.wait(0.5)
    assert not outcome.is_there
    at.wait(5)
    assert (outcome.value().result, outcome.value().state) == ("ok", "off")
    assert at.told() == ["off"]
    assert at.phases == [(1, 1, "OFF_SENT"), (1, 1, "OFF_SEEN")]


def test_the_same_attempt_twice_is_carried_out_once_and_both_are_answered_alike(at):
    first, second = at.take(), at.take()
    at.wait(0.75)
    third = at.take()
    at.wait(5)
    assert first.value() == second.value() == third.value()
    assert at.told() == ["off"]


def test_who_asks_after_the_end_is_answered_at_once_from_memory(at):
    first = at.take()
    at.wait(5)
    looks = at.bmc().looks
    assert at.take().value() == first.value()
    assert (at.told(), at.bmc().looks) == (["off"], looks)


@pytest.mark.parametrize(("order", "attempt"), [(5, 1), (4, 9), (4, 1)])
@pytest.mark.parametrize("ended", [True, False])
def test_an_older_attempt_or_order_is_refused_and_disturbs_nothing(at, order, attempt, ended):
    newer = at.take(5, 2)
    if ended:
        at.wait(5)
    problem = at.take(order, attempt, action="on").error()
    assert isinstance(problem, OrderOutdated)
    assert "attempt 2 at order 5" in str(problem)
    at.wait(5)
    assert newer.value().result == "ok"
    assert at.told() == ["off"]


def test_orders_of_other_bmcs_have_nothing_to_do_with_it(at):
    at.take(5, 2)
    other = at.take(1, 1, bmc=2)
    at.wait(5)
    assert other.value().result == "ok"


def test_a_newer_attempt_ends_the_older_one_before_it_begins(at):
    at.bmc().turns_in = 60.0
    older = at.take(1, 1)
    at.wait(2)
    at.bmc().press("off")
    newer = at.take(1, 2, phase="OFF_SENT")
    at.wait(5)
    assert (older.value().result, older.value().sent) == ("unknown", True)
    assert newer.value().result == "ok"
    assert at.told() == ["off"]
    assert [attempt for _, attempt, _ in at.phases] == [1, 2]


def test_a_newer_attempt_waits_until_the_older_conversation_has_ended(at):
    at.driver.ends_in = 3.0
    older, newer = at.take(1, 1), at.take(1, 2)
    at.wait(2.5)
    assert at.driver.talking == 1
    assert not newer.is_there
    at.wait(5)
    assert newer.value().result == "ok"
    assert at.driver.most_talking == 1
    assert at.told() == ["off"]
    assert older.value().result == "failed"


def test_what_is_sent_again_while_an_older_attempt_ends_is_still_carried_out_once(at):
    at.driver.ends_in = 3.0
    at.take(1, 1)
    newer = [at.take(1, 2), at.take(1, 2)]
    at.wait(10)
    assert newer[0].value() == newer[1].value()
    assert at.told() == ["off"]
    assert at.driver.most_talking == 1


def test_of_two_newer_attempts_only_the_newest_is_carried_out(at):
    at.driver.ends_in = 3.0
    at.take(1, 1)
    second, third = at.take(1, 2), at.take(1, 3)
    assert isinstance(at.take(1, 2).error(), OrderOutdated)
    at.wait(10)
    assert third.value().result == "ok"
    assert (second.value().result, second.value().sent) == ("failed", False)
    assert {attempt for _, attempt, _ in at.phases} == {3}
    assert at.told() == ["off"]
    assert at.driver.most_talking == 1


def test_at_most_16_are_carried_out_at_once_and_the_others_have_their_turn(at):
    outcomes = [at.take(n, bmc=n) for n in range(1, 41)]
    at.wait(0.25)
    assert at.driver.talking == MOST_AT_ONCE == 16
    at.wait(20)
    assert [each.value().result for each in outcomes] == ["ok"] * 40
    assert at.driver.most_talking == 16


def test_an_order_that_waits_for_its_turn_is_ended_by_a_newer_one_too(at):
    for number in range(1, 17):
        at.take(number, bmc=number)
    waiting, newer = at.take(17, 1, bmc=17), at.take(17, 2, bmc=17)
    outcome = waiting.value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    at.wait(10)
    assert newer.value().result == "ok"
    assert at.told(17) == ["off"]


def test_a_bug_in_the_driver_is_told_as_unknown_and_the_desk_goes_on(at, logged_failures):
    at.driver.bug = ZeroDivisionError("hidden word")
    outcome = at.take().value()
    assert (outcome.result, outcome.state) == ("unknown", "unknown")
    assert "hidden word" not in outcome.error
    logged_failures.take(ZeroDivisionError)
    at.driver.bug = None
    assert at.take().value() == outcome
    again = at.take(2)
    at.wait(5)
    assert again.value().result == "ok"


def test_a_bmc_that_is_silent_or_busy_is_looked_at_before_it_is_told_again(at):
    at.bmc().troubles = {"off": [BmcSilent("nothing heard"), BmcBusy("later")]}
    outcome = at.take()
    at.wait(20)
    assert outcome.value().result == "ok"
    assert at.told() == ["off", "off", "off"]
    assert at.bmc().looks >= 4


def test_a_password_that_is_refused_fails_at_once_and_nothing_is_sent(at):
    at.machines.opened_by = "another word"
    outcome = at.take().value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", False, False)
    assert at.told() == []


def test_a_stop_ends_all_and_what_sent_nothing_is_another_rack_s_to_do(at):
    outcomes = [at.take(n, bmc=n) for n in range(1, 41)]
    at.driver.ends_in = 2.0
    stopping = Outcome(at.desk.stopService())
    at.wait(1)
    assert not stopping.is_there
    at.wait(2)
    assert stopping.is_there
    assert at.driver.talking == 0
    for each in outcomes:
        outcome = each.value()
        assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    at.wait(60)
    assert at.machines.told == []
    assert at.clock.getDelayedCalls() == []


def test_a_stop_in_the_middle_answers_nobody_so_that_a_successor_goes_on_from_its_phase(at):
    at.bmc().turns_in = 10.0
    outcome = at.take(action="cycle")
    at.wait(3)
    assert at.told() == ["off"]
    assert Outcome(at.desk.stopService()).is_there
    at.clock.advance(60)
    assert not outcome.is_there
    assert at.told() == ["off"]


def test_a_desk_that_was_stopped_takes_nothing(at):
    Outcome(at.desk.stopService()).value()
    outcome = at.take().value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    assert (at.told(), at.phases) == ([], [])


def test_without_a_lease_nothing_is_done_and_another_rack_may_do_it(at):
    at.lease = False
    taken = at.take()
    at.wait(3)
    outcome = taken.value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    assert at.bmc().looks == 0


def test_a_cycle_that_lost_its_lease_goes_on_when_it_is_asked_again_and_has_one(at):
    at.bmc().turns_in = 3.0
    first = at.take(action="cycle")
    at.wait(2)
    at.lease = False
    at.wait(5)
    assert (first.value().result, first.value().retryable) == ("failed", True)
    assert (at.bmc().state, at.told()) == ("off", ["off"])
    second = at.take(action="cycle", phase="OFF_SEEN").value()
    assert (second.retryable, second.sent) == (True, True)
    at.lease = True
    again = at.take(action="cycle", phase="OFF_SEEN")
    at.wait(10)
    assert (again.value().result, again.value().state) == ("ok", "on")
    assert at.told() == ["off", "on"]


def stop_at_on_without_a_database(at):
    """Let a cycle stop without a lease at OFF_SENT, and its machine come on a moment later."""
    at.bmc().troubles["on"] = [BmcSilent("nothing came")]
    first = at.take(action="cycle")
    at.wait(1.5)
    assert (at.recorded, at.told()) == ("OFF_SENT", ["off"])
    at.has_database = False
    at.wait(2)
    at.lease = False
    at.wait(5)
    assert (first.value().retryable, first.value().sent) == (True, True)
    at.bmc().press("on")
    at.lease = True
    at.wait(5)


def test_what_a_cycle_saw_without_a_database_is_remembered_when_it_is_asked_again(at):
    """Or it would turn off again what came on late."""
    stop_at_on_without_a_database(at)
    still_away = at.take(action="cycle", phase=at.recorded)
    at.wait(2)
    assert (still_away.value().retryable, still_away.value().sent) == (True, True)
    at.has_database = True
    again = at.take(action="cycle", phase=at.recorded)
    at.wait(10)
    assert (again.value().result, again.value().state) == ("ok", "on")
    assert at.told().count("off") == 1
    assert [phase for _, _, phase in at.phases] == ["OFF_SENT", "OFF_SEEN", "ON_SEEN"]


def test_what_a_cycle_saw_counts_for_nothing_when_it_has_lost_its_order_meanwhile(at):
    stop_at_on_without_a_database(at)
    at.has_database, at.is_mine = True, False
    again = at.take(action="cycle", phase=at.recorded)
    at.wait(10)
    assert (again.value().result, again.value().retryable) == ("unknown", False)
    assert at.told().count("off") == 1


def cycle_that_stops_at_off_sent(at, state):
    """Let a cycle be recorded as OFF_SENT, and the rack restart when its machine is off or on."""
    at.bmc().turns_in = 1.0
    at.take(action="cycle")
    at.wait(1.5)
    assert (at.recorded, at.told()) == ("OFF_SENT", ["off"])
    at.has_database = False
    at.lease = state == "on"
    at.wait(5)
    assert at.bmc().state == state
    at.restart()
    at.has_database = at.lease = True
    return at.told()


def test_a_cycle_that_a_rack_finished_unrecorded_before_it_restarted_is_not_done_twice(at):
    told = cycle_that_stops_at_off_sent(at, "on")
    assert told == ["off", "on"]
    again = at.take(action="cycle", phase="OFF_SENT", unrecorded=True)
    at.wait(LIMIT + 5)
    assert (again.value().result, again.value().retryable) == ("unknown", False)
    assert "off and on again when nobody could record it" in again.value().error
    assert at.told() == told


def test_a_cycle_that_a_rack_left_off_when_it_restarted_is_finished_whatever_was_recorded(at):
    assert cycle_that_stops_at_off_sent(at, "off") == ["off"]
    again = at.take(action="cycle", phase="OFF_SENT", unrecorded=True)
    at.wait(10)
    assert (again.value().result, at.told()) == ("ok", ["off", "on"])


def test_a_rack_that_did_not_restart_knows_what_it_did_and_goes_on(at):
    at.bmc().turns_in = 3.0
    at.bmc().troubles["off"] = [BmcBusy("later")]
    first = at.take(action="cycle")
    at.wait(1)
    at.lease = False
    at.wait(3)
    assert (first.value().retryable, at.recorded, at.bmc().state) == (True, "OFF_SENT", "on")
    at.lease = True
    again = at.take(action="cycle", phase="OFF_SENT", unrecorded=True)
    at.wait(15)
    assert (again.value().result, at.bmc().state) == ("ok", "on")


# Looks that nobody ordered


def look(at, bmc=1, turn=1):
    return at.take(NO_ORDER, turn, action="query", bmc=bmc)


def test_a_look_is_answered_with_the_state_and_counts_for_nothing(at):
    first = look(at)
    at.wait(1)
    assert (first.value().result, first.value().state) == ("ok", "on")
    at.bmc().press("off")
    again = look(at)
    at.wait(1)
    assert again.value().state == "off", "nothing is remembered"
    at.bmc().press("on")
    order = at.take(1, 1)
    at.wait(5)
    assert order.value().result == "ok"
    after = look(at)
    at.wait(1)
    assert after.value().state == "off"
    assert (at.told(), at.phases) == (["off"], [(1, 1, "OFF_SENT"), (1, 1, "OFF_SEEN")])


def test_a_look_that_fails_says_why_and_is_not_repeated(at):
    at.bmc().troubles["query"] = [BmcSilent("no answer")]
    outcome = look(at)
    at.wait(1)
    assert (outcome.value().result, outcome.value().error) == ("failed", "no answer")
    assert not outcome.value().retryable
    assert at.bmc().looks == 1


def test_while_an_order_is_under_way_nobody_else_looks(at):
    at.bmc().turns_in = 5.0
    at.take()
    at.wait(2)
    looks = at.bmc().looks
    refused = look(at).value()
    assert (refused.result, refused.retryable, at.bmc().looks) == ("failed", True, looks)


def test_an_order_ends_a_look_and_does_not_wait_for_it(at):
    at.bmc().answers_in = 8.0
    ended = look(at)
    at.wait(1)
    at.bmc().answers_in = 0.5
    order = at.take()
    at.wait(3)
    assert ended.value().retryable
    assert order.value().result == "ok"
    assert at.driver.most_talking == 1


def test_looks_have_8_places_of_their_own_and_keep_none_from_orders(at):
    looks = [look(at, bmc=n) for n in range(1, 21)]
    at.wait(0.25)
    assert at.driver.talking == MOST_LOOKS_AT_ONCE == 8
    order = at.take(bmc=40)
    at.wait(0.25)
    assert at.driver.talking >= 8
    at.wait(5)
    assert order.value().result == "ok"
    assert {each.value().result for each in looks} == {"ok"}


def test_without_a_lease_and_twice_at_once_nobody_looks(at):
    look(at)
    assert look(at).value().retryable
    at.wait(1)
    at.lease = False
    assert look(at).value().retryable
    assert at.bmc().looks == 1


def test_a_stop_ends_looks(at):
    ended = look(at)
    at.desk.stopService()
    at.wait(0.25)
    assert ended.value().retryable
    assert look(at).value().retryable


def test_a_rack_that_is_set_to_less_does_less_at_once():
    at = AtDesk(most_at_once=2, most_looks_at_once=1)
    outcomes = [at.take(n, bmc=n) for n in range(1, 7)]
    looks = [look(at, bmc=n) for n in range(21, 25)]
    at.wait(0.25)
    assert at.driver.talking == 2 + 1
    at.wait(20)
    assert {each.value().result for each in (*outcomes, *looks)} == {"ok"}
    assert at.driver.most_talking == 2 + 1
