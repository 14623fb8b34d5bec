"""The OpenAPI document says what is so: of the pages, what they take, and what they answer."""

import json
from ipaddress import IPv4Network, IPv6Network

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.web.resource import Resource

from evenrack.model.boot import BOOT_FILES
from evenrack.model.network_rules import SETTINGS
from evenrack.problems import CATALOGUE
from evenrack.region.http import dhcp_pages, fields
from evenrack.region.http.access import WATCH
from evenrack.region.http.bmc_pages import _BMCS, _MACHINES, password
from evenrack.region.http.inventory_json import KINDS
from evenrack.region.http.json_pages import JsonPage
from evenrack.region.http.openapi import openapi_of, undeclared_in
from evenrack.region.http.snippet_pages import SNIPPETS
from evenrack.region.views.dhcp_status import dhcp_status_of
from tests.dhcp_fleet import dhcp_fleet, serving
from tests.region.http.api_process import api_process
from tests.region.http.api_program import THERE_IS
from tests.region.http.test_access import pages_below
from tests.region.processes import eventually, fleet_on
from tests.trusted import now

DOCUMENT = "/api/v1/openapi.json"
postgres = pytest.mark.postgres
deadline = pytest.mark.deadline(120)


def is_valid(schema, value):
    return jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(value)


# The document and the pages


@postgres
async def test_every_operation_of_every_page_is_in_the_document_and_no_other(database_dsn):
    async with api_process(database_dsn) as api:
        root = api.site.resource
        document = (await api.locally("GET", DOCUMENT)).json
        served = {
            (path.replace("*", "{name}"), method)
            for path, page in pages_below(root)
            if isinstance(page, JsonPage)
            for method in page.methods
            if method != "HEAD"
        }
        described = {
            (path, method.upper())
            for path, operations in document["paths"].items()
            for method in operations
            if method != "parameters"
        }
        assert described == served
        assert undeclared_in(root) == set()


@postgres
async def test_the_document_is_openapi_3_1_and_every_name_in_it_is_given_once(database_dsn):
    async with api_process(database_dsn) as api:
        document = (await api.locally("GET", DOCUMENT)).json
        assert document["openapi"] == "3.1.0"
        assert schemathesis.openapi.from_dict(document).validate() is None
        names = [
            operation["operationId"]
            for operations in document["paths"].values()
            for method, operation in operations.items()
            if method != "parameters"
        ]
        assert len(names) == len(set(names))
        assert "patch_vlans_name" in names


@postgres
async def test_the_document_names_the_role_that_each_operation_needs(database_dsn):
    async with api_process(database_dsn) as api:
        paths = (await api.locally("GET", DOCUMENT)).json["paths"]
        assert paths["/api/v1/vlans"]["post"]["description"] == "Needs the role operator."
        assert paths["/healthz"]["get"]["security"] == []
        token = await api.token("ci")
        assert (await api("GET", DOCUMENT, token=token)).status == 200
        assert (await api("GET", DOCUMENT)).status == 401


@postgres
async def test_the_document_says_of_every_change_and_nothing_else_that_it_takes_a_key(database_dsn):
    async with api_process(database_dsn) as api:
        paths = (await api.locally("GET", DOCUMENT)).json["paths"]
        for path, operations in paths.items():
            for method in operations.keys() - {"parameters"}:
                taken = [each["name"] for each in operations[method].get("parameters", ())]
                changes = method != "get"
                assert ("Idempotency-Key" in taken) == changes, (method, path)
                assert not changes or "422" in operations[method]["responses"], (method, path)


def test_a_page_that_declares_nothing_is_found_and_still_described():
    async def answer(_query):
        return {}

    root = Resource()
    root.putChild(b"forgotten", JsonPage(answer, access=WATCH))
    assert undeclared_in(root) == {"/forgotten"}
    assert list(openapi_of(root)["paths"]["/forgotten"]) == ["get"]


# What is taken: readers and document agree on every value

FIELDS = {
    **{f"{kind.noun}.{name}": f for kind in KINDS for name, f in kind.fields.items()},
    **{f"{k.noun}.{name}": f for k in (_BMCS, _MACHINES, SNIPPETS) for name, f in k.fields.items()},
    "list": fields.list_of(fields.address, least=1, most=2),
    "number": fields.whole_number_in(1, 9),
    "choice": fields.one_of("on", "off", "cycle"),
}

BYTES = st.integers(0, 300).map(str)
ADDRESSES = st.lists(BYTES, min_size=3, max_size=5).map(".".join)
NETWORKS = st.builds(
    lambda number, prefix: str(IPv4Network((number, prefix), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
GROUPS = st.lists(st.sampled_from(["", "0", "fd00", "FFFF", "1ffff", "g"]), max_size=9).map(
    ":".join
)
ADDRESSES6 = st.ip_addresses(v=6).map(str) | GROUPS


def without_hosts_bits(text):
    """No pattern can say that a network has none."""
    try:
        return str(IPv6Network(text, strict=False))
    except ValueError:
        return text


PREFIXES6 = st.sampled_from([0, 1, 64, 128, 129, "064", "x"])
NETWORKS6 = st.builds("{}/{}".format, ADDRESSES6, PREFIXES6).map(without_hosts_bits)
DUIDS = st.integers(0, 140).map(lambda count: ":".join(["0A"] * count))
PAIRS = st.sampled_from(["00", "02", "ff", "Fe", "1", "0g"])
CARDS = st.tuples(st.lists(PAIRS, min_size=6, max_size=6), st.sampled_from(":-")).map(
    lambda card: card[1].join(card[0])
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 300)
    | st.integers()
    | st.integers(-5, 300).map(float)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["ipmitool", "on", "10.0.0.1", "a.b", "-", "7", "\0", "a\0", 17, 3, 623])
    | ADDRESSES
    | NETWORKS
    | ADDRESSES6
    | NETWORKS6
    | DUIDS
    | CARDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


def takes(field, value):
    try:
        field(value)
    except ValueError:
        return False
    return True


CHECKED_BEHIND = {
    *("vlan.name", "vlan.fabric", "vlan.vid", *(f"vlan.{name}" for name in SETTINGS)),
    *(f"vlan.{name}" for name in BOOT_FILES),
    *(
        "subnet.domain",
        "subnet.search_domains",
        "reservation.hostname",
        "bmc.name",
        "bmc.port",
        "bmc.user",
        "bmc.password",
        "bmc.k_g",
    ),
    *("machine.name", "snippet.name", "snippet.text"),
}
"""What the rules of the inventory check, and say with sentences of their own (`Field.but`)."""

BARE = {name: field for name, field in FIELDS.items() if name not in CHECKED_BEHIND}

VALIDATORS = {name: jsonschema_rs.validator_for(f.schema) for name, f in FIELDS.items()}


@given(VALUES)
@example("a\0")
@example(7.0)
@example("1:2:3:4:5:6:7::")
@example("::2:3:4:5:6:7:8")
def test_what_the_document_allows_is_read(value):
    for name, field in FIELDS.items():
        if VALIDATORS[name].is_valid(value):
            assert takes(field, value), name


@given(VALUES)
@example("fd00::/064")
@example("fd00::/ 64")
def test_what_is_read_is_allowed_by_the_document(value):
    for name, field in BARE.items():
        if takes(field, value):
            assert VALIDATORS[name].is_valid(value), name


@pytest.mark.parametrize("kind", [fields.text, fields.address, fields.network, password])
def test_the_kinds_of_text_refuse_what_postgresql_or_a_network_cannot_hold(kind):
    for value in ("a\0b", "\ud800", 5, None, [], {}):
        assert not takes(kind, value)
    assert not is_valid(kind.schema, "a\0b")


# What is answered


def closed(schema):
    """The same without leave to add more: here every key must be told."""
    if isinstance(schema, dict):
        inner = {key: closed(value) for key, value in schema.items()}
        told = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
        return {**inner, "additionalProperties": False} if told else inner
    return [closed(each) for each in schema] if isinstance(schema, list) else schema


def answer_schema(document, path, method, status):
    described = document["paths"][path][method.lower()]["responses"][str(status)]
    (content,) = described["content"].values()
    schema = closed(content["schema"]) if status < 400 else content["schema"]
    return {**schema, "components": document["components"]}


def check(document, path, method, answer):
    schema = answer_schema(document, path, method, answer.status)
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(answer.json)


@postgres
@deadline
async def test_real_answers_about_objects_have_just_the_keys_that_the_document_says(database_dsn):
    async with api_process(database_dsn) as api:
        document = (await api.locally("GET", DOCUMENT)).json
        for noun, body in THERE_IS:
            made = await api.locally("POST", f"/api/v1/{noun}", body)
            check(document, f"/api/v1/{noun}", "POST", made)
        for noun in ("vlans", "subnets", "ranges", "reservations", "bmcs", "machines", "orders"):
            one = f"/api/v1/{noun}/{{name}}"
            check(document, f"/api/v1/{noun}", "GET", await api.locally("GET", f"/api/v1/{noun}"))
            check(document, one, "GET", await api.locally("GET", f"/api/v1/{noun}/1"))
            check(document, one, "GET", await api.locally("GET", f"/api/v1/{noun}/nothing"))
        refused = [
            ("PATCH", "vlans/1", {"vid": "x", "y": 1}, {}),
            ("PATCH", "vlans/1", {"vid": 7}, {"If_Match": '"1.999"'}),
            ("DELETE", "bmcs/2", None, {}),
            ("DELETE", "machines/nothing", None, {}),
        ]
        for method, place, body, headers in refused:
            answer = await api.locally(method, f"/api/v1/{place}", body, **headers)
            assert answer.status in {404, 409, 412, 422}
            check(document, f"/api/v1/{place.partition('/')[0]}/{{name}}", method, answer)
        changed = await api.locally("PATCH", "/api/v1/vlans/1", {"vid": 8})
        check(document, "/api/v1/vlans/{name}", "PATCH", changed)


@postgres
@deadline
async def test_real_answers_about_trust_have_just_the_keys_that_the_document_says(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(fleet.has_leader)
        (region,) = fleet.regions.values()
        document = json.loads((await region.get(DOCUMENT)).text)
        for noun in ("tokens", "enrolments", "certificates", "authorities", "keys", "audit"):
            check(document, f"/api/v1/{noun}", "GET", await region.get(f"/api/v1/{noun}"))
    async with api_process(database_dsn) as api:
        made = await api.locally("POST", "/api/v1/tokens", {"name": "ci", "role": "viewer"})
        check(document, "/api/v1/tokens", "POST", made)
        for noun in ("tokens", "audit", "keys"):
            check(document, f"/api/v1/{noun}", "GET", await api.locally("GET", f"/api/v1/{noun}"))
        gone = await api.locally("DELETE", "/api/v1/tokens/ci")
        check(document, "/api/v1/tokens/{name}", "DELETE", gone)


@postgres
@deadline
async def test_real_answers_about_a_fleet_have_just_the_keys_that_the_document_says(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        (region,) = fleet.regions.values()
        document = json.loads((await region.get(DOCUMENT)).text)
        for place in ("status", "problems", "events", "regions", "racks", "doctor"):
            check(document, f"/api/v1/{place}", "GET", await region.get(f"/api/v1/{place}"))
        for place in ("balance/history", "dhcp", "dhcp-plans"):
            check(document, f"/api/v1/{place}", "GET", await region.get(f"/api/v1/{place}"))
        for place in ("/healthz", "/readyz"):
            check(document, place, "GET", await region.get(place))
        for code in CATALOGUE:
            answer = await region.get(f"/api/v1/problems/{code}")
            check(document, "/api/v1/problems/{name}", "GET", answer)


def test_both_sides_of_a_pair_are_shown_as_the_document_says():
    pair = {1: (1, 2)}
    for fleet in (
        dhcp_fleet(pair, pairs=pair, services=pair),
        serving(dhcp_fleet(pair, pairs=pair, services=pair), 1, 2),
    ):
        (row,) = dhcp_status_of(fleet, now())
        assert len(row["sides"]) == 2
        jsonschema_rs.validator_for(closed(dhcp_pages._VLAN)).validate(row)
