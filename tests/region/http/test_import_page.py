"""The import of reservations over HTTP: all lines or none, a real process, a real PostgreSQL."""

import gc
from ipaddress import IPv4Address
from time import thread_time
from types import SimpleNamespace

import pytest
from twisted.internet import reactor

from evenrack.model.csv_lines import FileRefused, LineProblem
from evenrack.region.database.inventory_store import change, create, remove
from evenrack.region.http.importing import Importing
from evenrack.region.http.json_pages import HttpProblem
from evenrack.region.http.request_body import MOST_BYTES, MOST_LARGE_AT_ONCE
from tests.no_dhcp import think_here
from tests.region.http.api_process import api_process
from tests.region.http.test_openapi import DOCUMENT, check
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

CARD = "52:54:00:12:34:56"
PATH = "/api/v1/reservations/import"
THERE_IS = (
    ("vlans", {"name": "vlan1", "vid": 1, "dhcp_on": True}),
    ("vlans", {"name": "vlan2"}),
    ("subnets", {"vlan": "vlan1", "cidr": "10.0.0.0/16", "gateway": "10.0.0.1"}),
    ("subnets", {"vlan": "vlan2", "cidr": "10.9.0.0/16"}),
    ("ranges", {"first": "10.0.255.100", "last": "10.0.255.199"}),
    ("reservations", {"mac": "52:54:00:12:34:56", "address": "10.0.0.3", "hostname": "h"}),
)
FILE = b"""\xef\xbb\xbf# cards of room 1
hostname,mac,address\r
node1,52-54-00-00-00-01,10.0.0.11\r

node2,52:54:00:00:00:02,10.9.0.12
renamed,52:54:00:12:34:56,10.0.0.4
"""
MANY = 50_000


def many(count, first=0, address="10.0.{}.{}"):
    """A file with so many lines, outside of the range."""
    lines = ["mac,address,hostname"]
    for n in range(first, first + count):
        high, low = divmod(n + 512, 256)
        lines.append(
            f"52:54:01:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x},{address.format(high, low)},"
            f"node{n}"
        )
    return "\n".join(lines).encode()


async def filled(api):
    for noun, body in THERE_IS:
        assert (await api.locally("POST", f"/api/v1/{noun}", body)).status == 201
    return api


async def sent(api, content, arguments="", **headers):
    return await api.locally(
        "POST", f"{PATH}{arguments}", content, **{"Content_Type": "text/csv", **headers}
    )


async def kept(api):
    found = (await api.locally("GET", "/api/v1/reservations?limit=1000")).json["reservations"]
    return {each["mac"]: (each["address"], each["hostname"]) for each in found}


async def everything(api):
    nouns = ("vlans", "subnets", "ranges", "reservations", "events?after=0")
    return [(await api.locally("GET", f"/api/v1/{noun}")).json for noun in nouns]


async def test_a_file_is_planned_and_imported_and_again_changes_nothing(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)
        document = (await api.locally("GET", DOCUMENT)).json
        before = await everything(api)
        planned = await sent(api, FILE, "?plan=true")
        assert (planned.status, planned.json["new"], planned.json["changed"]) == (200, 2, 1)
        assert await everything(api) == before
        done = await sent(api, FILE, f"?planned={planned.json['plan']}")
        assert {**planned.json, "generation": done.json["generation"]} == done.json
        assert await kept(api) == {
            "52:54:00:00:00:01": ("10.0.0.11", "node1"),
            "52:54:00:00:00:02": ("10.9.0.12", "node2"),
            "52:54:00:12:34:56": ("10.0.0.4", "renamed"),
        }
        one = await api.locally("GET", "/api/v1/reservations/10.0.0.4")
        assert one.json["generation"] == done.json["generation"]
        told = (await api.locally("GET", "/api/v1/events?after=0")).json["events"]
        texts = [each["text"] for each in told if "imported" in each["text"]]
        assert texts == [
            "reservations on VLAN vlan1 were imported: 1 new, 1 changed",
            "reservations on VLAN vlan2 were imported: 1 new, 0 changed",
        ]
        after = await everything(api)
        again = await sent(api, FILE)
        assert (again.json["new"], again.json["changed"], again.json["same"]) == (0, 0, 3)
        assert await everything(api) == after
        for answer in (planned, done, again):
            check(document, PATH, "POST", answer)


BOTH_FAMILIES = b"""mac,duid,address,hostname
52:54:00:12:34:56,,10.0.0.4,renamed
52:54:00:12:34:56,,fd00:1::20,
,00:02:00:00:AB:11,fd00:1::21,
,00:02:00:00:ab:14,fd00:1::22,
"""


async def test_reservations_of_both_families_are_imported_together_by_card_or_duid(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)
        subnet = {"vlan": "vlan1", "cidr": "fd00:1::/64"}
        assert (await api.locally("POST", "/api/v1/subnets", subnet)).status == 201
        moves = {"duid": "00:02:00:00:ab:11", "address": "fd00:1::99"}
        made = (await api.locally("POST", "/api/v1/reservations", moves)).json
        done = await sent(api, BOTH_FAMILIES)
        assert (done.status, done.json["new"], done.json["changed"]) == (200, 2, 2), done.text
        found = (await api.locally("GET", "/api/v1/reservations?limit=1000")).json["reservations"]
        assert {it["address"]: (it.get("mac"), it.get("duid")) for it in found} == {
            "10.0.0.4": ("52:54:00:12:34:56", None),
            "fd00:1::20": ("52:54:00:12:34:56", None),
            "fd00:1::21": (None, "00:02:00:00:ab:11"),
            "fd00:1::22": (None, "00:02:00:00:ab:14"),
        }
        assert made["id"] in {it["id"] for it in found if it["address"] == "fd00:1::21"}
        again = await sent(api, BOTH_FAMILIES)
        assert (again.json["new"], again.json["changed"], again.json["same"]) == (0, 0, 4)
        refused = await sent(
            api,
            b"mac,duid,address\n,00:02,fd00:1::30\n,00:02:00:00:ab:12,10.0.0.9\n"
            b"52:54:00:00:00:09,00:02:00:00:ab:13,fd00:1::31\n,,fd00:1::32\n",
        )
        assert [(it["line"], it["field"]) for it in refused.json["errors"]] == [
            *((2, "duid"), (3, "mac"), (3, "duid"), (4, "mac"), (5, "duid"))
        ]
        no_name = await sent(api, b"address\nfd00:1::33\n")
        assert (no_name.status, no_name.json["count"]) == (422, 1)
        assert no_name.json["detail"].startswith("line 1: the column mac or duid is missing")
        assert len((await api.locally("GET", "/api/v1/reservations")).json["reservations"]) == 4


async def test_all_errors_are_told_at_once_and_nothing_is_changed(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)
        document = (await api.locally("GET", DOCUMENT)).json
        before = await everything(api)
        refused = await sent(
            api,
            b"mac,address,hostname\n"
            b"52:54:00:00:00:01,10.0.0.11,good\n"
            b"52:54:00:00:00:0g,10.0.0.12,\n"
            b"52:54:00:00:00:02,10.0.0.256,\n"
            b"52:54:00:00:00:03,192.0.2.1,\n"
            b"52:54:00:00:00:04,10.0.255.100,\n"
            b"52:54:00:00:00:01,10.0.0.13,\n"
            b"52:54:00:00:00:05,10.0.0.11,\n"
            b"52:54:00:00:00:06,10.0.0.3,\n"
            b"52:54:00:00:00:07,10.0.0.14," + b"x" * 256 + b"\n"
            b"52:54:00:00:00:08,10.0.0.15,,\n",
        )
        assert (refused.status, refused.type) == (422, "application/problem+json")
        assert (refused.json["code"], refused.json["count"]) == ("FieldsRefused", 9)
        assert [(each["line"], each["field"]) for each in refused.json["errors"]] == [
            *((3, "mac"), (4, "address"), (5, "address"), (6, "address"), (7, "mac")),
            *((8, "address"), (9, "address"), (10, "hostname"), (11, "")),
        ]
        assert all(
            each["detail"].startswith(f"line {each['line']}") for each in refused.json["errors"]
        )
        assert "(see line 2)" in refused.json["errors"][4]["detail"]
        check(document, PATH, "POST", refused)
        assert await everything(api) == before


async def test_what_is_asked_wrongly_is_refused(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)
        for answer, status, words in (
            (await sent(api, b"\xff"), 422, "line 1: this is no UTF-8"),
            (await sent(api, FILE, "?vlan=vlan7"), 400, "vlan: no vlan is called"),
            (await sent(api, FILE, "?plan=maybe"), 400, "plan: true or false"),
            (await sent(api, FILE, "?other=1"), 400, "other: this argument is unknown"),
            (await sent(api, FILE, Content_Type="application/json"), 415, "text/csv"),
            (await sent(api, FILE, "?vlan=vlan1"), 422, "no subnet of VLAN vlan1"),
            (await sent(api, FILE, "?planned=other"), 409, "plan it again"),
        ):
            assert (answer.status, words in answer.json["detail"]) == (status, True), answer.text
        viewer = await api.token("ci")
        asked = await api("POST", PATH, FILE, token=viewer, **{"Content-Type": "text/csv"})
        assert asked.status == 403


def meddle(api, deeds):
    """Do one of these whenever the import has thought: at first when it has read the file."""
    thought, left = api.think, list(deeds)

    async def think(work):
        result = await thought(work)
        deed = left.pop(0) if left else None
        if deed is not None:
            await api.database.run(deed)
        return result

    api.think = think
    return left


def another_card(number):
    fields = {"mac": f"52:54:00:77:00:{number:02x}", "address": IPv4Address(f"10.0.7.{number}")}
    return lambda connection: create(connection, "reservation", fields)


async def test_a_plan_is_made_anew_when_something_came_or_went_meanwhile(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)

        def card_goes(connection):
            remove(connection, "reservation", CARD)  # the highest number stays as it is

        left = meddle(api, [another_card(1), another_card(2), card_goes])
        done = await sent(api, FILE)
        assert (done.status, done.json["new"], done.json["changed"], left) == (200, 3, 0, [])
        assert (await kept(api))[CARD] == ("10.0.0.4", "renamed")


async def test_a_plan_is_made_anew_when_something_became_another_meanwhile(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)

        def gateway_moves(connection):
            change(connection, "subnet", "10.0.0.0/16", {"gateway": IPv4Address("10.0.0.11")})

        meddle(api, [None, gateway_moves])
        refused = await sent(api, FILE)
        assert (refused.status, "is the gateway's" in refused.json["detail"]) == (422, True)
        assert list(await kept(api)) == [CARD]


async def test_an_import_gives_up_when_others_change_the_inventory_all_the_time(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)
        meddle(api, map(another_card, range(1, 20)))
        busy = await sent(api, FILE)
        assert (busy.status, busy.json["code"]) == (409, "InventoryMoved")
        assert "52:54:00:00:00:01" not in await kept(api)


async def test_the_audit_log_says_how_much_was_imported(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)
        await sent(api, FILE, "?vlan=vlan9")
        await sent(api, FILE)

        async def both():
            rows = {row["status"]: row for row in await api.audit() if "import" in row["deed"]}
            return rows if len(rows) == 2 else None

        rows = await eventually(both)  # what is refused is noted after its answer
        assert rows.keys() == {400, 200}
        done = rows[200]
        assert (done["data"]["new"], done["data"]["changed"]) == (2, 1)


async def test_only_so_many_large_bodies_are_kept_at_once_and_here_only(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)
        large = b"#" * (MOST_BYTES + 100_000) + b"\n" + FILE.lstrip(b"\xef\xbb\xbf")
        assert (await sent(api, large, "?plan=true")).json["new"] == 2
        assert api.site.large_bodies == 0
        api.site.large_bodies = MOST_LARGE_AT_ONCE
        refused = await sent(api, large)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
        assert (await sent(api, FILE, "?plan=true")).status == 200
        api.site.large_bodies = 0
        too_large = await sent(api, b"#" * ((16 << 20) + 200_000))
        assert (too_large.status, too_large.json["code"]) == (413, "BodyTooLarge")
        elsewhere = await api.locally("POST", "/api/v1/vlans", large)
        assert elsewhere.status == 413
        await eventually(lambda: api.site.large_bodies == 0)


class Work:
    """An import that refuses its file, and notes whether garbage is searched when it is dropped."""

    searched = None

    def read(self, body):
        raise FileRefused([LineProblem(line=1, detail="no")])

    def drop(self):
        self.searched = gc.isenabled()


async def test_what_was_made_of_a_file_is_gone_before_a_search_for_garbage_looks_at_it():
    work = Work()
    importing = Importing(door=None, think=think_here, work_for=lambda _asked: work)
    with pytest.raises(HttpProblem):
        await importing.answer(SimpleNamespace(body=b"a"), asked=None)
    assert (work.searched, gc.isenabled()) == (False, True)


class Lateness:
    """How late the reactor was at most by what its own thread did meanwhile: seconds of work."""

    def __init__(self):
        self.worst = 0.0
        self._worked = None
        self._call = None

    def start(self):
        self._worked = thread_time()
        self._call = reactor.callLater(0.005, self._look)

    def _look(self):
        self.worst = max(self.worst, thread_time() - self._worked)
        self.start()

    def stop(self):
        self._call.cancel()


@pytest.mark.slow
async def test_50_000_lines_are_imported_and_never_hold_up_the_reactor(database_dsn):
    async with api_process(database_dsn) as api:
        await filled(api)
        content = many(MANY)
        late = Lateness()
        late.start()
        done = await sent(api, content)
        again = await sent(api, content)
        late.stop()
        assert (done.json["new"], again.json["same"]) == (MANY, MANY)
        assert late.worst < 0.05
