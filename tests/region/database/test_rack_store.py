"""A deleted rack in PostgreSQL: nothing names it any more, and nothing enters it again."""

from datetime import timedelta

import pytest
from attrs import evolve
from sqlalchemy import text

from evenrack.model.dhcp_roles import Pair
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, RackId
from evenrack.model.power import BmcReach
from evenrack.region.database.assignment_store import open_problems
from evenrack.region.database.bmc_facts import read_owners, record_reach, write_owners
from evenrack.region.database.dhcp_store import (
    record_interfaces,
    record_report,
    write_pairs,
    write_services,
)
from evenrack.region.database.enrolment_store import NewEnrolment, add_enrolment, named_enrolment
from evenrack.region.database.event_store import Event, read_events
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.leader_store import current_number, next_number
from evenrack.region.database.order_reading import read_orders
from evenrack.region.database.order_store import (
    Ending,
    end_order,
    enter_orders,
    read_unfinished,
    record_phase,
    take_order,
)
from evenrack.region.database.rack_store import Deletion, FleetMoved, delete_rack
from evenrack.region.database.trust_store import Issued, read_trust, record_certificate
from evenrack.region.leading.decision_writer import Decisions, write_decisions
from tests.region.database.dhcp.dhcp_rows import REPORT, interfaces, service, vlans
from tests.region.database.dhcp.dhcp_rows import fleet as dhcp_rows
from tests.region.database.orders.order_rows import fleet as power_rows
from tests.region.database.orders.order_rows import machine
from tests.region.database.sessions import facts, heard, joined, recorded
from tests.trusted import now

pytestmark = pytest.mark.postgres

__all__ = ["dhcp_rows", "power_rows"]

ONE, TWO, THREE = RackId("rack0001"), RackId("rack0002"), RackId("rack0003")
SECONDS = 10
DELETED = Event(kind="inventory", object=f"rack:{ONE}", text="rack1 was deleted")


def certified(sessions, rack=ONE, serial="5e1a1"):
    sessions.run(
        lambda c: record_certificate(
            c,
            Issued(serial=serial, authority=1, not_after=now() + timedelta(days=30), rack=rack),
        )
    )


def deletion(sessions, rack=ONE, *, pairs=None, services=None):
    return Deletion(
        rack=rack,
        seen=sessions.run(current_number),
        pairs=pairs or {},
        services=services or {},
        event=DELETED,
    )


def deleted(sessions, wanted=None):
    return sessions.run(lambda c: delete_rack(c, wanted or deletion(sessions)))


def racks(sessions):
    return [rack for (rack,) in sessions.rows("SELECT id FROM rack ORDER BY id")]


# What goes


def test_a_deleted_rack_leaves_no_row_and_its_peer_goes_on_under_a_new_number(dhcp_rows):
    sessions = dhcp_rows
    me = joined(sessions)
    recorded(sessions, me, facts(ONE, "again"))
    first, second = vlans(sessions)
    certified(sessions)
    old = FleetNumber(1, 2)
    pairs = {first: Pair(primary=ONE, secondary=TWO), second: Pair(primary=ONE)}
    sessions.run(lambda c: write_pairs(c, pairs, old))
    services = {first: service(ONE, TWO), second: service(ONE, place=2)}
    sessions.run(lambda c: write_services(c, services, old))
    sessions.run(lambda c: record_interfaces(c, ONE, ()))
    sessions.run(lambda c: record_report(c, ONE, REPORT))
    sessions.run(lambda c: open_problems(c, [("RackLost", f"rack:{ONE}", "rack1")]))
    wanted = deletion(
        sessions,
        pairs={first: Pair(primary=TWO, secondary=THREE), second: None},
        services={first: service(TWO), second: None},
    )
    done = deleted(sessions, wanted)
    fleet = sessions.run(read_fleet)
    assert (racks(sessions), done.certificates) == ([TWO, THREE], 1)
    assert done.number == fleet.leadership.number > wanted.seen
    assert {v: pair.racks for v, pair in fleet.pairs.items()} == {first: (TWO, THREE)}
    assert {v: each.racks for v, each in fleet.services.items()} == {first: (TWO,)}
    assert fleet.managing[TWO].number == done.number, "it gets a plan without its peer"
    assert fleet.managing[THREE].number == old, "no plan of its changed"
    assert (tuple(fleet.links), fleet.open_problems) == ((), {})
    assert sessions.run(lambda c: read_events(c, after=None, limit=1))[0]["text"] == DELETED.text


def test_all_processes_are_told_and_its_certificates_are_revoked(sessions):
    recorded(sessions, joined(sessions), facts(ONE, "link1"))
    certified(sessions, serial="one")
    certified(sessions, serial="two")
    with heard(sessions) as said:
        deleted(sessions)
    assert "trust" in said
    assert sessions.run(lambda c: read_trust(c, "region1/1")).revoked.serials == {"one", "two"}


def test_no_enrolment_that_was_made_for_it_lets_it_back(sessions):
    recorded(sessions, joined(sessions), facts(ONE, "link1"), facts(TWO, "link2"))
    for name, rack in (("back", ONE), ("other", TWO), ("new", None)):
        new = NewEnrolment(name=name, who="me", rack=rack, uses=1, life=timedelta(hours=1))
        sessions.run(lambda c, new=new: add_enrolment(c, new, new.name))
    deleted(sessions)
    states = [
        sessions.run(lambda c, name=name: named_enrolment(c, name)).state
        for name in ("back", "other", "new")
    ]
    assert states == ["revoked", "open", "open"]


def test_what_the_leader_decided_meanwhile_is_looked_at_first(sessions):
    recorded(sessions, joined(sessions), facts(ONE, "link1"))
    wanted = deletion(sessions)
    epoch = sessions.value("SELECT epoch FROM leadership")
    sessions.run(lambda c: next_number(c, epoch=epoch))
    with pytest.raises(FleetMoved):
        deleted(sessions, wanted)
    assert racks(sessions) == [ONE]


def test_its_drain_is_over(sessions):
    recorded(sessions, joined(sessions), facts(ONE, "link1"), facts(TWO, "link2"))
    for rack in (ONE, TWO):
        row = "INSERT INTO drain (kind, id, message, who) VALUES ('rack', :rack, '', 'me')"
        sessions.change(row, rack=rack)
    deleted(sessions)
    assert sessions.rows("SELECT id FROM drain") == [(TWO,)]


# Power orders


def taken(sessions, rack=ONE):
    sessions.run(lambda c: enter_orders(c, [machine(sessions, "m1")], "cycle", "operator"))
    (order,) = sessions.run(read_unfinished)
    assert sessions.run(lambda c: take_order(c, order, rack))
    (order,) = sessions.run(read_unfinished)
    return order


def test_an_order_that_it_has_not_begun_goes_to_another_and_it_may_not_begin_it_any_more(
    power_rows,
):
    order = taken(power_rows)
    deleted(power_rows)
    (left,) = power_rows.run(read_unfinished)
    assert (left.rack, left.attempt) == (None, order.attempt + 1)
    step = ("NEW", "OFF_SENT")
    assert not power_rows.run(lambda c: record_phase(c, ONE, order.id, order.attempt, step))
    assert power_rows.run(lambda c: take_order(c, left, TWO))


def test_a_rack_that_has_begun_with_an_order_stays_until_that_has_ended(power_rows):
    order = taken(power_rows)
    step = ("NEW", "OFF_SENT")
    assert power_rows.run(lambda c: record_phase(c, ONE, order.id, order.attempt, step))
    with pytest.raises(FleetMoved):
        deleted(power_rows)
    assert power_rows.run(read_unfinished)[0].rack == ONE
    power_rows.run(lambda c: end_order(c, order, Ending(result="ok", state="on", told=True)))
    deleted(power_rows)
    (told,) = power_rows.run(read_orders)
    assert (told["result"], told["rack"], told["attempt"]) == ("ok", None, order.attempt)


def test_a_process_that_has_not_heard_gives_it_no_order(power_rows):
    power_rows.run(lambda c: enter_orders(c, [machine(power_rows, "m1")], "on", "operator"))
    (order,) = power_rows.run(read_unfinished)
    deleted(power_rows)
    assert not power_rows.run(lambda c: take_order(c, order, ONE))
    assert power_rows.run(read_unfinished)[0].attempt == order.attempt


def test_its_bmcs_have_no_owner_until_the_leader_looks(power_rows):
    (bmc,) = [machine(power_rows, "m1").bmc]
    power_rows.run(lambda c: record_reach(c, ONE, BmcReach(answering=(bmc,))))
    power_rows.run(lambda c: write_owners(c, {bmc: ONE}, FleetNumber(1, 1)))
    deleted(power_rows)
    assert power_rows.run(read_owners) == {}


# Who has not heard of it yet


def test_a_leader_that_read_the_fleet_before_writes_nothing_of_it(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts(ONE, "link1"), facts(TWO, "link2"))
    before, epoch = sessions.run(read_fleet), sessions.value("SELECT epoch FROM leadership")
    deleted(sessions)
    decided = Decisions(managers={ONE: me.process})
    sessions.run(lambda c: write_decisions(c, epoch, before, decided))
    assert sessions.rows("SELECT 1 FROM managing") == []
    now_there = evolve(before, racks={TWO: before.racks[TWO]})
    other = Decisions(managers={TWO: me.process})
    sessions.run(lambda c: write_decisions(c, epoch, now_there, other))
    assert sessions.rows("SELECT rack_id FROM managing") == [(TWO,)]


def test_a_process_whose_link_still_stands_does_not_enter_it_again(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts(ONE, "link1"), facts(TWO, "link2"))
    certified(sessions)
    deleted(sessions)
    told = recorded(sessions, me, facts(ONE, "link1"), facts(TWO, "link2", "link3"))
    assert (racks(sessions), set(told.holders)) == ([TWO], {TWO})
    assert {link for (link,) in sessions.rows("SELECT link FROM connection")} == {"link2", "link3"}
    assert not [e for e in sessions.run(events_of_one)[1:] if e["kind"] == "join"]


def events_of_one(connection):
    found = read_events(connection, after=None, limit=100)
    return [event for event in found if event["object"] == f"rack:{ONE}"]


def test_who_enters_it_while_it_is_deleted_waits_and_then_does_not(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts(ONE, "link1"))
    certified(sessions)
    wanted = deletion(sessions)
    with sessions.open_transaction() as operator:
        delete_rack(operator, wanted)
        entering = sessions.start(lambda: recorded(sessions, me, facts(ONE, "link1", "link2")))
        sessions.wait_until_blocked()
        operator.commit()
    assert entering.result(SECONDS).holders == {}
    assert racks(sessions) == []


@pytest.mark.parametrize(
    "note",
    [
        lambda c: record_report(c, ONE, REPORT),
        lambda c: record_interfaces(c, ONE, interfaces(eth9="10.9.0.2/24")),
        lambda c: record_reach(c, ONE, BmcReach(answering=(BmcId(1), BmcId(2)))),
    ],
    ids=["report", "interfaces", "reach"],
)
def test_what_a_rack_says_while_it_is_deleted_is_not_noted_and_no_mistake(power_rows, note):
    """Its row is there when its word comes, and gone when a row is to refer to it."""
    sessions = power_rows
    sessions.change("DELETE FROM bmc_reach")
    with sessions.open_transaction() as operator:
        operator.execute(text("DELETE FROM connection"))
        operator.execute(text("DELETE FROM managing"))
        operator.execute(text("DELETE FROM bmc_owner"))
        operator.execute(text("DELETE FROM rack WHERE id = :rack"), {"rack": ONE})
        noting = sessions.start(lambda: sessions.run(note))
        sessions.wait_until_blocked()
        operator.commit()
    noting.result(SECONDS)
    assert ONE not in racks(sessions)


def test_a_deleted_rack_of_which_no_certificate_is_known_is_not_entered_again(sessions):
    """Its link may be older than the life of a certificate."""
    me = joined(sessions)
    recorded(sessions, me, facts(ONE, "link1"))
    deleted(sessions)
    recorded(sessions, me, facts(ONE, "link1"))
    assert racks(sessions) == []
    sessions.change("DELETE FROM rack_revoked")  # restored: older than the deletion, and the rack
    recorded(sessions, me, facts(ONE, "link1"))
    assert racks(sessions) == [ONE]
