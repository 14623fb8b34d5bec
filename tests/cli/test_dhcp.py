"""`evenrack dhcp`: status, reconfigure and render, against a small API."""

import json
import re

import pytest

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.cli.show import page_text
from evenrack.cli.show_dhcp import dhcp_page, leases_page
from evenrack.model.json_form import to_json
from tests.cli.small_api import small_api
from tests.dhcp_fleet import dhcp_fleet, rack_id
from tests.rack.dhcp.golden_plans6 import FULL, GOLDEN, serving6

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
            "since": "2026-11-29T04:00:00.000Z",
            "age": 0.0,
            "free": 30,
            "backup": 20,
            "total": 100,
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


def test_reconfigure_asks_once_and_shows_what_is_there(api, call):
    api.answer("/api/v1/dhcp/vlan1/reconfigure", ROW, method="POST")
    code, printed, said = call("dhcp", "reconfigure", "vlan1")
    assert (code, printed) == (0, page_text(dhcp_page([ROW])) + "\n")
    assert "next: evenrack dhcp status" in said
    assert json.loads(call("dhcp", "reconfigure", "vlan1", "--json")[1]) == ROW
    assert [change[:2] for change in api.changes] == [
        ("POST", "/api/v1/dhcp/vlan1/reconfigure")
    ] * 2


def test_a_change_is_hurried_only_when_that_is_said(api, call):
    api.answer("/api/v1/dhcp/vlan1/reconfigure", ROW, method="POST")
    call("dhcp", "reconfigure", "vlan1", "--now")
    call("dhcp", "reconfigure", "vlan1")
    assert [change[2] for change in api.changes] == [{"now": True}, {}]


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


MOURNED = {
    "vlan": "vlan1",
    "dead": "rack3",
    "survivor": "rack1",
    "mclt_seconds": 3600,
    "risk": "two clients may get the same address",
    "hindrances": [],
}
ADDRESS = "/api/v1/dhcp/vlan1/partner-down"


def test_m16_the_plan_of_partner_down_names_the_risk_and_changes_nothing(api, call):
    api.answer(f"{ADDRESS}?dead=rack3", MOURNED)
    code, printed, _ = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--plan")
    assert code == 0
    for words in ("rack3", "rack1", "3600 s (mclt)", "two clients may get the same address"):
        assert words in printed
    asked = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--plan", "--json")
    assert json.loads(asked[1]) == MOURNED
    assert api.changes == []


def test_m16_partner_down_needs_the_name_again(api, call):
    api.answer(f"{ADDRESS}?dead=rack3", MOURNED)
    api.answer(ADDRESS, MOURNED, method="POST")
    code, _, said = call("dhcp", "partner-down", "vlan1", "--dead", "rack3")
    assert (code, "--confirm=rack3" in said) == (2, True)
    code, _, said = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--confirm=rack1")
    assert (code, "nothing was changed" in said) == (1, True)
    assert api.changes == []
    code, _, said = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--confirm=rack3")
    assert (code, "rack1 is told; next: evenrack dhcp status vlan1" in said) == (0, True)
    assert [change[:3] for change in api.changes] == [("POST", ADDRESS, {"dead": "rack3"})]
    asked = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--confirm=rack3", "--json")
    assert json.loads(asked[1]) == MOURNED


def test_m16_a_server_that_may_live_is_not_called_dead(api, call):
    hindered = {**MOURNED, "survivor": None, "hindrances": ["rack3 is connected", "and more"]}
    api.answer(f"{ADDRESS}?dead=rack3", hindered)
    _, printed, _ = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--plan")
    assert "rack3 is connected" in printed
    code, _, said = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--confirm=rack3")
    assert (code, "rack3 is connected; and more" in said) == (1, True)
    assert api.changes == []


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


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (
            ["vlan", "set", "vlan1", "--primary-rack", "rack1", "--unpin"],
            [("POST", "dhcp/vlan1/pins", {"primary_rack": "rack1", "secondary_rack": None})],
        ),
        (
            ["vlan", "set", "vlan1", "--mtu", "9000", "--secondary-rack", "rack2"],
            [
                ("PATCH", "vlans/vlan1", {"mtu": 9000}),
                ("POST", "dhcp/vlan1/pins", {"secondary_rack": "rack2"}),
            ],
        ),
        (
            ["vlan", "create", "vlan1", "--primary-rack", "rack1"],
            [
                ("POST", "vlans", {"name": "vlan1"}),
                ("POST", "dhcp/vlan1/pins", {"primary_rack": "rack1"}),
            ],
        ),
    ],
)
def test_racks_are_named_for_the_roles_of_a_vlan(api, call, words, changes):
    row = {"id": 1, "name": "vlan1", "generation": "1.5"}
    for method, path in (
        *(("GET", "vlans/vlan1"), ("PATCH", "vlans/vlan1"), ("POST", "vlans")),
        ("POST", "dhcp/vlan1/pins"),
    ):
        api.answer(f"/api/v1/{path}", row, method=method)
    code, _, said = call(*words)
    assert (code, "; next: evenrack" in said) == (0, True)
    asked = [(method, f"/api/v1/{path}", body) for method, path, body in changes]
    assert [change[:3] for change in api.changes] == asked
