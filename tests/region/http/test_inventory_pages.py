"""VLANs, subnets, ranges and reservations over HTTP: real requests to a real region process."""

import contextlib
import json
import socket

import pytest
from twisted.internet.threads import deferToThread

from evenrack.model.boot import BOOT_FILES
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.network_rules import OPTIONAL_LIMITS
from tests.region.processes import Answer, _UnixConnection, eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

MAC = "52:54:00:12:34:56"
VLAN = {
    *("id", "name", "fabric", "vid", "dhcp_on", "lease_seconds", "max_response_delay", "mclt"),
    *("split", "generation"),
}
SUBNET = {
    *("id", "vlan", "cidr", "gateway", "dns_servers", "ntp_servers", "domain", "generation"),
    *("search_domains", "allow_unknown"),
}
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


async def test_objects_have_the_keys_that_programs_rely_on(database_dsn):
    async with served(database_dsn) as api:
        (vlan, _) = (await api("GET", "/api/v1/vlans")).json["vlans"]
        assert vlan == {
            "id": vlan["id"],
            "name": "vlan1",
            "fabric": "default",
            "vid": 1,
            "dhcp_on": True,
            "lease_seconds": 600,
            "max_response_delay": 60,
            "mclt": 3600,
            "split": 255,
            **dict.fromkeys((*OPTIONAL_LIMITS, "next_server", "relay_vlan")),
            **dict.fromkeys(BOOT_FILES, ""),
            "generation": vlan["generation"],
        }
        assert FleetNumber.from_text(vlan["generation"]) > BEFORE_ALL
        (subnet,) = (await api("GET", "/api/v1/subnets?vlan=vlan1")).json["subnets"]
        assert set(subnet) == SUBNET
        assert (subnet["vlan"], subnet["gateway"], subnet["dns_servers"]) == (
            "vlan1",
            "10.0.0.1",
            [],
        )
        (one,) = (await api("GET", "/api/v1/ranges")).json["ranges"]
        assert {**one, "id": 0, "generation": ""} == {
            "id": 0,
            "subnet": "10.0.0.0/24",
            "first": "10.0.0.100",
            "last": "10.0.0.199",
            "reserved": False,
            "generation": "",
        }
        (kept,) = (await api("GET", "/api/v1/reservations")).json["reservations"]
        assert {**kept, "id": 0, "generation": ""} == {
            "id": 0,
            "subnet": "10.0.0.0/24",
            "mac": MAC,
            "duid": None,
            "address": "10.0.0.3",
            "hostname": "",
            "other_macs": [],
            "generation": "",
        }


async def test_what_is_created_has_an_address_of_its_own_and_its_generation_as_tag(database_dsn):
    async with served(database_dsn) as api:
        made = await api(
            "POST",
            "/api/v1/subnets",
            {
                "vlan": "vlan2",
                "cidr": "10.1.0.0/16",
                "gateway": None,
                "dns_servers": ["192.0.2.1", "192.0.2.2"],
                "ntp_servers": [],
                "domain": "example.com",
            },
        )
        assert (made.status, made.headers["Location"]) == (
            201,
            f"/api/v1/subnets/{made.json['id']}",
        )
        again = await api("GET", made.headers["Location"])
        assert again.json == made.json
        assert again.headers["ETag"] == f'"{made.json["generation"]}"'
        assert (await api("GET", "/api/v1/subnets/10.1.0.0%2F16")).json == made.json
        by_id = await api("GET", f"/api/v1/subnets?vlan={(await vlan2(api))['id']}")
        assert by_id.json["subnets"] == [made.json]


async def vlan2(api):
    return (await api("GET", "/api/v1/vlans/vlan2")).json


async def test_some_fields_are_changed_and_the_others_stay(database_dsn):
    async with served(database_dsn) as api:
        before = (await api("GET", NETWORK)).json
        changed = await api("PATCH", NETWORK, {"gateway": None, "domain": "example.com"})
        assert changed.status == 200
        expected = {**before, "gateway": None, "domain": "example.com"}
        assert changed.json == {**expected, "generation": changed.json["generation"]}
        numbers = [FleetNumber.from_text(each["generation"]) for each in (before, changed.json)]
        assert numbers[0] < numbers[1]
        moved = await api("PATCH", NETWORK, {"vlan": (await vlan2(api))["id"]})
        assert moved.json["vlan"] == "vlan2"


async def test_what_is_deleted_is_answered_once_more_and_then_gone(database_dsn):
    async with served(database_dsn) as api:
        before = (await api("GET", NETWORK)).json
        gone = await api("DELETE", NETWORK)
        assert (gone.status, gone.json) == (200, before)
        assert (await api("DELETE", NETWORK)).status == 404
        assert (await api("GET", "/api/v1/reservations")).json == {
            "reservations": [],
            "next": None,
        }


async def test_lists_come_in_pages_that_go_on_where_the_last_ended(database_dsn):
    async with served(database_dsn) as api:
        for n in range(4):
            body = {"mac": f"52:54:00:00:00:0{n}", "address": f"10.0.0.1{n}"}
            await api("POST", "/api/v1/reservations", body)
        everything = (await api("GET", "/api/v1/reservations")).json["reservations"]
        seen, after = [], 0
        while after is not None:
            page = (await api("GET", f"/api/v1/reservations?after={after}&limit=2")).json
            assert len(page["reservations"]) <= 2
            seen += page["reservations"]
            after = page["next"]
        assert seen == everything
        assert len(seen) == 5
        for filters in ("vlan=vlan2", "subnet=10.0.0.0/24&vlan=vlan2"):
            assert (await api("GET", f"/api/v1/reservations?{filters}")).json["reservations"] == []
        narrow = await api("GET", "/api/v1/reservations?subnet=10.0.0.0%2F24&vlan=vlan1")
        assert narrow.json["reservations"] == everything
        nothing = (await api("GET", "/api/v1/reservations?limit=0&after=2")).json
        assert nothing == {"reservations": [], "next": 2}


async def test_an_object_that_has_changed_is_answered_412_with_its_present_state(database_dsn):
    async with served(database_dsn) as api:
        seen = (await vlan2(api))["generation"]
        first = await api("PATCH", "/api/v1/vlans/vlan2", {"vid": 2}, If_Match=f'"{seen}"')
        assert first.status == 200
        before = await api.everything()
        for method, body in (("PATCH", {"vid": 3}), ("DELETE", None)):
            late = await api(method, "/api/v1/vlans/vlan2", body, If_Match=seen)
            assert (late.status, late.json["code"]) == (412, "ChangedMeanwhile")
            assert late.json["present"] == first.json
            assert late.headers["ETag"] == first.headers["ETag"]
        assert await api.everything() == before
        for condition in ("*", first.headers["ETag"]):
            answer = await api("PATCH", "/api/v1/vlans/vlan2", {"vid": 2}, If_Match=condition)
            assert answer.status == 200


FIELDS = [
    ("vlans", {}, {"name": "is required, and missing"}),
    (
        "vlans",
        {"nam": "x", "vid": "1", "dhcp_on": 1, "mclt": 3.5, "split": True, "fabric": None},
        {
            "nam": "unknown; did you mean name?",
            "name": "is required, and missing",
            "vid": "must be a whole number, not text",
            "dhcp_on": "must be true or false, not a number",
            "mclt": "must be a whole number, not a number with a fraction",
            "split": "must be a whole number, not true or false",
            "fabric": "must be text, not null",
        },
    ),
    (
        "vlans",
        {"name": "x", "id": 7, "generation": "0.1", "zzz": 1},
        {"id": "cannot be set", "generation": "cannot be set", "zzz": "unknown; known are name,"},
    ),
    ("vlans", {"name": "a\0"}, {"name": "must not hold the character NUL"}),
    ("vlans", {"name": "\ud800"}, {"name": "half of a surrogate pair"}),
    (
        "vlans",
        {"name": "a b", "vid": 4095, "mclt": 1},
        {"name": "1 to 63", "vid": "0 to 4094", "mclt": "10 to 86400"},
    ),
    (
        "vlans",
        {"name": "x", "next_server": "rack1", "boot_ipxe": 7},
        {"next_server": "'rack1' is neither an IPv4 address nor rack", "boot_ipxe": "must be text"},
    ),
    (
        "vlans",
        {"name": "x", "boot_bios": "pxe", "boot_http_x64": "x.efi", "boot_ipxe": "ftp://x"},
        {
            "boot_bios": "set next_server to its address, or to rack",
            "boot_http_x64": "a URL as in",
            "boot_ipxe": "a URL as in",
        },
    ),
    (
        "vlans",
        {"name": "x", "mtu": "big", "min_lease_seconds": 1.5},
        {"mtu": "must be a whole number", "min_lease_seconds": "must be a whole number"},
    ),
    (
        "vlans",
        {"name": "x", "mtu": 68, "max_lease_seconds": 599},
        {"mtu": "must be 576 to 65535", "max_lease_seconds": "not be less than lease_seconds 600"},
    ),
    ("vlans", {"name": "x", "relay_vlan": ["vlan1"]}, {"relay_vlan": "must be a name or an id"}),
    ("vlans", {"name": "x", "relay_vlan": "y"}, {"relay_vlan": 'no vlan is called "y"'}),
    ("vlans", {"name": "vlan1", "vid": 1}, {"name": "another VLAN", "vid": "choose another vid"}),
    ("subnets", {"vlan": [], "cidr": "x"}, {"vlan": "must be a name or an id", "cidr": '"x" is'}),
    ("subnets", {"vlan": 999, "cidr": "10.1.0.0/24"}, {"vlan": 'no vlan is called "999"'}),
    ("subnets", {"vlan": "vlan1", "cidr": "10.1.0.0"}, {"cidr": "has no prefix"}),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.1.0.7/24"},
        {"cidr": "the network is 10.1.0.0/24"},
    ),
    ("subnets", {"vlan": "vlan1", "cidr": "10.0.0.0/25"}, {"cidr": "overlaps 10.0.0.0/24"}),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "fd00::/640", "gateway": 1, "dns_servers": "192.0.2.1"},
        {
            "cidr": "is not an IPv6 network",
            "gateway": "must be text, not a number",
            "dns_servers": "must be a list, not text",
        },
    ),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.1.0.0/24", "ntp_servers": ["1.2.3"], "domain": {}},
        {"ntp_servers": '"1.2.3" is not an IPv4 address', "domain": "must be text, not an object"},
    ),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.1.0.0/24", "search_domains": ["a", 7], "allow_unknown": 0},
        {"search_domains": "must be text, not a number", "allow_unknown": "must be true or false"},
    ),
    (
        "subnets",
        {"vlan": "vlan1", "cidr": "10.1.0.0/24", "search_domains": ["a b"]},
        {"search_domains": '"a b" in search_domains is not a domain'},
    ),
    ("ranges", {"first": "10.0.0.9", "last": "10.0.0.8"}, {"last": "ends before it begins"}),
    (
        "ranges",
        {"first": "10.0.0.90", "last": "10.0.0.100", "reserved": True},
        {"last": "overlaps 10.0.0.90-10.0.0.100"},
    ),
    ("ranges", {"first": "10.9.0.9", "last": "10.9.0.8"}, {"first": "no subnet has the address"}),
    (
        "reservations",
        {"mac": "01:00:00:00:00:01", "address": "10.0.0.4", "hostname": []},
        {"mac": "is a group's address", "hostname": "must be text, not a list"},
    ),
    (
        "reservations",
        {"mac": "02:00:00:00:00:01", "address": "10.0.0.4", "other_macs": ["x", MAC]},
        {"other_macs": '"x" is not six pairs'},
    ),
    (
        "reservations",
        {"mac": "02:00:00:00:00:01", "address": "10.0.0.4", "other_macs": [MAC]},
        {"other_macs": f'the card "{MAC}" has 10.0.0.3 on VLAN'},
    ),
    (
        "reservations",
        {"mac": MAC, "address": "10.0.0.255", "hostname": "x" * 256},
        {"mac": "already", "address": "broadcast", "hostname": "255 bytes"},
    ),
]


async def test_every_field_that_is_wrong_is_named_at_once_and_nothing_changes(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for noun, body, expected in FIELDS:
            answer = await api("POST", f"/api/v1/{noun}", body)
            assert (body, answer.status, answer.type) == (body, 422, "application/problem+json")
            errors = {error["field"]: error["detail"] for error in answer.json["errors"]}
            assert errors.keys() == expected.keys()
            for field, said in expected.items():
                assert said in errors[field]
            assert answer.json["code"] == "FieldsRefused"
            told = list(errors.values())
            assert answer.json["detail"] == (
                told[0] if len(told) == 1 else f"{len(told)} problems, see errors"
            )
        assert await api.everything() == before


async def test_a_change_that_is_refused_names_its_fields_too(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for path, body, field in (
            (NETWORK, {"gateway": "10.0.0.150"}, "gateway"),
            (NETWORK, {"gatway": "10.0.0.150"}, "gatway"),
            ("/api/v1/vlans/vlan2", {"name": "vlan1"}, "name"),
            (f"/api/v1/reservations/{MAC}", {"address": "10.0.0.150"}, "address"),
            ("/api/v1/ranges/10.0.0.100-10.0.0.199", {"first": "10.0.0.2"}, "first"),
            ("/api/v1/ranges/10.0.0.100-10.0.0.199", {"subnet": "10.9.0.0/24"}, "subnet"),
        ):
            answer = await api("PATCH", path, body)
            assert (path, answer.status) == (path, 422)
            assert [error["field"] for error in answer.json["errors"]] == [field]
        assert await api.everything() == before


async def test_m10_a_vlan_is_relayed_by_one_with_racks_of_its_own_which_is_not_deleted(
    database_dsn,
):
    async with served(database_dsn) as api:
        await api("POST", "/api/v1/vlans", {"name": "vlan3"})
        far = "/api/v1/vlans/vlan2"
        for by, said in (("vlan2", "by itself"), (999, 'no vlan is called "999"')):
            answer = await api("PATCH", far, {"relay_vlan": by})
            assert [answer.status, *(e["field"] for e in answer.json["errors"])] == [
                422,
                "relay_vlan",
            ]
            assert said in answer.json["detail"]
        relayed = await api("PATCH", far, {"relay_vlan": "vlan1", "dhcp_on": True})
        assert (relayed.status, relayed.json["relay_vlan"]) == (200, "vlan1")
        answer = await api("PATCH", "/api/v1/vlans/vlan3", {"relay_vlan": "vlan2"})
        assert (answer.status, "is relayed itself" in answer.json["detail"]) == (422, True)
        answer = await api("PATCH", "/api/v1/vlans/vlan1", {"dhcp_on": False})
        assert [error["field"] for error in answer.json["errors"]] == ["dhcp_on"]
        answer = await api("PATCH", "/api/v1/vlans/vlan1", {"relay_vlan": "vlan3"})
        assert "relay_vlan" in [error["field"] for error in answer.json["errors"]]
        kept = await api("DELETE", "/api/v1/vlans/vlan1")
        assert (kept.status, kept.json["code"]) == (409, "StillNeeded")
        assert '"vlan2", which it relays' in kept.json["detail"]
        own = await api("PATCH", far, {"relay_vlan": None})
        assert (own.status, own.json["relay_vlan"]) == (200, None)
        assert (await api("DELETE", "/api/v1/vlans/vlan1")).status == 200


async def test_a_change_that_breaks_a_rule_in_many_places_names_a_hundred_of_them(database_dsn):
    async with served(database_dsn) as api:
        for n in range(2, 103):
            body = {"mac": f"52:54:00:00:00:{n:02x}", "address": f"10.0.0.{n}"}
            if n != 3 and n < 100:
                await api("POST", "/api/v1/reservations", body)
        await api("POST", "/api/v1/ranges", {"first": "10.0.0.200", "last": "10.0.0.201"})
        for n in range(202, 210):
            body = {"mac": f"52:54:00:00:00:{n:02x}", "address": f"10.0.0.{n}"}
            await api("POST", "/api/v1/reservations", body)
        answer = await api("PATCH", NETWORK, {"cidr": "10.7.0.0/24"})
        assert answer.status == 422
        assert answer.json["detail"] == "111 problems, see errors"
        assert len(answer.json["errors"]) == 100


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


async def test_a_change_through_the_api_is_an_event_with_the_fleet_s_new_number(database_dsn):
    async with served(database_dsn) as api:
        renamed = (await api("PATCH", "/api/v1/vlans/vlan2", {"name": "b"})).json
        events = (await api("GET", "/api/v1/events?after=0&limit=1000")).json["events"]
        (last,) = [event for event in events if event["generation"] == renamed["generation"]]
        assert (last["kind"], last["object"]) == ("inventory", "vlan:b")
        assert last["text"] == "vlan b was changed: name vlan2 -> b"
