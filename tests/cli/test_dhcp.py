"""`evenrack dhcp`: status, reconfigure and render, against a small API."""

import json

import pytest

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.cli.show import page_text
from evenrack.cli.show_dhcp import dhcp_page
from evenrack.model.json_form import to_json
from tests.cli.small_api import small_api
from tests.dhcp_fleet import dhcp_fleet, rack_id

ROW = {
    "vlan": "vlan1",
    "dhcp_on": True,
    "primary_rack": "rack1",
    "secondary_rack": None,
    "pinned": [],
    "pending": True,
    "generation": "1.7",
    "sides": [
        {
            "rack": "rack1",
            "address": "10.1.0.1",
            "connected": True,
            "role": "primary",
            "state": "normal",
            "applied": "1.7",
            "waiting": False,
            "error": None,
        },
        {
            "rack": "rack2",
            "address": "10.1.0.2",
            "connected": False,
            "role": None,
            "state": "down",
            "applied": None,
            "waiting": True,
            "error": "bad",
        },
    ],
}
OFF = {
    **ROW,
    "vlan": "vlan2",
    "dhcp_on": False,
    "primary_rack": None,
    "pending": False,
    "sides": [],
}
PLAN = {
    "rack": "rack1",
    "id": "rack0001",
    "generation": "1.7",
    "dhcp": to_json(dhcp_plan_for(dhcp_fleet({1: [1, 2]}, services={1: (1, 2)}), rack_id(1))),
}


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as answers:
        yield answers


def test_status_shows_designations_and_both_servers():
    text = page_text(dhcp_page([ROW, OFF]))
    assert "vlan1  on    rack1    -          pending  1.7" in text
    assert "down (rack lost)" in text
    assert "vlan2  off" in text


def test_status_is_of_all_vlans_or_of_one(api, call):
    api.answer("/api/v1/dhcp", [ROW, OFF])
    api.answer("/api/v1/dhcp/vlan1", ROW)
    assert json.loads(call("dhcp", "status", "--json")[1]) == [ROW, OFF]
    assert json.loads(call("dhcp", "status", "vlan1", "--json")[1]) == [ROW]
    code, printed, _ = call("dhcp", "status")
    assert (code, printed) == (0, page_text(dhcp_page([ROW, OFF])) + "\n")


def test_reconfigure_asks_once_and_shows_what_is_there(api, call):
    api.answer("/api/v1/dhcp/vlan1/reconfigure", ROW, method="POST")
    code, printed, said = call("dhcp", "reconfigure", "vlan1")
    assert (code, printed) == (0, page_text(dhcp_page([ROW])) + "\n")
    assert "next: evenrack dhcp status" in said
    assert json.loads(call("dhcp", "reconfigure", "vlan1", "--json")[1]) == ROW
    assert [change[:2] for change in api.changes] == [
        ("POST", "/api/v1/dhcp/vlan1/reconfigure")
    ] * 2


def test_render_prints_the_file_of_a_rack_without_its_key(api, call):
    api.answer("/api/v1/dhcp-plans/rack1", PLAN)
    code, printed, _ = call("dhcp", "render", "--rack", "rack1")
    assert code == 0
    assert 'failover peer "failover-vlan-1" {' in printed
    assert 'secret "the key of this rack";' in printed
    api.answer("/api/v1/dhcp-plans/rack2", {**PLAN, "rack": "rack2", "dhcp": []})
    assert call("dhcp", "render", "--rack", "rack2") == (0, "", "rack2 serves no VLAN\n")
