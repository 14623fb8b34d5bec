"""What is said after a deed."""

from datetime import UTC, datetime

from evenrack.lab.aftermath import event_line, follows

DEED = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
MOVE = {
    "id": 1,
    "at": "2026-01-01T12:00:01.250Z",
    "kind": "move",
    "object": "rack:abcd1234",
    "text": "rack1 is managed by region1/2",
    "data": {
        "what": "managing",
        "name": "rack1",
        "from": "region1/1",
        "to": "region1/2",
        "forced": True,
        "reason": "region1/1 is gone",
    },
}


def test_a_move_is_told_with_the_time_since_the_deed_and_its_reason():
    assert event_line(MOVE, DEED) == (
        "  +1.25 s  managing rack1: region1/1 -> region1/2 (forced; region1/1 is gone)"
    )


def test_nobody_is_a_word():
    nobody = {**MOVE, "data": {**MOVE["data"], "from": None, "to": None, "forced": False}}
    assert "nobody -> nobody (voluntary; " in event_line(nobody, DEED)


def test_other_events_are_told_as_they_are():
    loss = {**MOVE, "kind": "loss", "text": "RackLost: rack1", "data": {}}
    assert event_line(loss, DEED) == "  +1.25 s  loss: RackLost: rack1"


def test_what_came_before_the_deed_does_not_follow_from_it():
    assert follows(MOVE, DEED)
    assert not follows({**MOVE, "at": "2026-01-01T11:59:59.999Z"}, DEED)


def test_clients_that_go_on_asking_for_addresses_do_not_follow_from_a_deed():
    lease = {**MOVE, "kind": "lease", "text": "vlan1: rack1 gave a new lease", "data": {}}
    assert not follows(lease, DEED)
