"""Changes of the inventory in PostgreSQL: whole, numbered, told, and one after the other."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from attrs import asdict, evolve

from evenrack.model.boot import BootSettings
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.network import Range, Reservation, Subnet, Vlan, VlanSettings
from evenrack.region.database.event_store import read_events
from evenrack.region.database.inventory_reading import read_vlans
from evenrack.region.database.inventory_store import InventoryRefused
from evenrack.region.database.leader_store import next_number
from tests.region.database.inventory.inventory_rows import (
    MAC,
    changed,
    everything,
    found,
    ip,
    made,
    number_of,
    removed,
    rows_of,
)
from tests.region.database.sessions import heard
from tests.strategies_dhcp import NASTY_NAMES

pytestmark = pytest.mark.postgres


def numbers(sessions):
    """The number of each rack's assignment, and of each served VLAN."""
    managing = sessions.rows("SELECT era, generation FROM managing ORDER BY rack_id")
    services = sessions.rows("SELECT era, generation FROM dhcp_service ORDER BY vlan_id")
    return [FleetNumber(*row) for row in managing], [FleetNumber(*row) for row in services]


def test_what_was_created_is_read_as_whole_vlans(served):
    vlans = served.run(read_vlans)
    assert [each.name for each in vlans.values()] == ["vlan1", "vlan2"]
    vlan = next(iter(vlans.values()))
    (subnet,) = vlan.subnets
    assert vlan == Vlan(
        id=vlan.id,
        name="vlan1",
        vid=1,
        dhcp_on=True,
        settings=VlanSettings(mclt=300),
        subnets=(
            Subnet(
                id=subnet.id,
                cidr=IPv4Network("10.0.0.0/24"),
                gateway=ip("10.0.0.1"),
                ranges=(
                    Range(id=subnet.ranges[0].id, first=ip("10.0.0.100"), last=ip("10.0.0.199")),
                ),
                reservations=(
                    Reservation(
                        id=subnet.reservations[0].id,
                        mac=MAC,
                        address=ip("10.0.0.3"),
                        hostname="node ö",
                    ),
                ),
            ),
        ),
    )


def test_what_machines_boot_is_read_as_it_was_set_and_stays_when_something_else_changes(served):
    wanted = BootSettings(
        next_server=ip("10.0.0.69"),
        boot_bios=NASTY_NAMES[0],
        boot_http_x64="http://x",
        boot_http_arm64='http://"};{',
    )
    changed(served, "vlan", "vlan1", **asdict(wanted))
    changed(served, "vlan", "vlan1", vid=9)
    assert found(served, "vlan", "vlan1").value.boot == wanted
    changed(served, "vlan", "vlan1", next_server="rack", boot_bios="")
    boot = found(served, "vlan", "vlan1").value.boot
    assert boot == evolve(wanted, next_server="rack", boot_bios="")
    (event,) = served.run(lambda c: read_events(c, after=0, limit=100))[-1:]
    assert "next_server 10.0.0.69 -> rack" in event["text"]


def test_a_reserved_range_keeps_others_out_and_becomes_another_by_a_word(served):
    made(served, "range", first=ip("10.0.0.200"), last=ip("10.0.0.220"), reserved=True)

    def ranges():
        (subnet,) = next(iter(served.run(read_vlans).values())).subnets
        kinds = (subnet.ranges, subnet.reserved_ranges)
        return [[str(each.first) for each in kind] for kind in kinds]

    assert ranges() == [["10.0.0.100"], ["10.0.0.200"]]
    with pytest.raises(InventoryRefused, match=r"overlaps 10\.0\.0\.100-10\.0\.0\.205"):
        changed(served, "range", "10.0.0.100-10.0.0.199", last=ip("10.0.0.205"))
    changed(served, "range", "10.0.0.200-10.0.0.220", reserved=False)
    assert ranges() == [["10.0.0.100", "10.0.0.200"], []]


def test_ranges_and_reservations_can_be_left_out(served):
    bare = served.run(lambda c: read_vlans(c, contents_of=[]))
    assert [len(each.subnets) for each in bare.values()] == [1, 0]
    assert [list(each.ranges) for each in bare.values()] == [[], []]
    whole = served.run(read_vlans)
    assert served.run(lambda c: read_vlans(c, contents_of=list(whole))) == whole


def test_each_change_raises_the_fleet_s_number_and_gives_it_to_its_row_only(served):
    before = number_of(served)
    others = [found(served, "vlan", "vlan1"), found(served, "subnet", "10.0.0.0/24")]
    after = changed(served, "vlan", "vlan2", vid=2)
    assert after.number == FleetNumber(before.era, before.generation + 1) == number_of(served)
    assert [found(served, "vlan", "vlan1"), found(served, "subnet", "10.0.0.0/24")] == others


@pytest.mark.parametrize(
    ("noun", "name", "fields"),
    [
        ("vlan", "vlan1", {"name": "renamed"}),
        ("vlan", "vlan1", {"lease_seconds": 900}),
        ("vlan", "vlan1", {"mtu": 9000}),
        ("vlan", "vlan1", {"boot_ipxe": "http://10.0.0.1/ipxe"}),
        ("subnet", "10.0.0.0/24", {"dns_servers": (IPv4Address("192.0.2.1"),)}),
        ("subnet", "10.0.0.0/24", {"search_domains": ("example.com", "b")}),
        ("subnet", "10.0.0.0/24", {"allow_unknown": False}),
        ("range", "10.0.0.100-10.0.0.199", {"last": IPv4Address("10.0.0.200")}),
        ("reservation", MAC, {"hostname": ""}),
        ("reservation", MAC, {"other_macs": ("52:54:00:12:34:57",)}),
    ],
)
def test_both_racks_of_a_changed_vlan_get_a_newer_plan_and_no_others(on_racks, noun, name, fields):
    old = FleetNumber(0, 1)
    new = changed(on_racks, noun, name, **fields).number
    assert numbers(on_racks) == ([new, new, old, old], [new, old])


@pytest.mark.parametrize(
    ("noun", "name"), [("subnet", "10.0.0.0/24"), ("range", 1), ("reservation", MAC)]
)
def test_what_is_deleted_gives_both_racks_a_newer_plan(on_racks, noun, name):
    name = on_racks.value("SELECT id FROM ip_range") if noun == "range" else name
    removed(on_racks, noun, name)
    new, old = number_of(on_racks), FleetNumber(0, 1)
    assert numbers(on_racks) == ([new, new, old, old], [new, old])


def test_a_vlan_goes_with_all_that_is_inside_and_its_racks_get_a_newer_plan(on_racks):
    gone = removed(on_racks, "vlan", "vlan1")
    (told,) = on_racks.rows("SELECT text FROM event ORDER BY id DESC LIMIT 1")
    assert told == ("vlan vlan1 was deleted with 1 subnet, 1 range, 1 reservation",)
    new, old = number_of(on_racks), FleetNumber(0, 1)
    assert gone.value.name == "vlan1"
    assert numbers(on_racks) == ([new, new, old, old], [old])
    assert [each.name for each in on_racks.run(read_vlans).values()] == ["vlan2"]
    for table in ("subnet", "ip_range", "reservation"):
        assert rows_of(on_racks, table) == []


def test_a_subnet_that_moves_takes_its_content_along_and_both_vlans_are_told(on_racks):
    moved = changed(on_racks, "subnet", "10.0.0.0/24", "vlan2")
    new, old = moved.number, FleetNumber(0, 1)
    assert moved.vlan_name == "vlan2"
    assert numbers(on_racks) == ([new, new, new, old], [new, new])
    first, second = on_racks.run(read_vlans).values()
    assert (first.subnets, len(list(second.ranges))) == ((), 1)


def test_every_change_is_an_event_of_its_vlan_with_before_and_after(served):
    changed(served, "vlan", "vlan1", name="renamed", mclt=3600)
    changed(served, "subnet", "10.0.0.0/24", "vlan2", ntp_servers=(ip("192.0.2.1"),), gateway=None)
    removed(served, "reservation", MAC)
    removed(served, "subnet", "10.0.0.0/24")
    removed(served, "vlan", "renamed")
    events = [
        event
        for event in served.run(lambda c: read_events(c, after=0, limit=100))
        if event["kind"] == "inventory"
    ]
    assert [(event["object"], event["text"]) for event in events] == [
        ("vlan:vlan1", "vlan vlan1 was created"),
        ("vlan:vlan2", "vlan vlan2 was created"),
        ("vlan:vlan1", "subnet 10.0.0.0/24 on VLAN vlan1 was created"),
        ("vlan:vlan1", "range 10.0.0.100-10.0.0.199 on VLAN vlan1 was created"),
        ("vlan:vlan1", f"reservation {MAC} on VLAN vlan1 was created"),
        ("vlan:renamed", "vlan renamed was changed: name vlan1 -> renamed, mclt 300 -> 3600"),
        (
            "vlan:vlan2",
            "subnet 10.0.0.0/24 on VLAN vlan2 was changed: gateway 10.0.0.1 -> none, "
            "ntp_servers none -> 192.0.2.1, vlan renamed -> vlan2",
        ),
        ("vlan:vlan2", f"reservation {MAC} on VLAN vlan2 was deleted"),
        ("vlan:vlan2", "subnet 10.0.0.0/24 on VLAN vlan2 was deleted with 1 range"),
        ("vlan:renamed", "vlan renamed was deleted"),
    ]
    assert events[5]["data"] == {
        "deed": "changed",
        "noun": "vlan",
        "id": events[0]["data"]["id"],
        "before": {"name": "vlan1", "mclt": 300},
        "after": {"name": "renamed", "mclt": 3600},
    }
    assert [event["generation"] for event in events] == [f"0.{n}" for n in range(1, 11)]


def test_a_change_is_told_to_all_who_listen(served):
    with heard(served) as said:
        removed(served, "vlan", "vlan2")
    assert said == ["inventory"]


def test_a_change_to_what_is_so_already_writes_nothing(on_racks):
    before = everything(on_racks)
    same = changed(on_racks, "subnet", "10.0.0.0/24", "vlan1", gateway=ip("10.0.0.1"), domain="")
    assert same == found(on_racks, "subnet", "10.0.0.0/24")
    assert changed(on_racks, "vlan", "vlan1", mclt=300).value.settings.mclt == 300
    assert everything(on_racks) == before


def test_changes_wait_for_each_other_and_for_the_leader(served):
    """Two who add the same network: the second sees what the first has written."""
    served.change("UPDATE leadership SET epoch = 1")
    with served.open_transaction() as leader:
        next_number(leader, epoch=1)
        both = [
            served.start(
                lambda name=name: made(
                    served, "subnet", name, cidr=IPv4Network("10.5.0.0/24"), domain=name
                )
            )
            for name in ("vlan1", "vlan2")
        ]
        served.wait_until_blocked(2)
        leader.commit()
    outcomes = [one.exception(20) for one in both]
    assert sorted(type(each).__name__ for each in outcomes) == ["InventoryRefused", "NoneType"]
    assert served.value("SELECT count(*) FROM subnet WHERE cidr = '10.5.0.0/24'") == 1
