"""What breaks a rule of BMCs and machines is refused with its fields, and changes nothing."""

from ipaddress import IPv4Address

import pytest

from evenrack.region.database.bmc_reading import read_bmcs
from evenrack.region.database.bmc_store import BmcInUse, ObjectChanged, ObjectRefused, Wish, create
from tests.region.database.bmcs.bmc_rows import (
    access,
    changed,
    everything,
    found,
    password,
    removed,
)

pytestmark = pytest.mark.postgres

MOVED = IPv4Address("10.9.0.99")

REFUSED = [
    ("bmc", {"name": "b1", **access(1)}, ["name", "address"], "another bmc has this name"),
    (
        "bmc",
        {"name": "7", **access(9, user="u" * 17, port=10**30)},
        ["name", "port", "user"],
        "digits alone",
    ),
    ("machine", {"name": "m1"}, ["bmc", "name"], 'machine "m1": no bmc is called ""; there are: b'),
]


@pytest.mark.parametrize(("noun", "fields", "named", "said"), REFUSED)
def test_what_breaks_rules_is_refused_with_its_fields_at_once_and_changes_nothing(
    kept, noun, fields, named, said
):
    before = everything(kept)
    wish = Wish(fields=fields, password=password("x" * 21) if noun == "bmc" else None)
    named = [*named, "password"] if noun == "bmc" else named
    with pytest.raises(ObjectRefused, match=said) as refused:
        kept.run(lambda c: create(c, noun, wish))
    assert [each.field for each in refused.value.breaches] == named
    assert everything(kept) == before


def test_a_bmc_without_a_password_is_refused(kept):
    with pytest.raises(ObjectRefused, match="password must not be empty"):
        kept.run(lambda c: create(c, "bmc", Wish(fields={"name": "b4", **access(4)})))


def test_a_bmc_moves_to_another_address_with_its_password_only(kept):
    """Whoever may change a BMC must not learn its password from a host of their own."""
    wish = Wish(fields={"address": MOVED}, password=password())
    assert changed(kept, "bmc", "b1", wish).value.address == MOVED
    here = Wish(fields={"address": MOVED, "port": 6230, "user": "other"})
    assert changed(kept, "bmc", "b1", here).value.port == 6230


def test_a_change_is_held_against_the_same_rules(kept):
    before = everything(kept)
    for noun, name, wish, said in (
        ("bmc", "b1", Wish(fields={"name": "b2"}), "has this name"),
        ("bmc", "b1", Wish(fields={"address": IPv4Address("10.9.0.2")}), "port 623 already"),
        ("bmc", "b1", Wish(password=password("")), "must not be empty"),
        ("bmc", "b1", Wish(fields={"address": MOVED}), "10.9.0.1 no more, and who"),
        ("machine", "m1", Wish(fields={"name": "m2"}), "has this name"),
        ("machine", "m1", Wish(bmc="b9"), 'machine "m1": no bmc is called "b9"'),
    ):
        with pytest.raises(ObjectRefused, match=said):
            changed(kept, noun, name, wish)
    assert everything(kept) == before


def test_an_object_that_has_changed_since_it_was_seen_is_not_changed_nor_deleted(kept):
    for noun, name, fields in (("machine", "m1", {"name": "m8"}), ("bmc", "b3", {"name": "b8"})):
        seen = found(kept, noun, name)
        changed(kept, noun, name, if_number=seen.number, **fields)
        before = everything(kept)
        for deed in (changed, removed):
            with pytest.raises(ObjectChanged, match="has changed: its generation is") as refused:
                deed(kept, noun, fields["name"], if_number=seen.number)
            assert refused.value.present == found(kept, noun, fields["name"])
        assert everything(kept) == before
        removed(kept, noun, fields["name"], if_number=refused.value.present.number)


def test_a_bmc_that_switches_a_machine_is_not_deleted_before_it(kept):
    before = everything(kept)
    with pytest.raises(BmcInUse, match="bmc b1 switches machine m1; delete that first: evenrack"):
        removed(kept, "bmc", "b1")
    assert everything(kept) == before
    assert removed(kept, "machine", "m1").bmc_name == "b1"
    assert removed(kept, "bmc", "b1").value.name == "b1"
    assert [each.name for each in kept.run(read_bmcs).values()] == ["b2", "b3"]
