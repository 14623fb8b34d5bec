"""`evenrack doctor`: what it finds in a region's answers and on a host, and how it ends."""

import json

import pytest

from evenrack.cli.doctor_checks import findings_of
from evenrack.problems import CATALOGUE
from tests.cli.small_api import small_api

LINE_ENDS = {"ok": 0, "WARN": 0, "FAIL": 1}


def process(number, ahead=0.0, state="running", host="region1"):
    return {
        "id": f"{host}/{number}",
        "pid": number,
        "state": state,
        "racks_managed": 0,
        "connections": 0,
        "clock_ahead": ahead,
    }


def region(*processes, hostname="region1"):
    return {"id": hostname, "hostname": f"{hostname}.example.com", "processes": list(processes)}


WELL = {
    "leader": "region1/1",
    "database": {"state": "ok", "detail": ""},
    "problems": [],
    "regions": [region(process(1), process(2))],
}
CONDITION = {
    "schema": {"needed": 4, "lowest": 2, "highest": 4},
    "sessions": {"processes": 4, "of_each": 6, "needed": 24, "allowed": 97},
    "standbys": 0,
    "certificates": [],
}
CHECKS = [
    *("api", "database", "leader", "schema", "sessions", "standbys", "certificates"),
    *("clocks", "problems"),
]


def not_well(status=WELL, condition=CONDITION):
    """The findings that are not ok: id, verdict, what was seen."""
    found = [each for each in findings_of(status, condition) if each.verdict != "ok"]
    for each in found:
        assert each.cause
        assert each.cure
    return [(each.id, each.verdict, each.seen) for each in found]


def test_when_all_is_well_each_check_says_so_once():
    found = findings_of(WELL, CONDITION)
    assert [each.id for each in found] == CHECKS
    assert {each.verdict for each in found} == {"ok"}
    assert {(each.cause, each.cure) for each in found} == {("", "")}


def problem(code, where="x:y"):
    entry = CATALOGUE.get(code)
    do = "Upgrade." if entry is None else entry.do
    return {"code": code, "object": where, "since": "t", "affects": "something", "do": do}


def certificate(kind, days):
    seconds = round(days * 86400)
    return {"kind": kind, "name": "n1", "not_after": "then", "seconds_left": seconds}


STATUSES = {
    "no database": (
        {"database": {"state": "unreachable", "detail": "gone"}},
        ("database", "FAIL", "gone"),
    ),
    "no leader": (
        {"leader": None, "problems": [problem("NoLeader")]},
        ("leader", "FAIL", "nobody leads"),
    ),
    "a clock behind": (
        {
            "regions": [
                region(process(1, -2.0), process(2, -3600.0)),
                region(process(1, 4.9), hostname="region2"),
            ],
            "problems": [problem("ClockSkew")],
        },
        ("clocks", "WARN", "the clock of region1 is 1 h behind the database's"),
    ),
    "a VLAN without DHCP": (
        {"problems": [problem("VlanUnserved", "vlan:v1")]},
        ("problems", "FAIL", "VlanUnserved vlan:v1: something"),
    ),
    "a lost rack": (
        {"problems": [problem("RackLost", "rack:r1")]},
        ("problems", "WARN", "RackLost rack:r1: something"),
    ),
}


@pytest.mark.parametrize(("changed", "found"), STATUSES.values(), ids=[*STATUSES])
def test_each_trouble_is_found_in_the_status_once(changed, found):
    assert not_well({**WELL, **changed}) == [found]


CONDITIONS = {
    "a schema too old": (
        {"schema": {"needed": 5, "lowest": 2, "highest": 4}},
        ("schema", "FAIL", "the programs need 5, the database serves 2 to 4"),
    ),
    "a schema too new": (
        {"schema": {"needed": 1, "lowest": 2, "highest": 4}},
        ("schema", "FAIL", "the programs need 1, the database serves 2 to 4"),
    ),
    "an unfinished upgrade": (
        {"schema": {"needed": 3, "lowest": 2, "highest": 4}},
        ("schema", "WARN", "the programs need 3, the database serves 2 to 4"),
    ),
    "too few sessions": (
        {"sessions": {"processes": 4, "of_each": 6, "needed": 24, "allowed": 23}},
        ("sessions", "FAIL", "4 processes need 24 of 23 sessions"),
    ),
    "no session for one more": (
        {"sessions": {"processes": 4, "of_each": 6, "needed": 24, "allowed": 29}},
        ("sessions", "WARN", "4 processes need 24 of 29 sessions"),
    ),
    "a rack's certificate that is old": (
        {"certificates": [certificate("rack", 3)]},
        ("certificates", "WARN", "rack n1: good for 3 days, to then"),
    ),
    "a region's certificate at its end": (
        {"certificates": [certificate("region", -0.1)]},
        ("certificates", "FAIL", "region n1: good for 0 days, to then"),
    ),
    "an authority that is old": (
        {"certificates": [certificate("authority", 100)]},
        ("certificates", "WARN", "authority n1: good for 100 days, to then"),
    ),
}


@pytest.mark.parametrize(("changed", "found"), CONDITIONS.values(), ids=[*CONDITIONS])
def test_each_trouble_is_found_in_the_condition_once(changed, found):
    assert not_well(condition={**CONDITION, **changed}) == [found]


def test_exactly_enough_sessions_for_one_more_process_are_enough():
    sessions = {"processes": 4, "of_each": 6, "needed": 24, "allowed": 30}
    assert not_well(condition={**CONDITION, "sessions": sessions}) == []


def test_standbys_are_counted():
    (told,) = [f for f in findings_of(WELL, {**CONDITION, "standbys": 2}) if f.id == "standbys"]
    assert told.seen == "2 follow the primary"


def test_a_problem_that_this_program_does_not_know_is_told_with_its_cure():
    (told,) = [
        each
        for each in findings_of({**WELL, "problems": [problem("Newer")]}, CONDITION)
        if each.id == "problems"
    ]
    assert (told.verdict, told.cure) == ("WARN", "Upgrade.")


def test_only_clocks_of_processes_that_run_and_have_told_of_theirs_count():
    old = {key: value for key, value in process(3).items() if key != "clock_ahead"}
    regions = [
        region(process(1, 3600.0, "dead"), process(2, None), old),
        region(process(1, 1.0, "draining"), hostname="region2"),
    ]
    (told,) = [f for f in findings_of({**WELL, "regions": regions}, CONDITION) if f.id == "clocks"]
    assert told.verdict == "ok"
    assert told.seen.startswith("1 of 2 region hosts")


def test_what_a_region_cannot_say_is_said_to_be_unknown():
    assert [each[:2] for each in not_well(condition=None)] == [("schema", "WARN")]


# The command


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer("/api/v1/status", WELL)
        api.answer("/api/v1/doctor", CONDITION)
        yield api


def verdicts(printed):
    return [line.split()[0] for line in printed.splitlines()[1:]]


def test_doctor_prints_one_line_a_check_and_ends_well(api, call):
    code, printed, told = call("doctor")
    assert (code, told) == (0, "")
    assert verdicts(printed) == ["ok"] * len(CHECKS)
    assert [line.split()[1] for line in printed.splitlines()[1:]] == CHECKS


@pytest.mark.parametrize(("code", "verdict"), [("RackLost", "WARN"), ("VlanUnserved", "FAIL")])
def test_doctor_ends_with_1_only_when_a_check_fails(api, call, code, verdict):
    api.answer("/api/v1/status", {**WELL, "problems": [problem(code)]})
    ended, printed, _ = call("doctor")
    assert verdicts(printed)[-1] == verdict
    assert ended == LINE_ENDS[verdict]
    assert CATALOGUE[code].do in printed


def test_doctor_gives_programs_a_list(api, call):
    found = json.loads(call("doctor", "--json")[1])
    assert [each["id"] for each in found] == CHECKS
    assert set(found[0]) == {"id", "verdict", "seen", "cause", "cure"}


@pytest.mark.parametrize(("status", "code"), [(404, "NotFound"), (503, "DatabaseUnreachable")])
def test_a_region_that_cannot_tell_all_is_asked_for_the_rest(api, call, status, code):
    api.refuse("/api/v1/doctor", status, code, "no")
    ended, printed, _ = call("doctor")
    assert ended == 0
    assert "are not known" in printed


def test_doctor_without_a_right_to_ask_says_so(api, call):
    api.refuse("/api/v1/doctor", 403, "NotAllowed", "no role")
    code, printed, told = call("doctor")
    assert (code, printed) == (4, "")
    assert "NotAllowed" in told


def test_that_no_region_answers_is_a_finding(call):
    code, printed, _ = call("doctor")
    assert code == 1
    assert verdicts(printed) == ["FAIL"]
    assert "systemctl start evenrack-regiond" in printed


# Before anything runs


@pytest.fixture
def host(tmp_path, call, surroundings):
    """Check a host whose configuration is in a folder; give code and findings."""
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o700)

    def check():
        words = ("doctor", "--before-install", "--configuration", str(folder), "--json")
        code, printed, _ = call(*words)
        return code, {each["id"]: each for each in json.loads(printed)}

    check.folder = folder
    return check


def region_conf(host, **more):
    lines = {
        "database": "dbname=evenrack",
        "key_file": host.folder / "keys",
        "state_dir": host.folder / "state",
        **more,
    }
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    (host.folder / "regiond.conf").write_text(text)


def keys(host, mode=0o600):
    path = host.folder / "keys"
    path.write_text("k:" + "A" * 43 + "=\n")
    path.chmod(mode)


def test_a_host_without_configuration_is_told_how_to_begin(host):
    code, found = host()
    assert code == 0
    assert found["python"]["verdict"] == "ok"
    assert found["configuration"]["verdict"] == "WARN"
    assert "regiond.conf" in found["configuration"]["cure"]
    assert {"dhcpd", "ipmitool"} <= set(found)


def test_a_region_host_that_is_ready_is_well_and_needs_no_dhcpd(host):
    region_conf(host)
    keys(host)
    code, found = host()
    assert code == 0
    assert {name: each["verdict"] for name, each in found.items()} == {
        "python": "ok",
        "configuration": "ok",
        "keys": "ok",
    }


def test_a_key_file_that_others_may_read_fails_with_the_command_that_mends_it(host):
    region_conf(host)
    keys(host, mode=0o644)
    code, found = host()
    assert code == 1
    assert found["keys"]["verdict"] == "FAIL"
    assert found["keys"]["cure"] == f"chmod 600 {host.folder / 'keys'}"
    assert "AAAA" not in str(found)


def test_a_missing_key_file_is_told_before_it_is_made(host):
    region_conf(host)
    code, found = host()
    assert (code, found["keys"]["verdict"]) == (0, "WARN")
    assert "evenrack-regiond init" in found["keys"]["cure"]


def test_a_configuration_that_the_daemon_would_refuse_fails(host):
    region_conf(host, pol_seconds=3)
    code, found = host()
    assert code == 1
    assert "pol_seconds" in found["configuration"]["seen"]
    assert found["configuration"]["cure"].startswith("edit ")


def test_a_rack_that_lacks_its_programs_is_told_what_to_install(host):
    (host.folder / "rackd.conf").write_text(
        'regions: ["127.0.0.1:5251"]\ndhcp: {binary: /nowhere/dhcpd}\n'
    )
    code, found = host()
    assert (code, found["configuration"]["verdict"]) == (0, "ok")
    assert found["dhcpd"]["verdict"] == "WARN"
    assert found["dhcpd"]["cure"] == "apt-get install isc-dhcp-server"
    (host.folder / "rackd.conf").write_text("regions: []\n")
    assert host()[0] == 1
