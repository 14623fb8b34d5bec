"""Requests that come again while the first one is under way."""

import contextlib
import json
import os
import pwd
import time

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from evenrack.client import Client, Repeats, SocketTarget
from evenrack.errors import OutcomeUnknown
from evenrack.region.database.engine import open_engine
from evenrack.region.database.request_keys import claim_key, hold_key
from evenrack.region.http.asker import SOCKET, Asker
from evenrack.region.http.audit_trail import AskedChange
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.repeating import Keyed
from evenrack.region.request_marks import AskedRequest
from tests.cli.small_api import small_api
from tests.region.http.api_process import api_process
from tests.region.http.test_repeated_requests import ask, two_processes
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

ME = pwd.getpwuid(os.getuid()).pw_name
"""Who asks on the socket."""


@contextlib.contextmanager
def under_way(dsn, who, key):
    """Another process that is in the middle of the change of this request."""
    engine = open_engine(dsn, "another", sessions=1)
    session = engine.connect()
    session.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
    session.commit()
    try:
        assert hold_key(session, who, key)
        assert claim_key(session, who, key, "plain:1")
        yield session
    finally:
        session.rollback()
        session.close()
        engine.dispose()


async def test_a_request_that_is_under_way_is_said_to_be_and_takes_no_session(database_dsn):
    async with api_process(database_dsn) as api:
        with under_way(database_dsn, ME, "k"):
            repeats = [
                Deferred.fromCoroutine(ask(api, "POST", "vlans", {"name": "vlan1"}, "k"))
                for _ in range(6)
            ]
            assert (await api.locally("GET", "/api/v1/vlans")).status == 200
            for each in repeats:
                answer = await each
                assert (answer.status, answer.json["code"]) == (503, "StillUnderWay")
                assert answer.headers["Retry-After"] == "1"
            other = await ask(api, "POST", "vlans", {"name": "vlan1"}, "l")
            assert other.status == 201
        assert (await ask(api, "POST", "vlans", {"name": "vlan2"}, "k")).status == 201


async def test_the_command_line_s_client_repeats_a_change_at_a_process_that_says_it_keeps_keys(
    database_dsn, tmp_path
):
    async with api_process(database_dsn) as api:
        with small_api(tmp_path / "a.sock") as silent:
            silent.say_nothing("/api/v1/vlans", method="POST")
            client = Client(
                [SocketTarget(path=silent.path), SocketTarget(path=api.socket)],
                timeout=5,
                repeats=Repeats(new_key=lambda: "k", pause=time.sleep),
            )
            made = await deferToThread(client.post, "/api/v1/vlans", MADE)
        assert (made["name"], silent.keys) == ("vlan1", ["k"])


MADE = {"name": "vlan1"}


async def once(api, answer):
    """Have the process answer `POST vlans` with the key `k`, by this function as its page."""
    request = AskedRequest(
        asker_kind="user",
        method="POST",
        path="/api/v1/vlans",
        arguments={},
        if_match=None,
        json=json.dumps(MADE).encode(),
    )
    keyed = Keyed(key="k", request=request, holds_secret=False, is_answered_secret=False)
    asker = Asker(who=ME, role="admin", source=SOCKET)
    repeating = api.site._repeating
    query = Query(
        arguments={},
        asker=asker,
        asked=AskedChange(deed="POST", source=SOCKET, asker=asker),
        method="POST",
        path="/api/v1/vlans",
        repeating=repeating,
    )
    return await repeating.once(keyed, query, answer)


async def test_what_was_done_while_the_page_looked_is_answered_as_done_whatever_it_saw(
    database_dsn,
):
    async with two_processes(database_dsn) as (one, two):
        done = []

        async def page():
            done.append(await ask(one, "POST", "vlans", MADE, "k"))
            raise HttpProblem(status=409, code="NameTaken", title="taken", detail="taken")

        again = await once(two, page)
        assert (again.status, again.body) == (201, done[0].json)


async def test_a_refusal_stays_one_where_nothing_was_done_meanwhile(database_dsn):
    async with api_process(database_dsn) as api:

        async def page():
            raise HttpProblem(status=409, code="NameTaken", title="taken", detail="taken")

        with pytest.raises(HttpProblem) as refused:
            await once(api, page)
        assert refused.value.code == "NameTaken"


async def test_an_unknown_outcome_stays_one_when_the_database_is_gone_then(database_dsn):
    async with api_process(database_dsn) as api:

        async def page():
            await eventually(lambda: not api.site._trail._waiting)
            api.database.hang_up()
            raise OutcomeUnknown("look")

        with pytest.raises(HttpProblem) as refused:
            await once(api, page)
        assert (refused.value.status, refused.value.code) == (504, "OutcomeUnknown")
        assert (
            refused.value.detail == "sent again with its key, this is done once; without it: look"
        )
