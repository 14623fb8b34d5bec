"""What is known of each machine's power: by polls and by orders, with time, rack and trouble."""

import pytest

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.power import PowerOutcome
from evenrack.region.database.bmc_facts import write_owners
from evenrack.region.database.event_store import read_events
from evenrack.region.database.order_store import Ending, read_unfinished
from evenrack.region.database.state_store import (
    FAILURES_TOLD,
    LONGEST_BACK_OFF,
    last_states,
    put_off,
    read_due,
    record_look,
)
from tests.region.database.orders.order_rows import (  # noqa: F401  the fixture is used by its name
    ONE,
    TWO,
    ended,
    entered,
    fleet,
    taken,
)

pytestmark = pytest.mark.postgres

POLL = 300.0
ME = "region1/1"


def saw(state):
    return PowerOutcome(result="ok", state=state)


DEAD = PowerOutcome(result="failed", state="unknown", error="nothing answers")


@pytest.fixture
def polled(fleet):  # noqa: F811
    """BMCs 1 and 2 are the first rack's, which I manage; BMC 3 is the second's, another's rack."""
    number = FleetNumber(1, 1)
    fleet.run(lambda c: write_owners(c, {1: ONE, 2: ONE, 3: TWO}, number))
    me = fleet.value("SELECT id FROM process")
    fleet.change("DELETE FROM managing")
    fleet.change(
        "INSERT INTO process SELECT 'other/1', region_id, incarnation, beat, pid, addresses, state "
        "FROM process"
    )
    for rack, process in ((ONE, me), (TWO, "other/1")):
        fleet.change("INSERT INTO managing VALUES (:rack, :me, 1, 1)", rack=rack, me=process)
    fleet.me = me
    return fleet


def due(fleet):  # noqa: F811
    return fleet.run(lambda c: read_due(c, fleet.me, 10))


def due_bmcs(fleet):  # noqa: F811
    return [each.bmc for each in due(fleet)]


def looked(fleet, outcome, bmc=1):  # noqa: F811
    """Let a BMC be due, and write down what came of asking it."""
    fleet.change(
        "UPDATE bmc_state SET next_at = now() - interval '1 s' WHERE bmc_id = :bmc", bmc=bmc
    )
    (each,) = [each for each in due(fleet) if each.bmc == bmc]
    fleet.run(lambda c: record_look(c, each, outcome, POLL))


def known(fleet):  # noqa: F811
    return fleet.run(last_states)


def next_in(fleet, bmc=1):  # noqa: F811
    query = (
        "SELECT CAST(extract(epoch FROM next_at - now()) AS float) FROM bmc_state WHERE bmc_id = :b"
    )
    return fleet.value(query, b=bmc)


def texts(fleet):  # noqa: F811
    events = fleet.run(lambda c: read_events(c, after=0, limit=1000))
    return [event["text"] for event in events if event["object"].startswith("bmc:")][3:]


def test_only_bmcs_whose_owner_i_manage_are_mine_to_ask_and_new_ones_at_once(polled):
    assert due_bmcs(polled) == [1, 2]
    assert {each.rack for each in due(polled)} == {ONE}
    assert [each.bmc for each in polled.run(lambda c: read_due(c, "other/1", 10))] == [3]


def test_who_has_waited_longest_is_first_and_who_was_asked_waits(polled):
    looked(polled, saw("on"))
    looked(polled, saw("off"), bmc=2)
    assert due_bmcs(polled) == []
    assert POLL - 20 < next_in(polled) <= POLL
    polled.change("UPDATE bmc_state SET next_at = now() - make_interval(secs => bmc_id)")
    assert due_bmcs(polled) == [2, 1]


def test_the_bmcs_of_one_rack_take_no_turn_from_those_of_another(polled):
    polled.change("UPDATE managing SET process_id = :me", me=polled.me)
    for bmc, seconds in ((1, 30), (2, 20), (3, 10)):
        looked(polled, saw("on"), bmc=bmc)
        polled.change(
            "UPDATE bmc_state SET next_at = now() - make_interval(secs => :s) WHERE bmc_id = :b",
            s=seconds,
            b=bmc,
        )
    assert [each.bmc for each in polled.run(lambda c: read_due(c, polled.me, 1))] == [1, 3]


def test_a_bmc_that_is_put_off_waits_as_it_is_and_never_shorter(polled):
    polled.run(lambda c: put_off(c, 2, 10.0))
    assert due_bmcs(polled) == [1]
    looked(polled, DEAD)
    looked(polled, DEAD)
    before = known(polled)
    polled.change("UPDATE bmc_state SET next_at = now() WHERE bmc_id = 1")
    polled.run(lambda c: put_off(c, 1, 10.0))
    assert 0 < next_in(polled) <= 10
    assert known(polled) == before
    assert polled.value("SELECT failures FROM bmc_state WHERE bmc_id = 1") == 2
    looked(polled, saw("on"))
    polled.run(lambda c: put_off(c, 1, 10.0))
    assert next_in(polled) > 10


def test_a_bmc_with_an_unfinished_order_is_not_asked(polled):
    entered(polled, "m1")
    assert due_bmcs(polled) == [2]


def test_a_state_is_known_with_its_time_and_who_asked(polled):
    assert known(polled) == {}
    looked(polled, saw("on"))
    (state,) = known(polled).values()
    assert (state["power"], state["power_seen_by"], state["power_error"]) == ("on", "rack1", None)
    assert state["power_seen"].startswith("20")


def test_a_failure_leaves_the_state_that_was_seen_and_says_why(polled):
    looked(polled, saw("on"))
    before = known(polled)["m1"]
    looked(polled, DEAD)
    assert known(polled)["m1"] == {**before, "power_error": "nothing answers"}
    looked(polled, saw("unknown"))
    assert "does not say" in known(polled)["m1"]["power_error"]
    looked(polled, saw("off"))
    after = known(polled)["m1"]
    assert (after["power"], after["power_error"]) == ("off", None)


def test_a_dead_bmc_is_asked_more_and_more_seldom_but_at_least_each_hour(polled):
    waits = []
    for _ in range(7):
        looked(polled, DEAD)
        waits.append(round(next_in(polled) / 10) * 10)
    assert waits == [300, 600, 1200, 2400, *[LONGEST_BACK_OFF] * 3]
    looked(polled, saw("on"))
    assert next_in(polled) <= POLL


def test_a_change_that_nobody_ordered_is_told_once(polled):
    looked(polled, saw("on"))
    assert texts(polled) == []
    looked(polled, saw("on"))
    looked(polled, saw("off"))
    looked(polled, saw("off"))
    assert texts(polled) == ["the machine of bmc b1 is off, and was on: nothing was ordered"]


def test_a_bmc_that_cannot_be_asked_is_told_after_two_failures_and_when_it_answers_again(polled):
    looked(polled, DEAD)
    assert texts(polled) == []
    for _ in range(FAILURES_TOLD + 1):
        looked(polled, DEAD)
    looked(polled, saw("on"))
    assert texts(polled) == [
        "bmc b1 cannot be asked: nothing answers",
        "bmc b1 answers again",
    ]


def test_what_an_order_saw_is_known_too_and_a_look_from_before_does_not_overwrite_it(polled):
    (look,) = [each for each in due(polled) if each.bmc == 1]
    entered(polled, "m1")
    polled.run(lambda c: record_look(c, look, saw("on"), POLL))
    assert known(polled).get("m1", {"power": "unknown"})["power"] == "unknown"
    order = taken(polled, TWO)
    ended(polled, order, Ending(result="ok", state="off"))
    polled.run(lambda c: record_look(c, look, saw("on"), POLL))
    state = known(polled)["m1"]
    assert (state["power"], state["power_seen_by"]) == ("off", "rack2")
    assert texts(polled) == []


def test_after_an_order_that_does_not_know_the_state_it_is_asked_for_at_once(polled):
    looked(polled, saw("on"))
    before = known(polled)
    entered(polled, "m1")
    ended(polled, polled.run(read_unfinished)[0], Ending(result="failed"))
    assert known(polled) == before, "as it was last seen, with its time"
    assert sorted(due_bmcs(polled)) == [1, 2]


@pytest.mark.parametrize(
    ("action", "ending"),
    [
        ("off", Ending(result="unknown")),
        ("soft", Ending(result="unknown", state="on")),
        ("soft", Ending(result="failed", state="on")),
    ],
)
@pytest.mark.parametrize("seen_before", [True, False])
def test_nobody_says_that_nothing_was_ordered_after_an_order_that_may_have_done_it(
    polled, action, ending, seen_before
):
    if seen_before:
        looked(polled, saw("on"))
        polled.change("UPDATE bmc_state SET next_at = clock_timestamp()")
    (late,) = [each for each in due(polled) if each.bmc == 1]
    entered(polled, "m1", action=action)
    ended(polled, polled.run(read_unfinished)[0], ending)
    polled.run(lambda c: record_look(c, late, saw("on"), POLL))  # from before the order
    state = known(polled)["m1"]
    assert (state["power"], state["power_seen"]) == ("unknown", None)
    assert sorted(due_bmcs(polled)) == [1, 2]
    looked(polled, saw("off"))
    assert texts(polled) == []


def test_the_look_at_a_bmc_that_was_deleted_is_forgotten(polled):
    look = due(polled)[0]
    polled.change("DELETE FROM machine WHERE bmc_id = 1")
    polled.change("DELETE FROM bmc WHERE id = 1")
    polled.run(lambda c: record_look(c, look, saw("on"), POLL))
    assert known(polled) == {}
