"""IPv6 subnets, ranges and reservations over HTTP: made, found, changed and refused."""

import pytest
from sqlalchemy import text

from evenrack.region.database.inventory_reading import read_vlans
from tests.region.http.inventory_api import MAC, served

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

DUID = "00:02:00:00:ab:11:01"
NET = {"vlan": "vlan1", "cidr": "fd00:1::/64"}
SPAN = {"first": "fd00:1::100", "last": "fd00:1::1ff"}


async def made(api, *objects):
    for noun, body in objects:
        answer = await api("POST", f"/api/v1/{noun}", body)
        assert answer.status == 201, answer.json
    return answer.json


async def test_m11_an_ipv6_subnet_with_ranges_and_reservations_is_made_found_and_changed(
    database_dsn,
):
    async with served(database_dsn) as api:
        net = await made(
            api,
            ("subnets", {**NET, "dns_servers": ["FD00:1::0053"], "search_domains": ["a.example"]}),
        )
        assert (net["cidr"], net["gateway"], net["domain"]) == ("fd00:1::/64", None, "")
        assert net["dns_servers"] == ["fd00:1::53"]
        span = await made(api, ("ranges", SPAN))
        assert span["subnet"] == "fd00:1::/64"
        kept = await made(
            api,
            ("ranges", {"first": "fd00:1::10", "last": "fd00:1::2f", "reserved": True}),
            ("reservations", {"mac": MAC, "address": "fd00:1::20"}),
            ("reservations", {"duid": DUID.upper(), "address": "fd00:1::21"}),
        )
        assert (kept["duid"], kept["mac"], kept["hostname"]) == (DUID, None, "")
        for name in (
            "subnets/fd00:1:0::%2F64",
            "ranges/fd00:1:0::100-FD00:1::1ff",
            f"reservations/{DUID.upper()}",
            "reservations/fd00:1:0::21",
        ):
            assert (await api("GET", f"/api/v1/{name}")).status == 200, name
        changed = await api(
            "PATCH", "/api/v1/reservations/fd00:1::21", {"mac": "02:00:00:00:00:07"}
        )
        assert (changed.json["mac"], changed.json["duid"]) == ("02:00:00:00:00:07", None)
        gone = await api("DELETE", f"/api/v1/reservations/{changed.json['id']}")
        assert gone.json["address"] == "fd00:1::21"


REFUSED = [
    ("subnets", {**NET, "gateway": "10.0.0.1"}, "gateway", "DHCPv6 tells of no gateway"),
    ("subnets", {**NET, "domain": "a.example"}, "domain", "name it in search_domains"),
    ("subnets", {**NET, "dns_servers": ["10.0.0.1"]}, "dns_servers", "it takes IPv6 only"),
    ("subnets", {**NET, "vlan": "vlan2"}, "vlan", "has no IPv4 subnet"),
    ("subnets", {**NET, "cidr": "fd00:1::7/64"}, "cidr", "the network is fd00:1::/64"),
    ("subnets", {**NET, "cidr": "fd00:1::"}, "cidr", "has no prefix"),
    ("subnets", {**NET, "cidr": "fd00:1::%eth0/64"}, "cidr", "is not an IPv4 network"),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.5.0.0/24", "dns_servers": ["fd00::1"]},
        "dns_servers",
        "subnet 10.5.0.0/24: in its dns_servers it takes IPv4 only",
    ),
    ("ranges", {"first": "fd00:1::1", "last": "10.0.0.7"}, "last", "it takes IPv6 only"),
    ("ranges", {"first": "10.0.0.7", "last": "fd00:1::1"}, "last", "it takes IPv4 only"),
    ("ranges", {"first": "fd00:9::1", "last": "fd00:9::2"}, "first", "no subnet has the address"),
    ("reservations", {"address": "fd00:1::20"}, "duid", "name the machine by its duid or"),
    ("reservations", {"address": "10.0.0.20"}, "mac", "give its mac"),
    ("reservations", {"address": "10.0.0.20", "mac": None}, "mac", "give its mac"),
    (
        "reservations",
        {"address": "10.0.0.20", "mac": "02:00:00:00:00:09", "duid": DUID},
        "duid",
        "only an IPv6 address",
    ),
    (
        "reservations",
        {"address": "fd00:1::20", "mac": "02:00:00:00:00:09", "hostname": "h"},
        "hostname",
        "DHCPv6 tells machines no hostname",
    ),
    (
        "reservations",
        {"address": "fd00:1::20", "mac": "02:00:00:00:00:09", "other_macs": [MAC]},
        "other_macs",
        "leave the other cards out",
    ),
    ("reservations", {"address": "fd00:1::20", "duid": 'a";}'}, "duid", "is not a DUID"),
    ("reservations", {"address": "fd00:1::150", "duid": DUID}, "address", "inside the range"),
]


async def test_what_dhcpv6_cannot_tell_or_would_harm_is_refused_with_the_cure(database_dsn):
    async with served(database_dsn) as api:
        await made(api, ("subnets", NET), ("ranges", SPAN))
        before = await api.everything()
        other = {"cidr": "fd00:7::/64"}
        for noun, asked, field, said in REFUSED:
            body = {**asked, **other} if asked.get("cidr") == NET["cidr"] else asked
            answer = await api("POST", f"/api/v1/{noun}", body)
            assert (body, answer.status) == (body, 422), answer.json
            errors = {error["field"]: error["detail"] for error in answer.json["errors"]}
            assert list(errors) == [field], errors
            assert said in errors[field]
        for path, body, field in (
            ("subnets/fd00:1::%2F64", {"cidr": "10.9.0.0/24"}, "cidr"),
            ("subnets/10.0.0.0%2F24", {"cidr": "fd00:9::/64"}, "cidr"),
            (f"reservations/{MAC}", {"address": "fd00:1::9"}, "address"),
            (f"reservations/{MAC}", {"mac": None}, "mac"),
        ):
            answer = await api("PATCH", f"/api/v1/{path}", body)
            assert [error["field"] for error in answer.json["errors"]] == [field]
        assert await api.everything() == before


async def test_decisions_read_both_families_and_the_cache_of_ipv4_reservations_none_of_ipv6(
    database_dsn, sessions
):
    async with served(database_dsn) as api:
        await made(
            api,
            ("subnets", NET),
            ("ranges", SPAN),
            ("reservations", {"duid": DUID, "address": "fd00:1::21"}),
        )
        vlan, _ = sessions.run(read_vlans).values()
        assert [str(net.cidr) for net in vlan.subnets] == ["10.0.0.0/24"]
        (net,) = vlan.subnets6
        assert [kept.duid for kept in net.hosts] == [DUID]
        assert [str(it.last) for it in net.ranges] == ["fd00:1::1ff"]
        assert [len(it.reservations) for it in vlan.subnets] == [1]


FAR = {"vlan": "far", "cidr": "fd00:9::/64"}
HERE = "/api/v1/subnets/fd00:1::%2F64"


async def test_relayed_ipv6_is_refused_while_racks_could_not_hear_the_relay(database_dsn):
    async with served(database_dsn) as api:
        await made(api, ("vlans", {"name": "far", "relay_vlan": "vlan1", "dhcp_on": True}))
        refused = await api("POST", "/api/v1/subnets", FAR)
        (error,) = refused.json["errors"]
        assert (refused.status, error["field"]) == (422, "vlan")
        assert 'which relays "far", has no IPv6 subnet' in error["detail"]
        await made(api, ("subnets", NET), ("subnets", FAR))
        kept = await api("DELETE", HERE)
        assert (kept.status, kept.json["code"]) == (409, "StillNeeded")
        assert "hear by it the relay of fd00:9::/64" in kept.json["detail"]
        moved = await api("PATCH", HERE, {"vlan": "far"})
        assert [error["field"] for error in moved.json["errors"]] == ["vlan", "vlan"]
        await made(api, ("subnets", {**NET, "cidr": "fd00:2::/64"}))
        assert (await api("DELETE", HERE)).status == 200


async def test_relayed_ipv6_that_no_rack_hears_hinders_no_other_change(database_dsn, sessions):
    async with served(database_dsn) as api:
        await made(api, ("vlans", {"name": "far", "relay_vlan": "vlan1"}), ("subnets", FAR))
        refused = await api("PATCH", "/api/v1/vlans/far", {"dhcp_on": True})
        (error,) = refused.json["errors"]
        assert (refused.status, error["field"]) == (422, "relay_vlan")
        as_before = text("UPDATE vlan SET dhcp_on = true WHERE name = 'far'")
        sessions.run(lambda connection: connection.execute(as_before))
        for path, body in (
            ("vlans/far", {"lease_seconds": 900}),
            ("subnets/fd00:9::%2F64", {"dns_servers": ["fd00:9::53"]}),
            ("vlans/far", {"name": "farther"}),
            ("vlans/vlan1", {"name": "here"}),
        ):
            answer = await api("PATCH", f"/api/v1/{path}", body)
            assert answer.status == 200, answer.json
