"""`evenrack vlan create`, `set` and their like: what is given is sent, and nothing else."""

import json

import pytest

from tests.cli.inventory.inventory_answers import PATHS, VLAN

CREATED = [
    (["vlan", "create", "vlan1"], "vlan", {"name": "vlan1"}),
    (
        [
            *("vlan", "create", "vlan1", "--fabric", "east", "--vid", "0", "--dhcp-off"),
            *("--lease-seconds", "900", "--max-response-delay", "15", "--mclt", "300"),
            *("--split", "256", "--mtu", "9000"),
            *("--min-lease-seconds", "60", "--max-lease-seconds", "86400"),
        ],
        "vlan",
        {
            "name": "vlan1",
            "fabric": "east",
            "vid": 0,
            "dhcp_on": False,
            "lease_seconds": 900,
            "max_response_delay": 15,
            "mclt": 300,
            "split": 256,
            "mtu": 9000,
            "min_lease_seconds": 60,
            "max_lease_seconds": 86400,
        },
    ),
    (
        [
            *("vlan", "create", "vlan1", "--next-server", "rack", "--boot-bios", "a b"),
            *("--boot-uefi-x64", "x", "--boot-uefi-arm64", "y", "--boot-http-x64", "http://x"),
            *("--boot-http-arm64", "http://y", "--boot-ipxe", "http://z"),
        ],
        "vlan",
        {
            "name": "vlan1",
            "next_server": "rack",
            "boot_bios": "a b",
            "boot_uefi_x64": "x",
            "boot_uefi_arm64": "y",
            "boot_http_x64": "http://x",
            "boot_http_arm64": "http://y",
            "boot_ipxe": "http://z",
        },
    ),
    (
        ["subnet", "create", "10.0.0.0/24", "--vlan", "vlan1"],
        "subnet",
        {"vlan": "vlan1", "cidr": "10.0.0.0/24"},
    ),
    (
        [
            *("subnet", "create", "10.0.0.0/24", "--vlan", "3", "--gateway", "10.0.0.1"),
            *("--dns", "192.0.2.1", "--dns", "192.0.2.2", "--ntp", "192.0.2.3", "--domain", "x.y"),
            *("--search", "x.y", "--search", "y", "--deny-unknown"),
        ],
        "subnet",
        {
            "vlan": "3",
            "cidr": "10.0.0.0/24",
            "gateway": "10.0.0.1",
            "dns_servers": ["192.0.2.1", "192.0.2.2"],
            "ntp_servers": ["192.0.2.3"],
            "domain": "x.y",
            "search_domains": ["x.y", "y"],
            "allow_unknown": False,
        },
    ),
    (
        ["range", "create", "--subnet", "10.0.0.0/24", "10.0.0.100", "10.0.0.199"],
        "range",
        {"subnet": "10.0.0.0/24", "first": "10.0.0.100", "last": "10.0.0.199"},
    ),
    (
        ["range", "create", "10.0.0.1", "10.0.0.19", "--reserved"],
        "range",
        {"first": "10.0.0.1", "last": "10.0.0.19", "reserved": True},
    ),
    (
        ["reservation", "create", "52-54-00-12-34-56", "10.0.0.20", "--hostname", "node7"],
        "reservation",
        {"mac": "52-54-00-12-34-56", "address": "10.0.0.20", "hostname": "node7"},
    ),
    (
        [
            *("reservation", "create", "52-54-00-12-34-56", "10.0.0.20"),
            *("--other-mac", "52-54-00-12-34-57", "--other-mac", "52:54:00:12:34:58"),
        ],
        "reservation",
        {
            "mac": "52-54-00-12-34-56",
            "address": "10.0.0.20",
            "other_macs": ["52-54-00-12-34-57", "52:54:00:12:34:58"],
        },
    ),
    (
        ["reservation", "create", "52-54-00-12-34-56", "10.0.0.20", "--subnet", "5"],
        "reservation",
        {"mac": "52-54-00-12-34-56", "address": "10.0.0.20", "subnet": "5"},
    ),
]


@pytest.mark.parametrize(("words", "noun", "body"), CREATED)
def test_what_is_given_is_created_shown_and_followed_by_the_next_command(
    api, call, words, noun, body
):
    code, printed, told = call(*words)
    path, _, row = PATHS[noun]
    assert (code, api.changes) == (0, [("POST", path, body, None)])
    assert f"id: {row['id']}\n" in printed
    assert "; next: evenrack " in told
    code, printed, told = call(*words, "--json")
    assert json.loads(printed) == row
    assert "; next: evenrack " in told


CHANGED = [
    (["vlan", "set", "vlan1", "--dhcp-on"], "vlan", {"dhcp_on": True}, None),
    (
        ["vlan", "set", "vlan1", "--name", "b", "--no-vid", "--if-generation", "1.7"],
        "vlan",
        {"name": "b", "vid": None},
        '"1.7"',
    ),
    (
        [
            *("vlan", "set", "vlan1", "--no-next-server", "--boot-bios", "", "--no-mtu"),
            *("--no-min-lease-seconds", "--no-max-lease-seconds"),
        ],
        "vlan",
        {
            "next_server": None,
            "boot_bios": "",
            "mtu": None,
            "min_lease_seconds": None,
            "max_lease_seconds": None,
        },
        None,
    ),
    (["vlan", "set", "vlan1", "--relay-vlan", "b"], "vlan", {"relay_vlan": "b"}, None),
    (["vlan", "set", "vlan1", "--no-relay-vlan"], "vlan", {"relay_vlan": None}, None),
    (
        ["subnet", "set", "10.0.0.0/24", "--vlan", "b", "--cidr", "10.1.0.0/24", "--domain", ""],
        "subnet",
        {"vlan": "b", "cidr": "10.1.0.0/24", "domain": ""},
        None,
    ),
    (
        [
            *("subnet", "set", "10.0.0.0/24", "--no-gateway", "--no-dns", "--no-ntp"),
            *("--no-search", "--allow-unknown"),
        ],
        "subnet",
        {
            "gateway": None,
            "dns_servers": [],
            "ntp_servers": [],
            "search_domains": [],
            "allow_unknown": True,
        },
        None,
    ),
    (
        ["range", "set", "10.0.0.100-10.0.0.199", "--reserved"],
        "range",
        {"reserved": True},
        None,
    ),
    (
        ["range", "set", "10.0.0.100-10.0.0.199", "--dynamic", "--last", "10.0.0.210"],
        "range",
        {"reserved": False, "last": "10.0.0.210"},
        None,
    ),
    (
        ["reservation", "set", "52:54:00:12:34:56", "--other-mac", "52:54:00:12:34:58"],
        "reservation",
        {"other_macs": ["52:54:00:12:34:58"]},
        None,
    ),
    (
        ["reservation", "set", "52:54:00:12:34:56", "--no-other-macs"],
        "reservation",
        {"other_macs": []},
        None,
    ),
    (
        ["reservation", "set", "52:54:00:12:34:56", "--hostname", "", "--address", "10.0.0.21"],
        "reservation",
        {"address": "10.0.0.21", "hostname": ""},
        None,
    ),
]


@pytest.mark.parametrize(("words", "noun", "body", "condition"), CHANGED)
def test_only_what_is_given_is_changed(api, call, words, noun, body, condition):
    code, printed, told = call(*words, "--json")
    _, path, row = PATHS[noun]
    assert (code, api.changes) == (0, [("PATCH", path, body, condition)])
    assert json.loads(printed) == row
    assert "; next: evenrack " in told


@pytest.mark.parametrize(
    ("dhcp_on", "follow"), [(True, "dhcp status vlan1"), (False, "vlan set vlan1 --dhcp-on")]
)
def test_who_lets_a_vlan_be_relayed_is_told_whether_its_dhcp_is_still_off(
    api, call, dhcp_on, follow
):
    api.answer(PATHS["vlan"][1], {**VLAN, "dhcp_on": dhcp_on}, method="PATCH")
    told = call("vlan", "set", "vlan1", "--relay-vlan", "b")[2]
    assert f"next: evenrack {follow}\n" in told
