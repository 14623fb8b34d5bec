"""The API of a region process, asked by its socket, and one that has an inventory."""

import contextlib
import json

from twisted.internet.threads import deferToThread

from tests.region.processes import Answer, _UnixConnection, eventually, fleet_on

MAC = "52:54:00:12:34:56"
NETWORK = "/api/v1/subnets/10.0.0.0%2F24"


def changed_by_requests(pages):
    """What was read, without the events that come when their own time has come."""
    *objects, told = pages
    return [*objects, [event for event in told["events"] if event["kind"] == "inventory"]]


class Api:
    """Asks one region process by its administration socket."""

    def __init__(self, region):
        self._socket = region.socket

    async def __call__(self, method, path, body=None, **headers):
        return await deferToThread(self._ask, method, path, body, headers)

    def _ask(self, method, path, body, headers):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = {} if body is None else {"Content-Type": "application/json"}
        connection = _UnixConnection(self._socket)
        try:
            connection.request(method, path, body, {"Connection": "close", **kind, **named})
            response = connection.getresponse()
            answer = Answer(response)
            answer.headers = response.headers
            return answer
        finally:
            connection.close()

    async def everything(self):
        nouns = ("vlans", "subnets", "ranges", "reservations", "events?after=0")
        return changed_by_requests([(await self("GET", f"/api/v1/{noun}")).json for noun in nouns])


@contextlib.asynccontextmanager
async def served(dsn):
    """A region process that has joined, with vlan1, and on it a subnet, a range, a reservation."""
    async with fleet_on(dsn, "region1") as fleet:
        await eventually(fleet.has_leader)
        api = Api(fleet.regions["region1/1"])
        for noun, body in (
            ("vlans", {"name": "vlan1", "vid": 1, "dhcp_on": True}),
            ("vlans", {"name": "vlan2"}),
            ("subnets", {"vlan": "vlan1", "cidr": "10.0.0.0/24", "gateway": "10.0.0.1"}),
            ("ranges", {"subnet": "10.0.0.0/24", "first": "10.0.0.100", "last": "10.0.0.199"}),
            ("reservations", {"mac": "52-54-00-12-34-56", "address": "10.0.0.3"}),
        ):
            assert (await api("POST", f"/api/v1/{noun}", body)).status == 201
        yield api


async def refused(api, noun, body, expected):
    """See that each of these fields is named, with what is expected, and no other."""
    answer = await api("POST", f"/api/v1/{noun}", body)
    assert (body, answer.status, answer.type) == (body, 422, "application/problem+json")
    errors = {error["field"]: error["detail"] for error in answer.json["errors"]}
    assert errors.keys() == expected.keys()
    for field, said in expected.items():
        assert said in errors[field]
    return answer, errors
