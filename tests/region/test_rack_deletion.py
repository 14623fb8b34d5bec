"""A rack is deleted while others work: whole processes, real TLS, the API as operators ask it."""

import pytest

from evenrack.rack.state_folder import StateFolder
from tests.region.made_cluster import cluster_on
from tests.region.processes import eventually, goes_on
from tests.region.test_trust_on_links import CUT_SECONDS, links
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

BMC = {"name": "b1", "driver": "ipmitool", "address": "10.9.0.1", "user": "admin"}


async def delete(cluster, rack, query="", **more):
    return await cluster.api()("DELETE", f"/api/v1/racks/{rack}{query}", **more)


async def test_a_deleted_rack_is_cut_off_everywhere_in_time_and_stays_out_and_others_stay(
    database_dsn, log
):
    async with cluster_on(database_dsn, "region1", "region2") as cluster:
        fleet = cluster.fleet
        rack, other = [await cluster.start_rack(name) for name in ("rack1", "rack2")]
        await eventually(fleet.is_whole)
        others, before = links(fleet, other.rack), fleet.last_event()
        answer = await delete(cluster, "rack1")
        assert answer.status == 200, answer.text
        with Stopwatch() as taken:
            await eventually(lambda: not links(fleet, rack.rack))
        assert taken.seconds < CUT_SECONDS
        await eventually(lambda: log.about("refused 127.0.0.1:", "was revoked"))
        await goes_on(lambda: not links(fleet, rack.rack), 2)
        assert fleet.rows("SELECT id FROM rack") == [(other.rack,)]
        assert links(fleet, other.rack) == others
        told = [event["text"] for event in fleet.events(after=before)]
        assert any(f" deleted rack rack1 ({rack.rack})" in text for text in told)
        assert not [text for text in told if "first time" in text]
        assert not log.about(level="critical"), "nobody fell over what is not there any more"


async def test_a_deleted_rack_enrols_anew_as_another_and_is_served(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        fleet = cluster.fleet
        rack = await cluster.start_rack("rack1")
        await eventually(fleet.is_whole)
        assert (await delete(cluster, rack.rack)).status == 200
        await eventually(lambda: not links(fleet))
        await fleet.stop_rack("rack1")
        refused = await cluster.api()(
            "POST", "/api/v1/enrolments", {"name": "back", "rack": rack.rack}
        )
        assert refused.status == 422, "as itself it cannot come back"
        secret = cluster.new_secret("anew")
        (await cluster.register(secret)).keep(StateFolder(fleet.folder / "rack1"))
        anew = fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        assert anew.rack != rack.rack


def enter(cluster, rack, hostname):
    """A rack that was connected once."""
    cluster.fleet.rows(
        "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "  # noqa: S608
        f"holds_fingerprint) VALUES ('{rack}', '{hostname}', 'r', '', true, 0, 0, '')"
    )


async def test_what_it_would_leave_with_nobody_is_listed_and_it_stays(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        fleet, api = cluster.fleet, cluster.api()
        enter(cluster, "rack0009", "old")
        made = await api("POST", "/api/v1/bmcs", {**BMC, "password": "word"})
        assert made.status == 201, made.text
        fleet.rows("INSERT INTO bmc_reach SELECT id, 'rack0009' FROM bmc")
        refused = await delete(cluster, "old")
        assert (refused.status, refused.json["code"]) == (409, "RackNeeded")
        reason = "b1 answers no other connected rack"
        assert refused.json["detail"] == reason
        found = {"object": "bmc:b1", "why": reason, "gone_helps": True}
        assert refused.json["hindrances"] == [found]
        plan = await api("GET", "/api/v1/racks/old/removal")
        assert plan.json["hindrances"] == [found]
        assert fleet.rows("SELECT id FROM rack") == [("rack0009",)]
        assert (await delete(cluster, "old", "?gone=true")).status == 200
        assert fleet.rows("SELECT id FROM rack") == []
        told = fleet.events("inventory")[-1]["text"]
        assert told.endswith(" deleted rack old (rack0009), and says that it is dead")


async def test_the_plan_says_what_it_has_and_is_of_one_generation(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        rack = await cluster.start_rack("rack1")
        await eventually(cluster.fleet.is_whole)
        plan = (await cluster.api()("GET", "/api/v1/racks/rack1/removal")).json
        assert plan == {
            "generation": plan["generation"],
            "rack": rack.rack,
            "hostname": "rack1",
            "connected": True,
            "managed_by": "region1/1",
            "bmcs": [],
            "vlans": [],
            "certificates": 1,
            "hindrances": [],
        }
        old = await delete(cluster, "rack1", If_Match='"0.1"')
        assert (old.status, old.json["code"]) == (412, "ChangedMeanwhile")
        assert old.json["present"]["hostname"] == "rack1"

        async def as_planned():
            """The leader may open or close a problem in between."""
            planned = (await cluster.api()("GET", "/api/v1/racks/rack1/removal")).json
            done = await delete(cluster, "rack1", If_Match=f'"{planned["generation"]}"')
            return done if done.status != old.status else None

        done = await eventually(as_planned)
        assert (done.status, done.json["certificates"]) == (200, 1)


@pytest.mark.parametrize("name", ["rack9", "rack%00", "%2e%2e"])
async def test_a_rack_that_is_not_there_is_not_found(database_dsn, name):
    async with cluster_on(database_dsn, "region1") as cluster:
        assert (await delete(cluster, name)).status == 404
        assert (await cluster.api()("GET", f"/api/v1/racks/{name}/removal")).status == 404


async def test_racks_of_one_name_are_named_by_their_ids(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        for rack in ("rack0001", "rack0002"):
            enter(cluster, rack, "twin")
        answer = await delete(cluster, "twin")
        assert answer.status == 404
        assert "more than one" in answer.json["detail"]
        assert (await delete(cluster, "rack0002")).status == 200
        assert cluster.fleet.rows("SELECT id FROM rack") == [("rack0001",)]
