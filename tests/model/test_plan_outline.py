"""A plan without what its VLANs have in them, and the names of that."""

import json
from ipaddress import IPv4Address, IPv4Network

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.identifiers import SubnetId, VlanId
from evenrack.model.json_form import to_json
from evenrack.model.network import Reservation, Subnet, Vlan
from evenrack.model.plan_outline import (
    MOST_PLAN_BYTES,
    MOST_VLAN_BYTES,
    Content,
    content_of,
    contents_from_json,
    outline_of,
    plan_outline_from_json,
    vlan_from_content,
)
from tests.strategies_dhcp import dhcp_plans
from tests.strategies_reports import rack_plans

NAME = "0123456789abcdef" * 4


def as_json(value):
    return json.loads(json.dumps(to_json(value)))


@given(rack_plans)
def test_a_plan_is_its_outline_filled_with_its_vlans(plan):
    outline = plan_outline_from_json(as_json(outline_of(plan)))
    vlans = {content_of(it.vlan).sha256: it.vlan for it in plan.dhcp}
    assert outline == outline_of(plan)
    assert outline.filled_with(vlans) == plan
    assert contents_from_json(as_json(outline.contents)) == outline.contents


@given(rack_plans)
def test_an_outline_has_no_subnet(plan):
    assert [it.vlan.subnets for it in outline_of(plan).plan.dhcp] == [()] * len(plan.dhcp)


@given(dhcp_plans())
def test_a_vlan_is_read_from_its_content(plan):
    for service in plan:
        text = service.vlan.as_json.encode()
        assert vlan_from_content(text) == service.vlan
        assert content_of(service.vlan).length == len(text)


@given(rack_plans, rack_plans)
def test_equal_vlans_and_only_they_have_equal_contents(plan, other):
    for one in plan.dhcp:
        for two in other.dhcp:
            assert (one.vlan == two.vlan) == (content_of(one.vlan) == content_of(two.vlan))


@pytest.mark.parametrize("name", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"])
def test_what_is_no_sha_256_names_no_content(name):
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        Content(sha256=name, length=1)


@pytest.mark.parametrize("length", [0, -1, MOST_VLAN_BYTES + 1])
def test_a_content_has_a_length_that_can_be_held(length):
    with pytest.raises(ValueError, match="134,217,728 bytes"):
        Content(sha256=NAME, length=length)


@given(rack_plans.filter(lambda plan: plan.dhcp))
def test_an_outline_that_asks_for_too_much_or_does_not_fit_is_refused(plan):
    outline = outline_of(plan)
    largest = Content(sha256=NAME, length=MOST_VLAN_BYTES)
    with pytest.raises(ValueError, match="contents for"):
        evolve(outline, contents=(*outline.contents, largest))
    thrice = evolve(outline.plan, dhcp=outline.plan.dhcp[:1] * 3)
    with pytest.raises(ValueError, match=f"more than {MOST_PLAN_BYTES:,} bytes"):
        evolve(outline, plan=thrice, contents=(largest,) * 3)


@pytest.mark.parametrize("form", [None, {}, "text", [1], [{"sha256": NAME}]])
def test_what_is_no_list_of_contents_is_refused(form):
    with pytest.raises(ValueError, match=r"it|list"):
        contents_from_json(form)


@given(dhcp_plans(), st.data())
def test_a_content_that_was_damaged_is_refused_or_read_as_what_it_says(plan, data):
    for service in plan:
        text = service.vlan.as_json
        at = data.draw(st.integers(0, len(text)))
        damaged = text[:at] + data.draw(st.sampled_from(["", "]", '"', "{", ", "])) + text[at + 1 :]
        try:
            vlan = vlan_from_content(damaged.encode())
        except ValueError:
            continue
        assert json.loads(damaged) == as_json(vlan)


@pytest.mark.parametrize("between", ["", ",", '",', "; ", ",  "])
def test_a_content_whose_reservations_are_separated_otherwise_is_refused(between):
    address = IPv4Address("10.0.0.10")
    two = [Reservation(id=n, mac=f"02:00:00:00:00:0{n}", address=address + n) for n in (1, 2)]
    subnet = Subnet(id=SubnetId(1), cidr=IPv4Network("10.0.0.0/24"), reservations=tuple(two))
    text = Vlan(id=VlanId(1), name="x", subnets=(subnet,)).as_json
    place = text.index("}, {", text.index('"reservations": [')) + 1
    assert vlan_from_content(text.encode()).subnets == (subnet,)
    with pytest.raises(ValueError, match=r"separated|Expecting"):
        vlan_from_content((text[:place] + between + text[place + 2 :]).encode())


def test_a_content_that_leaves_out_the_reservations_of_a_subnet_is_refused():
    subnet = Subnet(id=SubnetId(1), cidr=IPv4Network("10.0.0.0/24"))
    text = Vlan(id=VlanId(1), name="x", subnets=(subnet,)).as_json
    with pytest.raises(ValueError, match="0 lists of reservations for other subnets"):
        vlan_from_content(text.replace(', "reservations": []', "").encode())
