"""Revocation and new authorities while racks are connected: whole processes, real TLS."""

from datetime import timedelta

import pytest
from twisted.internet.error import ConnectionClosed
from twisted.internet.threads import deferToThread

from evenrack.errors import EnrolmentRefused
from evenrack.rack.state_folder import StateFolder
from evenrack.region.database.trust_store import revoke_rack
from evenrack.region.trust.certificate_desk import region_files
from evenrack.trust import certificates
from evenrack.trust.certificates import is_issued_by, new_key, new_request, pin_of, serial_of
from tests.region.made_cluster import cluster_on
from tests.region.processes import PATIENT, PATIENT_RACK, eventually, goes_on
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

CUT_SECONDS = 2.0
"""Promised: so long a revoked rack may still have a link anywhere."""


def links(fleet, rack=None):
    """The links of the region processes, by their names: another name, another link."""
    return {
        link.link
        for region in fleet.regions.values()
        for link in region.service.connected.all_links()
        if rack is None or link.rack == rack
    }


def serial(fleet, name):
    return serial_of(StateFolder(fleet.folder / name).trust.identity().certificate)


def pass_a_minute(fleet):
    """After it racks may renew again."""
    aged = "UPDATE certificate SET at = at - interval '61 seconds' RETURNING 1"
    assert fleet.rows(aged)


# Revocation


async def test_a_revoked_rack_is_cut_off_everywhere_in_time_and_cannot_return_and_others_stay(
    database_dsn, log
):
    async with cluster_on(database_dsn, "region1", "region2") as cluster:
        fleet = cluster.fleet
        rack = await cluster.start_rack("rack1")
        other = await cluster.start_rack("rack2")
        await eventually(fleet.is_whole)
        others = links(fleet, other.rack)
        assert len(links(fleet, rack.rack)) == 2
        with Stopwatch() as taken:
            assert cluster.run(lambda c: revoke_rack(c, rack.rack)) == 1
            await eventually(lambda: not links(fleet, rack.rack))
        assert taken.seconds < CUT_SECONDS

        def told():
            end = ("was revoked", "may let it enrol again")
            return [len(log.about(f"{process}: no link", *end)) for process in fleet.regions]

        def refused():
            return len(log.about("refused 127.0.0.1:", "was revoked"))

        await eventually(lambda: all(told()) and refused() >= 2)
        await goes_on(lambda: not links(fleet, rack.rack), 2)
        assert fleet.rows(f"SELECT 1 FROM connection WHERE rack_id = '{rack.rack}'") == []  # noqa: S608
        assert links(fleet, other.rack) == others
        assert told() == [1, 1], "once, however often it knocks"
        assert refused() == 2, "once a process"
        await eventually(lambda: rack.lease.manager is None)


async def test_a_revoked_rack_is_let_back_in_as_itself_with_an_enrolment_for_it(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        fleet = cluster.fleet
        rack = await cluster.start_rack("rack1")
        await eventually(fleet.is_whole)
        revoked = serial(fleet, "rack1")
        cluster.run(lambda c: revoke_rack(c, rack.rack))
        await eventually(lambda: not links(fleet))
        await fleet.stop_rack("rack1")
        secret = cluster.new_secret("back", rack=rack.rack)
        (await cluster.register(secret)).keep(StateFolder(fleet.folder / "rack1"))
        back = fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        assert back.rack == rack.rack
        assert serial(fleet, "rack1") != revoked
        assert await eventually(lambda: back.lease.manager == "region1/1")


async def test_a_copy_of_a_revoked_rack_is_as_revoked_at_a_process_that_starts_without_a_database(
    own_migrated_server, log
):
    server, dsn = own_migrated_server
    async with cluster_on(dsn, "region1") as cluster:
        fleet = cluster.fleet
        rack = await cluster.start_rack("rack1")
        other = await cluster.start_rack("rack2")
        await eventually(fleet.is_whole)
        cluster.run(lambda c: revoke_rack(c, rack.rack))
        await eventually(lambda: not links(fleet, rack.rack))
        await fleet.stop_region(fleet.regions["region1/1"])
        await deferToThread(server.stop, "immediate")
        fleet.start_region("region1")
        await eventually(lambda: links(fleet, other.rack))
        await goes_on(lambda: not links(fleet, rack.rack), 1.5)
        await deferToThread(server.start)


async def test_a_link_that_is_cut_in_a_moment_gets_no_new_certificate_any_more(database_dsn):
    """Who steals a rack's certificate could renew it over a link that still stands."""
    async with cluster_on(database_dsn, "region1") as cluster:
        rack = await cluster.start_rack("rack1")
        await eventually(cluster.fleet.is_whole)
        (session,) = rack.connections.sessions()
        pass_a_minute(cluster.fleet)
        assert await session.renew_certificate(new_request(new_key()))
        assert cluster.run(lambda c: revoke_rack(c, rack.rack)) == 2, "the renewed one, too"
        with pytest.raises((EnrolmentRefused, ConnectionClosed)):
            await session.renew_certificate(new_request(new_key()))
        good = "SELECT 1 FROM certificate WHERE revoked_at IS NULL AND rack_id IS NOT NULL"
        assert cluster.fleet.rows(good) == []


SHORT = timedelta(seconds=6)
"""Good for both links of a rack on a busy machine; a rack asks for no other in its first 10 s."""


@pytest.mark.parametrize("has_renewed", [False, True], ids=["no other", "renewed"])
@pytest.mark.parametrize("deed", ["certificates", "racks"], ids=["revoked", "deleted"])
async def test_a_rack_whose_links_are_older_than_their_certificate_is_cut_off_all_the_same(
    database_dsn, monkeypatch, deed, has_renewed
):
    patience = {"liveness": PATIENT, "rack_liveness": PATIENT_RACK}
    async with cluster_on(database_dsn, "region1", "region2", **patience) as cluster:
        fleet = cluster.fleet
        with monkeypatch.context() as short_lived:
            short_lived.setattr(certificates, "LEAF_LIFE", SHORT)
            rack = await cluster.start_rack("rack1")
        await eventually(fleet.is_whole)
        good = "SELECT 1 FROM certificate WHERE rack_id IS NOT NULL AND not_after > now()"
        await eventually(lambda: not fleet.rows(good))
        first, second = rack.connections.sessions()
        pass_a_minute(fleet)
        if has_renewed:  # by which it is revoked, and its links were not made with it
            assert await first.renew_certificate(new_request(new_key()))
        assert len(links(fleet, rack.rack)) == 2, "links outlive certificates"
        with Stopwatch() as taken:
            answer = await cluster.api()("DELETE", f"/api/v1/{deed}/{rack.rack}")
            assert answer.status == 200, answer.text
            for session in (first, second):
                with pytest.raises((EnrolmentRefused, ConnectionClosed)):
                    await session.renew_certificate(new_request(new_key()))
            await eventually(lambda: not links(fleet, rack.rack))
        assert taken.seconds < CUT_SECONDS
        await goes_on(lambda: not links(fleet, rack.rack), 1)
        assert fleet.rows(f"{good} AND revoked_at IS NULL") == []


async def test_no_enrolment_that_was_made_before_lets_a_revoked_rack_in(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        rack = await cluster.start_rack("rack1")
        await eventually(cluster.fleet.is_whole)
        before = cluster.new_secret("before", rack=rack.rack)
        assert (await cluster.api()("DELETE", f"/api/v1/certificates/{rack.rack}")).status == 200
        with pytest.raises(EnrolmentRefused, match=r'"before" is revoked'):
            await cluster.register(before)


# Another authority


class Rotation:
    """What an operator does with authorities, over the API."""

    def __init__(self, cluster):
        self._api = cluster.api()

    async def ask(self, method, path="", body=None):
        return await self._api(method, f"/api/v1/authorities{path}", body)

    async def by_state(self):
        return {each["state"]: each for each in (await self.ask("GET")).json}


async def test_a_new_authority_is_trusted_by_all_then_signs_for_all_and_no_link_ends(
    database_dsn, log
):
    async with cluster_on(database_dsn, "region1", "region2") as cluster:
        fleet, rotation = cluster.fleet, Rotation(cluster)
        for name in ("rack1", "rack2"):
            await cluster.start_rack(name)
        await eventually(fleet.is_whole)
        before = links(fleet)
        ended = []
        for region in fleet.regions.values():
            region.service.connected.remove = noting(region.service.connected.remove, ended)
        assert (await rotation.ask("POST", body={})).status == 201
        states = await rotation.by_state()
        new, old = states["next"]["pin"], states["active"]["pin"]

        async def everybody_trusts_it():
            return (await rotation.by_state())["next"]["not_trusted_by"] == []

        await eventually(everybody_trusts_it)
        assert (await rotation.ask("POST", f"/{new}", {})).status == 200

        async def nothing_of_the_old_is_in_use():
            return (await rotation.by_state())["retiring"]["certificates"] == 0

        await eventually(nothing_of_the_old_is_in_use)
        assert (await rotation.ask("DELETE", f"/{old}")).status == 200
        (left,) = (await rotation.by_state()).values()
        assert (left["pin"], left["state"], left["certificates"]) == (new, "active", 4)
        await eventually(lambda: all(only_trusted(fleet, name) for name in ("rack1", "rack2")))
        assert links(fleet) == before
        assert ended == []
        assert log.about("no link") == []
        await fleet.stop_rack("rack1")
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)


def noting(remove, ended):
    def noted(link):
        ended.append(link)
        remove(link)

    return noted


def only_trusted(fleet, name):
    """All that a rack trusts is one authority, and its certificate is signed by it."""
    trust = StateFolder(fleet.folder / name).trust
    authorities = trust.authorities()
    return len(authorities) == 1 and is_issued_by(trust.identity().certificate, authorities[0])


async def test_an_authority_does_not_sign_before_a_rack_that_is_away_knows_it(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        fleet, rotation = cluster.fleet, Rotation(cluster)
        await cluster.start_rack("rack1")
        await eventually(fleet.is_whole)
        await fleet.stop_rack("rack1")
        await rotation.ask("POST", body={})
        new = (await rotation.by_state())["next"]["pin"]

        async def the_region_knows():
            return (await rotation.by_state())["next"]["not_trusted_by"] == ["rack rack1"]

        await eventually(the_region_knows)
        refused = await rotation.ask("POST", f"/{new}", {})
        assert refused.status == 409
        assert "rack rack1" in refused.json["detail"]
        fleet.start_rack("rack1")

        async def activated():
            return (await rotation.ask("POST", f"/{new}", {})).status == 200

        await eventually(activated)


async def test_processes_of_one_host_share_the_certificate_that_one_of_them_renewed(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        fleet, rotation = cluster.fleet, Rotation(cluster)
        fleet.start_region("region1", 2)
        await cluster.start_rack("rack1")
        await eventually(fleet.is_whole)
        await rotation.ask("POST", body={})
        new = (await rotation.by_state())["next"]["pin"]

        async def activated():
            return (await rotation.ask("POST", f"/{new}", {})).status == 200

        await eventually(activated)
        desks = [desk_of(region) for region in fleet.regions.values()]
        files = region_files(fleet.region_config("region1"))

        def is_shared():
            kept, signer = files.identity().certificate, files.authorities()[0]
            return (
                pin_of(signer).startswith(new)
                and is_issued_by(kept, signer)
                and all(desk._identity.certificate == kept for desk in desks)
            )

        await eventually(is_shared)
        await goes_on(is_shared, 1.5)


def desk_of(region):
    return region.service._surroundings.doorkeeper
