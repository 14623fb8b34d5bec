"""What the inventory has is found by name, by id and in pages; what it has not is said."""

from ipaddress import IPv4Network

import pytest

from evenrack.region.database.inventory_reading import NoSuchObject, read_page, read_vlans
from tests.region.database.inventory.inventory_rows import (
    MAC,
    changed,
    everything,
    found,
    ip,
    made,
    removed,
)

pytestmark = pytest.mark.postgres


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
