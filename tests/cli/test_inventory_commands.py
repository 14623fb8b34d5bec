"""The commands of VLANs, subnets, ranges and reservations, against a small real server."""

import io
import json

import pytest
from attrs import evolve

from evenrack.cli.main import run
from evenrack.model.boot import BOOT_FILES
from tests.cli.small_api import small_api

VLAN = {
    "id": 3,
    "name": "vlan1",
    "fabric": "default",
    "vid": 1,
    "dhcp_on": True,
    "relay_vlan": None,
    "lease_seconds": 600,
    "max_response_delay": 60,
    "mclt": 3600,
    "split": 255,
    "min_lease_seconds": None,
    "max_lease_seconds": None,
    "mtu": 9000,
    "next_server": None,
    **dict.fromkeys(BOOT_FILES, ""),
    "generation": "1.7",
}
SUBNET = {
    "id": 5,
    "vlan": "vlan1",
    "cidr": "10.0.0.0/24",
    "gateway": "10.0.0.1",
    "dns_servers": ["192.0.2.1", "192.0.2.2"],
    "ntp_servers": [],
    "domain": "",
    "search_domains": [],
    "allow_unknown": True,
    "generation": "1.8",
}
RANGE = {
    "id": 6,
    "subnet": "10.0.0.0/24",
    "first": "10.0.0.100",
    "last": "10.0.0.199",
    "reserved": False,
    "generation": "1.9",
}
RESERVATION = {
    "id": 7,
    "subnet": "10.0.0.0/24",
    "mac": "52:54:00:12:34:56",
    "address": "10.0.0.20",
    "hostname": "node7",
    "other_macs": ["52:54:00:12:34:57"],
    "generation": "1.10",
}
PATHS = {
    "vlan": ("/api/v1/vlans", "/api/v1/vlans/vlan1", VLAN),
    "subnet": ("/api/v1/subnets", "/api/v1/subnets/10.0.0.0%2F24", SUBNET),
    "range": ("/api/v1/ranges", "/api/v1/ranges/10.0.0.100-10.0.0.199", RANGE),
    "reservation": (
        "/api/v1/reservations",
        "/api/v1/reservations/52%3A54%3A00%3A12%3A34%3A56",
        RESERVATION,
    ),
}
NAMES = {
    "vlan": "vlan1",
    "subnet": "10.0.0.0/24",
    "range": "10.0.0.100-10.0.0.199",
    "reservation": "52:54:00:12:34:56",
}
PAGE = "?after=0&limit=1000"


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        for all_of_them, one, row in PATHS.values():
            plural = all_of_them.rpartition("/")[2]
            api.answer(all_of_them, row, method="POST", status=201)
            api.answer(one, row)
            api.answer(one, row, method="PATCH")
            api.answer(one, row, method="DELETE")
            api.answer(f"{all_of_them}{PAGE}", {plural: [row], "next": None})
            for within in ("vlan=3", "vlan=vlan1", "subnet=5", "subnet=10.0.0.0%2F24"):
                path = f"{all_of_them}?{within}&after=0&limit=1000"
                api.answer(path, {plural: [row], "next": None})
        for within in ("vlan=3", "subnet=5"):
            path = f"/api/v1/snippets?{within}&after=0&limit=1000"
            api.answer(path, {"snippets": [{"id": 8}], "next": None})
        yield api


class Keyboard(io.StringIO):
    """Somebody who types."""

    def isatty(self):
        return True


CREATED = [
    (["vlan", "create", "vlan1"], "vlan", {"name": "vlan1"}),
    (
        [
            *("vlan", "create", "vlan1", "--fabric", "east", "--vid", "0", "--dhcp-off"),
            *("--lease-seconds", "900", "--max-response-delay", "15", "--mclt", "300"),
            *("--split", "256", "--mtu", "9000"),
            *("--min-lease-seconds", "60", "--max-lease-seconds", "86400"),
        ],
        "vlan",
        {
            "name": "vlan1",
            "fabric": "east",
            "vid": 0,
            "dhcp_on": False,
            "lease_seconds": 900,
            "max_response_delay": 15,
            "mclt": 300,
            "split": 256,
            "mtu": 9000,
            "min_lease_seconds": 60,
            "max_lease_seconds": 86400,
        },
    ),
    (
        [
            *("vlan", "create", "vlan1", "--next-server", "rack", "--boot-bios", "a b"),
            *("--boot-uefi-x64", "x", "--boot-uefi-arm64", "y", "--boot-http-x64", "http://x"),
            *("--boot-http-arm64", "http://y", "--boot-ipxe", "http://z"),
        ],
        "vlan",
        {
            "name": "vlan1",
            "next_server": "rack",
            "boot_bios": "a b",
            "boot_uefi_x64": "x",
            "boot_uefi_arm64": "y",
            "boot_http_x64": "http://x",
            "boot_http_arm64": "http://y",
            "boot_ipxe": "http://z",
        },
    ),
    (
        ["subnet", "create", "10.0.0.0/24", "--vlan", "vlan1"],
        "subnet",
        {"vlan": "vlan1", "cidr": "10.0.0.0/24"},
    ),
    (
        [
            *("subnet", "create", "10.0.0.0/24", "--vlan", "3", "--gateway", "10.0.0.1"),
            *("--dns", "192.0.2.1", "--dns", "192.0.2.2", "--ntp", "192.0.2.3", "--domain", "x.y"),
            *("--search", "x.y", "--search", "y", "--deny-unknown"),
        ],
        "subnet",
        {
            "vlan": "3",
            "cidr": "10.0.0.0/24",
            "gateway": "10.0.0.1",
            "dns_servers": ["192.0.2.1", "192.0.2.2"],
            "ntp_servers": ["192.0.2.3"],
            "domain": "x.y",
            "search_domains": ["x.y", "y"],
            "allow_unknown": False,
        },
    ),
    (
        ["range", "create", "--subnet", "10.0.0.0/24", "10.0.0.100", "10.0.0.199"],
        "range",
        {"subnet": "10.0.0.0/24", "first": "10.0.0.100", "last": "10.0.0.199"},
    ),
    (
        ["range", "create", "10.0.0.1", "10.0.0.19", "--reserved"],
        "range",
        {"first": "10.0.0.1", "last": "10.0.0.19", "reserved": True},
    ),
    (
        ["reservation", "create", "52-54-00-12-34-56", "10.0.0.20", "--hostname", "node7"],
        "reservation",
        {"mac": "52-54-00-12-34-56", "address": "10.0.0.20", "hostname": "node7"},
    ),
    (
        [
            *("reservation", "create", "52-54-00-12-34-56", "10.0.0.20"),
            *("--other-mac", "52-54-00-12-34-57", "--other-mac", "52:54:00:12:34:58"),
        ],
        "reservation",
        {
            "mac": "52-54-00-12-34-56",
            "address": "10.0.0.20",
            "other_macs": ["52-54-00-12-34-57", "52:54:00:12:34:58"],
        },
    ),
    (
        ["reservation", "create", "52-54-00-12-34-56", "10.0.0.20", "--subnet", "5"],
        "reservation",
        {"mac": "52-54-00-12-34-56", "address": "10.0.0.20", "subnet": "5"},
    ),
]


@pytest.mark.parametrize(("words", "noun", "body"), CREATED)
def test_what_is_given_is_created_shown_and_followed_by_the_next_command(
    api, call, words, noun, body
):
    code, printed, told = call(*words)
    path, _, row = PATHS[noun]
    assert (code, api.changes) == (0, [("POST", path, body, None)])
    assert f"id: {row['id']}\n" in printed
    assert "; next: evenrack " in told
    code, printed, told = call(*words, "--json")
    assert json.loads(printed) == row
    assert "; next: evenrack " in told


CHANGED = [
    (["vlan", "set", "vlan1", "--dhcp-on"], "vlan", {"dhcp_on": True}, None),
    (
        ["vlan", "set", "vlan1", "--name", "b", "--no-vid", "--if-generation", "1.7"],
        "vlan",
        {"name": "b", "vid": None},
        '"1.7"',
    ),
    (
        [
            *("vlan", "set", "vlan1", "--no-next-server", "--boot-bios", "", "--no-mtu"),
            *("--no-min-lease-seconds", "--no-max-lease-seconds"),
        ],
        "vlan",
        {
            "next_server": None,
            "boot_bios": "",
            "mtu": None,
            "min_lease_seconds": None,
            "max_lease_seconds": None,
        },
        None,
    ),
    (["vlan", "set", "vlan1", "--relay-vlan", "b"], "vlan", {"relay_vlan": "b"}, None),
    (["vlan", "set", "vlan1", "--no-relay-vlan"], "vlan", {"relay_vlan": None}, None),
    (
        ["subnet", "set", "10.0.0.0/24", "--vlan", "b", "--cidr", "10.1.0.0/24", "--domain", ""],
        "subnet",
        {"vlan": "b", "cidr": "10.1.0.0/24", "domain": ""},
        None,
    ),
    (
        [
            *("subnet", "set", "10.0.0.0/24", "--no-gateway", "--no-dns", "--no-ntp"),
            *("--no-search", "--allow-unknown"),
        ],
        "subnet",
        {
            "gateway": None,
            "dns_servers": [],
            "ntp_servers": [],
            "search_domains": [],
            "allow_unknown": True,
        },
        None,
    ),
    (
        ["range", "set", "10.0.0.100-10.0.0.199", "--reserved"],
        "range",
        {"reserved": True},
        None,
    ),
    (
        ["range", "set", "10.0.0.100-10.0.0.199", "--dynamic", "--last", "10.0.0.210"],
        "range",
        {"reserved": False, "last": "10.0.0.210"},
        None,
    ),
    (
        ["reservation", "set", "52:54:00:12:34:56", "--other-mac", "52:54:00:12:34:58"],
        "reservation",
        {"other_macs": ["52:54:00:12:34:58"]},
        None,
    ),
    (
        ["reservation", "set", "52:54:00:12:34:56", "--no-other-macs"],
        "reservation",
        {"other_macs": []},
        None,
    ),
    (
        ["reservation", "set", "52:54:00:12:34:56", "--hostname", "", "--address", "10.0.0.21"],
        "reservation",
        {"address": "10.0.0.21", "hostname": ""},
        None,
    ),
]


@pytest.mark.parametrize(("words", "noun", "body", "condition"), CHANGED)
def test_only_what_is_given_is_changed(api, call, words, noun, body, condition):
    code, printed, told = call(*words, "--json")
    _, path, row = PATHS[noun]
    assert (code, api.changes) == (0, [("PATCH", path, body, condition)])
    assert json.loads(printed) == row
    assert "; next: evenrack " in told


@pytest.mark.parametrize(
    ("dhcp_on", "follow"), [(True, "dhcp status vlan1"), (False, "vlan set vlan1 --dhcp-on")]
)
def test_who_lets_a_vlan_be_relayed_is_told_whether_its_dhcp_is_still_off(
    api, call, dhcp_on, follow
):
    api.answer(PATHS["vlan"][1], {**VLAN, "dhcp_on": dhcp_on}, method="PATCH")
    told = call("vlan", "set", "vlan1", "--relay-vlan", "b")[2]
    assert f"next: evenrack {follow}\n" in told


@pytest.mark.parametrize("noun", PATHS)
def test_lists_are_tables_and_json(api, call, noun):
    code, printed, complaints = call(noun, "list")
    assert (code, complaints) == (0, "")
    assert str(PATHS[noun][2]["id"]) in printed
    assert printed.isascii()
    assert json.loads(call(noun, "list", "--json")[1]) == [PATHS[noun][2]]
    for option in ("--vlan", "--subnet"):
        wanted = {"subnet": ["--vlan"], "vlan": []}.get(noun, ["--vlan", "--subnet"])
        name = "vlan1" if option == "--vlan" else "10.0.0.0/24"
        code = call(noun, "list", option, name, "--json")[0]
        assert code == (0 if option in wanted else 2)


def test_empty_lists_say_so(api, call):
    for noun, (path, _, _) in PATHS.items():
        api.answer(f"{path}{PAGE}", {path.rpartition("/")[2]: [], "next": None})
        assert call(noun, "list")[1] == f"no {noun if noun != 'vlan' else 'VLAN'}s yet\n"


def test_long_lists_are_read_to_their_end(api, call):
    api.answer(f"/api/v1/vlans{PAGE}", {"vlans": [VLAN], "next": 3})
    second = {**VLAN, "id": 4}
    api.answer("/api/v1/vlans?after=3&limit=1000", {"vlans": [second], "next": None})
    assert json.loads(call("vlan", "list", "--json")[1]) == [VLAN, second]


def test_a_vlan_is_shown_with_its_subnets(api, call):
    assert json.loads(call("vlan", "show", "vlan1", "--json")[1]) == {**VLAN, "subnets": [SUBNET]}
    printed = call("vlan", "show", "vlan1")[1]
    assert "dhcp on: yes\n" in printed
    assert printed.index("subnets:") < printed.index("192.0.2.1, 192.0.2.2")


@pytest.mark.parametrize("noun", PATHS)
def test_without_a_terminal_nothing_is_deleted_unless_told_yes(api, call, noun):
    code, printed, told = call(noun, "delete", NAMES[noun])
    assert (code, printed, api.changes) == (2, "", [])
    assert "needs --yes" in told
    code, printed, told = call(noun, "delete", NAMES[noun], "--yes")
    _, path, row = PATHS[noun]
    assert (code, printed) == (0, "")
    assert api.changes == [("DELETE", path, None, f'"{row["generation"]}"')]
    assert told.index("this is deleted:") < told.index("next: evenrack ")


@pytest.mark.parametrize("noun", PATHS)
def test_the_plan_alone_deletes_nothing(api, call, noun):
    row = PATHS[noun][2]
    code, printed, _ = call(noun, "delete", NAMES[noun], "--plan")
    assert (code, api.changes) == (0, [])
    assert f"id: {row['id']}\n" in printed
    planned = json.loads(call(noun, "delete", NAMES[noun], "--plan", "--json")[1])
    in_subnet = ["ranges", "reservations", "snippets"]
    inside = {"vlan": ["subnets", *in_subnet], "subnet": in_subnet}
    assert planned == {**row, "with": dict.fromkeys(inside.get(noun, []), 1)}
    assert api.changes == []


def test_the_plan_counts_what_goes_with_it(api, call):
    _, printed, told = call("vlan", "delete", "vlan1", "--yes", "--json")
    assert json.loads(printed) == VLAN
    counted = ("subnets: 1", "ranges: 1", "reservations: 1", "snippets: 1")
    for line in (*counted, "name: vlan1"):
        assert line in told


def test_the_seen_generation_can_be_named(api, call):
    call("vlan", "delete", "vlan1", "--yes", "--if-generation", "1.2")
    assert api.changes == [("DELETE", "/api/v1/vlans/vlan1", None, '"1.2"')]


@pytest.mark.parametrize("typed", ["y\n", "n\n"])
def test_on_a_terminal_the_operator_is_asked(api, surroundings, monkeypatch, capsys, typed):
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    at_terminal = evolve(surroundings, terminal=True)
    agreed = typed == "y\n"
    assert run(["vlan", "delete", "vlan1"], at_terminal) == (0 if agreed else 1)
    told = capsys.readouterr().err
    assert told.index("reservations: 1") < told.index("delete it?")
    assert len(api.changes) == agreed
    assert ("nothing was deleted" in told) == (not agreed)


@pytest.mark.parametrize(
    "words",
    [
        ["vlan", "create"],
        ["vlan", "create", "v", "--vid", "one"],
        ["vlan", "set", "vlan1"],
        ["vlan", "set", "vlan1", "--vid", "3", "--no-vid"],
        ["subnet", "create", "10.0.0.0/24"],
        ["subnet", "set", "10.0.0.0/24", "--gateway", "10.0.0.1", "--no-gateway"],
        ["subnet", "set", "10.0.0.0/24", "--dns", "10.0.0.1", "--no-dns"],
        ["range", "create", "10.0.0.1"],
        ["reservation", "create", "52:54:00:12:34:56"],
        ["reservation", "set", "10.0.0.20"],
        ["reservation", "delete"],
    ],
)
def test_wrong_usage_is_2_and_changes_nothing(api, call, words):
    assert call(*words)[0] == 2
    assert api.changes == []


def test_one_wrong_field_is_one_line_and_several_are_one_each(api, call):
    sentence = "vlan: another has this name"
    api.refuse(
        *("/api/v1/vlans", 422, "FieldsRefused", sentence),
        method="POST",
        errors=[{"field": "name", "detail": sentence}],
    )
    code, printed, told = call("vlan", "create", "vlan1")
    assert (code, printed, told) == (1, "", f"evenrack: FieldsRefused: {sentence}\n")
    both = [{"field": "name", "detail": "name is taken"}, {"field": "vid", "detail": "vid too"}]
    api.refuse(
        *("/api/v1/vlans", 422, "FieldsRefused", "2 problems, see errors"),
        method="POST",
        errors=both,
    )
    assert call("vlan", "create", "vlan1")[2] == (
        "evenrack: FieldsRefused: 2 problems\n  name is taken\n  vid too\n"
    )


def test_an_unknown_outcome_is_3(api, call):
    api.say_nothing("/api/v1/vlans", method="POST")
    code, printed, told = call("vlan", "create", "vlan1")
    assert (code, printed) == (3, "")
    assert told.startswith("evenrack: OutcomeUnknown: ")
    assert len(api.keys) == 2, "asked twice"
    assert len(set(api.keys)) == 1, "with one key"


def test_what_has_changed_meanwhile_is_a_failure(api, call):
    detail = "vlan vlan1 has changed"
    api.refuse("/api/v1/vlans/vlan1", 412, "ChangedMeanwhile", detail, method="PATCH")
    code, _, told = call("vlan", "set", "vlan1", "--vid", "3", "--if-generation", "1.1")
    assert (code, told) == (1, f"evenrack: ChangedMeanwhile: {detail}\n")


def test_hostile_names_reach_the_region_whole_and_draw_nothing(api, call):
    name = "a/../b?c#d%2F\x1b[2J ö"
    code, _, told = call("vlan", "show", name)
    assert (code, told) == (1, "evenrack: NotFound: not here\n")
    assert api.asked == ["/api/v1/vlans/a%2F..%2Fb%3Fc%23d%252F%1B%5B2J%20%C3%B6"]
    api.answer(
        f"/api/v1/reservations{PAGE}",
        {
            "reservations": [{**RESERVATION, "hostname": "\x1b[2J\nx"}],
            "next": None,
        },
    )
    printed = call("reservation", "list")[1]
    assert "\x1b" not in printed
    assert len(printed.splitlines()) == 2
