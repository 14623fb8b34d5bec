"""What must be true of relayed VLANs: each breach is found, on both sides, with the cure."""

import pytest
from attrs import evolve

from evenrack.model.identifiers import VlanId
from evenrack.model.network import Vlan
from evenrack.model.network_rules import problems_of
from evenrack.model.relay_rules import about_deletion

HERE = Vlan(id=VlanId(1), name="here", dhcp_on=True)
FAR = Vlan(id=VlanId(2), name="far", dhcp_on=True, relay_vlan=HERE.id)
FARTHER = Vlan(id=VlanId(3), name="farther", dhcp_on=True, relay_vlan=HERE.id)

WRONG = {
    "one that relays itself": (
        [evolve(HERE, relay_vlan=HERE.id)],
        (1, "relay_vlan"),
        (1, "relay_vlan"),
        "cannot be relayed by itself; name another VLAN",
    ),
    "a relayed one that relays another": (
        [HERE, FAR, evolve(FARTHER, relay_vlan=FAR.id)],
        (3, "relay_vlan"),
        (2, "relay_vlan"),
        '"far", which is to relay it, is relayed itself',
    ),
    "DHCP that is off where it is to come from": (
        [evolve(HERE, dhcp_on=False), FAR],
        (2, "relay_vlan"),
        (1, "dhcp_on"),
        'have it on in "here", or off in both',
    ),
}


def test_several_vlans_may_be_relayed_by_one_and_be_turned_off_with_it():
    assert problems_of([HERE, FAR, FARTHER]) == ()
    assert problems_of([evolve(vlan, dhcp_on=False) for vlan in (HERE, FAR, FARTHER)]) == ()
    assert problems_of([HERE, evolve(FAR, dhcp_on=False)]) == ()


@pytest.mark.parametrize(("vlans", "own", "other", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_served_is_found_on_both_sides(vlans, own, other, sentence):
    [finding] = problems_of(vlans)
    assert sentence in finding.sentence
    for number, field in (own, other):
        assert finding.field_of("vlan", number) == field


def test_two_that_relay_each_other_are_both_wrong():
    found = problems_of([evolve(HERE, relay_vlan=FAR.id), FAR])
    assert len(found) == 2
    assert all("is relayed itself" in finding.sentence for finding in found)


def test_what_relays_others_is_not_to_be_deleted():
    found = list(about_deletion(HERE, [HERE, FAR, FARTHER]))
    assert [finding.field_of("vlan", 1) for finding in found] == ["id", "id"]
    assert '"far", which it relays; let another VLAN relay that one' in found[0].sentence
    assert list(about_deletion(FAR, [HERE, FAR, FARTHER])) == []
