"""Keys over HTTP: what a step of a rotation waits for, and what is refused."""

import contextlib

import pytest

from evenrack.config.key_file import Key
from evenrack.config.secret_file import Secret
from evenrack.model.identifiers import ProcessId
from evenrack.region.database.key_store import KeyReport, report_keys
from evenrack.region.database.process_store import register
from tests.region.database.sessions import registration
from tests.region.http.api_process import api_process

pytestmark = pytest.mark.postgres

K = Key(id="k", content=Secret(b"k" * 32))
"""The key of the process that answers."""

OTHER = "the fingerprint of another key"
SILENT = ProcessId("region9/1")


@contextlib.asynccontextmanager
async def beside_a_silent_process(dsn):
    """The API, and a process that has joined but has not said which keys it has."""
    async with api_process(dsn) as api:
        me = await api.database.run(lambda c: register(c, registration(SILENT)))

        async def say(**known_and_encrypting):
            report = KeyReport(**known_and_encrypting)
            await api.database.run(lambda c: report_keys(c, SILENT, me.incarnation, report))

        yield api, say


async def step(api, **more):
    return await api.locally("POST", "/api/v1/keys/k", {}, **more)


async def test_a_process_that_has_said_nothing_counts_as_one_without_the_key(database_dsn):
    async with beside_a_silent_process(database_dsn) as (api, say):
        assert (await step(api)).json["missing_at"] == [SILENT]
        await say(known={"k": OTHER}, encrypting=OTHER)
        assert (await step(api)).json["missing_at"] == [SILENT], "another key of the same id"
        assert await api.rows("SELECT key_fingerprint FROM cluster") == [(None,)]


async def test_it_is_not_finished_before_every_process_encrypts_with_the_new_key(database_dsn):
    async with beside_a_silent_process(database_dsn) as (api, say):
        known = {"k": K.fingerprint, "a": OTHER}
        await say(known=known, encrypting=OTHER)
        answer = (await step(api)).json
        assert (answer["finished"], answer["waiting_for"]) == (False, [SILENT])
        assert await api.rows("SELECT key_fingerprint, key_host FROM cluster") == [
            (K.fingerprint, "region9.example.com")
        ]
        shown = (await api.locally("GET", "/api/v1/keys")).json["keys"]
        assert {each["id"]: each["state"] for each in shown} == {"k": "encrypts", "a": "needed"}
        await say(known=known, encrypting=K.fingerprint)
        answer = (await step(api)).json
        assert (answer["finished"], answer["waiting_for"]) == (True, [])


async def test_keys_are_shown_with_all_that_programs_rely_on(database_dsn):
    async with beside_a_silent_process(database_dsn) as (api, say):
        await say(known={"a": OTHER}, encrypting=OTHER)
        assert (await api.locally("GET", "/api/v1/keys")).json == {
            "keys": [
                {
                    "id": "k",
                    "fingerprint": K.fingerprint,
                    "state": "encrypts",
                    "sealed": 0,
                    "processes": [],
                    "missing_at": [SILENT],
                },
                {
                    "id": "a",
                    "fingerprint": OTHER,
                    "state": "needed",
                    "sealed": 0,
                    "processes": [SILENT],
                    "missing_at": [],
                },
            ],
            "newest": "k",
            "damaged": 0,
        }


async def test_what_is_not_understood_is_refused_and_nothing_is_changed(database_dsn):
    async with api_process(database_dsn) as api:
        for path, body, status in (
            ("/api/v1/keys/other", {}, 404),
            ("/api/v1/keys/k", {"force": True}, 422),
            ("/api/v1/keys/k", [], 400),
            ("/api/v1/keys/k?force=1", {}, 400),
        ):
            answer = await api.locally("POST", path, body)
            assert answer.status == status, answer.text
        assert (await api.locally("GET", "/api/v1/keys?x=1")).status == 400
        assert await api.rows("SELECT key_fingerprint FROM cluster") == [(None,)]
