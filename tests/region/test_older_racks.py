"""A rack of the version before, beside one of this version: whole region processes and racks."""

import json

import pytest

from evenrack.model.bmc_host import HostName
from evenrack.rack import region_session
from evenrack.wire.version import EVERY_BMC, PROTOCOL
from tests.region.power_fleet import PATIENCE, address_of, power_fleet_on
from tests.region.processes import eventually, goes_on

HOST = HostName("bmc3.example.com")


@pytest.mark.postgres
@pytest.mark.deadline(120)
async def test_an_older_rack_is_told_of_no_bmc_that_it_cannot_read_and_owns_none_until_its_upgrade(
    database_dsn, monkeypatch
):
    async with power_fleet_on(database_dsn, racks=1, machines=2) as power:
        monkeypatch.setattr(region_session, "PROTOCOL", EVERY_BMC - 1)
        old = power.start_rack("rack2")
        await eventually(lambda: power.everybody_reaches(1, 2), PATIENCE)
        await power.add_machine(3, address=HOST)
        plan = power.fleet.folder / "rack2" / "plan.json"

        def told():
            return [target["bmc"] for target in json.loads(plan.read_text())["bmcs"]]

        async def problems():
            rows = (await power.api()("GET", "/api/v1/status")).json["problems"]
            return [row["affects"] for row in rows if row["code"] == "VersionMismatch"]

        await eventually(problems, PATIENCE)
        (problem,) = await problems()
        assert problem.startswith(
            f"rack2 speaks version 2 of the conversation, this region {PROTOCOL}"
        )
        assert problem.endswith("it is not told of b3")
        await eventually(lambda: power.owners().get(3) == "rack1", PATIENCE)
        assert (power.reach(3), told()) == ({"rack1"}, [1, 2])
        (number,) = await power.order("cycle", "m3")
        row = await power.end_of(number)
        assert (row["result"], row["rack"]) == ("ok", "rack1")
        assert power.machines.told_to(HOST) == ["off", "on"]

        assert "rack2" in power.owners().values()
        for bmc in ("b1", "b2"):
            answer = await power.api()("PATCH", f"/api/v1/bmcs/{bmc}", {"driver": "ipmi"})
            assert answer.status == 200, answer.text
        everything = {1: "rack1", 2: "rack1", 3: "rack1"}
        await eventually(lambda: power.owners() == everything, PATIENCE)
        await eventually(lambda: told() == [], PATIENCE)
        assert (power.reach(1), power.reach(2)) == ({"rack1"}, {"rack1"})

        monkeypatch.setattr(region_session, "PROTOCOL", PROTOCOL)  # it was upgraded
        power.cut_off("rack2")
        for name, port in list(power.cables):
            if name == "rack2":
                await power.cables.pop((name, port)).remove()
        await eventually(lambda: power.everybody_reaches(1, 2, 3), PATIENCE)
        assert told() == [1, 2, 3]

        async def is_over():
            return await problems() == []

        await eventually(is_over, PATIENCE)
        assert old.running


@pytest.mark.postgres
@pytest.mark.deadline(120)
async def test_an_order_that_has_begun_and_that_its_rack_cannot_read_any_more_ends_with_the_reason(
    database_dsn, monkeypatch
):
    monkeypatch.setattr(region_session, "PROTOCOL", EVERY_BMC - 1)
    async with power_fleet_on(database_dsn, racks=1) as power:
        power.machines.bmcs[address_of(1)].stuck = True
        (number,) = await power.order("cycle", "m1")
        await eventually(lambda: power.told() == ["off"])
        changed = await power.api()("PATCH", "/api/v1/bmcs/b1", {"driver": "ipmi"})
        assert changed.status == 200, changed.text
        (region,) = power.fleet.regions.values()
        before = region.sockets()
        for link in list(region.service.connected.all_links()):
            link.cut("a test cuts it")
        await eventually(lambda: region.sockets() - before and power.fleet.is_whole())
        await goes_on(lambda: power.row(number, "result") == (None,), 2.0)
        overdue = "UPDATE power_order SET expires_at = clock_timestamp() - interval '31 s'"
        power.fleet.rows(overdue)
        row = await power.end_of(number)
        assert (row["result"], row["phase"], row["rack"]) == ("unknown", "OFF_SENT", "rack1")
        assert row["error"].startswith("rack1 has an older version, which cannot do this")
        assert power.told() == ["off"]
