"""Changes of BMCs and machines in PostgreSQL: whole, numbered, told, one after the other."""

import pytest

from evenrack.region.database.bmc_reading import read_machines
from evenrack.region.database.bmc_store import ObjectRefused, Wish
from evenrack.region.database.event_store import read_events
from evenrack.region.database.leader_store import next_number
from tests.region.database.bmcs.bmc_rows import (
    changed,
    everything,
    found,
    made,
    made_machine,
    number_of,
    password,
    removed,
)
from tests.region.database.sessions import heard

pytestmark = pytest.mark.postgres


def test_each_change_raises_the_fleet_s_number_and_gives_it_to_its_row_only(kept):
    before, others = number_of(kept), [found(kept, "bmc", "b1"), found(kept, "machine", "m1")]
    for noun, name, fields in (("bmc", "b2", {"port": 624}), ("machine", "m2", {"name": "m9"})):
        after = changed(kept, noun, name, **fields)
        assert after.number == number_of(kept) > before
        before = after.number
    assert [found(kept, "bmc", "b1"), found(kept, "machine", "m1")] == others


def test_a_machine_can_be_given_another_bmc_but_not_one_that_has_a_machine(kept):
    moved = changed(kept, "machine", "m1", Wish(bmc="b3"))
    assert moved.bmc_name == "b3"
    assert kept.run(read_machines)[moved.value.id].bmc == found(kept, "bmc", "b3").value.id
    before = everything(kept)
    with pytest.raises(ObjectRefused, match='its BMC switches "m2" already'):
        changed(kept, "machine", "m1", Wish(bmc="b2"))
    assert everything(kept) == before


def test_a_change_to_what_is_so_already_writes_nothing(kept):
    before = everything(kept)
    same = changed(kept, "bmc", "b1", user="admin", port=623, cipher_suite=None)
    assert same == found(kept, "bmc", "b1")
    assert changed(kept, "machine", "m1", Wish(fields={"name": "m1"}, bmc="b1")).bmc_name == "b1"
    assert everything(kept) == before


def test_every_change_is_an_event_that_tells_of_a_password_only_that_it_is_new(sessions):
    bmc = made(sessions, "b1")
    made_machine(sessions, "m1", "b1")
    made(sessions, "b2", 2)
    changed(
        sessions,
        "bmc",
        "b1",
        Wish(fields={"name": "b9", "cipher_suite": 3}, password=password("other SESAME")),
    )
    changed(sessions, "bmc", "b9", Wish(password=password()))
    changed(sessions, "machine", "m1", Wish(bmc="b2"))
    removed(sessions, "machine", "m1")
    removed(sessions, "bmc", "b9")
    events = sessions.run(lambda c: read_events(c, after=0, limit=100))
    assert [(event["object"], event["text"]) for event in events] == [
        ("bmc:b1", "bmc b1 was created"),
        ("machine:m1", "machine m1 on bmc b1 was created"),
        ("bmc:b2", "bmc b2 was created"),
        ("bmc:b9", "bmc b9 was changed: name b1 -> b9, cipher_suite none -> 3, new password"),
        ("bmc:b9", "bmc b9 was changed: new password"),
        ("machine:m1", "machine m1 on bmc b2 was changed: bmc b9 -> b2"),
        ("machine:m1", "machine m1 on bmc b2 was deleted"),
        ("bmc:b9", "bmc b9 was deleted"),
    ]
    assert {event["kind"] for event in events} == {"inventory"}
    assert events[3]["data"] == {
        "deed": "changed",
        "noun": "bmc",
        "id": bmc.value.id,
        "before": {"name": "b1", "cipher_suite": None},
        "after": {"name": "b9", "cipher_suite": 3},
        "new_password": True,
    }
    assert [event["generation"] for event in events] == [f"0.{n}" for n in range(1, 9)]
    assert "SESAME" not in repr(events)


def test_a_change_is_told_to_all_who_listen(kept):
    with heard(kept) as said:
        removed(kept, "bmc", "b3")
    assert said == ["inventory"]


def test_changes_wait_for_each_other_and_for_the_leader(kept):
    """Two who give one address: the second sees what the first has written."""
    kept.change("UPDATE leadership SET epoch = 1")
    with kept.open_transaction() as leader:
        next_number(leader, epoch=1)
        both = [kept.start(lambda name=name: made(kept, name, 9)) for name in ("x", "y")]
        kept.wait_until_blocked(2)
        leader.commit()
    outcomes = [one.exception(20) for one in both]
    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "ObjectRefused"]
    assert kept.value("SELECT count(*) FROM bmc WHERE address = '10.9.0.9'") == 1
