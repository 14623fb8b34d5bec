"""The inventory in PostgreSQL: whole changes or none, checked, numbered, and told."""

import re
from ipaddress import IPv4Address, IPv4Network

import pytest
from attrs import asdict, evolve

from evenrack.model.boot import BootSettings
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.network import Range, Reservation, Subnet, Vlan, VlanSettings
from evenrack.region.database.event_store import read_events
from evenrack.region.database.inventory_reading import (
    NoSuchObject,
    find,
    read_page,
    read_vlans,
)
from evenrack.region.database.inventory_store import (
    ChangedMeanwhile,
    InventoryRefused,
    change,
    create,
    remove,
)
from evenrack.region.database.leader_store import current_number, next_number
from tests.region.database.sessions import facts, heard, joined, recorded
from tests.strategies_dhcp import NASTY_NAMES

pytestmark = pytest.mark.postgres

MAC = "52:54:00:12:34:56"
TABLES = ("vlan", "subnet", "ip_range", "reservation", "dhcp_service", "managing", "event")


def ip(text):
    return IPv4Address(text)


def made(sessions, noun, inside=None, /, **fields):
    return sessions.run(lambda c: create(c, noun, fields, inside=inside))


def changed(sessions, noun, name, inside=None, /, if_number=None, **fields):
    return sessions.run(lambda c: change(c, noun, name, fields, inside=inside, if_number=if_number))


def removed(sessions, noun, name, if_number=None):
    return sessions.run(lambda c: remove(c, noun, name, if_number=if_number))


def found(sessions, noun, name):
    return sessions.run(lambda c: find(c, noun, name))


def number_of(sessions):
    return sessions.run(current_number)


def rows_of(sessions, table):
    return sessions.rows(f"SELECT * FROM {table}")  # noqa: S608  a name of ours


def everything(sessions):
    """All that a refused change must leave alone."""
    tables = {table: sorted(rows_of(sessions, table), key=str) for table in TABLES}
    return tables, number_of(sessions)


@pytest.fixture
def served(sessions):
    """Two VLANs; the first has a subnet, a range and a reservation."""
    made(sessions, "vlan", name="vlan1", vid=1, dhcp_on=True, mclt=300)
    made(sessions, "vlan", name="vlan2")
    made(sessions, "subnet", "vlan1", cidr=IPv4Network("10.0.0.0/24"), gateway=ip("10.0.0.1"))
    made(sessions, "range", first=ip("10.0.0.100"), last=ip("10.0.0.199"))
    made(sessions, "reservation", mac=MAC, address=ip("10.0.0.3"), hostname="node ö")
    return sessions


@pytest.fixture
def on_racks(served):
    """Four managed racks: the first two have vlan1 in their files, the third vlan2."""
    racks = ["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"]
    me = joined(served)
    recorded(served, me, *(facts(rack, f"link-{rack}") for rack in racks))
    for rack in racks:
        served.change(
            "INSERT INTO managing VALUES (:rack, 'region1/1', 0, 1)",
            rack=rack,
        )
    for vlan, primary, secondary in ((1, *racks[:2]), (2, racks[2], None)):
        served.change(
            "INSERT INTO dhcp_service (vlan_id, primary_rack, primary_address, secondary_rack, "
            "secondary_address, era, generation) VALUES (:vlan, :primary, '10.0.0.250', "
            ":secondary, '10.0.0.251', 0, 1)",
            vlan=served.value("SELECT id FROM vlan WHERE name = :name", name=f"vlan{vlan}"),
            primary=primary,
            secondary=secondary,
        )
    return served


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


REFUSED = [
    ("vlan", None, {"name": "vlan1"}, ["name"], "another VLAN has this name"),
    ("vlan", None, {"name": "x", "vid": 1}, ["vid"], '"vlan1" has vid 1'),
    ("vlan", None, {"name": "", "vid": -1, "split": 300}, ["name", "vid", "split"], "0 to 256"),
    ("vlan", None, {"name": "x", "vid": 10**30}, ["vid"], "0 to 4094"),
    ("subnet", "vlan2", {"cidr": IPv4Network("10.0.0.0/24")}, ["cidr"], "overlaps 10.0.0.0/24"),
    ("subnet", "vlan2", {"cidr": IPv4Network("10.0.0.0/16")}, ["cidr"], "overlaps 10.0.0.0/16"),
    ("subnet", "vlan9", {"cidr": IPv4Network("10.9.0.0/16")}, ["vlan"], 'is called "vlan9"'),
    ("subnet", None, {"cidr": IPv4Network("10.9.0.0/16")}, ["vlan"], "no vlan"),
    (
        "range",
        None,
        {"first": IPv4Address("10.0.0.199"), "last": IPv4Address("10.0.0.210")},
        ["first"],
        "it overlaps 10.0.0.100-10.0.0.199",
    ),
    (
        "range",
        None,
        {"first": IPv4Address("10.0.0.1"), "last": IPv4Address("10.0.0.5")},
        ["first", "first"],
        "is inside the range",
    ),
    (
        "range",
        None,
        {"first": IPv4Address("10.7.0.1"), "last": IPv4Address("10.7.0.5")},
        ["first"],
        "no subnet has the address 10.7.0.1; create it first",
    ),
    (
        "reservation",
        None,
        {"mac": MAC, "address": IPv4Address("10.7.0.1")},
        ["address"],
        "no subnet has the address 10.7.0.1",
    ),
    (
        "reservation",
        "10.0.0.0/24",
        {"mac": "52:54:00:00:00:01", "address": IPv4Address("10.7.0.1")},
        ["address"],
        "is outside the subnet 10.0.0.0/24",
    ),
    (
        "reservation",
        None,
        {"mac": MAC, "address": IPv4Address("10.0.0.4")},
        ["mac"],
        "has 10.0.0.3 on VLAN",
    ),
    (
        "reservation",
        None,
        {"mac": "52:54:00:00:00:01", "address": IPv4Address("10.0.0.150")},
        ["address"],
        "is inside the range 10.0.0.100-10.0.0.199",
    ),
]


@pytest.mark.parametrize(("noun", "inside", "fields", "named", "said"), REFUSED)
def test_what_breaks_a_rule_is_refused_with_its_fields_and_changes_nothing(
    on_racks, noun, inside, fields, named, said
):
    before = everything(on_racks)
    with pytest.raises(InventoryRefused, match=said) as refused:
        made(on_racks, noun, inside, **fields)
    problem = refused.value
    assert [each.field_of(problem.noun, problem.number) for each in problem.findings] == named
    assert everything(on_racks) == before


def test_a_change_is_held_against_the_same_rules(on_racks):
    before = everything(on_racks)
    for noun, name, inside, fields, said in (
        ("vlan", "vlan2", None, {"name": "vlan1"}, "has this name"),
        ("subnet", "10.0.0.0/24", None, {"gateway": ip("10.0.0.3")}, "address is the gateway's"),
        ("subnet", "10.0.0.0/24", None, {"cidr": IPv4Network("10.0.0.0/25")}, "outside the subnet"),
        ("range", "10.0.0.100-10.0.0.199", None, {"first": ip("10.0.0.2")}, "inside the range"),
        ("reservation", MAC, None, {"address": ip("10.0.0.100")}, "inside the range"),
        ("reservation", MAC, "10.9.0.0/24", {}, "no subnet is called"),
    ):
        with pytest.raises(InventoryRefused, match=said):
            changed(on_racks, noun, name, inside, **fields)
    assert everything(on_racks) == before


def test_what_was_wrong_before_does_not_hinder_other_changes_nor_its_mending(served):
    served.change("UPDATE ip_range SET last = '10.0.1.9'")
    served.change("UPDATE vlan SET mclt = 1 WHERE name = 'vlan1'")
    changed(served, "vlan", "vlan2", vid=7)
    changed(served, "reservation", MAC, hostname="x")
    with pytest.raises(InventoryRefused, match="outside"):
        changed(served, "range", "10.0.0.100-10.0.1.9", first=ip("10.0.0.101"))
    changed(served, "range", "10.0.0.100-10.0.1.9", last=ip("10.0.0.180"))
    changed(served, "vlan", "vlan1", mclt=300)


def test_an_object_that_has_changed_since_it_was_seen_is_not_changed_nor_deleted(on_racks):
    seen = found(on_racks, "vlan", "vlan1")
    changed(on_racks, "vlan", "vlan1", if_number=seen.number, vid=7)
    before = everything(on_racks)
    for deed in (changed, removed):
        with pytest.raises(ChangedMeanwhile, match="has changed") as refused:
            deed(on_racks, "vlan", "vlan1", if_number=seen.number)
        assert refused.value.present == found(on_racks, "vlan", "vlan1")
    assert everything(on_racks) == before
    removed(on_racks, "vlan", "vlan1", if_number=refused.value.present.number)


def test_a_reservation_is_found_by_each_of_its_cards(served):
    others = ("52:54:00:12:34:57", "52:54:00:12:34:58")
    wanted = changed(served, "reservation", MAC, other_macs=others)
    assert wanted.value.macs == (MAC, *others)
    for card in (*others, "52-54-00-12-34-58"):
        assert found(served, "reservation", card) == wanted


def test_objects_are_found_by_name_and_by_id(served):
    for noun, names in {
        "vlan": ["vlan1"],
        "subnet": ["10.0.0.0/24"],
        "range": ["10.0.0.100-10.0.0.199"],
        "reservation": [MAC, "52-54-00-12-34-56", "10.0.0.3"],
    }.items():
        first = found(served, noun, names[0])
        for name in (*names, first.value.id, str(first.value.id)):
            assert found(served, noun, name) == first


@pytest.mark.parametrize("noun", ["vlan", "subnet", "range", "reservation"])
def test_what_is_not_there_is_not_found_whatever_it_is_called(served, noun):
    before = everything(served)
    for name in ("", "nothing", "0", -1, 2**31, 10**40, "²", "a\0b", "\ud800", "%", "x" * 9999):
        for look in (found, changed, removed):
            with pytest.raises(NoSuchObject, match=f"no {noun} is called .*; there are: "):
                look(served, noun, name)
    assert everything(served) == before


def test_a_card_on_two_vlans_is_named_by_its_ids(served):
    made(served, "subnet", "vlan2", cidr=IPv4Network("10.1.0.0/24"))
    second = made(served, "reservation", mac=MAC, address=ip("10.1.0.3"))
    with pytest.raises(NoSuchObject, match=f"name one by id, such as .*{second.value.id}"):
        found(served, "reservation", MAC)
    assert found(served, "reservation", "10.1.0.3") == second


def test_an_empty_inventory_says_so(sessions):
    with pytest.raises(NoSuchObject, match='no vlan is called "vlan1"; there are none yet'):
        found(sessions, "vlan", "vlan1")
    assert sessions.run(read_vlans) == {}


def test_lists_are_read_in_pages_and_within_what_is_around(served):
    for n in range(12):
        mac = f"52:54:00:00:00:{n:02}"
        made(served, "reservation", mac=mac, address=ip("10.0.0.20") + n)
    vlan, other = found(served, "vlan", "vlan1"), found(served, "vlan", "vlan2")
    subnet = found(served, "subnet", "10.0.0.0/24")

    def page(after, limit, *within):
        return served.run(
            lambda c: read_page(c, "reservation", after=after, limit=limit, within=within)
        )

    ids = [row.value.id for row in page(0, 100)]
    assert ids == sorted(ids)
    assert len(ids) == 13
    assert [row.value.id for row in page(ids[4], 3, vlan, subnet)] == ids[5:8]
    assert page(0, 100, other) == []
    with pytest.raises(NoSuchObject, match=r"there are: .*, \.\.\.$"):
        found(served, "reservation", "nothing")


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


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"mac": MAC}, '"52:54:00:12:34:56" has 10.0.0.3 on VLAN "vlan1"'),
        ({"other_macs": (MAC,)}, '"52:54:00:12:34:56" has 10.0.0.3 on VLAN "vlan1"'),
        ({"mac": "52:54:00:00:00:05"}, '"52:54:00:00:00:05" has 10.0.0.3 on VLAN "vlan1"'),
        (
            {"other_macs": ("52:54:00:00:00:05",)},
            '"52:54:00:00:00:05" has 10.0.0.3 on VLAN "vlan1"',
        ),
        ({"address": ip("10.0.0.3")}, "the address is kept for 52:54:00:12:34:56 already"),
        ({"address": ip("10.0.0.150")}, "the address is inside the range 10.0.0.100-10.0.0.199"),
        ({"address": ip("10.0.0.1")}, "the address is the gateway's"),
    ],
    ids=["card", "other card", "its other", "other of other", "address", "range", "gateway"],
)
def test_a_reservation_is_held_against_whatever_has_its_address_or_a_card_of_it(
    served, fields, why
):
    changed(served, "reservation", MAC, other_macs=("52:54:00:00:00:05",))
    made(served, "reservation", mac="52:54:00:00:00:09", address=ip("10.0.0.9"))
    fresh = {"mac": "52:54:00:00:00:07", "address": ip("10.0.0.7")}
    with pytest.raises(InventoryRefused, match=re.escape(why)):
        made(served, "reservation", **fresh | fields)
    with pytest.raises(InventoryRefused, match=re.escape(why)):
        changed(served, "reservation", "52:54:00:00:00:09", **fields)
    made(served, "reservation", **fresh)
