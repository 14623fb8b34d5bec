"""Who replays an enrolment, and who takes the authority: against a real region process."""

from datetime import timedelta

import pytest
from twisted.internet.threads import deferToThread

from evenrack.lab.intruder.replays import replay_enrolment
from evenrack.lab.intruder.stolen_authority import steal_authority
from evenrack.region.database.trust_store import active_authority
from evenrack.region.trust.certificate_desk import open_authority
from tests.region.made_cluster import cluster_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


async def replayed(cluster, folder, **made):
    secret = folder / "secret"
    secret.write_text(f"{cluster.new_secret(uses=3, **made).reveal()}\n")
    port = cluster.fleet.regions["region1/1"].port
    return await deferToThread(replay_enrolment, secret, "127.0.0.1", port)


async def test_what_is_sent_first_is_a_right_enrolment_and_sent_again_it_is_worth_nothing(
    database_dsn, tmp_path
):
    async with cluster_on(database_dsn, "region1") as cluster:
        told = await replayed(cluster, tmp_path)
        again = {"words again": "ENROLMENT_REFUSED", "bytes again": "cut"}
        assert told == {"first": "enrolled", **again}
        assert cluster.fleet.rows("SELECT uses_left FROM enrolment") == [(2,)]


async def test_a_secret_that_lets_nobody_in_shows_that_the_first_was_refused(
    database_dsn, tmp_path
):
    async with cluster_on(database_dsn, "region1") as cluster:
        told = await replayed(cluster, tmp_path, life=timedelta(seconds=-1))
        assert told["first"] == "ENROLMENT_REFUSED"


async def test_the_authority_that_is_taken_is_the_one_that_signs(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        (keys,) = cluster.fleet.folder.glob("*.keys")
        stolen = await deferToThread(steal_authority, database_dsn, keys)
        stored = cluster.run(active_authority)
        assert stolen.pem == open_authority(stored, cluster.sealer()).pem
