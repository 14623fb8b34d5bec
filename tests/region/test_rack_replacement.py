"""`rack replace` with whole region processes and racks (see `DhcpFleet`)."""

import jsonschema_rs
import pytest

from evenrack.model.dhcp_roles import Pins
from evenrack.region.database.pin_store import write_pins
from evenrack.region.http.replacement_page import _SHOWN
from tests.region.http.inventory_api import Api
from tests.region.processes import eventually
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


async def served(dhcp, *on_two):
    """Three racks that serve VLAN 1, those in `on_two` also VLAN 2; gives the API."""
    for number in (1, 2, 3):
        dhcp.start_rack(number, 1, *([2] if number in on_two else []))
    for vlan in (1, 2) if on_two else (1,):
        dhcp.create_vlan(vlan)
    await eventually(dhcp.is_served_by_pairs, PATIENCE)
    return Api(dhcp.fleet.regions["region1/1"])


def id_of(dhcp, name):
    return {rack.hostname: rack.id for rack in dhcp.fleet.read().racks.values()}[name]


def states(answer):
    return {(place["vlan"], place["role"]): place["state"] for place in answer.json["vlans"]}


async def test_a_rack_gets_the_places_of_another_and_is_named_where_that_one_was(database_dsn):
    """Of one VLAN an operator named the old rack, of the other nobody did."""
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        api = await served(dhcp, 1, 2, 3)
        before = {vlan: dhcp.roles(vlan) for vlan in (1, 2)}
        old = before[2]["primary"]
        dhcp.start_rack(4, 1, 2)
        await eventually(lambda: len(dhcp.fleet.read().interfaces) == 4, PATIENCE)
        first = next(iter(dhcp.fleet.read().vlans))
        dhcp.inventory(lambda c: write_pins(c, first, Pins(secondary=id_of(dhcp, old))))
        where = f"/api/v1/racks/{old}/replacement"
        plan = await api("GET", f"{where}?by=rack4")
        assert (plan.status, plan.json["drained"], plan.json["hindrances"]) == (200, None, [])
        assert states(plan)["vlan2", "primary"] == "moves"
        begun = await api("POST", where, {"by": "rack4", "message": "old", "deadline_seconds": 60})
        assert begun.status == 200, begun.text
        assert begun.json["drained"]["successor"] == id_of(dhcp, "rack4")
        for answer in (plan, begun):
            jsonschema_rs.validator_for(_SHOWN).validate(answer.json)
        after = {role: "rack4" if rack == old else rack for role, rack in before[2].items()}
        await eventually(lambda: dhcp.roles(2) == after, PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert not dhcp.servers[old].running()
        assert set(states(await api("GET", where)).values()) == {"done"}
        assert dhcp.fleet.read().pins == {first: Pins(secondary=id_of(dhcp, "rack4"))}
        (told,) = [e["text"] for e in dhcp.fleet.events("drain")]
        assert f"replaces {old} by rack4 for 1 min: old" in told
        assert (await api("DELETE", f"/api/v1/drains/rack:{old}")).status == 200
        assert (await api("GET", where)).status == 400


async def test_what_forbids_a_replacement_is_told_and_nothing_is_changed(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        api = await served(dhcp, 1, 2)
        where = "/api/v1/racks/rack1/replacement"
        refused = await api("POST", where, {"by": "rack3"})
        assert (refused.status, refused.json["code"]) == (409, "CannotReplace")
        assert refused.json["errors"] == [
            {"field": "vlan:vlan2", "detail": "vlan2: rack3 has no address on it"}
        ]
        seen = await api("POST", where, {"by": "rack2"}, If_Match='"1.1"')
        assert (seen.status, seen.json["code"]) == (412, "ChangedMeanwhile")
        for by, status in (("rack1", 400), ("rack9", 404)):
            assert (await api("POST", where, {"by": by})).status == status
            assert (await api("GET", f"{where}?by={by}")).status == status
        assert (await api("GET", "/api/v1/racks/rack9/replacement?by=rack1")).status == 404
        assert "say by which rack" in (await api("GET", where)).json["detail"]
        assert dhcp.fleet.read().drains == ()
        assert dhcp.fleet.events("drain") == []
