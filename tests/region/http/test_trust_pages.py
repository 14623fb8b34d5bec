"""Enrolments, certificates and authorities over HTTP: real requests, a real authority."""

import pytest

from evenrack.client import trusting
from evenrack.trust.certificates import certificates_from_pem, pin_of
from evenrack.trust.enrolment import enrolment_secret_from_text
from tests.region.made_cluster import cluster_on
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

ENROLMENTS = "/api/v1/enrolments"
AUTHORITIES = "/api/v1/authorities"
SHOWN = {"name", "state", "rack", "uses_left", "expires_at", "who", "at"}


async def made(api, **fields):
    answer = await api("POST", ENROLMENTS, {"name": "rack7", **fields})
    assert answer.status == 201, answer.text
    return answer.json


async def test_an_enrolment_is_shown_with_its_secret_once(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        api = cluster.api()
        region = cluster.fleet.regions["region1/1"]
        await eventually(lambda: region.service.endpoints.endpoints)
        answer = await made(api)
        assert set(answer) == SHOWN | {"secret", "region"}
        assert answer["region"] == f"127.0.0.1:{region.port}"
        secret = enrolment_secret_from_text(answer["secret"])
        listed = (await api("GET", ENROLMENTS)).json
        assert [set(each) for each in listed] == [SHOWN]
        assert (listed[0]["state"], listed[0]["uses_left"], listed[0]["rack"]) == ("open", 1, None)
        ((row,),) = cluster.fleet.rows("SELECT CAST(enrolment AS text) FROM enrolment")
        assert secret.secret.reveal().hex() not in row


async def test_p2_a_rack_joins_with_the_secret_and_it_is_used_up(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        api = cluster.api()
        secret = enrolment_secret_from_text((await made(api))["secret"])
        joined = await cluster.register(secret)
        listed = (await api("GET", ENROLMENTS)).json
        assert (listed[0]["state"], listed[0]["uses_left"]) == ("used up", 0)
        certificates = (await api("GET", "/api/v1/certificates")).json
        assert [each["rack"] for each in certificates] == [joined.rack]
        assert certificates[0]["revoked_at"] is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"name": ""}, "name"),
        ({"uses": 0}, "uses"),
        ({"uses": 10_001}, "uses"),
        ({"uses": True}, "uses"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 43_201}, "minutes"),
        ({"rack": "nobody"}, "rack"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_with_its_field(database_dsn, fields, field):
    async with cluster_on(database_dsn, "region1") as cluster:
        answer = await cluster.api()("POST", ENROLMENTS, {"name": "rack7", **fields})
        assert answer.status == 422, answer.text
        assert field in answer.json["detail"]
        assert (await cluster.api()("GET", ENROLMENTS)).json == []


async def test_a_name_is_given_once(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        await made(cluster.api())
        answer = await cluster.api()("POST", ENROLMENTS, {"name": "rack7"})
        assert (answer.status, answer.json["code"]) == (409, "NameTaken")


async def test_a_revoked_enrolment_stays_in_the_list(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        api = cluster.api()
        await made(api)
        for _ in range(2):
            gone = await api("DELETE", f"{ENROLMENTS}/rack7")
            assert (gone.status, gone.json["state"]) == (200, "revoked")
        assert (await api("DELETE", f"{ENROLMENTS}/rack8")).status == 404


async def test_where_two_racks_have_one_name_nothing_is_made_or_revoked_and_both_are_named(
    database_dsn,
):
    """A stolen rack may call itself as another does."""
    async with cluster_on(database_dsn, "region1") as cluster:
        for rack in ("rack0001", "rack0002"):
            cluster.fleet.rows(
                "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, "  # noqa: S608
                f"holds_generation, holds_fingerprint) VALUES ('{rack}', 'twin', 'r', '', false, "
                "0, 0, '')"
            )
        api, said = cluster.api(), "more than one rack is called"
        made = await api("POST", ENROLMENTS, {"name": "back", "rack": "twin"})
        revoked = await api("DELETE", "/api/v1/certificates/twin")
        deleted = await api("DELETE", "/api/v1/racks/twin")
        for answer, status in ((made, 422), (revoked, 404), (deleted, 404)):
            assert answer.status == status
            assert said in answer.text
            assert "rack0001, rack0002" in answer.text
        assert (await api("POST", ENROLMENTS, {"name": "back", "rack": "rack0002"})).status == 201


async def test_certificates_of_a_rack_that_is_not_there_are_not_found(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        answer = await cluster.api()("DELETE", "/api/v1/certificates/rack9")
        assert answer.status == 404


async def test_an_authority_is_shown_as_what_a_client_can_know_the_regions_by(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        (shown,) = (await cluster.api()("GET", AUTHORITIES)).json
        (certificate,) = certificates_from_pem(shown["certificate"].encode())
        assert pin_of(certificate).startswith(shown["pin"])
        assert shown["not_after"] == certificate.not_valid_after_utc.isoformat()
        assert trusting(shown["certificate"]).cert_store_stats()["x509_ca"] == 1
        assert "PRIVATE" not in str(shown)


async def test_an_authority_is_put_in_the_place_of_another_step_by_step(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        api = cluster.api()
        (old,) = (await api("GET", AUTHORITIES)).json
        assert (await api("POST", f"{AUTHORITIES}/{old['pin']}", {})).status == 409
        assert (await api("DELETE", f"{AUTHORITIES}/{old['pin']}")).status == 409
        assert (await api("POST", AUTHORITIES, {})).status == 201
        assert (await api("POST", AUTHORITIES, {})).status == 409  # one at a time

        async def states():
            return {each["state"]: each for each in (await api("GET", AUTHORITIES)).json}

        async def trusted():
            return not (await states())["next"]["not_trusted_by"]

        await eventually(trusted)
        new = (await states())["next"]["pin"]
        assert (await api("POST", f"{AUTHORITIES}/{new}", {})).status == 200

        async def renewed():
            return (await states())["retiring"]["certificates"] == 0

        await eventually(renewed)
        assert (await api("DELETE", f"{AUTHORITIES}/{old['pin']}")).status == 200
        (left,) = (await api("GET", AUTHORITIES)).json
        assert (left["pin"], left["state"], left["certificates"]) == (new, "active", 1)


async def test_an_authority_that_not_all_know_signs_only_without_them(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        api = cluster.api()
        cluster.fleet.rows(
            "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
            "holds_fingerprint) VALUES ('rack0009', 'far', 'r', '', false, 0, 0, '')"
        )
        cluster.fleet.rows(
            "INSERT INTO certificate (serial, rack_id, authority_id, not_after) "
            "VALUES ('5e', 'rack0009', 1, now() + interval '1 day')"
        )
        await api("POST", AUTHORITIES, {})
        found = {each["state"]: each for each in (await api("GET", AUTHORITIES)).json}
        pin = found["next"]["pin"]

        async def only_the_rack_waits():
            listed = (await api("GET", AUTHORITIES)).json
            return any(each["not_trusted_by"] == ["rack far"] for each in listed)

        await eventually(only_the_rack_waits)
        refused = await api("POST", f"{AUTHORITIES}/{pin}", {})
        assert refused.status == 409
        assert "rack far" in refused.json["detail"]
        assert (await api("POST", f"{AUTHORITIES}/{pin}", {"without_them": True})).status == 200


async def test_a_next_authority_can_be_given_up(database_dsn):
    async with cluster_on(database_dsn, "region1") as cluster:
        api = cluster.api()
        await api("POST", AUTHORITIES, {})
        found = {each["state"]: each["pin"] for each in (await api("GET", AUTHORITIES)).json}
        assert (await api("DELETE", f"{AUTHORITIES}/{found['next']}")).status == 200
        assert [each["state"] for each in (await api("GET", AUTHORITIES)).json] == ["active"]
        assert (await api("DELETE", f"{AUTHORITIES}/nothing")).status == 404
