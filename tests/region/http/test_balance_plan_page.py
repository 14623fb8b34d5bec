"""`GET /api/v1/balance/plan` over real doors and a real database: what would move, for viewers."""

import pytest

from tests.region.http.api_process import api_process
from tests.region.http.test_balance_pages import ONE, TWO, small_fleet
from tests.region.http.test_openapi import DOCUMENT, check
from tests.region.processes import eventually, fleet_on

pytestmark = pytest.mark.postgres

PLAN = "/api/v1/balance/plan"
AWAY = {
    "what": "managing",
    "item": "rack0001",
    "name": "rack1",
    "from": ONE,
    "to": TWO,
    "forced": True,
    "reason": f"{ONE} is gone",
}
ALONE = {"object": "rack:rack0002", "why": f"rack2 is connected to {ONE} only"}


async def plan(api, *parts):
    query = "&".join(f"without={part}" for part in parts)
    answer = await api.api.locally("GET", f"{PLAN}?{query}")
    check((await api.api.locally("GET", DOCUMENT)).json, PLAN, "GET", answer)
    return answer


async def test_what_would_move_and_what_would_have_nobody_is_answered(database_dsn):
    async with small_fleet(database_dsn) as api:
        before = await api.fleet()
        (move,) = (await plan(api)).json["moves"]
        assert (move["to"], move["forced"]) == (TWO, False)
        assert move["reason"] == f"{ONE} manages 2 racks, {TWO} manages 0 racks"
        for part in (f"process:{ONE}", "region:region1"):
            found = await plan(api, part)
            assert (found.status, found.json) == (
                200,
                {"moves": [AWAY], "nobody": [ALONE], "held": False},
            )
        assert await api.fleet() == before


async def test_several_parts_are_thought_away_at_once(database_dsn):
    async with small_fleet(database_dsn) as api:
        found = (await plan(api, f"process:{ONE}", "rack:rack2")).json
        assert (found["moves"], found["nobody"]) == ([AWAY], [])
        found = (await plan(api, "rack:rack1", "rack:rack0002")).json
        assert (found["moves"], found["nobody"]) == ([], [])


async def test_a_held_balance_is_said(database_dsn):
    async with small_fleet(database_dsn) as api:
        await api.ask("POST", "/api/v1/balance/hold", {"reason": "core"})
        assert (await plan(api)).json == {"moves": [], "nobody": [], "held": True}


async def test_what_is_no_part_is_refused_with_what_there_is(database_dsn):
    async with small_fleet(database_dsn) as api:
        refused = await plan(api, "rack:rack9")
        assert (refused.status, refused.json["code"]) == (404, "NotFound")
        told = 'without: no rack is called "rack9"; there are: rack1, rack2'
        assert refused.json["detail"] == told
        assert (await plan(api, "rack1")).status == 404
        unknown = await api.api.locally("GET", f"{PLAN}?with=rack:rack1")
        assert (unknown.status, unknown.json["code"]) == (400, "BadRequest")


async def test_viewers_may_and_without_a_database_there_is_no_plan(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("v")
        assert (await api("GET", PLAN, token=token)).json["moves"] == []
        assert (await api("GET", PLAN)).status == 401
        api.view.trouble = lambda: "it finishes no change"
        refused = await api.locally("GET", PLAN)
        assert (refused.status, refused.json["detail"]) == (503, "it finishes no change")


async def test_a_whole_region_process_plans(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        ((rack, manager),) = fleet.managers().items()
        (other,) = set(fleet.regions) - {manager}
        found = await fleet.regions[other].get(f"{PLAN}?without=process:{manager}")
        (move,) = found.json["moves"]
        assert (move["name"], move["from"], move["to"]) == (rack, manager, other)
