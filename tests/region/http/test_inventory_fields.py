"""Wrong fields of the inventory over HTTP: each is named at once, and nothing changes."""

import pytest

from tests.region.http.inventory_api import MAC, NETWORK, refused, served

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

FIELDS = [
    ("vlans", {}, {"name": "is required, and missing"}),
    (
        "vlans",
        {"nam": "x", "vid": "1", "dhcp_on": 1, "mclt": 3.5, "split": True, "fabric": None},
        {
            "nam": "unknown; did you mean name?",
            "name": "is required, and missing",
            "vid": "must be a whole number, not text",
            "dhcp_on": "must be true or false, not a number",
            "mclt": "must be a whole number, not a number with a fraction",
            "split": "must be a whole number, not true or false",
            "fabric": "must be text, not null",
        },
    ),
    (
        "vlans",
        {"name": "x", "id": 7, "generation": "0.1", "zzz": 1},
        {"id": "cannot be set", "generation": "cannot be set", "zzz": "unknown; known are name,"},
    ),
    ("vlans", {"name": "a\0"}, {"name": "must not hold the character NUL"}),
    ("vlans", {"name": "\ud800"}, {"name": "half of a surrogate pair"}),
    (
        "vlans",
        {"name": "a b", "vid": 4095, "mclt": 1},
        {"name": "1 to 63", "vid": "0 to 4094", "mclt": "10 to 86400"},
    ),
    (
        "vlans",
        {"name": "x", "next_server": "rack1", "boot_ipxe": 7},
        {"next_server": "'rack1' is neither an IPv4 address nor rack", "boot_ipxe": "must be text"},
    ),
    (
        "vlans",
        {"name": "x", "boot_bios": "pxe", "boot_http_x64": "x.efi", "boot_ipxe": "ftp://x"},
        {
            "boot_bios": "set next_server to its address, or to rack",
            "boot_http_x64": "a URL as in",
            "boot_ipxe": "a URL as in",
        },
    ),
    (
        "vlans",
        {"name": "x", "mtu": "big", "min_lease_seconds": 1.5},
        {"mtu": "must be a whole number", "min_lease_seconds": "must be a whole number"},
    ),
    (
        "vlans",
        {"name": "x", "mtu": 68, "max_lease_seconds": 599},
        {"mtu": "must be 576 to 65535", "max_lease_seconds": "not be less than lease_seconds 600"},
    ),
    ("vlans", {"name": "x", "relay_vlan": ["vlan1"]}, {"relay_vlan": "must be a name or an id"}),
    ("vlans", {"name": "x", "relay_vlan": "y"}, {"relay_vlan": 'no vlan is called "y"'}),
    ("vlans", {"name": "vlan1", "vid": 1}, {"name": "another VLAN", "vid": "choose another vid"}),
    ("subnets", {"vlan": [], "cidr": "x"}, {"vlan": "must be a name or an id", "cidr": '"x" is'}),
    ("subnets", {"vlan": 999, "cidr": "10.1.0.0/24"}, {"vlan": 'no vlan is called "999"'}),
    ("subnets", {"vlan": "vlan1", "cidr": "10.1.0.0"}, {"cidr": "has no prefix"}),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.1.0.7/24"},
        {"cidr": "the network is 10.1.0.0/24"},
    ),
    ("subnets", {"vlan": "vlan1", "cidr": "10.0.0.0/25"}, {"cidr": "overlaps 10.0.0.0/24"}),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "fd00::/640", "gateway": 1, "dns_servers": "192.0.2.1"},
        {
            "cidr": "is not an IPv6 network",
            "gateway": "must be text, not a number",
            "dns_servers": "must be a list, not text",
        },
    ),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.1.0.0/24", "ntp_servers": ["1.2.3"], "domain": {}},
        {"ntp_servers": '"1.2.3" is not an IPv4 address', "domain": "must be text, not an object"},
    ),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.1.0.0/24", "search_domains": ["a", 7], "allow_unknown": 0},
        {"search_domains": "must be text, not a number", "allow_unknown": "must be true or false"},
    ),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.1.0.0/24", "search_domains": ["a b"]},
        {"search_domains": '"a b" in search_domains is not a domain'},
    ),
    ("ranges", {"first": "10.0.0.9", "last": "10.0.0.8"}, {"last": "ends before it begins"}),
    (
        "ranges",
        {"first": "10.0.0.90", "last": "10.0.0.100", "reserved": True},
        {"last": "overlaps 10.0.0.90-10.0.0.100"},
    ),
    ("ranges", {"first": "10.9.0.9", "last": "10.9.0.8"}, {"first": "no subnet has the address"}),
    (
        "reservations",
        {"mac": "01:00:00:00:00:01", "address": "10.0.0.4", "hostname": []},
        {"mac": "is a group's address", "hostname": "must be text, not a list"},
    ),
    (
        "reservations",
        {"mac": "02:00:00:00:00:01", "address": "10.0.0.4", "other_macs": ["x", MAC]},
        {"other_macs": '"x" is not six pairs'},
    ),
    (
        "reservations",
        {"mac": "02:00:00:00:00:01", "address": "10.0.0.4", "other_macs": [MAC]},
        {"other_macs": f'the card "{MAC}" has 10.0.0.3 on VLAN'},
    ),
    (
        "reservations",
        {"mac": MAC, "address": "10.0.0.255", "hostname": "x" * 256},
        {"mac": "already", "address": "broadcast", "hostname": "255 bytes"},
    ),
]


async def test_every_field_that_is_wrong_is_named_at_once_and_nothing_changes(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for noun, body, expected in FIELDS:
            answer, errors = await refused(api, noun, body, expected)
            assert answer.json["code"] == "FieldsRefused"
            told = list(errors.values())
            assert answer.json["detail"] == (
                told[0] if len(told) == 1 else f"{len(told)} problems, see errors"
            )
        assert await api.everything() == before


async def test_a_change_that_is_refused_names_its_fields_too(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for path, body, field in (
            (NETWORK, {"gateway": "10.0.0.150"}, "gateway"),
            (NETWORK, {"gatway": "10.0.0.150"}, "gatway"),
            ("/api/v1/vlans/vlan2", {"name": "vlan1"}, "name"),
            (f"/api/v1/reservations/{MAC}", {"address": "10.0.0.150"}, "address"),
            ("/api/v1/ranges/10.0.0.100-10.0.0.199", {"first": "10.0.0.2"}, "first"),
            ("/api/v1/ranges/10.0.0.100-10.0.0.199", {"subnet": "10.9.0.0/24"}, "subnet"),
        ):
            answer = await api("PATCH", path, body)
            assert (path, answer.status) == (path, 422)
            assert [error["field"] for error in answer.json["errors"]] == [field]
        assert await api.everything() == before


async def test_a_change_that_breaks_a_rule_in_many_places_names_a_hundred_of_them(database_dsn):
    async with served(database_dsn) as api:
        for n in range(2, 103):
            body = {"mac": f"52:54:00:00:00:{n:02x}", "address": f"10.0.0.{n}"}
            if n != 3 and n < 100:
                await api("POST", "/api/v1/reservations", body)
        await api("POST", "/api/v1/ranges", {"first": "10.0.0.200", "last": "10.0.0.201"})
        for n in range(202, 210):
            body = {"mac": f"52:54:00:00:00:{n:02x}", "address": f"10.0.0.{n}"}
            await api("POST", "/api/v1/reservations", body)
        answer = await api("PATCH", NETWORK, {"cidr": "10.7.0.0/24"})
        assert answer.status == 422
        assert answer.json["detail"] == "111 problems, see errors"
        assert len(answer.json["errors"]) == 100
