"""Limits of what is asked over TCP: who is over one is refused, the others feel nothing."""

import select
import socket
from contextlib import closing

import pytest
from twisted.internet.threads import deferToThread

from evenrack.region.http.connection_limits import MostConnections
from evenrack.region.http.gate import FAILURES, REQUESTS
from evenrack.region.http.rate_limit import Rate, RateLimit
from tests.region.http.api_process import api_process
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

PATIENCE = 10.0
WRONG = "evr_" + "x" * 43


async def test_ten_failures_a_minute_are_answered_401_and_more_429_until_the_told_time(
    database_dsn,
):
    assert (FAILURES.burst, round(FAILURES.per_second * 60)) == (10, 10)
    async with api_process(database_dsn) as api:
        good = await api.token("ci")
        answers = [await api("GET", "/api/v1/vlans", token=WRONG) for _ in range(12)]
        assert [answer.status for answer in answers] == [401] * 10 + [429] * 2
        told = answers[-1]
        assert (told.type, told.json["code"]) == ("application/problem+json", "TooManyFailures")
        assert 1 <= int(told.headers["Retry-After"]) <= 6
        assert (await api("GET", "/api/v1/vlans", token=good)).status == 429
        assert (await api("GET", "/healthz")).status == 200
        assert (await api.locally("GET", "/api/v1/vlans")).status == 200


async def test_who_has_a_good_token_is_not_counted_as_a_failure(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("ci")
        for _ in range(30):
            assert (await api("GET", "/api/v1/vlans", token=token)).status == 200


async def test_requests_of_one_token_are_limited_and_those_of_another_are_not(database_dsn):
    assert (REQUESTS.burst, REQUESTS.per_second) == (200, 100)
    async with api_process(database_dsn) as api:
        one, other = [await api.token(name) for name in ("one", "other")]
        api.site._gate._requests = RateLimit(Rate(per_second=0.1, burst=5))  # a whole burst is slow
        answers = [await api("GET", "/api/v1/vlans", token=one) for _ in range(7)]
        assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
        assert answers[-1].json["code"] == "TooManyRequests"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 10
        assert (await api("GET", "/api/v1/vlans", token=other)).status == 200
        for _ in range(7):
            assert (await api.locally("GET", "/api/v1/vlans")).status == 200
        health = [(await api("GET", "/healthz")).status for _ in range(7)]
        assert health == [200] * 5 + [429] * 2


class Held:
    """Connections that somebody opens and keeps."""

    def __init__(self, api):
        self._address = (api.address.host, api.address.port)
        self._open = []

    async def open(self, count, source="127.0.0.1", *, most):
        """Open so many, of which so many may be let in, and tell how many were."""
        return await deferToThread(self._open_some, count, source, most)

    def _open_some(self, count, source, most):
        new = [
            socket.create_connection(self._address, timeout=5, source_address=(source, 0))
            for _ in range(count)
        ]
        self._open += new
        while closed := select.select(new, [], [], PATIENCE if len(new) > most else 0.3)[0]:
            new = [each for each in new if each not in closed]  # there is an end to be read
        return len(new)

    def close(self):
        for each in self._open:
            each.close()
        self._open = []


async def test_sixteen_connections_of_an_address_are_open_at_once_and_sixty_four_in_all(
    database_dsn, log
):
    assert (MostConnections().of_one_address, MostConnections().in_all) == (16, 64)
    async with api_process(database_dsn) as api:
        with closing(Held(api)) as held:
            assert await held.open(18, "127.0.0.2", most=16) == 16
            assert len(log.about("HTTP connection from 127.0.0.2 closed")) == 1
            assert (await api("GET", "/healthz")).status == 200, "others feel nothing"
            for number in (3, 4):
                assert await held.open(16, f"127.0.0.{number}", most=16) == 16
            assert await held.open(17, "127.0.0.5", most=16) == 16
            assert await held.open(1, "127.0.0.6", most=0) == 0
            assert (await api.locally("GET", "/healthz")).status == 200
        await eventually(lambda: not api.doors._network._open)
        assert (await api("GET", "/healthz")).status == 200


async def test_headers_without_end_are_refused(database_dsn):
    async with api_process(database_dsn) as api:

        def shout(lines):
            with socket.create_connection((api.address.host, api.address.port), timeout=5) as mouth:
                mouth.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + lines)
                try:
                    return mouth.recv(100)
                except ConnectionError:
                    return b""

        for lines in (b"a: b\r\n" * 501 + b"\r\n", b"a: " + b"b" * 17_000 + b"\r\n\r\n"):
            answer = await deferToThread(shout, lines)
            assert answer == b"" or b" 400 " in answer
        assert (await api("GET", "/healthz")).status == 200


async def test_a_form_is_not_read_as_arguments(database_dsn):
    async with api_process(database_dsn) as api:
        answer = await api.locally(
            "POST",
            "/api/v1/vlans",
            b"token=1&limit=x",
            Content_Type="application/x-www-form-urlencoded",
        )
        assert answer.status == 415
