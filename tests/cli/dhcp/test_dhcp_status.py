"""`evenrack dhcp status`: designations, both servers, addresses left, and what is wrong."""

import json
import re

import pytest

from evenrack.cli.show import page_text
from evenrack.cli.show_dhcp import dhcp_page
from tests.cli.dhcp.dhcp_answers import ROW

OFF = {
    **ROW,
    "vlan": "vlan2",
    "dhcp_on": False,
    "primary_rack": None,
    "pending": False,
    "sides": [],
}


def test_status_shows_designations_and_both_servers():
    text = page_text(dhcp_page([ROW, OFF]))
    assert "vlan1  on    rack1    -          pending  1.7" in text
    assert "down (rack lost)" in text
    assert "vlan2  off" in text
    assert "normal            2026-11-29 04:00:00  30+20 of 100" in text


def test_status_shows_how_old_is_what_is_known_of_a_lost_rack():
    lost = {**ROW["sides"][0], "connected": False, "age": 41.7}
    assert "normal (rack lost, 42 s ago)" in page_text(dhcp_page([{**ROW, "sides": [lost]}]))


def test_status_shows_foreign_servers_and_who_cannot_hear_any():
    server = {"address": "10.1.0.66", "mac": None, "since": "2026-11-29T04:00:00.000Z"}
    server |= {"heard": "2026-11-29T04:05:00.000Z"}
    hears, deaf = ({**side, "foreign": [], "not_listening": None} for side in ROW["sides"])
    quiet = page_text(dhcp_page([{**ROW, "sides": [hears, deaf]}]))
    assert quiet == page_text(dhcp_page([ROW])), "as a region of the version before tells it"
    sides = [{**hears, "foreign": [server]}, {**deaf, "not_listening": "eth0: no"}]
    text = page_text(dhcp_page([{**ROW, "sides": sides}, {**ROW, "vlan": "vlan2"}]))
    row = "vlan1  10.1.0.66  not known  rack1     2026-11-29 04:00:00  2026-11-29 04:05:00"
    assert row in text
    assert "rack2 hears no other DHCP servers: eth0: no" in text


def test_m11_status_shows_how_each_rack_serves_ipv6_where_there_is_some():
    first, second = ROW["sides"]
    told = {"half": "lower", "held": False, "running": True, "applied": "1.7", "error": None}
    other = {**told, "half": "upper", "held": True, "running": False, "error": "eth1: no"}
    text = page_text(
        dhcp_page([{**ROW, "sides": [{**first, "ipv6": told}, {**second, "ipv6": other}]}])
    )
    assert "IPv6" in text
    assert "vlan1  rack1  lower                               running  -     1.7" in text
    assert "upper, waits for leases of another  down" in text
    assert "eth1: no" in text
    assert "all " not in text, "a region of the version before tells no numbers"
    without = [{**first, "ipv6": None}, {**second, "ipv6": None}]
    assert page_text(dhcp_page([{**ROW, "sides": without}])) == page_text(dhcp_page([ROW]))


def test_m11_status_shows_what_is_left_of_each_half_and_of_both():
    told = {"held": False, "running": True, "applied": "1.7", "error": None}
    halves = [
        {"half": "lower", "free": 2**63 - 12, "total": 2**63, **told},
        {"half": "upper", "free": 7, "total": 2048, **told},
    ]
    sides = [{**side, "ipv6": it} for side, it in zip(ROW["sides"], halves, strict=True)]
    left = {"free": 2**63 - 5, "total": 2**63 + 2048}
    lines = page_text(dhcp_page([{**ROW, "sides": sides, "ipv6_left": left}])).splitlines()
    told = [" ".join(line.split()) for line in lines[lines.index("IPv6:") :]]
    assert "vlan1 rack1 lower running all but 12 of 9.2e18 1.7 -" in told
    assert "vlan1 rack2 upper running 7 of 2048 1.7 -" in told
    assert "vlan1 all given away now - all but 2053 of 9.2e18 - -" in told
    alone = page_text(dhcp_page([{**ROW, "sides": sides[:1], "ipv6_left": left}]))
    assert "given away now" not in alone, "there is nothing to add up"


def test_status_shows_by_whom_a_vlan_is_relayed():
    text = page_text(dhcp_page([{**ROW, "relay_vlan": "here"}, {**ROW, "relay_vlan": None}]))
    assert text.count("on, relayed by here") == 1


def test_status_is_of_all_vlans_or_of_one(api, call):
    api.answer("/api/v1/dhcp", [ROW, OFF])
    api.answer("/api/v1/dhcp/vlan1", ROW)
    assert json.loads(call("dhcp", "status", "--json")[1]) == [ROW, OFF]
    assert json.loads(call("dhcp", "status", "vlan1", "--json")[1]) == [ROW]
    code, printed, _ = call("dhcp", "status")
    assert (code, printed) == (0, page_text(dhcp_page([ROW, OFF])) + "\n")


@pytest.mark.parametrize(
    ("word", "note"),
    [
        ({"taken_at": None, "refused": None}, "is told that rack2 is dead: not answered yet"),
        ({"taken_at": None, "refused": "no"}, "is told that rack2 is dead: no"),
        ({"taken_at": "now", "refused": None}, "rack2 is dead: all free addresses from 14:32"),
    ],
)
def test_m16_status_tells_from_when_all_addresses_are_given_away(word, note):
    told = {"survivor": "rack1", "dead": "rack2", "usable_at": "14:32", **word}
    assert note in page_text(dhcp_page([{**ROW, "partner_down": told}]))


def test_rule_14_status_tells_what_says_that_a_server_is_dead():
    one, two = ROW["sides"]
    said = {"what": "host of rack2", "by": "rack1", "says": "silent", "age": 3.4}
    missing = {"what": "missing", "by": None, "says": "no third rack", "age": None}
    shown = page_text(dhcp_page([{**ROW, "sides": [one, {**two, "evidence": [said, missing]}]}]))
    assert re.search(r"vlan1 +rack2 +host of rack2 +rack1 +silent +3 s", shown)
    assert re.search(r"vlan1 +rack2 +missing +- +no third rack +-", shown)
    assert "is it dead?" not in page_text(dhcp_page([ROW]))
