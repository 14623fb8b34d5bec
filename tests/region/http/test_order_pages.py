"""Power orders over HTTP: real requests to a real region process, with no rack to do them."""

import contextlib
import getpass

import pytest

from tests.region.http.bmc_api import BMC, KeptApi, start_with_keys
from tests.region.processes import eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

ORDERS = "/api/v1/orders"
SHOWN = {
    *("order", "machine", "bmc", "action", "boot", "who", "at", "attempt", "rack", "phase"),
    "result",
    *("state", "seconds", "error", "ended", "cancelled_by", "do", "steps"),
}


@contextlib.asynccontextmanager
async def served(dsn, machines=3):
    """A region process that has joined, with machines m1, m2, ..."""
    async with fleet_on(dsn) as fleet:
        region = start_with_keys(fleet)
        await eventually(fleet.has_leader)
        api = KeptApi(region)
        for number in range(1, machines + 1):
            body = {**BMC, "name": f"b{number}", "address": f"10.9.0.{number}"}
            assert (await api("POST", "/api/v1/bmcs", body)).status == 201
            body = {"name": f"m{number}", "bmc": f"b{number}"}
            assert (await api("POST", "/api/v1/machines", body)).status == 201
        api.fleet = fleet
        yield api


async def ordered(api, *machines, action="on"):
    answer = await api("POST", ORDERS, {"machines": list(machines), "action": action})
    assert answer.status == 201
    return [each["order"] for each in answer.json]


def end_all(api):
    api.fleet.rows("UPDATE power_order SET result = 'ok', ended_at = clock_timestamp()")


async def test_an_order_for_several_machines_is_answered_201_with_one_order_for_each(database_dsn):
    async with served(database_dsn) as api:
        answer = await api("POST", ORDERS, {"machines": ["m2", "m1"], "action": "cycle"})
        assert answer.status == 201
        assert [each["machine"] for each in answer.json] == ["m2", "m1"]
        first = answer.json[0]
        assert set(first) == SHOWN
        assert (first["action"], first["bmc"], first["who"]) == ("cycle", "b2", getpass.getuser())
        assert (first["phase"], first["result"], first["rack"]) == ("NEW", None, None)
        one = (await api("GET", f"{ORDERS}/{first['order']}")).json
        assert {**one, "seconds": 0} == {**first, "seconds": 0}


async def test_a_machine_that_is_named_twice_has_one_order(database_dsn):
    async with served(database_dsn) as api:
        number = str((await api("GET", "/api/v1/machines/m1")).json["id"])
        assert len(await ordered(api, "m1", "m1", number)) == 1


async def test_a_machine_with_an_unfinished_order_is_answered_409_that_names_it(database_dsn):
    async with served(database_dsn) as api:
        (running,) = await ordered(api, "m1")
        answer = await api("POST", ORDERS, {"machines": ["m2", "m1"], "action": "off"})
        assert (answer.status, answer.type) == (409, "application/problem+json")
        assert answer.json["code"] == "OrderUnderWay"
        assert answer.json["running"] == [{"machine": "m1", "order": running}]
        assert f"m1 has order {running}" in answer.json["detail"]
        assert [each["order"] for each in (await api("GET", ORDERS)).json] == [running]
        end_all(api)
        await ordered(api, "m2", "m1", action="off")


WRONG = [
    (
        {"machines": "m1", "action": "explode"},
        {"machines": "must be a list, not text", "action": "must be on, off, cycle, query, soft"},
    ),
    ({}, {"machines": "is required", "action": "is required"}),
    ({"machines": [], "action": "on"}, {"machines": "name at least one"}),
    ({"machines": [1], "action": "on"}, {"machines": "must be text, not a number"}),
    ({"machines": ["m\0"], "action": "on"}, {"machines": "must not hold the character NUL"}),
    ({"machines": ["m1", "m9"], "action": "on"}, {"machines": 'no machine is called "m9"'}),
    ({"machines": [""], "action": "on"}, {"machines": 'no machine is called ""'}),
    ({"machines": None, "action": None}, {"machines": "not null", "action": "must be on"}),
    ({"machines": ["m1"], "action": "restart"}, {"action": "must be on, off, cycle, query"}),
    ({"machines": ["m1"], "action": ["on"]}, {"action": "must be on"}),
    ({"machines": ["m1"], "action": "on", "who": "me"}, {"who": "unknown"}),
    *(
        ({"machines": ["m1"], "action": "on", "boot": boot}, {"boot": "must be pxe, disk, bios"})
        for boot in ("usb", "PXE", "", 1, True, ["pxe"], {})
    ),
]


async def test_every_field_that_is_wrong_is_answered_422_and_nothing_is_ordered(database_dsn):
    async with served(database_dsn) as api:
        for body, expected in WRONG:
            answer = await api("POST", ORDERS, body)
            assert (body, answer.status) == (body, 422)
            errors = {error["field"]: error["detail"] for error in answer.json["errors"]}
            assert errors.keys() == expected.keys()
            for field, said in expected.items():
                assert said in errors[field]
        assert (await api("GET", ORDERS)).json == []


async def test_what_makes_no_sense_is_answered_400_and_what_is_not_there_404(database_dsn):
    async with served(database_dsn, machines=1) as api:
        (number,) = await ordered(api, "m1")
        for method, path, status, said in (
            ("GET", "?ids=", 400, "ids: numbers of orders with commas between"),
            ("GET", "?ids=1,x", 400, "ids: "),
            ("GET", "?ids=1,,2", 400, "ids: "),
            ("GET", "?ids=-1", 400, "ids: "),
            ("GET", "?ids=%D9%A1", 400, "ids: "),
            ("GET", f"?ids={'9' * 40}", 400, "ids: "),
            ("GET", "?limit=1001", 400, "limit"),
            ("GET", "?limit=-1", 400, "limit"),
            ("GET", "?limit=x", 400, "limit"),
            ("GET", "?after=1", 400, "after: this argument is unknown"),
            ("GET", f"/{number}?limit=1", 400, "limit: this argument is unknown"),
            ("POST", "?x=1", 400, "x: this argument is unknown"),
            ("GET", "/999", 404, "there is no order 999"),
            ("GET", f"/{'9' * 40}", 404, "there is no order"),
            ("GET", "/m1", 404, "there is no order m1"),
            ("GET", f"/{number},{number}", 404, "there is no order"),
            ("GET", "/%00", 404, "there is no order"),
            ("GET", f"/{number}/phase", 404, "does not exist"),
            ("DELETE", f"/{number}", 405, "answered here are: GET, HEAD"),
            ("PUT", "", 405, "answered here are: GET, HEAD, POST"),
        ):
            answer = await api(method, f"{ORDERS}{path}", {} if method == "POST" else None)
            assert (path, answer.status) == (path, status)
            assert said in answer.json["detail"]
        assert (await api("POST", ORDERS, b"not json")).status == 400
        assert len((await api("GET", ORDERS)).json) == 1


async def test_a_list_is_of_one_machine_of_some_numbers_or_the_newest(database_dsn):
    async with served(database_dsn) as api:
        numbers = []
        for _ in range(3):
            numbers += await ordered(api, "m1", "m2")
            end_all(api)

        async def listed(query):
            return [each["order"] for each in (await api("GET", f"{ORDERS}{query}")).json]

        assert await listed("") == await listed("/") == numbers
        assert await listed("?limit=2") == numbers[-2:]
        assert await listed("?limit=0") == []
        assert await listed("?machine=m1") == numbers[::2]
        assert await listed("?machine=m9") == await listed("?machine=%00") == []
        assert await listed(f"?ids={numbers[3]},{numbers[0]},{10**17}") == [numbers[0], numbers[3]]
        assert await listed(f"?ids={numbers[0]}&machine=m2") == []


async def test_an_order_is_cancelled_once_and_one_that_has_ended_is_answered_409(database_dsn):
    async with served(database_dsn, machines=1) as api:
        (number,) = await ordered(api, "m1")
        answer = await api("POST", f"{ORDERS}/{number}/cancel", {})
        assert (answer.status, set(answer.json)) == (200, SHOWN)
        assert answer.json["cancelled_by"] == getpass.getuser()
        assert (answer.json["result"], "nothing was sent" in answer.json["error"]) == (
            "failed",
            True,
        )
        answer = await api("POST", f"{ORDERS}/{number}/cancel", {})
        assert (answer.status, answer.json["code"]) == (409, "OrderEnded")
        for other in ("999", "m1", "9" * 40):
            assert (await api("POST", f"{ORDERS}/{other}/cancel", {})).status == 404
        await ordered(api, "m1")


# Keys of requests


async def asked_with(api, key, *machines, action="on"):
    body = {"machines": list(machines), "action": action}
    return await api("POST", ORDERS, body, Idempotency_Key=key)


async def test_a_request_that_is_repeated_with_its_key_is_answered_with_the_same_orders(
    database_dsn,
):
    async with served(database_dsn) as api:
        first = await asked_with(api, "k1", "m2", "m1")
        assert first.status == 201
        numbers = [each["order"] for each in first.json]
        again = await asked_with(api, "k1", "m2", "m1")
        assert (again.status, [each["order"] for each in again.json]) == (201, numbers)
        end_all(api)
        again = await asked_with(api, "k1", "m2", "m1")
        assert again.json == first.json, "as it was; `order show` tells how it went on"
        assert len((await api("GET", ORDERS)).json) == 2
        other = await asked_with(api, "k2", "m2", "m1")
        assert [each["order"] for each in other.json] != numbers


async def test_a_key_that_came_with_another_request_is_answered_422_and_nothing_is_ordered(
    database_dsn,
):
    async with served(database_dsn) as api:
        await asked_with(api, "k1", "m1")
        for machines, action in ((("m2",), "on"), (("m1",), "off"), (("m1", "m2"), "on")):
            answer = await asked_with(api, "k1", *machines, action=action)
            assert (answer.status, answer.json["code"]) == (422, "KeyReused")
            assert answer.json["errors"][0]["field"] == "Idempotency-Key"
        assert len((await api("GET", ORDERS)).json) == 1


async def test_a_request_that_was_refused_may_be_repeated_with_its_key(database_dsn):
    async with served(database_dsn) as api:
        await ordered(api, "m1")
        assert (await asked_with(api, "k1", "m1", "m2")).status == 409
        end_all(api)
        assert (await asked_with(api, "k1", "m1", "m2")).status == 201


async def test_a_key_is_forgotten_after_24_hours(database_dsn):
    async with served(database_dsn, machines=1) as api:
        await asked_with(api, "k1", "m1")
        end_all(api)
        for hours, orders in ((23, 1), (25, 2)):
            api.fleet.rows(f"UPDATE idempotency_key SET at = now() - interval '{hours} hours'")  # noqa: S608
            assert (await asked_with(api, "k1", "m1")).status == 201
            assert len((await api("GET", ORDERS)).json) == orders


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
async def test_what_can_be_no_key_is_answered_400(database_dsn, key):
    async with served(database_dsn, machines=1) as api:
        answer = await asked_with(api, key, "m1")
        assert answer.status == 400
        assert answer.json["detail"].startswith("Idempotency-Key: ")
        assert (await asked_with(api, "x" * 255, "m1")).status == 201
