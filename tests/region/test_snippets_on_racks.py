"""Snippets from the tables to the racks' servers: whole region processes and racks.

Everything is real but the DHCP server and the interfaces of each rack.
"""

import pytest

from evenrack.region.database import snippet_store
from tests.region.processes import eventually
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on, overlap

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

GOOD, BAD = "default-lease-time 60;", "understood by-nobody;"


def texts(server):
    """The texts of snippets that a server runs, global ones first."""
    return [it.text for service in server.runs for it in service.vlan.snippets]


def bad_texts(plan):
    """What a server says of a text that it does not understand."""
    told = [it.text for service in plan for it in service.vlan.snippets]
    return ["line 1: semicolon expected"] if BAD in told else []


def lease_seconds(server):
    return [it.vlan.settings.lease_seconds for it in server.runs if not it.is_shared]


async def test_snippets_reach_both_racks_of_a_pair_one_after_the_other(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        servers = one, two = dhcp.start_rack(1, 1), dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        before = dhcp.starts()
        dhcp.inventory(lambda c: snippet_store.create(c, {"name": "all", "text": GOOD}))
        await eventually(lambda: texts(one) == texts(two) == [GOOD], PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert dhcp.starts() == {name: count + 1 for name, count in before.items()}
        assert not overlap(one.restarts[-1], two.restarts[-1])
        for_vlan = {"name": "one", "level": "vlan", "of": "vlan1", "text": GOOD}
        dhcp.inventory(lambda c: snippet_store.create(c, for_vlan))
        await eventually(lambda: texts(one) == texts(two) == [GOOD, GOOD], PATIENCE)
        for name in ("all", "one"):
            dhcp.inventory(lambda c, name=name: snippet_store.change(c, name, {"enabled": False}))
        await eventually(lambda: texts(one) == texts(two) == [], PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert all(not service.is_shared for server in servers for service in server.runs)


async def test_m9_a_bad_global_snippet_stops_nothing_and_is_a_problem_until_it_is_mended(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        one, two = dhcp.start_rack(1, 1), dhcp.start_rack(2, 1)
        dhcp.inventory(lambda c: snippet_store.create(c, {"name": "all", "text": GOOD}))
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        one.mistakes_in = two.mistakes_in = bad_texts

        def refused():
            found = dhcp.fleet.read().open_problems
            return sum(code == "SnippetsRefused" for code, _ in found)

        before = dhcp.starts()
        dhcp.inventory(lambda c: snippet_store.change(c, "all", {"text": BAD}))
        await eventually(lambda: refused() == 2, PATIENCE)
        assert dhcp.starts() == before, "nobody restarts for what it does not understand"
        dhcp.change_vlan(1, lease_seconds=1200)
        await eventually(lambda: lease_seconds(one) == lease_seconds(two) == [1200], PATIENCE)
        assert texts(one) == texts(two) == [GOOD]
        dhcp.inventory(lambda c: snippet_store.change(c, "all", {"text": f"{GOOD} # new"}))
        await eventually(lambda: texts(one) == texts(two) == [f"{GOOD} # new"], PATIENCE)
        await eventually(lambda: refused() == 0, PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
