"""Racks join with a secret, over real TLS: who is let in, who is not, and what each is told."""

import secrets
from datetime import timedelta

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from evenrack.config.secret_file import Secret
from evenrack.errors import EnrolmentRefused, NotTrusted, RegionUnreachable
from evenrack.rack.state_folder import StateFolder
from evenrack.region.database.enrolment_store import revoke_enrolment
from evenrack.trust.certificates import (
    is_issued_by,
    new_authority,
    pin_of,
    rack_of,
    serial_of,
)
from tests.region.made_cluster import cluster_on
from tests.region.processes import eventually
from tests.trusted import equip, now

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


async def refusal_of(cluster, secret, kind=EnrolmentRefused, **more):
    with pytest.raises(kind) as refusal:
        await cluster.register(secret, **more)
    return str(refusal.value)


def certificates(cluster):
    return cluster.fleet.rows("SELECT rack_id, serial FROM certificate WHERE rack_id IS NOT NULL")


async def test_a_rack_with_a_secret_gets_an_id_a_certificate_and_whom_to_trust_and_then_connects(
    database_dsn, log
):
    async with cluster_on(database_dsn, "region1", "region2") as cluster:
        joined = await cluster.register(cluster.new_secret(), "rack1")
        (authority,) = joined.authorities
        assert is_issued_by(joined.identity.certificate, authority)
        assert rack_of(joined.identity.certificate) == joined.rack
        assert certificates(cluster) == [(joined.rack, serial_of(joined.identity.certificate))]
        assert log.about(f"rack {joined.rack} enrolled from 127.0.0.1:", "host rack1")
        joined.keep(StateFolder(cluster.fleet.folder / "rack1"))
        rack = cluster.fleet.start_rack("rack1")
        await eventually(cluster.fleet.is_whole)
        assert rack.rack == joined.rack
        assert all(region.sockets() for region in cluster.fleet.regions.values())


async def test_a_wrong_secret_and_an_unknown_one_are_answered_alike_and_use_nothing_up(
    database_dsn, log
):
    async with cluster_on(database_dsn, "region1") as cluster:
        secret = cluster.new_secret()
        wrong = evolve(secret, secret=Secret(secrets.token_bytes(16)))
        unknown = evolve(secret, lookup="zzzzzzzz")
        told = await refusal_of(cluster, wrong)
        assert told == await refusal_of(cluster, unknown)
        assert "unknown or wrong" in told
        assert certificates(cluster) == []
        assert len(log.about("refused 127.0.0.1:", "enrolment secret", level="warn")) == 1
        assert await cluster.register(secret), "the right one is still good"


async def test_a_secret_that_is_used_up_expired_or_revoked_is_refused_with_that_word(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        once = cluster.new_secret("once")
        await cluster.register(once)
        assert 'enrolment "once" is used up' in await refusal_of(cluster, once)
        late = cluster.new_secret("late", life=timedelta(seconds=-1))
        assert 'enrolment "late" is expired' in await refusal_of(cluster, late)
        gone = cluster.new_secret("gone")
        cluster.run(lambda c: revoke_enrolment(c, "gone"))
        assert 'enrolment "gone" is revoked' in await refusal_of(cluster, gone)
        assert len(certificates(cluster)) == 1


async def test_racks_that_come_at_once_to_two_processes_get_in_as_often_as_was_said(database_dsn):
    async with cluster_on(database_dsn, "region1", "region2") as cluster:
        secret = cluster.new_secret(uses=3)
        regions = list(cluster.fleet.regions.values())

        async def come(number):
            try:
                return (await cluster.register(secret, f"rack{number}", regions[number % 2])).rack
            except EnrolmentRefused as refusal:
                return str(refusal)

        ends = await gatherResults([Deferred.fromCoroutine(come(n)) for n in range(8)])
        refused = [end for end in ends if "used up" in end]
        racks = set(ends) - set(refused)
        assert (len(refused), len(racks)) == (5, 3)
        assert {rack for rack, _ in certificates(cluster)} == racks


async def test_a_rack_tells_nothing_to_a_region_of_another_authority(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        secret = cluster.new_secret()
        elsewhere = evolve(secret, pin=pin_of(new_authority(now()).certificate))
        told = await refusal_of(cluster, elsewhere, NotTrusted)
        assert "nothing was told" in told
        config = cluster.fleet.region_config("intruder")
        equip(config.state_dir, "intruder", by=new_authority(now()))
        intruder = cluster.fleet.start_region("intruder")
        assert "nothing was told" in await refusal_of(cluster, secret, NotTrusted, region=intruder)
        assert await cluster.register(secret), "and so it is still good elsewhere"


async def test_a_rack_comes_back_as_itself_with_an_enrolment_for_it(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        before = await cluster.register(cluster.new_secret("first"))
        after = await cluster.register(cluster.new_secret("again", rack=before.rack))
        assert after.rack == before.rack
        assert after.identity.certificate != before.identity.certificate


async def test_without_a_database_nobody_is_let_in_and_the_rack_may_ask_another_region(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with cluster_on(dsn, "region1") as cluster:
        secret = cluster.new_secret()
        await deferToThread(server.stop, "immediate")
        told = await refusal_of(cluster, secret, RegionUnreachable)
        assert "DatabaseUnreachable" in told
        await deferToThread(server.start)
        assert await cluster.register(secret)


async def test_a_region_host_without_the_key_says_that_it_cannot_check_and_uses_nothing_up(
    database_dsn,
):
    async with cluster_on(database_dsn, "region1", "region2") as cluster:
        secret = cluster.new_secret()
        (cluster.fleet.folder / "region2.keys").unlink()
        await cluster.fleet.stop_region(cluster.fleet.regions["region2/1"])
        without = cluster.fleet.start_region("region2")
        assert "this region cannot check the secret" in await refusal_of(
            cluster, secret, region=without
        )
        assert await cluster.register(secret, region=cluster.fleet.regions["region1/1"])


async def test_a_cluster_without_an_authority_says_what_to_do(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        secret = cluster.new_secret()
        cluster.fleet.rows("DELETE FROM authority")
        told = await refusal_of(cluster, secret)
        assert "has no authority: run `evenrack-regiond init`" in told
