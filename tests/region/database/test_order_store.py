"""Power orders in PostgreSQL: one unfinished for each BMC, and the attempt is the fence."""

import itertools
from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.balance.power_routes import OVERDUE_SECONDS
from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.model.bmc import Machine
from evenrack.model.identifiers import BmcId, MachineId
from evenrack.model.power import PHASES, PowerOutcome
from evenrack.region.database.bmc_reading import find
from evenrack.region.database.bmc_store import BmcInUse, NewSecret, Wish, create, remove
from evenrack.region.database.event_store import read_events
from evenrack.region.database.order_cancelling import OrderEnded, cancel_order
from evenrack.region.database.order_reading import read_orders
from evenrack.region.database.order_store import (
    MOST_STEPS,
    ORDER_SECONDS,
    SOFT_SECONDS,
    Ending,
    OrderUnderWay,
    end_order,
    ending_of,
    enter_orders,
    give_back,
    prolong,
    read_unfinished,
    record_phase,
    take_order,
)
from evenrack.region.sealing import Sealer
from tests.region.database.sessions import facts, heard, joined, recorded

pytestmark = pytest.mark.postgres

ONE, TWO = "rack0001", "rack0002"
SEALER = Sealer(
    keys=Keys(all=(Key(id="k", content=Secret(b"k" * 32)),)), token_bytes=lambda n: b"t" * n
)
OK = Ending(result="ok", state="on", told=True)
FAILED = Ending(result="failed", error="the BMC refused")
STEP = ("NEW", "OFF_SENT")
LEFT = "its next start may be from pxe"


@pytest.fixture
def fleet(sessions):
    """Two racks, and three machines."""
    me = joined(sessions)
    recorded(sessions, me, facts(ONE, "link1"), facts(TWO, "link2", hostname="rack2"))
    for number in (1, 2, 3):
        fields = {
            "name": f"b{number}",
            "driver": "ipmitool",
            "address": IPv4Address("10.9.0.0") + number,
            "user": "admin",
        }
        clear = NewSecret(clear=Secret(b"word"), sealer=SEALER)
        wish = Wish(fields=fields, password=clear)
        sessions.run(lambda c, wish=wish: create(c, "bmc", wish))
        wish = Wish(fields={"name": f"m{number}"}, bmc=f"b{number}")
        sessions.run(lambda c, wish=wish: create(c, "machine", wish))
    return sessions


def machine(fleet, name):
    return fleet.run(lambda c: find(c, "machine", name)).value


def entered(fleet, *names, action="cycle", boot=None):
    machines = [machine(fleet, name) for name in names or ("m1",)]
    return fleet.run(lambda c: enter_orders(c, machines, action, "operator", boot))


def unfinished(fleet):
    return fleet.run(read_unfinished)


def taken(fleet, rack=ONE, place=0):
    """Let a rack take an unfinished order; gives it as it is then."""
    order = unfinished(fleet)[place]
    assert fleet.run(lambda c: take_order(c, order, rack))
    return unfinished(fleet)[place]


def noted(fleet, order, step=STEP, rack=None, attempt=None):
    who = rack or order.rack
    number = order.attempt if attempt is None else attempt
    return fleet.run(lambda c: record_phase(c, who, order.id, number, step))


def ended(fleet, order, ending=OK):
    return fleet.run(lambda c: end_order(c, order, ending))


def shown(fleet, **wanted):
    return fleet.run(lambda c: read_orders(c, **wanted))


# Entering


def test_an_order_is_new_nobody_s_and_has_its_time(fleet):
    (number,) = entered(fleet)
    (order,) = unfinished(fleet)
    assert (order.id, order.machine, order.action) == (number, "m1", "cycle")
    assert (order.attempt, order.phase, order.rack, order.tried) == (0, "NEW", None, ())
    assert ORDER_SECONDS - 20 < order.seconds_left <= ORDER_SECONDS


def test_a_soft_order_has_more_time(fleet):
    entered(fleet, action="soft")
    assert SOFT_SECONDS - 20 < unfinished(fleet)[0].seconds_left <= SOFT_SECONDS


def test_the_time_of_an_order_begins_anew_when_its_first_rack_takes_it_and_not_later(fleet):
    entered(fleet)
    fleet.change("UPDATE power_order SET expires_at = clock_timestamp()")
    order = taken(fleet)
    assert order.seconds_left > ORDER_SECONDS - 20
    fleet.change("UPDATE power_order SET expires_at = clock_timestamp()")
    assert taken(fleet, TWO).seconds_left <= 0


def test_only_orders_that_no_rack_has_begun_are_given_more_time(fleet):
    numbers = entered(fleet, "m1", "m2")
    taken(fleet)
    fleet.change("UPDATE power_order SET expires_at = clock_timestamp()")
    fleet.run(lambda c: prolong(c, numbers))
    left = [order.seconds_left > 0 for order in unfinished(fleet)]
    assert left == [False, True]


def test_orders_are_entered_for_all_machines_or_for_none(fleet):
    assert len(entered(fleet, "m1", "m2")) == 2
    with pytest.raises(OrderUnderWay) as refused:
        entered(fleet, "m3", "m2", "m1")
    first, second = unfinished(fleet)
    assert refused.value.running == {"m1": first.id, "m2": second.id}
    assert f"m1 has order {first.id}, m2 has order {second.id}" in str(refused.value)
    assert len(unfinished(fleet)) == 2


def test_the_next_order_is_entered_when_the_one_before_has_ended(fleet):
    entered(fleet)
    ended(fleet, unfinished(fleet)[0])
    assert len(entered(fleet)) == 1


def test_of_two_who_order_at_once_one_is_told_of_the_other_s_order(fleet):
    here, there = machine(fleet, "m1"), machine(fleet, "m2")
    with fleet.open_transaction() as first:
        transaction = first.begin()
        (number,) = enter_orders(first, [here], "off", "operator")
        second = fleet.start(lambda: fleet.run(lambda c: enter_orders(c, [there, here], "on", "x")))
        fleet.wait_until_blocked()
        transaction.commit()
        with pytest.raises(OrderUnderWay) as refused:
            second.result(10)
    assert refused.value.running == {"m1": number}
    assert [order.machine for order in unfinished(fleet)] == ["m1"]


def test_many_who_order_at_once_in_whatever_order_enter_one(fleet):
    machines = [machine(fleet, name) for name in ("m1", "m2", "m3")]

    def order(turn):
        wanted = machines[turn % 3 :] + machines[: turn % 3]
        try:
            return fleet.run(lambda c: enter_orders(c, wanted, "on", "operator"))
        except OrderUnderWay:
            return None

    outcomes = [fleet.start(lambda turn=turn: order(turn)) for turn in range(12)]
    won = [numbers for numbers in (each.result(30) for each in outcomes) if numbers]
    assert len(won) == 1
    assert sorted(order.id for order in unfinished(fleet)) == sorted(won[0])


def test_the_table_itself_refuses_a_second_unfinished_order_of_a_bmc(fleet):
    entered(fleet)
    copy = (
        "INSERT INTO power_order (bmc_id, machine, action, attempt, tried, phase, who, expires_at, "
        "state, error) SELECT bmc_id, machine, action, attempt, tried, phase, who, expires_at, "
        "state, error FROM power_order"
    )
    with pytest.raises(Exception, match="power_order_one_for_each_bmc"):
        fleet.change(copy)


def test_every_change_of_an_order_is_told_to_all_processes_but_that_one_of_them_took_it(fleet):
    with heard(fleet) as said:
        entered(fleet)
    with heard(fleet) as said_of_taking:
        give_me = taken(fleet)
    with heard(fleet) as said_after:
        fleet.run(lambda c: give_back(c, give_me, "not here"))
        ended(fleet, unfinished(fleet)[0])
    assert (said, said_of_taking, said_after) == (["orders"], [], ["orders"] * 2)


# Taking


def test_taking_an_order_raises_its_attempt_and_only_one_who_saw_it_so_may(fleet):
    entered(fleet)
    (seen,) = unfinished(fleet)
    assert fleet.run(lambda c: take_order(c, seen, ONE))
    assert not fleet.run(lambda c: take_order(c, seen, TWO))
    (order,) = unfinished(fleet)
    assert (order.rack, order.attempt) == (ONE, 1)


def test_who_takes_an_order_gets_it_as_it_is_then(fleet):
    entered(fleet)
    noted(fleet, taken(fleet))
    (seen,) = unfinished(fleet)
    assert cancelled(fleet, seen.id)
    got = fleet.run(lambda c: take_order(c, seen, TWO))
    assert (got.rack, got.attempt, got.phase, got.cancelled) == (TWO, 2, "OFF_SENT", True)
    (order,) = unfinished(fleet)
    assert got == evolve(order, seconds_left=got.seconds_left)
    assert 0 <= got.seconds_left - order.seconds_left < 10


def test_an_order_whose_rack_came_back_and_went_on_since_it_was_seen_is_taken_by_nobody(fleet):
    entered(fleet)
    seen = taken(fleet)
    for step in (STEP, ("OFF_SENT", "OFF_SEEN")):
        assert noted(fleet, seen, step)
        assert not fleet.run(lambda c: take_order(c, seen, TWO))
    (order,) = unfinished(fleet)
    assert (order.rack, order.attempt, order.phase) == (ONE, 1, "OFF_SEEN")
    assert steps(fleet)[-1] == ("OFF_SEEN", "rack1", 1)
    assert taken(fleet, TWO).attempt == 2, "the next look sees it as it is"


def test_a_rack_that_comes_back_while_its_order_is_taken_records_nothing_or_keeps_it(fleet):
    entered(fleet)
    seen = taken(fleet)
    with fleet.open_transaction() as back:
        transaction = back.begin()
        assert record_phase(back, ONE, seen.id, seen.attempt, STEP)
        take = fleet.start(lambda: fleet.run(lambda c: take_order(c, seen, TWO)))
        fleet.wait_until_blocked()
        transaction.commit()
        assert take.result(10) is None
    (order,) = unfinished(fleet)
    assert (order.rack, order.attempt, order.phase) == (ONE, 1, "OFF_SENT")


def test_of_two_processes_that_take_an_order_at_once_one_does(fleet):
    entered(fleet)
    (seen,) = unfinished(fleet)
    with fleet.open_transaction() as first:
        transaction = first.begin()
        assert take_order(first, seen, ONE)
        second = fleet.start(lambda: fleet.run(lambda c: take_order(c, seen, TWO)))
        fleet.wait_until_blocked()
        transaction.commit()
        assert second.result(10) is None
    assert unfinished(fleet)[0].rack == ONE


def test_a_take_over_is_told_with_the_phase_that_it_happened_at(fleet):
    entered(fleet)
    order = taken(fleet)
    noted(fleet, order)
    assert fleet.run(lambda c: read_events(c, after=0, limit=1000))[-1]["kind"] != "power"
    order = taken(fleet, TWO)
    assert (order.phase, order.rack, order.attempt) == ("OFF_SENT", TWO, 2)
    event = fleet.run(lambda c: read_events(c, after=0, limit=1000))[-1]
    assert (event["kind"], event["object"]) == ("power", "machine:m1")
    assert "cycle of m1, was taken over at OFF_SENT" in event["text"]


def test_an_order_that_has_ended_is_taken_by_nobody(fleet):
    entered(fleet)
    (seen,) = unfinished(fleet)
    ended(fleet, seen)
    assert not fleet.run(lambda c: take_order(c, seen, ONE))
    assert unfinished(fleet) == []


# Phases


def test_phases_are_recorded_one_after_the_other(fleet):
    entered(fleet)
    order = taken(fleet)
    phases = PHASES["cycle"]
    for step in itertools.pairwise(phases):
        assert noted(fleet, order, step)
        assert unfinished(fleet)[0].phase == step[1]


def test_recording_is_safe_to_repeat(fleet):
    entered(fleet)
    order = taken(fleet)
    assert [noted(fleet, order) for _ in range(3)] == [True] * 3
    assert noted(fleet, order, ("OFF_SENT", "OFF_SENT")), "sent once more in the same phase"


@pytest.mark.parametrize("step", [("OFF_SEEN", "ON_SENT"), ("ON_SENT", "ON_SEEN")])
def test_a_step_from_another_phase_is_not_recorded(fleet, step):
    entered(fleet)
    assert not noted(fleet, taken(fleet), step)
    assert unfinished(fleet)[0].phase == "NEW"


@pytest.mark.parametrize("lost", [("OFF_SENT", "OFF_SEEN"), ("OFF_SENT", "ON_SENT")])
def test_who_has_no_answer_about_what_was_recorded_records_the_next_from_before_it(fleet, lost):
    entered(fleet)
    order = taken(fleet)
    assert noted(fleet, order)
    assert noted(fleet, order, lost)
    assert noted(fleet, order, ("OFF_SENT", "ON_SEEN"))
    assert unfinished(fleet)[0].phase == "ON_SEEN"


def test_nothing_that_came_before_is_recorded_from_there(fleet):
    entered(fleet)
    order = taken(fleet)
    for step in (STEP, ("OFF_SENT", "OFF_SEEN"), ("OFF_SEEN", "ON_SENT")):
        assert noted(fleet, order, step)
    assert not noted(fleet, order, STEP)
    assert not noted(fleet, order, ("OFF_SENT", "OFF_SEEN"))


def test_an_older_attempt_records_nothing_any_more(fleet):
    entered(fleet)
    old = taken(fleet)
    new = taken(fleet, TWO)
    assert not noted(fleet, old)
    assert not noted(fleet, old, rack=TWO)
    assert unfinished(fleet)[0].phase == "NEW"
    assert noted(fleet, new)
    assert not noted(fleet, old), "not even what is recorded already"


def test_another_rack_a_later_attempt_or_another_order_records_nothing(fleet):
    entered(fleet, "m1", "m2")
    order = taken(fleet)
    assert not noted(fleet, order, rack=TWO)
    assert not noted(fleet, order, attempt=order.attempt + 1)
    assert not noted(fleet, evolve(order, id=unfinished(fleet)[1].id))
    assert not noted(fleet, evolve(order, id=2**62))


def test_after_its_end_an_order_records_nothing(fleet):
    entered(fleet)
    order = taken(fleet)
    noted(fleet, order)
    assert ended(fleet, order)
    assert not noted(fleet, order)
    assert not noted(fleet, order, ("OFF_SENT", "OFF_SEEN"))


# Giving back


def test_an_order_of_which_nothing_was_sent_is_given_back_for_another_rack(fleet):
    entered(fleet)
    order = taken(fleet)
    fleet.run(lambda c: give_back(c, order, "it does not answer"))
    (free,) = unfinished(fleet)
    assert (free.rack, free.attempt, free.tried, free.phase) == (None, 2, (ONE,), "NEW")
    assert free.error == "it does not answer"
    assert shown(fleet)[0]["error"] == "it does not answer"
    assert not noted(fleet, order), "who gave it back sends nothing"


def test_an_order_is_given_back_at_the_phase_that_was_seen_and_at_no_other(fleet):
    """Who was not even told of an order that it took over gives it back as it is."""
    entered(fleet)
    order = taken(fleet)
    assert noted(fleet, order)
    fleet.run(lambda c: give_back(c, order, "it does not answer"))
    (kept,) = unfinished(fleet)
    assert (kept.rack, kept.phase, kept.error) == (ONE, "OFF_SENT", "")
    fleet.run(lambda c: give_back(c, kept, "it is too old"))
    (free,) = unfinished(fleet)
    assert (free.rack, free.tried, free.phase) == (None, (ONE,), "OFF_SENT")
    assert free.error == "it is too old"


def test_it_is_given_back_once_and_only_while_it_is_new(fleet):
    entered(fleet)
    order = taken(fleet)
    fleet.run(lambda c: give_back(c, order, "first"))
    fleet.run(lambda c: give_back(c, order, "second"))
    assert unfinished(fleet)[0].tried == (ONE,)
    order = taken(fleet, TWO)
    noted(fleet, order)
    fleet.run(lambda c: give_back(c, order, "third"))
    (still,) = unfinished(fleet)
    assert (still.rack, still.attempt, still.phase) == (TWO, order.attempt, "OFF_SENT")


# Ending


def test_an_end_is_told_with_its_result_and_only_under_the_attempt_that_was_seen(fleet):
    entered(fleet)
    old = taken(fleet)
    new = taken(fleet, TWO)
    assert not ended(fleet, old)
    assert ended(fleet, new, FAILED)
    assert not ended(fleet, new), "the first end counts"
    (row,) = shown(fleet)
    assert (row["result"], row["state"], row["error"]) == ("failed", "unknown", "the BMC refused")
    event = fleet.run(lambda c: read_events(c, after=0, limit=1000))[-1]
    assert event["text"] == f"order {new.id}, cycle of m1: failed: the BMC refused"
    assert event["data"] == {"order": new.id, "action": "cycle", "result": "failed"}


def test_an_order_that_went_on_is_not_ended_by_what_was_decided_of_its_phase_before(fleet):
    entered(fleet)
    seen = taken(fleet)
    assert noted(fleet, seen)
    assert not ended(fleet, seen, Ending(result="failed", error="nothing was sent"))
    (order,) = unfinished(fleet)
    assert (order.phase, shown(fleet)[0]["result"]) == ("OFF_SENT", None)
    assert ended(fleet, order, Ending(result="unknown", error="lost at OFF_SENT"))


def test_an_order_ends_as_its_rack_says_whatever_it_recorded_meanwhile(fleet):
    entered(fleet)
    sent = taken(fleet)
    for step in itertools.pairwise(PHASES["cycle"]):
        assert noted(fleet, sent, step)
    outcome = PowerOutcome(result="ok", state="on", sent=True)
    assert ended(fleet, sent, ending_of(outcome))
    assert shown(fleet)[0]["result"] == "ok"


def test_an_end_without_a_reason_keeps_that_of_an_earlier_attempt_and_success_clears_it(fleet):
    for ending, expected in ((Ending(result="failed"), "no port"), (OK, None)):
        entered(fleet)
        order = taken(fleet)
        fleet.run(lambda c, order=order: give_back(c, order, "no port"))
        ended(fleet, unfinished(fleet)[0], ending)
        assert shown(fleet)[-1]["error"] == expected


def test_an_ending_is_what_the_rack_said():
    outcome = PowerOutcome(result="unknown", state="off", error="silence", sent=True)
    assert ending_of(outcome) == Ending(result="unknown", state="off", error="silence", told=True)


def test_the_deadline_is_by_the_database_s_clock(fleet):
    entered(fleet)
    fleet.change(
        "UPDATE power_order SET expires_at = clock_timestamp() - make_interval(secs => :s)",
        s=OVERDUE_SECONDS,
    )
    (order,) = unfinished(fleet)
    assert -OVERDUE_SECONDS - 20 < order.seconds_left <= -OVERDUE_SECONDS


# Reading


def test_an_order_has_the_keys_that_programs_rely_on(fleet):
    (number,) = entered(fleet)
    taken(fleet, TWO)
    (row,) = shown(fleet)
    assert row == {
        "order": number,
        "machine": "m1",
        "bmc": "b1",
        "action": "cycle",
        "boot": None,
        "who": "operator",
        "at": row["at"],
        "attempt": 1,
        "rack": "rack2",
        "phase": "NEW",
        "result": None,
        "state": "unknown",
        "seconds": row["seconds"],
        "error": None,
        "ended": None,
        "cancelled_by": None,
        "do": None,
        "steps": [{"at": row["steps"][0]["at"], "step": "taken", "rack": "rack2", "attempt": 1}],
    }
    assert 0 <= row["seconds"] < 20


def test_the_seconds_of_an_order_stand_still_when_it_has_ended(fleet):
    entered(fleet)
    ended(fleet, unfinished(fleet)[0])
    assert shown(fleet)[0]["seconds"] == shown(fleet)[0]["seconds"]


def test_orders_are_read_by_number_by_machine_or_the_newest(fleet):
    numbers = []
    for _ in range(3):
        numbers += entered(fleet, "m1", "m2")
        for order in unfinished(fleet):
            ended(fleet, order)
    assert [row["order"] for row in shown(fleet)] == numbers
    assert [row["order"] for row in shown(fleet, limit=2)] == numbers[-2:]
    assert [row["order"] for row in shown(fleet, machine="m2")] == numbers[1::2]
    assert [row["order"] for row in shown(fleet, orders=numbers[:2], machine="m1")] == numbers[:1]
    assert shown(fleet, orders=[]) == shown(fleet, orders=[2**62]) == shown(fleet, limit=0) == []


def test_a_machine_is_not_removed_before_its_order_has_ended_and_then_takes_it_along(fleet):
    (number,) = entered(fleet)
    with pytest.raises(BmcInUse, match=f"m1 has order {number}"):
        fleet.run(lambda c: remove(c, "machine", "m1"))
    ended(fleet, unfinished(fleet)[0])
    for noun, name in (("machine", "m1"), ("bmc", "b1")):
        fleet.run(lambda c, noun=noun, name=name: remove(c, noun, name))
    assert unfinished(fleet) == shown(fleet) == []


def test_an_order_for_a_bmc_that_is_not_there_is_an_error(fleet):
    ghost = Machine(id=MachineId(9), name="m9", bmc=BmcId(99))
    with pytest.raises(Exception, match="foreign key"):
        fleet.run(lambda c: enter_orders(c, [ghost], "on", "operator"))


# History


def steps(fleet):
    return [(step["step"], step["rack"], step["attempt"]) for step in shown(fleet)[-1]["steps"]]


def test_the_history_of_an_order_has_each_step_with_its_rack_attempt_and_time(fleet):
    entered(fleet)
    fleet.run(lambda c: give_back(c, taken(fleet), "no answer"))
    order = taken(fleet, TWO)
    for step in (STEP, STEP, ("OFF_SENT", "OFF_SEEN")):
        assert noted(fleet, order, step)
    taken(fleet, ONE)
    assert steps(fleet) == [
        ("taken", "rack1", 1),
        ("given back", "rack1", 1),
        ("taken", "rack2", 3),
        ("OFF_SENT", "rack2", 3),
        ("OFF_SEEN", "rack2", 3),
        ("taken", "rack1", 4),
    ]
    times = [step["at"] for step in shown(fleet)[0]["steps"]]
    assert times == sorted(times)
    assert times[0] >= shown(fleet)[0]["at"]
    ended(fleet, unfinished(fleet)[0])
    assert shown(fleet)[0]["ended"] >= times[-1]


def test_a_rack_that_goes_to_and_fro_does_not_fill_the_table(fleet):
    entered(fleet)
    order = taken(fleet)
    for _ in range(MOST_STEPS):
        assert noted(fleet, order, ("OFF_SEEN", "OFF_SENT")) or noted(fleet, order)
        assert noted(fleet, order, ("OFF_SENT", "OFF_SEEN"))
    assert len(steps(fleet)) == MOST_STEPS


def test_an_end_that_nobody_knows_is_shown_with_what_to_do(fleet):
    entered(fleet)
    ended(fleet, taken(fleet), Ending(result="unknown", error="lost"))
    assert "evenrack machine power query m1 --wait" in shown(fleet)[0]["do"]


# Cancelling


def cancelled(fleet, number):
    return fleet.run(lambda c: cancel_order(c, number, "somebody"))


def test_an_order_of_which_nothing_was_sent_is_cancelled_at_once_and_never_sent(fleet):
    (number,) = entered(fleet)
    order = taken(fleet)
    assert cancelled(fleet, number)
    (row,) = shown(fleet)
    assert (row["result"], row["cancelled_by"]) == ("failed", "somebody")
    assert row["error"] == "cancelled by somebody; nothing was sent"
    assert row["ended"] is not None
    assert not noted(fleet, order)
    assert entered(fleet), "its machine may have another order"
    texts = [event["text"] for event in fleet.run(lambda c: read_events(c, after=0, limit=100))]
    assert any("was cancelled by somebody: nothing was sent" in text for text in texts)


def test_an_order_with_a_boot_device_is_read_as_it_was_entered_and_told_with_it(fleet):
    (number,) = entered(fleet, boot="pxe")
    (order,) = unfinished(fleet)
    assert (order.action, order.boot, order.deed) == ("cycle", "pxe", "cycle from pxe")
    assert cancelled(fleet, number)
    (row,) = shown(fleet)
    assert (row["action"], row["boot"]) == ("cycle", "pxe")
    event = fleet.run(lambda c: read_events(c, after=0, limit=1000))[-1]
    assert event["text"].startswith(f"order {number}, cycle from pxe of m1, was cancelled")
    assert event["data"]["action"] == "cycle"


@pytest.mark.parametrize(
    ("begun", "is_cancelled", "ending", "error"),
    [
        (True, False, Ending(result="unknown", error="lost"), f"lost; {LEFT}"),
        (True, False, Ending(result="failed", error=f"off; {LEFT}", told=True), f"off; {LEFT}"),
        (True, False, Ending(result="failed", error="refused it", told=True), "refused it"),
        (True, False, OK, None),
        (
            True,
            True,
            Ending(result="failed", error=f"overtaken; {LEFT}", told=True),
            f"cancelled by somebody at OFF_SENT; what was sent is not taken back; {LEFT}",
        ),
        (False, False, Ending(result="failed", error="nothing was sent"), "nothing was sent"),
    ],
)
def test_whoever_ends_an_order_with_a_boot_device_says_what_may_be_left_of_it(
    fleet, begun, is_cancelled, ending, error
):
    (number,) = entered(fleet, boot="pxe")
    order = taken(fleet)
    if begun:
        assert noted(fleet, order)
        order = evolve(order, phase="OFF_SENT")
    if is_cancelled:
        cancelled(fleet, number)
    ended(fleet, order, ending)
    assert shown(fleet)[0]["error"] == error


def test_of_an_order_that_has_begun_nothing_more_is_sent_and_its_bmc_stays_taken(fleet):
    (number,) = entered(fleet)
    order = taken(fleet)
    assert noted(fleet, order)
    assert cancelled(fleet, number)
    assert cancelled(fleet, number), "twice is once"
    assert unfinished(fleet)[0].cancelled
    with pytest.raises(OrderUnderWay):
        entered(fleet)
    assert not noted(fleet, order), "not even the same again"
    assert noted(fleet, order, ("OFF_SENT", "OFF_SEEN")), "what is seen is written down"
    assert not noted(fleet, order, ("OFF_SEEN", "ON_SENT"))
    ended(fleet, order, Ending(result="failed", state="off", error="overtaken", told=True))
    (row,) = shown(fleet)
    assert row["error"] == "cancelled by somebody at OFF_SEEN; what was sent is not taken back"
    assert steps(fleet)[2:] == [("cancelled", "rack1", 1), ("OFF_SEEN", "rack1", 1)]


def test_an_order_that_has_ended_or_is_not_there_is_not_cancelled(fleet):
    (number,) = entered(fleet)
    ended(fleet, taken(fleet))
    with pytest.raises(OrderEnded, match=f"order {number} has ended: ok"):
        cancelled(fleet, number)
    assert not cancelled(fleet, number + 1)
    assert shown(fleet)[0]["cancelled_by"] is None
