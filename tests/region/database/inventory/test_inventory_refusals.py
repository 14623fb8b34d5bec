"""What breaks a rule of the inventory is refused with its fields, and changes nothing."""

import re
from ipaddress import IPv4Address, IPv4Network

import pytest

from evenrack.region.database.inventory_store import ChangedMeanwhile, InventoryRefused
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
