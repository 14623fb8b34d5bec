"""Orders with a boot device, from the request to what BMCs are told; never without the device."""

import pytest

from evenrack.rack import region_session
from evenrack.wire.version import BOOT_DEVICES
from tests.region.power_fleet import PATIENCE, address_of, power_fleet_on
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(60)]

ORDERS = "/api/v1/orders"


async def ordered(power, action="cycle", boot="pxe", machine="m1"):
    body = {"machines": [machine], "action": action, "boot": boot}
    answer = await power.api()("POST", ORDERS, body)
    assert answer.status == 201, answer.text
    (order,) = answer.json
    assert (order["action"], order["boot"]) == (action, boot)
    return order["order"]


async def start_old(power, monkeypatch, name, *numbers):
    """Start a rack of the version before, that reaches these machines too."""
    with monkeypatch.context() as older:
        older.setattr(region_session, "PROTOCOL", BOOT_DEVICES - 1)
        power.start_rack(name)
        await eventually(lambda: power.everybody_reaches(*numbers), PATIENCE)


async def test_a_cycle_with_a_boot_device_is_one_order_that_sets_it_and_starts_from_it(
    database_dsn,
):
    async with power_fleet_on(database_dsn, racks=1) as power:
        number = await ordered(power)
        row = await power.end_of(number)
        assert (row["result"], row["action"], row["boot"]) == ("ok", "cycle", "pxe")
        assert power.told() == ["boot pxe", "off", "boot pxe", "on"]
        steps = [step["step"] for step in row["steps"]]
        assert steps == ["taken", "OFF_SENT", "OFF_SEEN", "ON_SENT", "ON_SEEN"]
        texts = [event["text"] for event in power.fleet.events("power")]
        assert f"order {number}, cycle from pxe of m1: ok" in texts
        (plain,) = await power.order("cycle", "m1")
        assert (await power.end_of(plain))["boot"] is None
        assert power.told()[4:] == ["off", "on"], "that was for one start only"


async def test_what_a_rack_of_the_version_before_cannot_do_is_done_by_another(
    database_dsn, monkeypatch
):
    async with power_fleet_on(database_dsn, racks=1, machines=2) as power:
        await start_old(power, monkeypatch, "rack2", 1, 2)
        (mine,) = (number for number, owner in power.owners().items() if owner == "rack2")
        row = await power.end_of(await ordered(power, machine=f"m{mine}"))
        assert (row["result"], row["rack"], set(power.tellers())) == ("ok", "rack1", {"rack1"})
        assert power.told(mine) == ["boot pxe", "off", "boot pxe", "on"]
        (plain,) = await power.order("cycle", f"m{mine}")
        assert (await power.end_of(plain))["rack"] == "rack2", "all else it does as before"


async def test_where_no_rack_can_the_order_fails_and_says_why_and_nothing_is_sent(
    database_dsn, monkeypatch
):
    monkeypatch.setattr(region_session, "PROTOCOL", BOOT_DEVICES - 1)
    async with power_fleet_on(database_dsn) as power:
        row = await power.end_of(await ordered(power))
        assert (row["result"], power.told()) == ("failed", [])
        assert "no rack that reaches the BMC could do it; the last one said: rack" in row["error"]
        assert "cannot have a machine start from pxe" in row["error"]


async def test_a_cycle_that_was_begun_is_finished_by_a_rack_that_can_have_it_start_from_there(
    database_dsn, monkeypatch
):
    async with power_fleet_on(database_dsn, racks=1) as power:
        await start_old(power, monkeypatch, "rack2", 1)
        bmc = power.machines.bmcs[address_of(1)]
        bmc.turns_in = 3.0
        number = await ordered(power)
        await eventually(lambda: power.agreed() == ["boot pxe", "off"])
        await power.fleet.stop_rack("rack1")
        await eventually(lambda: bmc.state == "off")
        bmc.turns_in = 0.0

        def is_given_back():
            return power.row(number, "phase", "rack_id", "cardinality(tried)")

        await eventually(lambda: is_given_back() == ("OFF_SENT", None, 1), 40)
        power.start_rack("rack1")
        row = await power.end_of(number)
        assert (row["result"], row["rack"], row["state"]) == ("ok", "rack1", "on")
        assert power.told() == ["boot pxe", "off", "boot pxe", "on"]
        assert set(power.tellers()) == {"rack1"}


@pytest.mark.parametrize("action", ["off", "query", "soft"])
async def test_what_starts_nothing_takes_no_boot_device(database_dsn, action):
    async with power_fleet_on(database_dsn, racks=1) as power:
        body = {"machines": ["m1"], "action": action, "boot": "pxe"}
        answer = await power.api()("POST", ORDERS, body)
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, "boot")
        assert f"`{action}` starts no machine" in answer.json["detail"]
        assert (await power.api()("GET", ORDERS)).json == []
