"""`evenrack dhcp leases`: who has which address, who knows it, and who did not tell."""

import json
import re

from evenrack.cli.show import page_text
from evenrack.cli.show_dhcp import leases_page

LEASE = {
    "address": "10.1.0.100",
    "state": "active",
    "mac": "52:54:00:12:34:56",
    "hostname": "node7",
    "vendor_class": None,
    "starts": "2026-11-26T10:11:12+00:00",
    "ends": "2026-11-26T10:21:12+00:00",
    "never_ends": False,
    "racks": ["rack1", "rack2"],
}
FOREVER = {
    **LEASE,
    "address": "10.1.0.101",
    "mac": None,
    "hostname": None,
    "vendor_class": "d-i",
    "starts": None,
    "ends": None,
    "never_ends": True,
    "racks": ["rack1"],
}
TOLD = {"rack": "rack1", "told": True, "why": None}
SILENT = {"rack": "rack2", "told": False, "why": "its disk is gone"}
LEASES = {"vlan": "vlan1", "leases": [LEASE, FOREVER], "sides": [TOLD, SILENT]}
FIRST_PAGE = "/api/v1/dhcp/vlan1/leases?all=false&limit=1000"


def test_leases_are_shown_with_who_knows_them_and_who_did_not_tell():
    lines = page_text(leases_page(LEASES)).splitlines()
    assert lines[0] == "leases of vlan1:"
    assert re.split(" {2,}", lines[2]) == [
        *("", "10.1.0.100", "active", "52:54:00:12:34:56", "node7", "-"),
        *("2026-11-26 10:11:12", "2026-11-26 10:21:12", "rack1, rack2"),
    ]
    assert "never" in lines[3]
    assert lines[-1] == "not told by rack2: its disk is gone"


def test_a_lease_of_ipv6_is_shown_with_its_clients_duid():
    six = {**FOREVER, "address": "fd00:1::7", "duid": "00:02:00:00:ab:11", "iaid": 7}
    lines = page_text(leases_page({**LEASES, "leases": [six]})).splitlines()
    assert "mac or duid" in lines[1]
    assert re.split(" {2,}", lines[2])[1:4] == ["fd00:1::7", "active", "00:02:00:00:ab:11"]


def test_a_vlan_that_nobody_serves_is_told_from_one_without_leases():
    text = page_text(leases_page({"vlan": "vlan1", "leases": [], "sides": []}))
    assert text == "leases of vlan1: none\n\nnobody serves vlan1: no rack was asked"


def test_all_pages_of_leases_are_read_and_a_rack_that_was_silent_once_is_named(api, call):
    second = {
        **LEASES,
        "leases": [FOREVER],
        "next": None,
        "sides": [TOLD, {**TOLD, "rack": "rack2"}],
    }
    api.answer(FIRST_PAGE, {**LEASES, "leases": [LEASE], "next": "10.1.0.100"})
    api.answer(f"{FIRST_PAGE}&after=10.1.0.100", second)
    code, printed, _ = call("dhcp", "leases", "vlan1", "--json")
    assert (code, json.loads(printed)) == (0, LEASES)
    code, printed, _ = call("dhcp", "leases", "vlan1")
    assert (code, printed) == (0, page_text(leases_page(LEASES)) + "\n")


def test_leases_of_every_state_are_asked_for_when_they_are_wanted(api, call):
    api.answer(FIRST_PAGE.replace("false", "true"), {**LEASES, "next": None})
    assert json.loads(call("dhcp", "leases", "vlan1", "--all", "--json")[1]) == LEASES
