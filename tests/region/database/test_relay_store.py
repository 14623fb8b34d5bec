"""In whose files relayed VLANs stand: who has them there gets a newer plan."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_roles import Server, Service
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.dhcp_store import write_services
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.inventory_store import StillNeeded, change, create, remove
from evenrack.region.database.relay_store import read_relayed, read_relaying, write_relayed
from evenrack.region.database.snippet_store import create as create_snippet
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres

OLD, NEW = FleetNumber(1, 5), FleetNumber(1, 50)
RACKS = ("rack0001", "rack0002", "rack0003")


@pytest.fixture
def vlans(sessions):
    """Three VLANs, each in the file of a rack of its own; gives their ids."""
    me = joined(sessions)
    recorded(sessions, me, *(facts(rack, f"link-{rack}") for rack in RACKS))
    ids = [
        sessions.run(lambda c, n=n: create(c, "vlan", {"name": f"vlan{n}", "dhcp_on": True}))
        for n in (1, 2, 3)
    ]
    found = [each.value.id for each in ids]
    for number, (vlan, rack) in enumerate(zip(found, RACKS, strict=True), start=1):
        cidr = IPv4Network(f"10.{number}.0.0/24")
        sessions.run(lambda c, v=vlan, n=cidr: create(c, "subnet", {"cidr": n}, inside=v))
        sessions.change("INSERT INTO managing VALUES (:rack, 'region1/1', 0, 1)", rack=rack)
        server = Server(rack=rack, address=IPv4Address(f"10.{number}.0.1"))
        only = {vlan: Service(primary=server)}
        sessions.run(lambda c, it=only: write_services(c, it, OLD))
    return found


def numbers(sessions):
    rows = sessions.rows("SELECT era, generation FROM managing ORDER BY rack_id")
    services = sessions.rows("SELECT era, generation FROM dhcp_service ORDER BY vlan_id")
    assert rows[: len(services)] == services
    return [FleetNumber(*row) for row in rows]


def test_m10_who_gets_a_relayed_vlan_into_its_file_and_who_loses_it_has_a_newer_plan(
    sessions, vlans
):
    one, two, three = vlans
    sessions.run(lambda c: write_relayed(c, {three: one}, NEW))
    assert sessions.run(read_relayed) == {three: one}
    assert numbers(sessions) == [NEW, OLD, OLD]
    newer = FleetNumber(1, 51)
    sessions.run(lambda c: write_relayed(c, {three: two}, newer))
    assert sessions.run(lambda c: read_relaying(c, vlans)) == {two}
    assert numbers(sessions) == [newer, newer, OLD]
    newest = FleetNumber(1, 52)
    sessions.run(lambda c: write_relayed(c, {three: None}, newest))
    assert sessions.run(read_fleet).relayed == {}
    assert numbers(sessions) == [newer, newest, OLD]


def test_what_is_gone_by_now_is_left_out(sessions, vlans):
    one, _, three = vlans
    sessions.run(lambda c: write_relayed(c, {999: one, three: 999}, NEW))
    assert sessions.run(read_relayed) == {}


def test_a_change_inside_of_a_relayed_vlan_gives_the_racks_of_the_other_a_newer_plan(
    sessions, vlans
):
    one, _, three = vlans
    sessions.run(lambda c: write_relayed(c, {three: one}, NEW))
    addresses = {"first": IPv4Address("10.3.0.9"), "last": IPv4Address("10.3.0.19")}
    made = sessions.run(lambda c: create(c, "range", addresses))
    assert numbers(sessions) == [made.number, OLD, made.number]


def test_a_snippet_of_a_relayed_vlan_is_in_the_plan_of_the_racks_of_the_other(sessions, vlans):
    one, _, three = vlans
    sessions.run(lambda c: write_relayed(c, {three: one}, NEW))
    fields = {"name": "own", "text": "deny bootp;", "level": "pool", "of": "10.3.0.0/24"}
    made = sessions.run(lambda c: create_snippet(c, fields))
    assert numbers(sessions) == [made.number, OLD, made.number]
    (service,) = dhcp_plan_for(sessions.run(read_fleet), RACKS[0])
    (relayed,) = service.vlan.relayed
    assert relayed.snippets == (made.snippet,)


def test_a_relayed_vlan_that_is_deleted_leaves_the_files_of_the_other(sessions, vlans):
    one, _, three = vlans
    sessions.run(lambda c: change(c, "vlan", three, {"relay_vlan": "vlan1"}))
    sessions.run(lambda c: write_relayed(c, {three: one}, NEW))
    before = numbers(sessions)
    with pytest.raises(StillNeeded, match='its racks serve "vlan3"'):
        sessions.run(lambda c: remove(c, "vlan", "vlan1"))
    assert numbers(sessions) == before
    sessions.run(lambda c: remove(c, "vlan", "vlan3"))
    after = numbers(sessions)
    assert (after[0] == before[0], after[1] == before[1]) == (False, True)
    assert sessions.run(read_relayed) == {}
    sessions.run(lambda c: remove(c, "vlan", "vlan1"))


def test_who_relays_is_told_by_name(sessions, vlans):
    _, _, three = vlans
    changed = sessions.run(lambda c: change(c, "vlan", three, {"relay_vlan": 1}))
    assert (changed.value.relay_vlan, changed.relay_name) == (1, "vlan1")
    same = sessions.run(lambda c: change(c, "vlan", three, {"relay_vlan": "vlan1"}))
    assert same == changed
    [event] = sessions.run(lambda c: read_events(c, after=0, limit=100))[-1:]
    assert event["text"] == "vlan vlan3 was changed: relay_vlan none -> vlan1"
