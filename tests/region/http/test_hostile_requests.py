"""Whatever is asked, a process outside answers: a typed error, soon, in the same memory."""

import http.client
import json
from urllib.parse import quote, urlsplit

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from tests.region.http.api_program import api_program

pytestmark = pytest.mark.postgres

MOST_WORK_SECONDS = 1.0
"""Of a processor, for one answer: how long that takes on a busy machine says nothing of us."""
USUAL_WORK_SECONDS = 0.1
"""The mean of many answers."""
ANSWER_SECONDS = 30.0
MOST_GROWTH = 48 << 20
"""Bytes; a body has at most 1 MiB, and Python gives back memory late."""

MEBIBYTE = 1 << 20
TYPED = {"Content_Type": "application/json"}
TAKING = {"POST", "PATCH"}


class Door:
    """Asks the program over TCP as an admin; every answer must be one that is allowed."""

    def __init__(self, program):
        self._program = program
        self._where = urlsplit(program.url).netloc
        self._token = {"Authorization": f"Bearer {program.tokens['admin']}"}

    def __call__(self, method, path, body=None, **headers):
        body = body.encode() if isinstance(body, str) else body
        connection = http.client.HTTPConnection(self._where, timeout=ANSWER_SECONDS)
        before = self._program.worked
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {**self._token, **named})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        work = self._program.worked - before
        told = f"{method} {path[:80]}: {response.status} after {work:.2f} s of work"
        assert response.status < 500 or response.status == 503, told
        assert work < MOST_WORK_SECONDS, told
        if response.status >= 400 and response.headers.get("content-type"):
            assert response.headers["content-type"] == "application/problem+json", told
            assert json.loads(answer)["status"] == response.status
        return response.status, answer

    def document(self):
        return json.loads(self("GET", "/api/v1/openapi.json")[1])

    def operations(self):
        """Every method and path of the document."""
        return [
            (method.upper(), path)
            for path, operations in self.document()["paths"].items()
            for method in operations
            if method != "parameters"
        ]


@pytest.fixture
def program(database_dsn):
    with api_program(database_dsn) as program:
        yield program


@pytest.fixture
def door(program):
    return Door(program)


# What schemathesis thinks of


ONE_TOKEN = "/api/v1/tokens/{name}"  # noqa: S105  an address

OTHERWISE = {
    # a filter may name what is not there
    **{
        f"GET /api/v1/{noun}": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400"]}}
        for noun in ("machines", "ranges", "reservations", "snippets", "subnets")
    },
    # a token that was revoked is shown still, as revoked
    **{
        f"{method} {ONE_TOKEN}": {"use_after_free": {"enabled": False}}
        for method in ("GET", "DELETE")
    },
}
"""Checks of an operation that are not those of all."""


def configuration(program):
    under_ci = settings().derandomize
    refused = ["2xx", "404", "409", "412", "422"]  # the rules are more than a schema can say
    return SchemathesisConfig.from_dict(
        {
            "base-url": program.url,
            "headers": {"Authorization": f"Bearer {program.tokens['admin']}"},
            **({"seed": 1} if under_ci else {}),
            "generation": {
                "max-examples": settings().max_examples // 12,
                "deterministic": under_ci,
                "database": "none",
                "no-shrink": True,
                "with-security-parameters": False,
            },
            "checks": {
                "max_response_time": ANSWER_SECONDS,
                "positive_data_acceptance": {"expected-statuses": refused},
            },
            # not from addresses in answers: it stumbles over a text that begins as one and is none
            "phases": {"stateful": {"inference": {"algorithms": ["dependency-analysis"]}}},
            "operations": [
                {"include-name": name, "checks": checks} for name, checks in OTHERWISE.items()
            ],
        }
    )


def findings_of(schema):
    """Run every phase; give what each failed check says, and how many requests were sent."""
    found, sent = [], 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found.append(str(event))
        elif isinstance(event, events.ScenarioFinished):
            sent += len(event.recorder.interactions)
            found += [
                f"{event.recorder.label}, {check.name}: {check.failure_info.failure.message}\n"
                f"{check.failure_info.code_sample}\n"
                f"{event.recorder.interactions[case].response.text}"
                for case, checks in event.recorder.checks.items()
                for check in checks
                if check.status is Status.FAILURE
            ]
    return found, sent


def test_every_operation_takes_and_answers_what_the_document_says_and_nothing_else(program, door):
    """The address at which the tests' own tokens could be revoked is tried by itself."""
    document, before = door.document(), program.memory
    one_token = {ONE_TOKEN: document["paths"].pop(ONE_TOKEN)}
    for part, enough in ((document, 1000), ({**document, "paths": one_token}, 20)):
        config = configuration(program)
        worked = program.worked
        found, sent = findings_of(schemathesis.openapi.from_dict(part, config=config))
        assert not found, f"seed {config.seed}:\n" + "\n\n".join(found)
        assert sent >= enough
        assert program.worked - worked < sent * USUAL_WORK_SECONDS
    assert program.memory - before < MOST_GROWTH


# What it does not think of: sizes


def numbered(count, entry, around):
    return around % ",".join(entry % number for number in range(count))


BODIES = {
    "keys that nobody knows": numbered(60_000, '"lease%d":1', "{%s}"),
    "one key twice, at the end": numbered(100_000, '"%d":1', '{%s,"x":1,"x":1}'),
    "a key without end": '{"%s":1}' % ("name" * 250_000),
    "nested lists": '{"name":' + "[" * 500_000,
    "nested objects": '{"a":' * 200_000,
    "nested and closed": f'{{"name":{"[" * 400_000}{"]" * 400_000}}}',
    "a number without end": '{"vid":%s}' % ("9" * 1_000_000),
    "the longest number that Python reads": '{"vid":%s}' % ("9" * 4_300),
    "more than a float": '{"vid":1e400,"port":-1e400}',
    "no JSON": '{"vid":NaN,"port":Infinity}',
    "a list without end": '{"dns_servers":[%s1]}' % ("1," * 400_000),
    "addresses without end": numbered(60_000, '"224.%d"', '{"dns_servers":[%s]}'),
    "one machine without end": '{"action":"on","machines":[%s"m1"]}' % ('"m1",' * 150_000),
    "machines without end": numbered(60_000, '"m%d"', '{"action":"on","machines":[%s]}'),
    "a text without end": '{"name":"%s","domain":"%s","mac":"%s"}' % (("a." * 150_000,) * 3),
    "half a letter": '{"name":"\\ud800","hostname":"\\udfff","user":"\\ud800"}',
    "no letter": '{"name":"\\u0000","hostname":"\\u0000","password":"\\u0000"}',
    "columns without end": ",".join(["address", *map(str, range(100_000))]) + "\n",
    "lines without end": "mac,address\n" + "\n" * 900_000,
    "values without end": "mac,address\n%s" % ("," * 900_000),
    "quotes without end": "mac,address\n%s" % ('"' * 900_000),
    "no UTF-8": b'{"name":"\xff\xfe"}',
    "nothing": b"",
    "only white": b" " * MEBIBYTE,
    "more than is taken": b" " * (3 * MEBIBYTE),
    "a network without end": '{"vlan":1,"cidr":"%s/%s"}' % (("1" * 500_000,) * 2),
}


def test_a_body_that_costs_much_is_refused_at_once_and_leaves_nothing_in_memory(program, door):
    takers = [(m, p.replace("{name}", "1")) for m, p in door.operations() if m in TAKING]
    takers = [(m, p) for m, p in takers if not p.endswith("/reconfigure")]
    before = program.memory
    for name, body in BODIES.items():
        for method, path in takers:
            kind = {"Content_Type": "text/csv"} if path.endswith("/import") else TYPED
            status, answer = door(method, path, body, **kind)
            assert status in {400, 404, 413, 422}, f"{name}, {method} {path}: {status}"
            assert len(answer) < MEBIBYTE
    assert program.memory - before < MOST_GROWTH


# What it does not think of: names

NAMES = (
    *("\0", "a\0b", "%", "..", "../..", "/", "//", "*", "'", '"', "\\", "\n", "\r\nX: y", " "),
    *("\u202e", "\ufeff", "\U0010ffff", "é", "0", "-1", "1e9", "9" * 40, "9" * 5000, "a" * 15_000),
    *("0.0.0.0/0", "10.0.0.100-10.0.0.199", "52:54:00:12:34:56", "None", "null", "true", "1;--"),
)
RAW = ("%ff", "%c0%80", "%ed%a0%80", "%", "%zz", "%00", "%2e%2e%2f")


def test_any_name_in_an_address_is_answered(door):
    for method, path in door.operations():
        if "{" in path and not (method == "POST" and "authorities" in path):
            for name in (*(quote(each, safe="", errors="surrogatepass") for each in NAMES), *RAW):
                body = {"POST": b"{}", "PATCH": b"{}"}.get(method)
                door(method, path.replace("{name}", name), body, **({} if not body else TYPED))


ARGUMENTS = (
    *("limit=%00", "limit=-1", "limit=1e3", "limit=" + "9" * 5000, "limit=", "limit", "limit=1;2"),
    *("after=" + "9" * 19, "after=9223372036854775807", "after=2147483648", "after=0x1"),
    *("vlan=%00", "vlan=%ff", "subnet=%ed%a0%80", "bmc=%00", "machine=%00", "machine=%ff"),
    *("ids=%00", "ids=,", "ids=1,,2", "ids=" + "1," * 4000 + "1", "ids=" + "9" * 18, "ids=-1"),
    *("without_them=%00", "=", "&&&&", "a" * 15_000, "&".join(f"a{n}=1" for n in range(2000))),
)


def test_any_argument_is_answered(door):
    for method, path in door.operations():
        if method == "GET":
            for argument in ARGUMENTS:
                door("GET", f"{path.replace('{name}', '1')}?{argument}")


CONDITIONS = (
    "",
    "*",
    '"',
    '""',
    '"1.',
    "1.1.1",
    '"9.9"',
    "W/" + '"1.2"',
    "9" * 5000 + ".1",
    "\xff",
)


def test_any_condition_is_answered(door):
    for condition in CONDITIONS:
        for method in ("PATCH", "DELETE"):
            for noun in ("vlans", "machines"):
                place = f"/api/v1/{noun}/nothing"
                status, _ = door(method, place, b"{}", If_Match=condition, **TYPED)
                assert status in {400, 404, 412}


def test_any_method_and_kind_of_body_is_answered(door):
    for method, path in door.operations():
        for other in ("TRACE", "PROPFIND", "FOO", "get", "OPTIONS"):
            status, _ = door(other, path.replace("{name}", "1"))
            assert status == 405
        if method in TAKING:
            for kind in ("", "text/plain", "application/x-www-form-urlencoded", "a" * 5000):
                headers = {"Content_Type": kind} if kind else {}
                status, _ = door(method, path.replace("{name}", "1"), b"name=1", **headers)
                assert status in {200, 404, 415}
