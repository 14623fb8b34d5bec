"""What HTTP answers: the shapes that programs rely on, and problems as RFC 9457 says."""

import contextlib

import pytest

from evenrack.problems import CATALOGUE
from tests.region.processes import ask, eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

STATUS = {
    "generation",
    "era",
    "leader",
    "database",
    "problems",
    "survives",
    "regions",
    "racks",
}
REGION = {"id", "hostname", "state", "racks_managed", "processes"}
PROCESS = {"id", "pid", "state", "racks_managed", "connections", "clock_ahead"}
RACK = {
    "id",
    "hostname",
    "failure_domain",
    "state",
    "connections",
    "processes_connected",
    "processes_live",
    "managed_by",
    "vlans_primary",
    "vlans_secondary",
    "addresses",
    "applied_generation",
}
EVENT = {"id", "at", "kind", "object", "text", "data", "generation"}
MOVE = {"at", "what", "item", "name", "from", "to", "forced", "reason", "generation"}
PROBLEM = {"type", "title", "status", "detail", "code"}


@contextlib.asynccontextmanager
async def served(dsn):
    async with fleet_on(dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        yield fleet, fleet.regions["region1/1"]


async def test_status_has_the_keys_that_programs_rely_on(database_dsn):
    async with served(database_dsn) as (fleet, region):
        answer = await region.get("/api/v1/status")
        assert (answer.status, answer.type) == (200, "application/json")
        status = answer.json
        assert set(status) == STATUS
        assert status["database"] == {"state": "ok", "detail": ""}
        assert set(status["survives"]) == {"yes", "not"}
        assert {key for part in status["survives"]["not"] for key in part} == {"part", "why"}
        (shown,) = status["regions"]
        (process,) = shown["processes"]
        (rack,) = status["racks"]
        assert (set(shown), set(process), set(rack)) == (REGION, PROCESS, RACK)
        assert (shown["id"], process["id"], status["leader"]) == (
            "region1",
            "region1/1",
            "region1/1",
        )
        assert (rack["hostname"], rack["state"], rack["managed_by"]) == (
            "rack1",
            "running",
            "region1/1",
        )

        async def number_is_told():
            status, number = await region.status(), fleet.read().leadership.number
            return (status["era"], status["generation"]) == (number.era, number.generation)

        await eventually(number_is_told)


async def test_each_noun_has_its_own_address_with_the_same_content_as_the_status(database_dsn):
    async with served(database_dsn) as (_, region):
        for noun in ("regions", "racks", "problems"):

            async def is_the_same(noun=noun):
                status, alone = await region.status(), await region.get(f"/api/v1/{noun}")
                return alone.json == status[noun]

            await eventually(is_the_same)  # a new fleet changes on for a moment


async def test_events_come_in_pages_that_go_on_where_the_last_ended(database_dsn):
    async with served(database_dsn) as (_, region):
        everything = (await region.get("/api/v1/events?after=0")).json
        assert {frozenset(event) for event in everything["events"]} == {frozenset(EVENT)}
        assert [event["id"] for event in everything["events"]] == sorted(
            event["id"] for event in everything["events"]
        )
        seen, after = [], 0
        while page := (await region.get(f"/api/v1/events?after={after}&limit=2")).json["events"]:
            assert len(page) <= 2
            seen += page
            after = page[-1]["id"]
        assert seen[: len(everything["events"])] == everything["events"]
        assert everything["next"] == everything["events"][-1]["id"]
        end = (await region.get("/api/v1/events?after=1000000")).json
        assert end == {"events": [], "next": 1000000}


async def test_without_a_place_to_begin_the_newest_events_are_given(database_dsn):
    async with served(database_dsn) as (fleet, region):

        async def newest_alone():
            newest = (await region.get("/api/v1/events?limit=1")).json
            return [event["id"] for event in newest["events"]] == [fleet.last_event()]

        await eventually(newest_alone)


async def test_the_history_shows_each_move_with_its_reason(database_dsn):
    async with served(database_dsn) as (fleet, region):
        (move,) = (await region.get("/api/v1/balance/history")).json
        assert set(move) == MOVE
        (rack,) = fleet.read().racks
        assert (move["what"], move["item"], move["name"]) == ("managing", rack, "rack1")
        assert (move["from"], move["to"], move["forced"]) == (None, "region1/1", True)
        assert move["reason"]
        assert (await region.get("/api/v1/balance/history?limit=0")).json == []


async def test_every_problem_can_be_explained(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        for code, entry in CATALOGUE.items():
            answer = await fleet.regions["region1/1"].get(f"/api/v1/problems/{code}")
            assert answer.status == 200
            assert answer.json == {
                "code": code,
                "meaning": entry.meaning,
                "suffers": entry.suffers,
                "do": entry.do,
            }


async def test_what_does_not_exist_is_answered_404_as_a_problem(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        region = fleet.regions["region1/1"]
        for path in (
            "/",
            "/nowhere",
            "/api",
            "/api/v1",
            "/api/v1/",
            "/api/v2/status",
            "/api/v1/nouns",
            "/api/v1/status/nonsense",
            "/api/v1/events/7",
            "/api/v1/balance",
            "/api/v1/problems/NoSuchCode",
            "/api/v1/problems/RackLost/more",
            "/healthz/deeper",
            "/%00%ff",
        ):
            answer = await region.get(path)
            assert (path, answer.status) == (path, 404)
            assert answer.type == "application/problem+json"
            assert set(answer.json) >= PROBLEM
            assert (answer.json["status"], answer.json["code"]) == (404, "NotFound")


async def test_arguments_that_make_no_sense_are_answered_400_as_a_problem(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        region = fleet.regions["region1/1"]
        for query in (
            "events?limit=1001",
            "events?limit=-1",
            "events?limit=ten",
            "events?after=1.5",
            "events?after=",
            "events?after=%C2%B2",
            "events?after=9223372036854775808",
            f"events?after={'9' * 5000}",
            "balance/history?limit=x",
        ):
            answer = await region.get(f"/api/v1/{query}")
            assert (query, answer.status) == (query, 400)
            assert answer.type == "application/problem+json"
            assert answer.json["code"] == "BadRequest"
            assert answer.json["detail"].startswith(("limit:", "after:"))


async def test_the_highest_and_the_longest_numbers_that_make_sense_are_taken(database_dsn):
    async with served(database_dsn) as (_, region):
        for query in ("after=9223372036854775807", "limit=1000", f"after={'0' * 30}1"):
            assert (await region.get(f"/api/v1/events?{query}")).status == 200


async def test_what_would_change_something_is_answered_405_as_a_problem(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = await ask(fleet.regions["region1/1"].socket, "/api/v1/status", method)
            assert (answer.status, answer.type) == (405, "application/problem+json")
            assert set(answer.json) >= PROBLEM


async def test_head_is_answered_without_a_body(database_dsn):
    async with served(database_dsn) as (_, region):
        answer = await ask(region.socket, "/api/v1/status", "HEAD")
        assert (answer.status, answer.text) == (200, "")


async def test_a_process_is_healthy_from_its_start_and_ready_while_its_database_answers(
    database_dsn,
):
    async with served(database_dsn) as (_, region):
        for path in ("/healthz", "/readyz"):
            answer = await region.get(path)
            assert (answer.status, answer.json) == (200, {"ok": True})


async def test_many_who_ask_at_once_are_all_answered(database_dsn):
    from twisted.internet.defer import Deferred

    async with served(database_dsn) as (_, region):
        asked = [Deferred.fromCoroutine(region.get("/api/v1/status")) for _ in range(30)]
        assert {(await answer).status for answer in asked} == {200}


async def test_one_who_hangs_up_before_the_answer_does_no_harm(database_dsn):
    import socket

    async with served(database_dsn) as (_, region):
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as rude:
                rude.connect(str(region.socket))
                rude.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await region.get("/api/v1/status")).status == 200
