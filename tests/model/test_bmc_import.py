"""The plan of an import of BMCs or machines: the rules, held against the whole file at once."""

from ipaddress import IPv4Address

from evenrack.model.bmc import Bmc, Machine
from evenrack.model.bmc_import import WantedBmc, WantedMachine, plan_bmcs, plan_machines
from evenrack.model.identifiers import BmcId, MachineId

HIDDEN = b"hidden word"


def ip(number):
    return IPv4Address("10.9.0.0") + number


def bmc(number, **more):
    fields = {"name": f"b{number}", "driver": "ipmitool", "user": "me", "address": ip(number)}
    return Bmc(id=BmcId(number), **{**fields, **more})


B1, B2, B3 = bmc(1), bmc(2), bmc(3)
M1 = Machine(id=MachineId(1), name="m1", bmc=BmcId(1))
M2 = Machine(id=MachineId(2), name="m2", bmc=BmcId(2))


def line(number, name, address=None, password=HIDDEN, **more):
    fields = {"driver": "ipmitool", "user": "me", "address": ip(address or number), **more}
    return WantedBmc(line=number, name=name, fields=fields, password=password)


def planned(*wanted, same=()):
    return plan_bmcs([B1, B2], wanted, same)


def on(number, name, bmc):
    return WantedMachine(line=number, name=name, bmc=bmc)


def machines(*wanted):
    return plan_machines([M1, M2], wanted, [B1, B2, B3])


def told(plan):
    return [(problem.line, problem.field) for problem in plan.problems]


def test_a_line_is_new_changed_or_the_same_by_its_name():
    plan = planned(
        line(2, "b1", 1), line(3, "b2", 2, user="other"), line(4, "b9", port=6230), same=["b1"]
    )
    assert [each.deed for each in plan.lines] == ["same", "changed", "new"]
    assert plan.problems == ()
    same, changed, new = (each.value for each in plan.lines)
    assert (same, changed.id, changed.user) == (B1, 2, "other")
    assert (new.name, new.port) == ("b9", 6230)
    assert [each.value for each in plan.changes] == [changed, new]
    assert (plan.count("new"), plan.count("changed"), plan.count("same")) == (1, 1, 1)


def test_another_password_is_a_change_and_none_leaves_what_is_kept():
    plan = planned(line(2, "b1", 1), line(3, "b2", 2, password=b""))
    assert [(each.deed, each.password) for each in plan.lines] == [
        ("changed", HIDDEN),
        ("same", b""),
    ]


def test_all_that_is_wrong_is_told_at_once_by_line_and_column():
    plan = planned(
        line(2, "b1", 1, port=0, user=""),
        line(3, "b8", password=b""),
        line(4, "b7", 2),
        line(5, "b2", 7, password=b""),
        line(6, "7"),
        line(7, "b8"),
        line(8, "b6", password=b"x" * 21),
    )
    assert told(plan) == [
        (2, "port"),
        (2, "user"),
        (3, "password"),
        (5, "password"),
        (6, "name"),
        (7, "name"),
        (8, "password"),
    ]
    assert "line 3 is about" in plan.problems[5].detail
    assert HIDDEN.decode() not in str(plan)


def test_two_bmcs_cannot_have_one_address_wherever_the_other_one_stands():
    plan = planned(line(2, "b8", 1), line(3, "b7", 50), line(4, "b6", 50), line(5, "b5", 50))
    assert told(plan) == [(2, "address"), (4, "address"), (5, "address")]
    assert '"b1" has the same' in plan.problems[0].detail
    assert "line 3 has the same" in plan.problems[1].detail
    assert told(planned(line(2, "b8", 1, port=6230))) == []


def test_two_bmcs_may_exchange_their_addresses():
    plan = planned(line(2, "b1", 2), line(3, "b2", 1))
    assert (plan.problems, plan.count("changed")) == ((), 2)


def test_a_bmc_that_moved_needs_its_password_in_the_file_also_when_it_is_the_one_that_is_kept():
    (moved,) = planned(line(2, "b1", 7), same=["b1"]).changes
    assert (moved.deed, moved.value.address, moved.password) == ("changed", ip(7), b"")
    assert planned(line(2, "b1", 7), same=["b1"]).problems == ()
    assert told(planned(line(2, "b1", 7, password=b""))) == [(2, "password")]


def test_the_fingerprint_names_the_changes_and_says_nothing_of_passwords():
    first = planned(line(2, "b9"))
    assert first.fingerprint == planned(line(2, "b9", password=b"other")).fingerprint
    assert first.fingerprint != planned(line(2, "b9", user="other")).fingerprint
    assert first.fingerprint == planned(line(3, "b1", 1), line(2, "b9"), same=["b1"]).fingerprint


def test_machines_are_planned_by_name_with_a_bmc_by_name_or_id():
    plan = machines(on(2, "m1", "b1"), on(3, "m2", "3"), on(4, "m9", "b2"))
    assert told(plan) == [(4, "bmc")], "b2 is m2's until the import is over"
    plan = machines(on(2, "m1", "b1"), on(3, "m2", "3"))
    assert [(each.deed, each.value.bmc) for each in plan.lines] == [("same", 1), ("changed", 3)]
    (new,) = machines(on(2, "m9", "b3")).lines
    assert (new.deed, new.value.name) == ("new", "m9")


def test_a_machine_needs_a_bmc_that_is_there_and_that_no_other_machine_has():
    plan = machines(on(2, "m9", "b9"), on(3, "m8", "b1"), on(4, "m7", "b3"), on(5, "m6", "b3"))
    assert told(plan) == [(2, "bmc"), (3, "bmc"), (5, "bmc")]
    assert "import it first" in plan.problems[0].detail
    assert '"m1" has the same' in plan.problems[1].detail


def test_a_machine_that_is_named_twice_or_by_a_number_is_told():
    assert told(machines(on(2, "m1", "b1"), on(3, "m1", "b3"), on(4, "17", "b3"))) == [
        (3, "name"),
        (4, "name"),
    ]


def test_machines_do_not_exchange_their_bmcs_in_one_import():
    plan = machines(on(2, "m1", "b2"), on(3, "m2", "b1"))
    assert told(plan) == [(2, "bmc"), (3, "bmc")]
    assert "in an import before" in plan.problems[0].detail
