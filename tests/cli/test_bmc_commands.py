"""The commands of BMCs and machines, against a small real server and a real region process."""

import base64
import io
import json

import pytest
from attrs import evolve
from twisted.internet.threads import deferToThread

from evenrack.cli.main import run
from tests.cli.small_api import small_api
from tests.region.processes import eventually, fleet_on

BMC = {
    "id": 3,
    "name": "b1",
    "driver": "ipmitool",
    "address": "10.9.0.1",
    "port": 623,
    "user": "admin",
    "cipher_suite": None,
    "password_set": True,
    "owner": "rack1",
    "reach": ["rack1", "rack2"],
    "generation": "1.7",
}
SEEN = {
    "power": "on",
    "power_seen": "2026-11-25T03:00:00.000Z",
    "power_seen_by": "rack1",
    "power_error": None,
}
MACHINE = {"id": 5, "name": "m1", "bmc": "b1", **SEEN, "generation": "1.8"}
PATHS = {
    "bmc": ("/api/v1/bmcs", "/api/v1/bmcs/b1", BMC),
    "machine": ("/api/v1/machines", "/api/v1/machines/m1", MACHINE),
}
PAGE = "?after=0&limit=1000"
ACCESS = ("--driver", "ipmitool", "--address", "10.9.0.1", "--user", "admin")
CLEAR = "SESAME öpen"
BODY = {"name": "b1", "driver": "ipmitool", "address": "10.9.0.1", "user": "admin"}


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        for all_of_them, one, row in PATHS.values():
            plural = all_of_them.rpartition("/")[2]
            api.answer(all_of_them, row, method="POST", status=201)
            for method in ("GET", "PATCH", "DELETE"):
                api.answer(one, row, method=method)
            api.answer(f"{all_of_them}{PAGE}", {plural: [row], "next": None})
        for bmc in ("3", "b1"):
            path = f"/api/v1/machines?bmc={bmc}&after=0&limit=1000"
            api.answer(path, {"machines": [MACHINE], "next": None})
        yield api


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"

    def write(content):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


class StandardInput(io.TextIOWrapper):
    """What somebody pipes in."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_bmc_is_added_with_the_password_of_a_file_without_its_line_s_end(
    api, call, password_file, end
):
    words = ["bmc", "add", "b1", *ACCESS, "--password-file", password_file(CLEAR + end)]
    code, printed, told = call(*words)
    assert (code, api.changes) == (
        0,
        [("POST", "/api/v1/bmcs", {**BODY, "password": CLEAR}, None)],
    )
    assert "password set: yes\n" in printed
    assert told == "bmc b1 added; next: evenrack machine add NAME --bmc b1\n"
    code, printed, _ = call(*words, "--port", "6230", "--cipher-suite", "17", "--json")
    assert json.loads(printed) == BMC
    assert api.changes[1][2] == {**BODY, "password": CLEAR, "port": 6230, "cipher_suite": 17}
    assert "SESAME" not in printed + told


def test_a_password_is_read_from_standard_input(api, call, monkeypatch):
    for words in (["add", "b1", *ACCESS], ["set", "b1"]):
        monkeypatch.setattr("sys.stdin", StandardInput(f"{CLEAR}\n".encode()))
        assert call("bmc", *words, "--password-file", "-")[0] == 0
    assert [change[2]["password"] for change in api.changes] == [CLEAR, CLEAR]


def test_only_one_line_s_end_and_nothing_else_is_dropped_from_a_password(api, call, password_file):
    for content in (" a ", "a\n\n", ""):
        call("bmc", "set", "b1", "--password-file", password_file(f"{content}\n"))
    assert [change[2]["password"] for change in api.changes] == [" a ", "a\n\n", ""]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "it cannot be read: No such file or directory"),
        (b"SESAME\xff", "it is not UTF-8 text"),
        (b"SESAME" * 1000, "it is larger than 4096 bytes"),
    ],
)
def test_a_password_file_that_is_none_is_wrong_usage_and_not_shown(
    api, call, password_file, tmp_path, content, said
):
    path = str(tmp_path / "none") if content is None else password_file(content)
    code, printed, told = call("bmc", "add", "b1", *ACCESS, "--password-file", path)
    assert (code, printed, api.changes) == (2, "", [])
    assert f"--password-file {path}: {said}" in told
    assert "SESAME" not in told


def test_a_bmc_s_own_key_is_read_from_a_file_and_not_shown(api, call, password_file, monkeypatch):
    key = password_file("SESAME key\n")
    monkeypatch.setattr("sys.stdin", StandardInput(f"{CLEAR}\n".encode()))
    words = ["bmc", "add", "b1", *ACCESS, "--password-file", "-", "--k-g-file", key]
    code, printed, told = call(*words, "--privilege", "administrator", "--boot-type", "legacy")
    options = {"privilege": "administrator", "boot_type": "legacy"}
    assert (code, api.changes[0][2]) == (
        0,
        {**BODY, "password": CLEAR, "k_g": "SESAME key", **options},
    )
    assert "SESAME" not in printed + told
    both = call("bmc", "set", "b1", "--password-file", "-", "--k-g-file", "-")
    assert (both[0], "standard input holds one secret" in both[2]) == (2, True)
    gone = call("bmc", "set", "b1", "--no-k-g", "--k-g-file", key)
    assert (gone[0], "k_g is given and taken away" in gone[2]) == (2, True)
    missing = call("bmc", "set", "b1", "--k-g-file", f"{key}-none")
    assert (missing[0], f"--k-g-file {key}-none: it cannot be read" in missing[2]) == (2, True)


CHANGED = [
    (
        ["--driver", "redfish", "--login", "basic", "--system", "1", "--no-certificate-sha256"],
        {"driver": "redfish", "login": "basic", "system": "1", "certificate_sha256": None},
        None,
    ),
    (
        ["--no-system", "--certificate-sha256", "ab", "--no-certificate-name"],
        {"system": None, "certificate_sha256": "ab", "certificate_name": None},
        None,
    ),
    (["--certificate-name", "b1.test"], {"certificate_name": "b1.test"}, None),
    (["--no-k-g", "--boot-type", "uefi"], {"k_g": None, "boot_type": "uefi"}, None),
    (["--address", "10.9.0.2", "--port", "1"], {"address": "10.9.0.2", "port": 1}, None),
    (["--name", "b2", "--no-cipher-suite"], {"name": "b2", "cipher_suite": None}, None),
    (
        ["--cipher-suite", "3", "--if-generation", "1.7", "--driver", "ipmitool", "--user", "x"],
        {"cipher_suite": 3, "driver": "ipmitool", "user": "x"},
        '"1.7"',
    ),
]


@pytest.mark.parametrize(("words", "body", "condition"), CHANGED)
def test_only_what_is_given_is_changed(api, call, words, body, condition):
    code, printed, told = call("bmc", "set", "b1", *words, "--json")
    assert (code, api.changes) == (0, [("PATCH", "/api/v1/bmcs/b1", body, condition)])
    assert json.loads(printed) == BMC
    assert told == "bmc changed; next: evenrack bmc show b1\n"


def test_a_machine_is_added_to_a_bmc(api, call):
    code, printed, told = call("machine", "add", "m1", "--bmc", "b1")
    body = {"name": "m1", "bmc": "b1"}
    assert (code, api.changes) == (0, [("POST", "/api/v1/machines", body, None)])
    assert "bmc: b1\n" in printed
    assert told == "machine m1 added; next: evenrack machine show m1\n"
    assert json.loads(call("machine", "add", "m1", "--bmc", "3", "--json")[1]) == MACHINE


@pytest.mark.parametrize(("noun", "none"), [("bmc", "no BMCs yet"), ("machine", "no machines yet")])
def test_lists_are_tables_and_json(api, call, noun, none):
    path, _, row = PATHS[noun]
    code, printed, complaints = call(noun, "list")
    assert (code, complaints) == (0, "")
    assert row["name"] in printed
    assert printed.isascii()
    assert json.loads(call(noun, "list", "--json")[1]) == [row]
    api.answer(f"{path}{PAGE}", {path.rpartition("/")[2]: [], "next": None})
    assert call(noun, "list")[1] == f"{none}\n"


def test_machines_of_one_bmc_are_listed(api, call):
    assert json.loads(call("machine", "list", "--bmc", "b1", "--json")[1]) == [MACHINE]


def test_one_bmc_is_shown_with_its_machine_and_one_machine_with_its_bmc(api, call):
    assert json.loads(call("bmc", "show", "b1", "--json")[1]) == {**BMC, "machines": [MACHINE]}
    printed = call("bmc", "show", "b1")[1]
    assert printed.index("cipher suite: -\n") < printed.index("machines:")
    assert json.loads(call("machine", "show", "m1", "--json")[1]) == MACHINE
    assert "bmc: b1\n" in call("machine", "show", "m1")[1]


@pytest.mark.parametrize("noun", PATHS)
def test_without_a_terminal_nothing_is_deleted_unless_told_yes(api, call, noun):
    _, path, row = PATHS[noun]
    code, printed, told = call(noun, "delete", row["name"])
    assert (code, printed, api.changes) == (2, "", [])
    assert "needs --yes" in told
    code, printed, told = call(noun, "delete", row["name"], "--plan", "--json")
    assert json.loads(printed) == {**row, "with": {}}
    assert api.changes == []
    code, printed, told = call(noun, "delete", row["name"], "--yes")
    assert (code, printed) == (0, "")
    assert api.changes == [("DELETE", path, None, f'"{row["generation"]}"')]
    assert told.index("this is deleted:") < told.index("next: evenrack bmc ")


@pytest.mark.parametrize(
    "words",
    [
        ["bmc", "add", "b1", *ACCESS],
        ["bmc", "add", "b1", *ACCESS, "--password", "SESAME"],
        ["bmc", "add", "b1", *ACCESS, "--password-file", "f", "SESAME"],
        ["bmc", "add", "b1", "--password-file", "f"],
        ["bmc", "set", "b1"],
        ["bmc", "set", "b1", "--password", "SESAME"],
        ["bmc", "set", "b1", "--cipher-suite", "0"],
        ["bmc", "set", "b1", "--cipher-suite", "3", "--no-cipher-suite"],
        ["bmc", "set", "b1", "--port", "x"],
        ["machine", "add", "m1"],
        ["machine", "delete"],
    ],
)
def test_wrong_usage_is_2_and_changes_nothing(api, call, words):
    assert call(*words)[0] == 2
    assert api.changes == []


def test_what_the_region_refuses_is_a_failure_with_its_code(api, call):
    detail = "bmc b1 switches machine m1"
    api.refuse("/api/v1/bmcs/b1", 409, "BmcInUse", detail, method="DELETE")
    code, _, told = call("bmc", "delete", "b1", "--yes")
    assert (code, told.splitlines()[-1]) == (1, f"evenrack: BmcInUse: {detail}")
    api.say_nothing("/api/v1/machines", method="POST")
    assert call("machine", "add", "m1", "--bmc", "b1")[0] == 3


@pytest.mark.postgres
@pytest.mark.deadline(120)
async def test_a_bmc_and_its_machine_are_made_by_whichever_region_has_the_keys(
    database_dsn, surroundings, capsys, tmp_path
):
    """Two region hosts; the first was given no key file."""
    password = tmp_path / "password"
    password.write_text(f"{CLEAR}\n")
    async with fleet_on(database_dsn, "region1") as fleet:
        keys = fleet.folder / "keys"
        keys.write_text(f"k:{base64.b64encode(b'k' * 32).decode()}\n")
        keys.chmod(0o600)
        fleet._hosts["region2"] = evolve(fleet.region_config("region2"), key_file=keys)
        fleet.start_region("region2")
        await eventually(lambda: len(fleet.read().live) == 2 and fleet.read().leadership.holder)
        sockets = [word for r in fleet.regions.values() for word in ("--socket", str(r.socket))]

        async def call(*words):
            code = await deferToThread(run, [*sockets, *words], surroundings)
            printed = capsys.readouterr()
            assert "SESAME" not in printed.out + printed.err
            return code, printed.out, printed.err

        for line in (
            f"bmc add b1 {' '.join(ACCESS)} --password-file {password}",
            "bmc set b1 --port 6230 --cipher-suite 3",
            "machine add m1 --bmc b1",
            f"bmc set b1 --password-file {password}",
        ):
            code, _, told = await call(*line.split())
            assert (line, code) == (line, 0)
            assert "; next: evenrack " in told
        shown = json.loads((await call("bmc", "show", "b1", "--json"))[1])
        assert (shown["port"], shown["cipher_suite"]) == (6230, 3)
        assert [each["name"] for each in shown["machines"]] == ["m1"]
        code, _, told = await call("bmc", "delete", "b1", "--yes")
        assert (code, "evenrack: BmcInUse: bmc b1 switches machine m1" in told) == (1, True)
        code, _, told = await call("bmc", "set", "b1", "--address", "10.9.0.99")
        assert (code, "give the password with it (--password-file)" in told) == (1, True)
        moved = ("--address", "10.9.0.99", "--password-file", str(password))
        assert (await call("bmc", "set", "b1", *moved))[0] == 0
        stale = ("--if-generation", "0.1")
        assert (await call("machine", "delete", "m1", "--yes", *stale))[0] == 1
        for noun, name in (("machine", "m1"), ("bmc", "b1")):
            assert (await call(noun, "delete", name, "--yes"))[0] == 0
        code, _, told = await call("machine", "add", "7", "--bmc", "b1")
        assert (code, told.splitlines()[0]) == (1, "evenrack: FieldsRefused: 2 problems")
