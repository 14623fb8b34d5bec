"""The desk of power orders: cycles that lost their lease, database or daemon are gone on with."""

from evenrack.errors import BmcBusy, BmcSilent
from tests.rack.power.desk.at_desk import LIMIT


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


def test_a_restarted_rack_that_has_no_lease_at_first_does_not_do_it_twice_either(at):
    """Asked again, it has seen the attempt already, and knows of it no more than before."""
    told = cycle_that_stops_at_off_sent(at, "on")
    at.lease = False
    first = at.take(action="cycle", phase="OFF_SENT", unrecorded=True)
    at.wait(1)
    assert (first.value().retryable, first.value().sent) == (True, True)
    at.lease = True
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
