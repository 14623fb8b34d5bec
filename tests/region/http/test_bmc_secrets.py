"""Passwords and keys of BMCs over HTTP: taken, sealed, and shown by nothing."""

import base64
import contextlib
import json

import psycopg2
import pytest
from twisted.logger import globalLogPublisher

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import ConfigurationRefused
from evenrack.region.database.bmc_reading import password_cell, sealed_password_of
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.sealing import Sealer
from evenrack.runtime.log_format import line_of
from tests.postgres_fixtures import copied_out
from tests.region.http.bmc_api import BMC, CLEAR, KEY, served, start_with_keys
from tests.region.http.inventory_api import Api
from tests.region.processes import eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


def opened(dsn, number, content=KEY):
    """The password as a rack would get it."""
    engine = open_engine(dsn, "tests", sessions=0)
    try:
        sealed = attempt(engine, lambda c: sealed_password_of(c, number))
    finally:
        engine.dispose()
    return a_sealer(content).open(sealed, password_cell(number)).reveal().decode()


def a_sealer(content):
    keys = Keys(all=(Key(id="k", content=Secret(content)),))
    return Sealer(keys=keys, token_bytes=lambda _: b"")


async def test_a_bmc_s_own_key_is_taken_and_forgotten_and_in_no_answer(database_dsn):
    async with served(database_dsn) as api:
        options = {"driver": "ipmi", "privilege": "administrator", "boot_type": "legacy"}
        body = {**BMC, "name": "b3", "address": "10.9.0.3", **options, "k_g": "SESAME key"}
        made = await api("POST", "/api/v1/bmcs", body)
        assert (made.status, made.json["k_g_set"]) == (201, True)
        assert {name: made.json[name] for name in options} == options
        assert (await api("GET", "/api/v1/bmcs/b3")).json == made.json
        refused = await api("PATCH", "/api/v1/bmcs/b3", {"driver": "ipmitool"})
        assert [error["field"] for error in refused.json["errors"]] == ["k_g"]
        gone = await api("PATCH", "/api/v1/bmcs/b3", {"driver": "ipmitool", "k_g": None})
        assert (gone.json["driver"], gone.json["k_g_set"]) == ("ipmitool", False)
        assert not any("SESAME" in answer for answer in api.answers)


async def test_redfish_is_not_told_a_password_that_was_given_for_something_else(database_dsn):
    async with served(database_dsn) as api:
        refused = await api("PATCH", "/api/v1/bmcs/b1", {"driver": "redfish"})
        (error,) = refused.json["errors"]
        assert (refused.status, error["field"]) == (422, "password")
        taken = await api("PATCH", "/api/v1/bmcs/b1", {"driver": "redfish", "password": CLEAR})
        assert (taken.status, taken.json["port"]) == (200, 443)
        for body in ({"port": 8443}, {"certificate_sha256": "ab" * 32}):
            assert (await api("PATCH", "/api/v1/bmcs/b1", body)).status == 422
            assert (await api("PATCH", "/api/v1/bmcs/b1", {**body, "password": "x"})).status == 200
        assert (await api("PATCH", "/api/v1/bmcs/b1", {"login": "basic"})).status == 200


async def test_a_password_is_taken_when_created_and_when_changed_and_opens_with_the_key(
    database_dsn,
):
    async with served(database_dsn) as api:
        before = (await api("GET", "/api/v1/bmcs/b1")).json
        assert opened(database_dsn, before["id"]) == CLEAR
        changed = await api("PATCH", "/api/v1/bmcs/b1", {"password": "other", "user": "x"})
        assert changed.json == {**before, "user": "x", "generation": changed.json["generation"]}
        assert opened(database_dsn, before["id"]) == "other"
        await api("PATCH", "/api/v1/bmcs/b1", {"port": 6230})
        assert opened(database_dsn, before["id"]) == "other"


async def test_a_region_without_a_key_file_says_so_and_serves_all_else(database_dsn, log):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(fleet.has_leader)
        assert len(log.about("there is no key file", level="warn")) == 1
        api = Api(fleet.regions["region1/1"])
        refused = await api("POST", "/api/v1/bmcs", BMC)
        assert (refused.status, refused.json["code"]) == (503, "KeyMissing")
        assert "copy the key file from a region host that has it" in refused.json["detail"]
        assert (await api("GET", "/api/v1/bmcs")).json["bmcs"] == []
        keyed = Api(start_with_keys(fleet, "region2"))
        made = await keyed("POST", "/api/v1/bmcs", BMC)
        assert made.status == 201
        assert (await api("PATCH", "/api/v1/bmcs/b1", {"port": 624})).status == 200
        assert opened(database_dsn, made.json["id"]) == CLEAR


async def test_the_password_is_in_no_row_answer_event_or_log_line(database_dsn):
    lines = []

    def observe(event):
        lines.append(line_of(event) + repr(event))

    globalLogPublisher.addObserver(observe)
    try:
        async with served(database_dsn) as api:
            await api("PATCH", "/api/v1/bmcs/b1", {"password": f"{CLEAR}2"})
            await api("PATCH", "/api/v1/bmcs/b1", {"password": CLEAR * 3})
            await api("POST", "/api/v1/bmcs", {**BMC, "name": "b1"})
            await api("POST", "/api/v1/bmcs", json.dumps(BMC).encode() + b"}")
            await api("DELETE", "/api/v1/machines/m1")
            await api("DELETE", "/api/v1/bmcs/b1")
            await api.everything()
            rows = all_rows(database_dsn)
            assert b"10.9.0.2" in rows
            answers = api.answers
    finally:
        globalLogPublisher.removeObserver(observe)
    assert len(answers) > 10
    assert any("has joined" in line for line in lines)
    for hidden in hidden_forms():
        assert hidden not in rows
        assert not any(hidden.decode("latin-1") in line for line in [*lines, *answers])


def hidden_forms():
    """The word, and how JSON, bytea and base64 would show the beginning of it."""
    word = b"SESAME"
    return [word, word.hex().encode(), base64.b64encode(word)]


def all_rows(dsn):
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        assert {"bmc", "machine", "event"} <= set(tables)
        return b"".join(copied_out(cursor, table) for table in tables)


async def test_a_key_file_that_is_open_to_others_stops_the_region_at_its_start(database_dsn):
    async with fleet_on(database_dsn) as fleet:
        start_with_keys(fleet)
        (fleet.folder / "region1.keys").chmod(0o644)
        with pytest.raises(ConfigurationRefused, match="chmod 600"):
            fleet.start_region("region1", 2)
