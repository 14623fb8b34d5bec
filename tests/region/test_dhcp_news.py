"""What racks tell of their DHCP servers: leases, addresses that run short, servers of strangers."""

import contextlib
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import psycopg2
import pytest

from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.rack.listen.words import Told
from evenrack.rack.teller import REPEAT_SECONDS
from evenrack.region.database.inventory_store import create
from evenrack.region.views.dhcp_status import dhcp_status_of
from evenrack.runtime.wall_clock import utc_now
from tests.region.processes import eventually
from tests.region.small_dhcp_fleet import (
    PATIENCE,
    dhcp_fleet_on,
)

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


def write_leases(folder, address, count, state):
    """Let a server of these tests, which writes down nothing, have written so much."""
    entry = (
        f"lease {{}} {{{{\n  cltt 4 2026/11/26 10:11:12;\n  binding state {state};\n"
        "  hardware ethernet 52:54:00:12:34:56;\n}}\n"
    )
    file = DhcpdFiles(folder / "dhcp").leases
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as leases:
        leases.write("".join(entry.format(IPv4Address(address) + it) for it in range(count)))


async def test_that_addresses_run_short_is_a_problem_until_there_are_more(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        for number in (1, 2):
            dhcp.start_rack(number, 1)
            write_leases(dhcp.fleet.folder / f"rack{number}", "10.1.0.100", 92, "active")
        dhcp.create_vlan(1)

        def problems():
            found = dhcp.fleet.read().open_problems
            return {code for code, where in found if where == "vlan:vlan1"}

        await eventually(lambda: problems() == {"PoolLow"}, PATIENCE)
        (event,) = [it["text"] for it in dhcp.fleet.events("problem") if "PoolLow" in it["text"]]
        assert event == "PoolLow: vlan1: 8 of 100 addresses are free"
        first = IPv4Address("10.1.0.200")
        dhcp.inventory(lambda c: create(c, "range", {"first": first, "last": first + 49}))
        await eventually(lambda: problems() == set(), PATIENCE)


async def test_a_dhcp_server_that_is_no_rack_is_a_problem_and_another_rack_is_not(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        for number in (1, 2, 3):
            dhcp.start_rack(number, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        (third,) = dhcp.servers.keys() - dhcp.roles(1).values()
        name = dhcp.roles(1)["primary"]
        await eventually(lambda: name in dhcp.heard_by, PATIENCE)
        for address in (f"10.1.0.{third[-1]}", "10.1.0.66"):
            server = IPv4Address(address)
            dhcp.heard_by[name](Told(interface="eth1", server=server, mac="52:54:00:00:00:66"))

        def problems():
            found = dhcp.fleet.read().open_problems
            return {code for code, where in found if where == "vlan:vlan1"}

        await eventually(lambda: problems() == {"ForeignDhcpServer"}, PATIENCE)
        texts = [it["text"] for it in dhcp.fleet.events("problem")]
        affects = f"vlan1: 10.1.0.66 (52:54:00:00:00:66), heard by {name}"
        assert f"ForeignDhcpServer: {affects}" in texts
        (vlan,) = dhcp_status_of(dhcp.fleet.read(), utc_now())
        shown = {side["rack"]: [it["address"] for it in side["foreign"]] for side in vlan["sides"]}
        assert shown[name] == ["10.1.0.66"]
        dhcp.change_vlan(1, dhcp_on=False)
        await eventually(lambda: problems() == set(), PATIENCE)


async def test_new_leases_are_events_and_the_rest_of_a_storm_is_counted(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1)
        write_leases(dhcp.fleet.folder / "rack1", "10.1.0.100", 3, "active")
        dhcp.create_vlan(1)
        await eventually(lambda: sides_count(dhcp), PATIENCE)
        write_leases(dhcp.fleet.folder / "rack1", "10.1.0.103", 20, "active")
        await eventually(lambda: dhcp.fleet.events("lease"), PATIENCE)
        (event,) = dhcp.fleet.events("lease")
        first = "10.1.0.103 to 52:54:00:12:34:56; 10.1.0.104 to 52:54:00:12:34:56"
        assert event["text"].startswith(f"vlan1: rack1 gave 20 new leases: {first}; ")
        assert event["text"].endswith("; and 10 more")


async def test_new_leases_of_ipv6_are_events_that_name_the_client(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.create_vlan(1)
        network = {"cidr": IPv6Network("fd00:1::/64")}
        dhcp.inventory(lambda c: create(c, "subnet", network, inside="vlan1"))
        ends = {"first": IPv6Address("fd00:1::100"), "last": IPv6Address("fd00:1::1ff")}
        dhcp.inventory(lambda c: create(c, "range", ends))
        dhcp.start_rack(1, 1)
        write_leases(dhcp.fleet.folder / "rack1", "10.1.0.100", 3, "active")
        write_lease6(dhcp.fleet.folder / "rack1", "fd00:1::100")
        await eventually(lambda: sides_count(dhcp), PATIENCE)
        write_lease6(dhcp.fleet.folder / "rack1", "fd00:1::101")
        await eventually(lambda: dhcp.fleet.events("lease"), PATIENCE)
        (event,) = dhcp.fleet.events("lease")
        client = "fd00:1::101 to DUID 00:03:00:01:52:54:00:12:34:56 (IAID 1)"
        assert event["text"] == f"vlan1: rack1 gave a new lease: {client}"


def write_lease6(folder, address):
    """Let a server for IPv6 have written this lease."""
    file = DhcpdFiles(folder / "dhcp6").leases
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as leases:
        leases.write(
            'ia-na "\\001\\000\\000\\000\\000\\003\\000\\001RT\\000\\0224V" {\n'
            "  cltt 4 2026/11/26 10:11:12;\n"
            f"  iaaddr {address} {{\n    binding state active;\n  }}\n}}\n"
        )


def sides_count(dhcp):
    """Tell whether each server that is in a file says how many addresses are left."""
    (vlan,) = dhcp_status_of(dhcp.fleet.read(), utc_now())
    return vlan["sides"] and all(side["free"] is not None for side in vlan["sides"])


async def test_what_a_rack_says_to_a_process_that_has_not_joined_is_said_again_soon(
    database_dsn, log
):
    async with dhcp_fleet_on(database_dsn) as dhcp:
        with contextlib.closing(psycopg2.connect(database_dsn)) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE process IN SHARE ROW EXCLUSIVE MODE")  # nobody can join
            dhcp.start_region("region1")
            dhcp.start_rack(1, 1)
            await eventually(lambda: log.about("report not taken", "is not in the tables"))
        said = "SELECT FROM rack_interface"
        await eventually(lambda: dhcp.fleet.rows(said), REPEAT_SECONDS / 2)
