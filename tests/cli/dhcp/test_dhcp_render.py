"""`evenrack dhcp render`: the files of a rack, and what is still to change on it."""

import re

import pytest

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.json_form import to_json
from tests.dhcp_fleet import dhcp_fleet, rack_id
from tests.rack.dhcp.golden_plans6 import FULL, GOLDEN, serving6

PLAN = {
    "rack": "rack1",
    "id": "rack0001",
    "generation": "1.7",
    "dhcp": to_json(dhcp_plan_for(dhcp_fleet({1: [1, 2]}, services={1: (1, 2)}), rack_id(1))),
}


def test_render_prints_the_file_of_a_rack_without_its_key(api, call):
    api.answer("/api/v1/dhcp-plans/rack1", PLAN)
    code, printed, _ = call("dhcp", "render", "--rack", "rack1")
    assert code == 0
    assert 'failover peer "failover-vlan-1" {' in printed
    assert 'secret "the key of this rack";' in printed
    api.answer("/api/v1/dhcp-plans/rack2", {**PLAN, "rack": "rack2", "dhcp": []})
    assert call("dhcp", "render", "--rack", "rack2") == (0, "", "rack2 serves no VLAN\n")


SERVED = "/api/v1/dhcp-plans/rack1/served"


def test_render_diff_prints_what_is_still_to_change_on_a_rack(api, call):
    api.answer("/api/v1/dhcp-plans/rack1", PLAN)
    api.answer(SERVED, {**PLAN, "dhcp": with_lease_seconds(PLAN["dhcp"], 1200)})
    code, printed, told = call("dhcp", "render", "--rack", "rack1", "--diff")
    assert (code, told) == (0, "")
    lines = printed.splitlines()
    assert lines[:2] == ["--- rack1: what it serves", "+++ rack1: its newest plan"]
    assert [line.split()[0] for line in lines[2:] if line[0] != " "] == ["@@", *"---", *"+++"]
    assert "-  default-lease-time 1200;" in lines
    assert "+  default-lease-time 600;" in lines
    assert "AAAA" not in printed


def with_lease_seconds(plan, seconds):
    (service,) = plan
    settings = {**service["vlan"]["settings"], "lease_seconds": seconds}
    return [{**service, "vlan": {**service["vlan"], "settings": settings}}]


def test_render_diff_of_what_is_served_already_or_not_at_all_yet(api, call):
    api.answer("/api/v1/dhcp-plans/rack1", PLAN)
    api.answer(SERVED, {**PLAN, "generation": "1.6"})
    told = "nothing changes on rack1: it serves its newest plan\n"
    assert call("dhcp", "render", "--rack", "rack1", "--diff") == (0, "", told)
    api.answer(SERVED, {**PLAN, "dhcp": []})
    code, printed, _ = call("dhcp", "render", "--rack", "rack1", "--diff")
    assert code == 0
    assert all(line.startswith("+") for line in printed.splitlines()[3:])


def test_render_diff_says_why_a_rack_does_not_tell(api, call):
    api.answer("/api/v1/dhcp-plans/rack1", PLAN)
    api.refuse(SERVED, 503, "RackSilent", "rack1: this region process has no link to it now")
    code, printed, told = call("dhcp", "render", "--rack", "rack1", "--diff")
    assert (code != 0, printed) == (True, "")
    assert "rack1: this region process has no link to it now" in told


def with_ipv6(half):
    return {**PLAN, "dhcp": to_json((serving6(FULL, half=half),))}


def test_render_prints_the_file_for_ipv6_alone_and_that_there_is_one(api, call):
    api.answer("/api/v1/dhcp-plans/rack1", with_ipv6("lower"))
    code, printed, told = call("dhcp", "render", "--rack", "rack1", "--ipv6")
    assert (code, told) == (0, "")
    assert printed == (GOLDEN / "lower.conf").read_text()
    code, printed, told = call("dhcp", "render", "--rack", "rack1")
    assert (code, told) == (0, "its file for IPv6: evenrack dhcp render --rack rack1 --ipv6\n")
    assert "subnet 10." in printed
    assert "subnet6" not in printed
    api.answer("/api/v1/dhcp-plans/rack1", PLAN)
    asked = call("dhcp", "render", "--rack", "rack1", "--ipv6")
    assert asked == (0, "", "rack1 serves no IPv6\n")


@pytest.mark.parametrize("only", [(), ("--ipv6",)])
def test_render_diff_tells_what_changes_of_ipv6_too(api, call, only):
    api.answer("/api/v1/dhcp-plans/rack1", with_ipv6("lower"))
    api.answer(SERVED, with_ipv6("upper"))
    code, printed, told = call("dhcp", "render", "--rack", "rack1", "--diff", *only)
    assert (code, told) == (0, "")
    assert printed.startswith(
        "--- rack1: what it serves of IPv6\n+++ rack1: its newest plan of IPv6\n"
    )
    assert re.search(r"^\+ +range6 fd00:1::100 fd00:1::102;$", printed, re.MULTILINE)
    changed = with_ipv6("lower")
    api.answer(SERVED, {**changed, "dhcp": with_lease_seconds(changed["dhcp"], 1200)})
    _, printed, _ = call("dhcp", "render", "--rack", "rack1", "--diff", *only)
    assert printed.count("+  default-lease-time 600;") == (1 if only else 2)
