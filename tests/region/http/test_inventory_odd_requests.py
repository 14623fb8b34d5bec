"""Requests about the inventory that make no sense are answered with 400, 404 or 405."""

import socket

import pytest
from twisted.internet.threads import deferToThread

from tests.region.http.inventory_api import served
from tests.region.processes import fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

BODIES = [
    (b"", {}, 400, "not understood as JSON"),
    (b"{", {}, 400, "not understood as JSON"),
    (b"\xff{}", {}, 400, "not understood as JSON"),
    (b"[]", {}, 400, "must be an object, not a list"),
    (b"null", {}, 400, "must be an object, not null"),
    (b'{"name": NaN}', {}, 400, "NaN is not JSON"),
    (b'{"name": "a", "name": "b"}', {}, 400, 'the key "name" is given twice'),
    (b"[" * 100_000, {}, 400, "not understood as JSON"),
    (b'{"vid": ' + b"9" * 5000 + b"}", {}, 400, "not understood as JSON"),
    (b"name=x", {"Content_Type": "application/x-www-form-urlencoded"}, 415, "send JSON"),
    (b'{"name": "x"}', {"Content_Type": "text/plain"}, 415, "send JSON"),
    (b'{"name": "' + b"x" * (1 << 20) + b'"}', {}, 413, "at most 1048576 bytes"),
    (b" " * (5 << 20) + b"{}", {}, 413, "at most 1048576 bytes"),
]


async def test_a_body_that_is_no_json_object_is_refused(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for body, headers, status, said in BODIES:
            answer = await api("POST", "/api/v1/vlans", body, **headers)
            assert (body[:20], answer.status) == (body[:20], status)
            assert said in answer.json["detail"]
            answer = await api("PATCH", "/api/v1/vlans/vlan1", body, **headers)
            assert (body[:20], answer.status) == (body[:20], status)
        assert await api.everything() == before
        padded = b'{"name": "x"}' + b" " * ((1 << 20) - 13)
        charset = {"Content_Type": "application/json; charset=utf-8"}
        assert (await api("POST", "/api/v1/vlans", padded, **charset)).status == 201


async def test_an_endless_body_is_not_kept(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        region = fleet.regions["region1/1"]
        answer = await deferToThread(_pour, region.socket, 40)
        assert b" 413 " in answer.splitlines()[0]


def _pour(path, mebibytes):
    with socket.socket(socket.AF_UNIX) as pouring:
        pouring.settimeout(10)
        pouring.connect(str(path))
        pouring.sendall(
            b"POST /api/v1/vlans HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(mebibytes):
            pouring.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
        pouring.sendall(b"0\r\n\r\n")
        return pouring.recv(65536)


async def test_what_does_not_exist_is_answered_404_with_what_there_is(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for path in (
            "vlans/vlan9",
            "vlans/0",
            "vlans/99999999999999999999",
            "vlans/%00",
            "vlans/%FF",
            "vlans/vlan1%0A",
            "subnets/10.0.0.0%2F25",
            "ranges/10.0.0.100",
            "reservations/52:54:00:00:00:00",
            "reservations/10.0.0.4",
        ):
            for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
                answer = await api(method, f"/api/v1/{path}", body)
                assert (path, method, answer.status) == (path, method, 404)
                assert "there are: " in answer.json["detail"]
        for path in ("vlans/vlan1/more", "subnets/10.0.0.0/24"):
            assert (await api("GET", f"/api/v1/{path}")).status == 404
        assert await api.everything() == before
        assert (await api("GET", "/api/v1/vlans/")).status == 200


async def test_arguments_and_conditions_that_make_no_sense_are_answered_400(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for query, said in (
            ("vlans?limit=1001", "limit: a whole number from 0 to 1000"),
            ("vlans?after=-1", "after: a whole number"),
            ("vlans?vlan=vlan1", "vlan: this argument is unknown; known are after, limit"),
            ("subnets?vln=vlan1", "vln: this argument is unknown"),
            ("subnets?vlan=vlan9", 'vlan: no vlan is called "vlan9"; there are: vlan1, vlan2'),
            ("ranges?subnet=x", 'subnet: no subnet is called "x"'),
            ("vlans/vlan1?limit=1", "limit: this argument is unknown; none is known here"),
        ):
            answer = await api("GET", f"/api/v1/{query}")
            assert (query, answer.status) == (query, 400)
            assert said in answer.json["detail"]
        for condition in ("1", 'W/"0.1"', "yesterday", '"0.1", "0.2"'):
            answer = await api("DELETE", "/api/v1/vlans/vlan1", If_Match=condition)
            assert (condition, answer.status) == (condition, 400)
            assert answer.json["detail"].startswith("If-Match: ")
        answer = await api("DELETE", "/api/v1/vlans/vlan1?force=yes")
        assert answer.status == 400
        assert await api.everything() == before


async def test_other_methods_are_answered_405_with_those_that_are_allowed(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for path, methods, allowed in (
            ("vlans", ("PUT", "PATCH", "DELETE", "BREW"), "GET, HEAD, POST"),
            ("vlans/vlan1", ("PUT", "POST"), "GET, HEAD, PATCH, DELETE"),
            ("status", ("POST",), "GET, HEAD"),
        ):
            for method in methods:
                answer = await api(method, f"/api/v1/{path}", {})
                assert (path, method, answer.status) == (path, method, 405)
                assert answer.headers["Allow"] == allowed
                assert answer.json["code"] == "MethodNotAllowed"
        head = await api("HEAD", "/api/v1/vlans/vlan1")
        assert (head.status, head.text) == (200, "")
        assert await api.everything() == before
