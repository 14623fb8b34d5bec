"""Power orders, from the operator to the machines: whole region processes and racks.

Everything is real but the BMCs. What they were told, and by which rack, is counted: nothing may
be done twice.
"""

import itertools

import pytest
from twisted.internet.defer import Deferred

from evenrack.balance.power_routes import MOST_ORDERS_OF_RACK
from tests.rack.small_driver import WORD
from tests.region.http.inventory_api import Api
from tests.region.power_fleet import PATIENCE, address_of, other_than, power_fleet_on
from tests.region.processes import eventually, goes_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


# When nothing goes wrong


async def test_p10_each_action_is_carried_out_by_the_owner_and_the_machine_did_just_that(
    database_dsn,
):
    async with power_fleet_on(database_dsn, hosts=2, machines=6) as power:
        expected = {
            "off": ["off"],
            "cycle": ["off", "on"],
            "query": [],
            "on": [],
            "soft": ["soft"],
            "reset": ["reset"],
        }
        numbers, owners = {}, power.owners()
        for place, action in enumerate(expected, 1):
            (numbers[action],) = await power.order(action, f"m{place}")
        for place, (action, told) in enumerate(expected.items(), 1):
            row = await power.end_of(numbers[action])
            state = "off" if action in {"off", "soft"} else "on"
            assert (row["result"], row["state"], row["error"]) == ("ok", state, None)
            assert (row["attempt"], row["rack"]) == (1, owners[place])
            assert power.told(place) == told
            assert power.machines.bmcs[address_of(place)].state == state
        (number,) = await power.order("on", "m1")
        assert (await power.end_of(number))["phase"] == "ON_SEEN"
        assert power.told(1) == ["off", "on"]
        events = [event["text"] for event in power.fleet.events("power")]
        assert f"order {number}, on of m1: ok" in events


async def test_many_machines_are_switched_at_once_by_both_racks(database_dsn):
    async with power_fleet_on(database_dsn, hosts=2, machines=6) as power:
        numbers = await power.order("off", *(f"m{n}" for n in range(1, 7)))
        for number in numbers:
            assert (await power.end_of(number))["result"] == "ok"
        assert [power.told(n) for n in range(1, 7)] == [["off"]] * 6
        assert set(power.tellers()) == {"rack1", "rack2"}


EXPIRE_SOON = (
    "UPDATE power_order SET expires_at = clock_timestamp() + interval '5 s' WHERE attempt = 0"
)
THAT_EXPIRE_SOON = (
    "SELECT id FROM power_order"
    " WHERE attempt = 0 AND expires_at <= clock_timestamp() + interval '5 s'"
)


async def test_a_rack_has_64_of_very_many_orders_at_once_and_all_are_carried_out(database_dsn):
    many = range(1, MOST_ORDERS_OF_RACK * 2 + 3)
    async with power_fleet_on(database_dsn, racks=1, machines=0) as power:
        for number in many:
            power.machines.add(address_of(number), state="on")
        rows = [f"b{n},ipmitool,{address_of(n)},me,{WORD}" for n in many]
        await imported(power, "bmcs", ["name,driver,address,user,password", *rows])
        await imported(power, "machines", ["name,bmc", *(f"m{n},b{n}" for n in many)])
        await eventually(lambda: power.everybody_reaches(*many), PATIENCE)
        names = [f"m{number}" for number in many]
        for bmc in power.machines.bmcs.values():
            bmc.stuck = True  # so that none is done before all are there
        numbers = await power.order("cycle", *names)

        def running():
            ((count,),) = power.fleet.rows(
                "SELECT count(*) FROM power_order WHERE rack_id IS NOT NULL AND result IS NULL"
            )
            return count

        await eventually(lambda: running() == MOST_ORDERS_OF_RACK, PATIENCE)
        # not before all 64 are there: who waits for a rack that is not full is lost in time
        power.fleet.rows(EXPIRE_SOON)
        await eventually(lambda: not power.fleet.rows(THAT_EXPIRE_SOON), PATIENCE)
        await goes_on(lambda: running() == MOST_ORDERS_OF_RACK, 1.0)
        for bmc in power.machines.bmcs.values():
            bmc.stuck = False
            if bmc.told:
                bmc.press("off")
        for number in numbers:
            await power.end_of(number)
        ids = ",".join(str(number) for number in numbers)
        rows = (await power.api()("GET", f"/api/v1/orders?ids={ids}&limit=1000")).json
        assert [row["error"] for row in rows if row["result"] != "ok"] == []
        assert len(rows) == len(names)
        assert all(power.told(number) == ["off", "on"] for number in many)


async def imported(power, noun, lines):
    answer = await power.api()(
        "POST", f"/api/v1/{noun}/import", "\n".join(lines).encode(), Content_Type="text/csv"
    )
    assert answer.status == 200, answer.text


async def test_two_operators_at_once_and_the_second_is_told_of_the_first_s_order(database_dsn):
    async with power_fleet_on(database_dsn, hosts=2) as power:
        one, two = (Api(region) for region in power.fleet.regions.values())
        bmc = power.machines.bmcs[address_of(1)]
        bmc.stuck = True  # so that the first is not done before the second is asked for
        body = {"machines": ["m1"], "action": "cycle"}
        asked = [Deferred.fromCoroutine(api("POST", "/api/v1/orders", body)) for api in (one, two)]
        answers = sorted([await each for each in asked], key=lambda answer: answer.status)
        assert [answer.status for answer in answers] == [201, 409]
        (number,) = [each["order"] for each in answers[0].json]
        assert answers[1].json["running"] == [{"machine": "m1", "order": number}]
        await eventually(lambda: power.told() == ["off"])
        bmc.stuck = False
        bmc.press("off")
        assert (await power.end_of(number))["result"] == "ok"
        assert power.told() == ["off", "on"]


async def ordered_with_key(api, body, key):
    while True:
        answer = await api("POST", "/api/v1/orders", body, Idempotency_Key=key)
        if answer.status != 503 or answer.json["code"] != "StillUnderWay":
            return answer


async def test_a_request_with_a_key_that_several_processes_get_at_once_is_one_order(database_dsn):
    async with power_fleet_on(database_dsn, hosts=2) as power:
        apis = [Api(region) for region in power.fleet.regions.values()]
        body = {"machines": ["m1"], "action": "cycle"}
        asked = [Deferred.fromCoroutine(ordered_with_key(api, body, "k")) for api in apis * 3]
        answers = [await each for each in asked]
        assert {answer.status for answer in answers} == {201}
        (number,) = {answer.json[0]["order"] for answer in answers}
        assert (await power.end_of(number))["result"] == "ok"
        assert power.told() == ["off", "on"]


async def test_a_cycle_that_is_cancelled_while_the_machine_goes_off_leaves_it_off(database_dsn):
    async with power_fleet_on(database_dsn) as power:
        bmc = power.machines.bmcs[address_of(1)]
        bmc.stuck = True  # so that it does not go off before it is to
        (number,) = await power.order("cycle", "m1")
        await eventually(lambda: power.told() == ["off"])
        answer = await power.api()("POST", f"/api/v1/orders/{number}/cancel", {})
        assert (answer.status, answer.json["result"]) == (200, None)
        again = {"machines": ["m1"], "action": "on"}
        assert (await power.api()("POST", "/api/v1/orders", again)).status == 409
        bmc.press("off")
        bmc.stuck = False
        row = await power.end_of(number)
        assert (row["result"], row["state"], power.told()) == ("failed", "off", ["off"])
        assert row["error"].endswith("at OFF_SEEN; what was sent is not taken back")
        (number,) = await power.order("on", "m1")
        assert (await power.end_of(number))["result"] == "ok"


# When nobody can do it


async def test_an_order_that_no_rack_reaches_waits_and_fails_with_nothing_sent(database_dsn):
    async with power_fleet_on(database_dsn, machines=2) as power:
        for driver in power.drivers.values():
            driver.unreachable.add(address_of(1))
        power.fleet.rows("DELETE FROM bmc_reach WHERE bmc_id = (SELECT min(id) FROM bmc)")
        (number,) = await power.order("off", "m1")
        await goes_on(lambda: power.phase(number) == "NEW", 2.0)
        assert power.row(number, "attempt", "rack_id", "result") == (0, None, None)
        power.fleet.rows("UPDATE power_order SET expires_at = clock_timestamp()")
        row = await power.end_of(number)
        assert (row["result"], row["state"]) == ("failed", "unknown")
        assert "nothing was sent" in row["error"]
        assert power.told() == []


async def test_m20_an_order_waits_for_the_first_rack_that_reaches_its_bmc_and_is_done_then(
    database_dsn,
):
    async with power_fleet_on(database_dsn, racks=1, machines=2) as power:
        power.drivers["rack1"].unreachable.add(address_of(1))
        power.fleet.rows("DELETE FROM bmc_reach WHERE bmc_id = (SELECT min(id) FROM bmc)")
        (number,) = await power.order("off", "m1")
        await goes_on(lambda: power.phase(number) == "NEW", 1.0)
        power.start_rack("rack2")
        row = await power.end_of(number)
        assert (row["result"], row["rack"]) == ("ok", "rack2")
        assert power.told() == ["off"]


async def test_a_rack_without_an_address_in_the_bmc_s_network_is_never_asked(database_dsn):
    async with power_fleet_on(database_dsn, racks=1) as power:
        power.start_rack("rack3", network="10.10.0.0/24")
        await eventually(power.fleet.is_whole)
        await goes_on(lambda: power.reach(1) == {"rack1"}, 1.5)


async def test_m17_a_rack_without_a_lease_gives_its_order_to_another_one(database_dsn):
    async with power_fleet_on(database_dsn) as power:
        owner = power.owner(1)
        lease = power.fleet.racks[owner].lease
        lease.granted = lambda *_, **__: None  # this host's clock is beside itself
        await eventually(lambda: lease.manager is None)
        (number,) = await power.order("off", "m1")
        row = await power.end_of(number)
        assert (row["result"], row["rack"], row["attempt"]) == ("ok", other_than(owner), 3)
        assert power.tellers() == [other_than(owner)]


async def test_a_cycle_whose_rack_has_no_lease_for_a_while_goes_on_when_it_has_one(database_dsn):
    async with power_fleet_on(database_dsn, racks=1) as power:
        lease, bmc = power.fleet.racks["rack1"].lease, power.machines.bmcs[address_of(1)]
        bmc.stuck = True  # so that it does not go off while there is a lease
        (number,) = await power.order("cycle", "m1")
        await eventually(lambda: power.told() == ["off"])
        grants, lease.granted = lease.granted, lambda *_, **__: None
        await eventually(lambda: lease.manager is None)
        bmc.press("off")
        bmc.stuck = False
        await goes_on(lambda: power.told() == ["off"], 2.5)
        lease.granted = grants
        row = await power.end_of(number)
        assert (row["result"], row["state"], row["attempt"]) == ("ok", "on", 1)
        assert power.told() == ["off", "on"]


async def test_a_refused_password_fails_at_once_and_no_second_rack_locks_the_account(database_dsn):
    async with power_fleet_on(database_dsn) as power:
        power.machines.opened_by = "another word"
        (number,) = await power.order("off", "m1")
        row = await power.end_of(number, 10)
        assert (row["result"], row["attempt"]) == ("failed", 1)
        assert "the password is another" in row["error"]
        assert power.told() == []


async def test_a_process_with_another_key_cannot_open_the_password_and_says_so(database_dsn, log):
    async with power_fleet_on(database_dsn) as power:
        (region,) = power.fleet.regions.values()
        await power.fleet.stop_region(region)
        power.start_region("region1", content=b"x" * 32)
        await eventually(lambda: power.everybody_reaches(1), PATIENCE)
        (number,) = await power.order("off", "m1")
        row = await power.end_of(number, 10)
        assert (row["result"], row["state"]) == ("failed", "unknown")
        assert power.told() == []
        assert log.about(f"order {number} cannot be sent: Damaged", level="warn")


async def test_a_rack_is_told_how_a_bmc_is_asked_and_its_own_key(database_dsn, log):
    async with power_fleet_on(database_dsn) as power:
        options = {"driver": "ipmi", "privilege": "administrator", "boot_type": "legacy"}
        body = {**options, "cipher_suite": 17, "k_g": "0x5e5a"}
        assert (await power.api()("PATCH", "/api/v1/bmcs/b1", body)).status == 200
        (number,) = await power.order("query", "m1")
        assert (await power.end_of(number))["result"] == "ok"
        (access,) = [one for one in power.machines.asked_with if one.driver == "ipmi"]
        assert {name: getattr(access, name) for name in body} == body
        assert not any("5e5a" in line for _, line in log.lines)


async def test_a_rack_is_told_whose_certificate_a_redfish_service_has(database_dsn):
    async with power_fleet_on(database_dsn) as power:
        body = {
            "driver": "redfish",
            "login": "basic",
            "system": "Node 1",
            "certificate_sha256": "ab" * 32,
        }
        secret = {"password": power.machines.opened_by}
        assert (await power.api()("PATCH", "/api/v1/bmcs/b1", {**body, **secret})).status == 200
        (number,) = await power.order("query", "m1")
        assert (await power.end_of(number))["result"] == "ok"
        (access,) = [one for one in power.machines.asked_with if one.driver == "redfish"]
        assert {name: getattr(access, name) for name in body} == body
        assert (access.port, access.certificate_name) == (443, "")


async def test_an_order_ends_when_the_password_is_nowhere_to_be_seen_in_what_is_kept(
    database_dsn, log
):
    async with power_fleet_on(database_dsn) as power:
        (number,) = await power.order("cycle", "m1")
        await power.end_of(number)
        answer = await power.api()("GET", "/api/v1/events?after=0")
        assert WORD not in answer.text
        assert not any(WORD in line for _, line in log.lines)
        kept = itertools.chain(*power.fleet.rows("SELECT power_order::text FROM power_order"))
        assert not any(WORD in row for row in kept)
