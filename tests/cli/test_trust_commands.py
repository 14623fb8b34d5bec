"""`evenrack enrolment`, `evenrack authority`, `evenrack rack revoke`: what is asked and shown."""

import json

import pytest

from evenrack.runtime.child_process import run_program
from tests.cli.small_api import small_api

SECRET = f"abcd1234.{'x' * 22}.{'0' * 64}"
MADE = {
    "name": "rack7",
    "state": "open",
    "rack": None,
    "uses_left": 1,
    "expires_at": "2026-01-01T01:00:00+00:00",
    "who": "root",
    "at": "2026-01-01T00:00:00+00:00",
}
RACK = {
    "id": "k3f00000",
    "hostname": "rack3",
    "state": "running",
    "connections": 4,
    "processes_connected": 4,
    "processes_live": 4,
    "managed_by": "region1/1",
    "applied_generation": "1.2",
}


def authority(pin, state, certificates=0, waiting=()):
    return {
        "not_after": "2036-01-01T00:00:00+00:00",
        "certificate": f"-----BEGIN CERTIFICATE-----\n{pin}\n-----END CERTIFICATE-----\n",
        "pin": pin,
        "state": state,
        "certificates": certificates,
        "not_trusted_by": list(waiting),
    }


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        yield api


def test_create_prints_one_line_that_a_shell_can_run_with_the_secret_in_no_arguments(api, call):
    made = {**MADE, "secret": SECRET, "region": "10.0.0.1:5251"}
    api.answer("/api/v1/enrolments", made, method="POST", status=201)
    code, printed, told = call("enrolment", "create", "rack7")
    assert (code, api.changes[0][2]) == (0, {"name": "rack7"})
    assert printed.count("\n") == 1
    assert SECRET not in told
    # what the shell starts, seen by the program itself: its arguments and what it is given to read
    seen = printed.replace("evenrack-rackd", "sh -c 'echo \"$@\"; cat' sh")
    shown = run_program(["sh", "-c", seen], seconds=10)
    assert shown == f"register --region 10.0.0.1:5251 --secret-file -\n{SECRET}\n"


def test_create_asks_for_what_was_wished(api, call):
    api.answer("/api/v1/enrolments", {**MADE, "secret": SECRET}, method="POST", status=201)
    words = ["--uses", "12", "--minutes", "240", "--rack", "rack3", "--json"]
    code, printed, _ = call("enrolment", "create", "row-b", *words)
    assert code == 0
    assert json.loads(printed)["secret"] == SECRET
    wanted = {"name": "row-b", "uses": 12, "minutes": 240, "rack": "rack3"}
    assert api.changes[0][2] == wanted


def test_enrolments_are_listed_and_revoked(api, call):
    api.answer("/api/v1/enrolments", [MADE])
    code, printed, _ = call("enrolment", "list")
    assert code == 0
    assert "rack7" in printed
    gone = {**MADE, "state": "revoked"}
    api.answer("/api/v1/enrolments/rack7", gone, method="DELETE")
    code, printed, told = call("enrolment", "revoke", "rack7")
    assert code == 0
    assert 'enrolment "rack7" is revoked' in told


def test_the_three_steps_of_another_authority_name_the_next_one_each(api, call):
    old, new = "0cf270655e83f433", "94c30e101bef852b"
    both = [authority(old, "active", 6), authority(new, "next", waiting=["rack rack4"])]
    api.answer("/api/v1/authorities", both, method="POST", status=201)
    code, printed, told = call("authority", "rotate")
    assert code == 0
    assert "not known yet to: rack rack4" in printed
    assert f"evenrack authority activate {new}" in told
    api.answer(
        f"/api/v1/authorities/{new}",
        [authority(new, "active"), authority(old, "retiring", 6)],
        method="POST",
    )
    code, _, told = call("authority", "activate", new)
    assert code == 0
    assert f"evenrack authority retire {old}" in told
    api.answer(f"/api/v1/authorities/{old}", [authority(new, "active", 6)], method="DELETE")
    assert call("authority", "retire", old)[0] == 0
    assert [change[2] for change in api.changes] == [{}, {}, None]


def test_those_who_do_not_know_it_are_left_behind_only_when_that_is_said(api, call):
    detail = "not all know it yet: rack rack4"
    api.refuse("/api/v1/authorities/94c3", 409, "NotNow", detail, method="POST")
    code, _, told = call("authority", "activate", "94c3")
    assert (code, "rack rack4" in told) == (1, True)
    call("authority", "activate", "94c3", "--without-them")
    call("authority", "retire", "0cf2", "--without-them")
    assert api.changes[1][2] == {"without_them": True}
    assert api.changes[2][1] == "/api/v1/authorities/0cf2?without_them=true"


def test_the_authorities_are_printed_as_a_file_for_clients_and_nothing_else_is(api, call):
    both = [authority("0cf2", "active", 6), authority("94c3", "next")]
    api.answer("/api/v1/authorities", both)
    pems = [each["certificate"] for each in both]
    assert call("authority", "show", "--pem") == (0, "".join(pems), "")
    assert call("authority", "show", "94c3", "--pem") == (0, pems[1], "")
    assert json.loads(call("authority", "show", "94c3", "--json")[1]) == [both[1]]
    code, printed, told = call("authority", "show", "0c")
    assert code == 0
    assert "good until: 2036-01-01T00:00:00+00:00" in printed
    assert "CERTIFICATE" not in printed
    assert "evenrack authority show --pem" in told


def test_an_authority_that_is_not_there_is_not_shown(api, call):
    api.answer("/api/v1/authorities", [authority("0cf2", "active", 6)])
    code, printed, told = call("authority", "show", "ff", "--pem")
    assert (code, printed) == (1, "")
    assert 'no authority has a pin like "ff"; there are: 0cf2' in told
    assert call("authority", "show", "--pem", "--json")[0] == 2


def test_authorities_are_listed(api, call):
    api.answer("/api/v1/authorities", [authority("0cf270655e83f433", "active", 6)])
    code, printed, _ = call("authority", "list", "--json")
    assert code == 0
    assert json.loads(printed)[0]["certificates"] == 6
    assert "0cf270655e83f433" in call("authority", "list")[1]


def test_a_rack_is_revoked_by_its_name_and_the_way_back_is_named(api, call):
    api.answer("/api/v1/racks", [RACK])
    api.answer("/api/v1/certificates/k3f00000", {"rack": "k3f00000", "revoked": 2}, method="DELETE")
    code, _, told = call("rack", "revoke", "rack3", "--yes")
    assert code == 0
    assert "2 certificate(s) revoked" in told
    assert "evenrack enrolment create rack3-again --rack rack3" in told
    code, printed, _ = call("rack", "revoke", "rack3", "--yes", "--json")
    assert json.loads(printed) == {"rack": "k3f00000", "revoked": 2}


def test_without_a_terminal_nobody_is_revoked_unless_yes_was_said(api, call):
    api.answer("/api/v1/racks", [RACK])
    code, _, told = call("rack", "revoke", "rack3")
    assert (code, api.changes) == (2, [])
    assert "--yes" in told
