"""The leases of a VLAN over HTTP: a real region process, and racks with real files of leases."""

import contextlib
from ipaddress import IPv4Network

import jsonschema_rs
import pytest

from evenrack.model.dhcp_lease import LeasesAsked
from evenrack.region.http.lease_pages import _READ
from tests.region.http.inventory_api import Api
from tests.region.processes import eventually, fleet_on
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

LEASES = "/api/v1/dhcp/vlan1/leases"
NO_LINK = "this region process has no link to it now"


def entry(address, minute, state, name):
    return (
        f"lease {address} {{\n  starts 4 2026/11/26 10:{minute:02}:00;\n"
        f"  ends 4 2026/11/26 11:{minute:02}:00;\n  cltt 4 2026/11/26 10:{minute:02}:00;\n"
        f"  binding state {state};\n  hardware ethernet 52:54:00:12:34:56;\n"
        f'  client-hostname "{name}";\n}}\n'
    )


@contextlib.asynccontextmanager
async def pair_on(dsn):
    """A pair of racks that serve vlan1, and how to write their leases."""
    async with dhcp_fleet_on(dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)

        def write(rack, *entries):
            folder = dhcp.fleet.folder / rack / "dhcp"
            folder.mkdir(exist_ok=True)
            (folder / "dhcpd.leases").write_text("".join(entries))

        yield dhcp, Api(dhcp.fleet.regions["region1/1"]), write


async def test_a_rack_tells_what_it_serves_and_who_cannot_be_asked_is_told(database_dsn):
    async with pair_on(database_dsn) as (dhcp, api, _):
        plan, served = (f"/api/v1/dhcp-plans/rack1{below}" for below in ("", "/served"))
        answer = await api("GET", served)
        assert answer.status == 200, answer.text
        assert answer.json["rack"] == "rack1"
        assert answer.json["dhcp"] == (await api("GET", plan)).json["dhcp"] != []
        await dhcp.fleet.stop_rack("rack1")
        silent = await api("GET", served)
        assert (silent.status, silent.json["code"]) == (503, "RackSilent")
        assert silent.json["detail"].startswith(f"rack1: {NO_LINK}")
        assert (await api("GET", "/api/v1/dhcp-plans/rack9/served")).status == 404


async def test_both_racks_are_asked_and_the_newer_entry_of_each_address_is_shown(database_dsn):
    async with pair_on(database_dsn) as (_, api, write):
        write(
            "rack1",
            entry("10.1.0.100", 1, "active", "old"),
            entry("10.1.0.101", 1, "active", "only-here"),
            entry("10.1.0.102", 1, "active", "gone"),
            entry("10.9.0.100", 1, "active", "another-vlan"),
        )
        write(
            "rack2",
            entry("10.1.0.100", 2, "active", "new"),
            entry("10.1.0.102", 2, "released", "gone"),
        )
        found = (await api("GET", LEASES)).json
        assert (found["vlan"], found["next"]) == ("vlan1", None)
        assert sorted(side["rack"] for side in found["sides"]) == ["rack1", "rack2"]
        assert {(side["told"], side["why"]) for side in found["sides"]} == {(True, None)}
        assert jsonschema_rs.validator_for(_READ.answer, validate_formats=True).is_valid(found)
        shown = [(it["address"], it["hostname"], sorted(it["racks"])) for it in found["leases"]]
        assert shown == [
            ("10.1.0.100", "new", ["rack1", "rack2"]),
            ("10.1.0.101", "only-here", ["rack1"]),
        ]
        assert found["leases"][0] == {
            "address": "10.1.0.100",
            "state": "active",
            "mac": "52:54:00:12:34:56",
            "duid": None,
            "iaid": None,
            "hostname": "new",
            "vendor_class": None,
            "starts": "2026-11-26T10:02:00+00:00",
            "ends": "2026-11-26T11:02:00+00:00",
            "never_ends": False,
            "racks": found["leases"][0]["racks"],
        }
        everything = (await api("GET", f"{LEASES}?all=true")).json["leases"]
        assert [it["state"] for it in everything] == ["active", "active", "released"]


def entry6(address, minute, state):
    return (
        f'ia-na "\\001\\000\\000\\000\\000\\003\\000\\001RT\\000\\0224V" {{\n'
        f"  cltt 4 2026/11/26 10:{minute:02}:00;\n  iaaddr {address} {{\n"
        f"    binding state {state};\n    ends 4 2026/11/26 11:{minute:02}:00;\n  }}\n}}\n"
    )


async def test_leases_of_ipv6_come_after_those_of_ipv4_from_the_files_of_both_racks(database_dsn):
    async with pair_on(database_dsn) as (dhcp, api, write):
        subnet = {"vlan": "vlan1", "cidr": "fd00:1::/64"}
        assert (await api("POST", "/api/v1/subnets", subnet)).status == 201
        write("rack1", entry("10.1.0.100", 1, "active", "four"))
        for rack, *entries in (
            ("rack1", ("fd00:1::9", 1, "active"), ("fd00:2::9", 1, "active")),
            ("rack2", ("fd00:1::9", 2, "released"), ("fd00:1::a", 2, "active")),
        ):
            folder = dhcp.fleet.folder / rack / "dhcp6"
            folder.mkdir(exist_ok=True)
            (folder / "dhcpd.leases").write_text("".join(entry6(*it) for it in entries))
        found = (await api("GET", LEASES)).json
        assert jsonschema_rs.validator_for(_READ.answer, validate_formats=True).is_valid(found)
        assert [it["address"] for it in found["leases"]] == ["10.1.0.100", "fd00:1::a"]
        assert found["leases"][1] == {
            "address": "fd00:1::a",
            "state": "active",
            "mac": "52:54:00:12:34:56",
            "duid": "00:03:00:01:52:54:00:12:34:56",
            "iaid": 1,
            "hostname": None,
            "vendor_class": None,
            "starts": None,
            "ends": "2026-11-26T11:02:00+00:00",
            "never_ends": False,
            "racks": ["rack2"],
        }
        shown, after = [], ""
        while after is not None:
            page = (await api("GET", f"{LEASES}?all=true&limit=1{after}")).json
            shown += [(it["address"], it["state"]) for it in page["leases"]]
            after = page["next"] and f"&after={page['next']}"
        assert shown == [
            *(("10.1.0.100", "active"), ("fd00:1::9", "released"), ("fd00:1::a", "active"))
        ]


async def test_a_rack_that_cannot_be_asked_is_named_and_the_other_one_tells(database_dsn):
    async with pair_on(database_dsn) as (dhcp, api, write):
        write("rack1", entry("10.1.0.100", 1, "active", "node"))
        (dhcp.fleet.folder / "rack2" / "dhcp" / "dhcpd.leases").mkdir(parents=True)
        found = (await api("GET", LEASES)).json
        assert [it["address"] for it in found["leases"]] == ["10.1.0.100"]
        why = {side["rack"]: side["why"] for side in found["sides"]}
        assert why == {"rack1": None, "rack2": "its file of leases cannot be read: Is a directory"}
        await dhcp.fleet.stop_rack("rack1")
        found = (await api("GET", LEASES)).json
        why = {side["rack"]: side["why"] for side in found["sides"]}
        assert (found["leases"], why["rack1"]) == ([], NO_LINK)


async def test_page_by_page_every_lease_is_told_once(database_dsn):
    async with pair_on(database_dsn) as (_, api, write):
        networks = [f"10.1.0.{it}" for it in range(1, 255)]
        write("rack1", *(entry(it, 1, "active", "a") for it in networks[:200]))
        write("rack2", *(entry(it, 1, "active", "b") for it in networks[100:]))
        found, after = [], ""
        while after is not None:
            page = (await api("GET", f"{LEASES}?limit=60{after}")).json
            found += [it["address"] for it in page["leases"]]
            after = page["next"] and f"&after={page['next']}"
        assert found == networks
        assert (await api("GET", f"{LEASES}?limit=0")).json["next"] == "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/dhcp/vlan9/leases", 404),
        (f"{LEASES}?after=x", 400),
        (f"{LEASES}?all=maybe", 400),
        (f"{LEASES}?limit=1001", 400),
        (f"{LEASES}?state=free", 400),
    ],
)
async def test_what_is_not_understood_is_said(path, status, database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        await eventually(dhcp.fleet.has_leader)
        dhcp.create_vlan(1)
        api = Api(dhcp.fleet.regions["region1/1"])
        answer = await api("GET", path)
        assert (answer.status, answer.type) == (status, "application/problem+json")


async def test_a_vlan_that_nobody_serves_has_no_side(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        await eventually(dhcp.fleet.has_leader)
        dhcp.create_vlan(1)
        api = Api(dhcp.fleet.regions["region1/1"])
        found = (await api("GET", LEASES)).json
        assert found == {"vlan": "vlan1", "leases": [], "next": None, "sides": []}
        assert (await api("POST", LEASES, {})).status == 405


async def test_a_rack_daemon_reads_the_file_that_its_dhcpd_writes(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        rack = fleet.start_rack("rack1")
        folder = fleet.folder / "rack1" / "dhcp"
        folder.mkdir()
        (folder / "dhcpd.leases").write_text(entry("10.1.0.100", 1, "active", "node"))
        await eventually(fleet.is_whole)
        link = fleet.regions["region1/1"].service.connected.newest_admitted(rack.rack)
        page = await link.read_leases(LeasesAsked(networks=(IPv4Network("10.1.0.0/24"),)))
        assert [lease.hostname for lease in page.leases] == ["node"]
