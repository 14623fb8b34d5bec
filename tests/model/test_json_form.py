"""Values as JSON and back, exactly: nothing is guessed, and nothing left over is ignored."""

import json
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Literal

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.boot import BootSettings
from evenrack.model.dhcp_plan import dhcp_fingerprint, dhcp_plan_from_json
from evenrack.model.dhcp_report import DhcpReport, dhcp_report_from_json
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.json_form import MOST_TOLD, from_json, to_json
from evenrack.model.rack_plan import rack_plan_from_json, rack_plan_to_json
from tests.strategies_dhcp import dhcp_plans
from tests.strategies_reports import dhcp_reports, rack_plans


@frozen(kw_only=True)
class Inner:
    number: FleetNumber
    address: IPv4Address | None = None


@frozen(kw_only=True)
class Outer:
    """Every kind of field that our values have."""

    count: int
    text: str
    on: bool
    side: Literal["left", "right"]
    network: IPv4Network
    interface: IPv4Interface
    inner: Inner
    many: tuple[Inner, ...] = ()
    addresses: tuple[IPv4Address, ...] = ()
    plain: Inner | None = field(default=None)


FORM = {
    "count": 3,
    "text": "é",
    "on": True,
    "side": "left",
    "network": "10.0.0.0/8",
    "interface": "10.0.0.7/8",
    "inner": {"generation": "1.5", "address": "10.0.0.1"},
    "many": [{"generation": "0.0", "address": None}],
    "addresses": ["10.0.0.1", "10.0.0.2"],
    "plain": None,
}
VALUE = Outer(
    count=3,
    text="é",
    on=True,
    side="left",
    network=IPv4Network("10.0.0.0/8"),
    interface=IPv4Interface("10.0.0.7/8"),
    inner=Inner(number=FleetNumber(1, 5), address=IPv4Address("10.0.0.1")),
    many=(Inner(number=FleetNumber(0, 0)),),
    addresses=(IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")),
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


def as_json(value):
    return json.loads(json.dumps(to_json(value)))


def test_a_value_has_this_form_and_a_number_of_the_fleet_is_its_generation():
    assert to_json(VALUE) == FORM
    assert from_json(FORM, Outer) == VALUE


@given(dhcp_plans())
def test_a_plan_is_read_as_it_was_written_and_keeps_its_name(plan):
    read = dhcp_plan_from_json(as_json(plan))
    assert read == plan
    assert dhcp_fingerprint(read) == dhcp_fingerprint(plan)


@given(dhcp_plans(), dhcp_plans())
def test_plans_have_the_same_name_exactly_when_they_are_equal(one, other):
    assert (dhcp_fingerprint(one) == dhcp_fingerprint(other)) == (one == other)
    assert (dhcp_fingerprint(one) == "") == (one == ())


OLDEST_PLAN = [
    {
        "vlan": {
            "id": 1,
            "name": "vlan1",
            "fabric": "default",
            "vid": 7,
            "dhcp_on": True,
            "settings": {"lease_seconds": 600, "max_response_delay": 60, "mclt": 3600, "split": 9},
            "subnets": [
                {
                    "id": 2,
                    "cidr": "10.0.0.0/24",
                    "gateway": "10.0.0.1",
                    "dns_servers": [],
                    "ntp_servers": [],
                    "domain": "",
                    "ranges": [{"id": 3, "first": "10.0.0.10", "last": "10.0.0.19"}],
                    "reservations": [
                        {
                            "id": 4,
                            "mac": "52:54:00:00:00:01",
                            "address": "10.0.0.5",
                            "hostname": "m1",
                        }
                    ],
                }
            ],
        },
        "generation": "1.7",
        "role": "alone",
        "address": "10.0.0.2",
        "peer": None,
    }
]
"""A plan as racks of the first version with DHCP write and read it."""


def test_a_plan_that_uses_nothing_of_later_is_as_racks_of_the_version_before_have_it():
    assert as_json(dhcp_plan_from_json(OLDEST_PLAN)) == OLDEST_PLAN


def test_a_field_that_came_later_is_in_the_form_when_it_is_used():
    (service,) = dhcp_plan_from_json(OLDEST_PLAN)
    booting = evolve(service, vlan=evolve(service.vlan, boot=BootSettings(boot_bios="pxe")))
    assert as_json([booting])[0]["vlan"]["boot"]["boot_bios"] == "pxe"
    assert dhcp_fingerprint((booting,)) != dhcp_fingerprint((service,))


@given(dhcp_reports)
def test_a_report_is_read_as_it_was_written(report):
    assert dhcp_report_from_json(as_json(report)) == report


@given(rack_plans)
def test_a_whole_plan_is_read_as_it_was_written(plan):
    assert rack_plan_from_json(json.loads(json.dumps(rack_plan_to_json(plan)))) == plan


@pytest.mark.parametrize(
    "changed",
    [
        {"count": True},
        {"count": 3.0},
        {"count": "3"},
        {"text": 3},
        {"text": None},
        {"on": 1},
        {"on": "true"},
        {"side": "middle"},
        {"network": "10.0.0.1/8"},
        {"network": 167772160},
        {"interface": "x"},
        {"inner": None},
        {"inner": []},
        {"inner": "generation"},
        {"inner": {"number": "1.5", "address": None}},
        {"inner": {"generation": "1.5", "number": "1.5"}},
        {"inner": {"generation": 1.5}},
        {"inner": {"generation": "-1.5"}},
        {"inner": {"generation": "1.5", "address": "fd00::1"}},
        {"many": {}},
        {"many": "ab"},
        {"many": None},
        {"many": [[]]},
        {"addresses": "10.0.0.1"},
        {"addresses": ["10.0.0.1", 2]},
        {"left_over": 1},
        {"plain": False},
    ],
    ids=str,
)
def test_nothing_is_guessed_and_nothing_left_over(changed):
    with pytest.raises(ValueError, match=r"."):
        from_json({**FORM, **changed}, Outer)


def test_what_is_missing_is_told():
    with pytest.raises(ValueError, match="count"):
        from_json({key: each for key, each in FORM.items() if key != "count"}, Outer)


def test_what_has_a_default_may_be_missing():
    short = {key: each for key, each in FORM.items() if key not in {"many", "addresses", "plain"}}
    assert from_json(short, Outer).many == ()


def test_an_error_names_where_it_is_and_what_but_only_a_few_of_many():
    with pytest.raises(ValueError, match="is not int") as told:
        from_json({**FORM, "count": "x" * 500, "text": 1, "on": 2, "side": 3}, Outer)
    words = str(told.value)
    assert words.count(";") == MOST_TOLD - 1
    assert "it.count" in words
    assert len(words) < 300
    assert told.value.__cause__ is None


@pytest.mark.parametrize("form", [None, [], "x", 3], ids=str)
def test_a_form_that_is_no_object_is_refused(form):
    with pytest.raises(ValueError, match=r"is not an object|is no"):
        from_json(form, Outer)


def test_a_form_that_is_nested_too_deeply_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match=r"."):
        from_json({**FORM, "many": deep}, Outer)


@given(anything)
def test_whatever_a_stranger_sends_is_read_or_refused_with_value_error(form):
    for read in (dhcp_report_from_json, dhcp_plan_from_json, rack_plan_from_json):
        try:
            read(form)
        except ValueError:
            continue


@given(st.dictionaries(st.sampled_from(["applied", "waiting", "vlans", "errors"]), anything))
def test_a_report_with_anything_in_it_is_read_exactly_or_refused(form):
    try:
        report = dhcp_report_from_json(form)
    except ValueError:
        return
    assert {**to_json(DhcpReport()), **form} == to_json(report)
