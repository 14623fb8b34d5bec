"""Holds, drains and stepping down over HTTP: what is answered, refused, told and written down."""

import contextlib

import pytest
from sqlalchemy import text

from evenrack.model.intents import Breaker
from evenrack.region.database.assignment_store import write_managing
from evenrack.region.database.balance_store import write_breaker
from evenrack.region.database.connection_store import record_links
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.leader_store import read_leadership, take_over
from evenrack.region.database.process_store import mark_off, register
from tests.region.database.sessions import facts, registration
from tests.region.http.api_process import api_process
from tests.region.http.test_openapi import check

pytestmark = pytest.mark.postgres

ONE, TWO = "region1/1", "region2/1"
HOLD = "/api/v1/balance/hold"
STEP_DOWN = "/api/v1/leader/step-down"


class Api:
    """The API beside two region processes and two racks; rack2 is connected to the first only."""

    def __init__(self, api, processes):
        self.api = api
        self.processes = processes

    async def ask(self, method, path, body=None, **more):
        answer = await self.api.locally(method, path, body, **more)
        document = (await self.api.locally("GET", "/api/v1/openapi.json")).json
        for declared in ("/api/v1/drains", HOLD, STEP_DOWN):
            if path.startswith(declared):
                place = declared if path == declared else f"{declared}/{{name}}"
                check(document, place, method, answer)
        return answer

    async def fleet(self):
        return await self.api.database.run(read_fleet)

    async def told(self):
        events = (await self.api.locally("GET", "/api/v1/events?limit=1000")).json["events"]
        return [e["text"] for e in events if e["kind"] in {"drain", "hold", "breaker", "leader"}]


@contextlib.asynccontextmanager
async def small_fleet(dsn):
    async with api_process(dsn) as api:

        def work(connection):
            one, two = (register(connection, registration(name)) for name in (ONE, TWO))
            record_links(connection, one, [facts("rack0001", "a"), facts("rack0002", "b")])
            record_links(connection, two, [facts("rack0001", "c")])
            connection.execute(text("UPDATE rack SET hostname = 'rack' || right(id, 1)"))
            won = take_over(connection, seen_epoch=0, process=ONE, incarnation=1, lock_backend=0)
            write_managing(connection, {"rack0001": ONE, "rack0002": ONE}, won.number)
            return {ONE: one, TWO: two}

        yield Api(api, await api.database.run(work))


async def test_a_hold_is_entered_shown_and_released(database_dsn):
    async with small_fleet(database_dsn) as api:
        assert (await api.ask("GET", HOLD)).json == {"hold": None, "breaker": None}
        entered = await api.ask("POST", HOLD, {"reason": "new core", "for_seconds": 7200})
        assert entered.status == 200
        hold = (await api.ask("GET", HOLD)).json["hold"]
        assert hold == entered.json["hold"]
        assert (hold["reason"], hold["until"] > hold["since"]) == ("new core", True)
        assert (await api.fleet()).hold.who == hold["who"]
        endless = await api.ask("POST", HOLD, {"reason": "still"})
        assert endless.json["hold"]["until"] is None
        assert (await api.ask("DELETE", HOLD)).json == {"released": ["hold"]}
        assert (await api.ask("DELETE", HOLD)).json == {"released": []}
        assert (await api.fleet()).hold is None
        who = hold["who"]
        assert await api.told() == [
            f"{who} holds the balance for 2 h: new core",
            f"{who} holds the balance: still",
            f"{who} releases the balance",
        ]


async def test_the_circuit_breaker_is_shown_and_released_with_the_hold(database_dsn):
    async with small_fleet(database_dsn) as api:
        tripped = Breaker(why="3 of 4 racks were lost", racks=frozenset("abc"))
        await api.api.database.run(lambda c: write_breaker(c, tripped, trips=True))
        shown = (await api.ask("GET", HOLD)).json["breaker"]
        assert (shown["why"], shown["state"]) == (tripped.why, "holds")
        await api.ask("POST", HOLD, {"reason": "too"})
        assert (await api.ask("DELETE", HOLD)).json == {"released": ["hold", "breaker"]}
        assert (await api.ask("GET", HOLD)).json["breaker"]["state"] == "released"
        assert not (await api.fleet()).breaker_holds


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (HOLD, {}),
        (HOLD, {"reason": ""}),
        (HOLD, {"reason": "a\nb"}),
        (HOLD, {"reason": "x" * 301}),
        (HOLD, {"reason": "x", "for_seconds": 0}),
        (HOLD, {"reason": "x", "for_seconds": "2h"}),
        (HOLD, {"reason": "x", "until": "tomorrow"}),
        ("/api/v1/drains/rack:rack1", {"message": ""}),
        ("/api/v1/drains/rack:rack1", {"deadline_seconds": -1}),
        (STEP_DOWN, {"to": TWO}),
    ],
)
async def test_what_is_not_understood_is_refused_and_nothing_is_changed(database_dsn, path, body):
    async with small_fleet(database_dsn) as api:
        answer = await api.ask("POST", path, body)
        assert (answer.status, answer.json["code"]) == (422, "FieldsRefused")
        fleet = await api.fleet()
        assert (fleet.hold, fleet.drains) == (None, ())
        assert await api.told() == []


async def test_a_rack_is_drained_by_name_or_id_and_resumed(database_dsn):
    async with small_fleet(database_dsn) as api:
        where = "/api/v1/drains/rack:rack1"
        plan = (await api.ask("GET", where)).json
        assert (plan["object"], plan["name"]) == ("rack:rack0001", "rack1")
        assert (plan["drained"], plan["to_move"], plan["would_have_nobody"]) == (None, [], [])
        body = {"message": "new fan", "deadline_seconds": 1800}
        begun = await api.ask("POST", where, body)
        assert begun.status == 200
        drained = begun.json["drained"]
        assert (drained["by"], drained["message"], drained["overdue"]) == (
            "rack:rack0001",
            "new fan",
            False,
        )
        assert (await api.fleet()).draining == {"rack0001"}
        assert [row["id"] for row in (await api.ask("GET", "/api/v1/drains")).json] == ["rack0001"]
        ended = await api.ask("DELETE", "/api/v1/drains/rack:rack0001")
        assert (ended.status, ended.json["drained"]) == (200, None)
        assert (await api.fleet()).draining == frozenset()
        who = drained["who"]
        assert await api.told() == [
            f"{who} drains rack1 for 30 min: new fan",
            f"{who} resumes rack1: it is drained no more",
        ]
        again = await api.ask("DELETE", where)
        assert (again.status, again.json["code"]) == (409, "NotDrained")


async def test_a_process_whose_drain_would_leave_a_rack_alone_is_refused_with_a_list(database_dsn):
    async with small_fleet(database_dsn) as api:
        for where in (f"process:{ONE.replace('/', '%2F')}", "region:region1"):
            refused = await api.ask("POST", f"/api/v1/drains/{where}", {})
            assert (refused.status, refused.json["code"]) == (409, "WouldHaveNobody")
            assert refused.json["errors"] == [
                {"field": "rack:rack0002", "detail": "rack2 is connected to region1/1 only"}
            ]
            assert "rack2 is connected to region1/1 only" in refused.json["detail"]
        assert (await api.fleet()).drains == ()
        assert await api.told() == []
        assert (await api.ask("POST", "/api/v1/drains/region:region2", {})).status == 200
        last = await api.ask("POST", "/api/v1/drains/region:region1", {})
        assert "no other region process runs, or all others drain" in last.json["detail"]


async def test_what_drains_already_can_be_given_a_new_deadline_whatever_was_lost_since(
    database_dsn,
):
    async with small_fleet(database_dsn) as api:
        await api.ask("POST", "/api/v1/drains/region:region2", {})
        await api.api.database.run(lambda c: mark_off(c, api.processes[ONE]))
        later = await api.ask("POST", "/api/v1/drains/region:region2", {"deadline_seconds": 60})
        assert later.json["drained"]["deadline"] is not None


async def test_a_process_that_drains_with_its_host_is_resumed_with_it(database_dsn):
    async with small_fleet(database_dsn) as api:
        await api.ask("POST", "/api/v1/drains/region:region2", {})
        where = "/api/v1/drains/process:region2%2F1"
        assert (await api.ask("GET", where)).json["drained"]["by"] == "region:region2"
        refused = await api.ask("DELETE", where)
        assert refused.status == 409
        assert "region2/1 drains with region:region2: resume that" in refused.json["detail"]
        assert (await api.fleet()).draining == {TWO}


async def test_a_drain_shows_what_is_still_to_move(database_dsn):
    async with small_fleet(database_dsn) as api:
        shown = (await api.ask("GET", "/api/v1/drains/region:region1")).json
        assert shown["to_move"] == [
            {"object": "rack:rack0001", "why": "rack1 is managed by region1/1"}
        ]


@pytest.mark.parametrize("name", ["rack:rack9", "process:region1", "vlan:1", "rack1", "region:"])
async def test_what_is_not_there_cannot_be_drained(database_dsn, name):
    async with small_fleet(database_dsn) as api:
        for method, body in (("GET", None), ("POST", {}), ("DELETE", None)):
            answer = await api.ask(method, f"/api/v1/drains/{name}", body)
            assert (answer.status, answer.json["code"]) == (404, "NotFound")


async def test_the_leader_is_asked_to_step_down_if_another_could_follow(database_dsn):
    async with small_fleet(database_dsn) as api:
        answer = await api.ask("POST", STEP_DOWN, {})
        assert (answer.status, answer.json) == (200, {"leader": ONE})
        assert (await api.api.database.run(read_leadership)).is_to_step_down
        await api.api.database.run(lambda c: mark_off(c, api.processes[TWO]))
        refused = await api.ask("POST", STEP_DOWN, {})
        assert (refused.status, refused.json["code"]) == (409, "NobodyElseLeads")
        await api.api.database.run(lambda c: mark_off(c, api.processes[ONE]))
        refused = await api.ask("POST", STEP_DOWN, {})
        assert "nobody leads now" in refused.json["detail"]


async def test_operators_may_and_every_change_is_in_the_audit_log(database_dsn):
    async with small_fleet(database_dsn) as api:
        viewer, operator = await api.api.token("v"), await api.api.token("o", role="operator")
        body = {"message": "new fan"}
        where = "/api/v1/drains/rack:rack1"
        assert (await api.api("GET", where, token=viewer)).status == 200
        for method, path in (("POST", where), ("POST", HOLD), ("POST", STEP_DOWN)):
            assert (await api.api(method, path, {}, token=viewer)).status == 403
        assert (await api.api("POST", where, body, token=operator)).status == 200
        assert (await api.api("DELETE", where, token=operator)).status == 200
        assert (await api.fleet()).drains == ()
        rows = [row for row in await api.api.audit() if row["who"] == "o"]
        assert [(row["deed"], row["status"], row["data"]) for row in rows] == [
            (f"POST {where}", 200, body),
            (f"DELETE {where}", 200, {}),
        ]
