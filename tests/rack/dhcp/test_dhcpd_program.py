"""A real dhcpd that is checked, started, replaced, adopted and ended."""

import json
import os
import re
import signal
import stat
import sys

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from evenrack.errors import DhcpConfigurationRefused, ProgramFailed
from evenrack.rack.dhcp.dhcpd_program import START_SECONDS
from evenrack.rack.dhcp.dhcpd_words import complaints
from evenrack.runtime.child_process import is_alive, run_program
from evenrack.runtime.spawned import run_spawned
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.rack.dhcp.two_racks import CABLE, KEY, PORT, RackHost
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.dhcpd, pytest.mark.deadline(180)]

OLD, NEW = "# old\n", "# new\n"
STUBBORN = """#!/bin/sh
trap '' TERM
echo "Sending on   Socket/fallback/fallback-net"
while :; do sleep 0.1; done
"""


@pytest.fixture
def rack(racks):
    return racks[0]


@pytest.fixture
def stubborn(tmp_path):
    """Give a server that does not obey SIGTERM."""
    script = tmp_path / "stubborn"
    script.write_text(STUBBORN)
    script.chmod(0o755)
    return str(script)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


async def start(rack, more=OLD):
    program = rack.program()
    await program.restart(rack.text("alone", more=more), [CABLE])
    return program


async def until(condition):
    while not condition():
        await deferLater(reactor, 0.01)


async def test_a_configuration_that_dhcpd_can_read_passes_and_leaves_nothing(rack):
    await rack.program().check(rack.text("primary"))
    assert [path.name for path in rack.folder.iterdir()] == ["dhcpd.leases"]
    assert rack.program().current_text() is None
    assert not rack.program().running()


async def test_a_configuration_that_dhcpd_cannot_read_is_refused_in_its_words(rack):
    text = rack.text("alone", more="foo bar;\n")
    with pytest.raises(DhcpConfigurationRefused) as refused:
        await rack.program().check(text)
    line = text.splitlines().index("foo bar;") + 1
    assert str(refused.value) == f"line {line}: semicolon expected.\nfoo bar;\n     ^"
    assert str(rack.folder) not in str(refused.value)


async def test_a_server_that_has_to_forget_thousands_of_leases_is_seen_to_start_at_once(rack):
    """It names each of a subnet that is gone before it says that it listens."""
    gone = "lease 10.200.{}.{} {{\n  ends never;\n  binding state active;\n}}\n"
    leases = [gone.format(third, last) for third in range(16) for last in range(250)]
    rack.folder.mkdir(exist_ok=True)
    rack.files.leases.write_text("".join(leases))
    with Stopwatch() as taken:
        program = await start(rack)
    assert program.running()
    assert taken.seconds < START_SECONDS / 2
    assert rack.files.log.stat().st_size > 100_000
    assert complaints(rack.files.words(), "").count("no subnet") <= 1  # where words are left out


async def test_no_refusal_shows_the_key(rack):
    with pytest.raises(DhcpConfigurationRefused) as refused:
        await rack.program().check(rack.text("alone", key=f"{KEY}?"))
    assert KEY not in str(refused.value)


async def test_a_check_needs_the_program(rack):
    with pytest.raises(ProgramFailed, match="no program"):
        await rack.program("/no/dhcpd", entrance=()).check(OLD)
    with pytest.raises(DhcpConfigurationRefused, match="exit code 1"):
        await rack.program("/bin/false", entrance=()).check(OLD)


async def test_what_is_started_runs_with_files_that_nobody_else_can_read(rack):
    program = await start(rack)
    assert program.running()
    assert program.current_text() == rack.text("alone", more=OLD)
    assert mode(rack.folder) == 0o700
    modes = {path.name: mode(path) for path in rack.folder.iterdir()}
    assert modes["dhcpd.conf"] == modes["dhcpd.json"] == modes["dhcpd.log"] == 0o600


async def test_a_new_text_takes_the_old_one_s_place_and_the_leases_are_kept(rack):
    program = await start(rack)
    first = rack.files.running()
    leases = (rack.folder / "dhcpd.leases").read_bytes()
    await program.restart(rack.text("alone", more=NEW), [CABLE])
    assert not is_alive(first)
    assert program.running()
    assert program.current_text().endswith(NEW)
    assert (rack.folder / "dhcpd.leases").read_bytes().startswith(leases[:100])
    assert len(rack.files.all_running()) == 1


async def test_two_changes_at_once_leave_one_server_with_the_last(rack):
    program = rack.program()
    texts = [rack.text("alone", more=more) for more in (OLD, NEW)]
    changes = [Deferred.fromCoroutine(program.restart(text, [CABLE])) for text in texts]
    for change in changes:
        await change
    assert program.current_text() == texts[1]
    assert len(rack.files.all_running()) == 1


ONE_RACKD = """
import json, sys
from pathlib import Path
from twisted.internet.task import react
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
async def main(reactor, form):
    form = json.loads(form)
    program = DhcpdProgram(Path(form["folder"]), form["dhcpd"], reactor)
    await program.check(form["text"])
    await program.restart(form["text"], [form["cable"]])
react(main, sys.argv[1:])
"""


def rackd_with(rack, text):
    form = {"folder": str(rack.folder), "dhcpd": DHCPD, "text": text, "cable": CABLE}
    return [sys.executable, "-c", ONE_RACKD, json.dumps(form)]


async def test_it_outlives_the_daemon_that_started_it_and_the_next_one_adopts_it(rack):
    text = rack.text("alone")
    ended = await run_spawned(reactor, [*rack.entrance, *rackd_with(rack, text)], seconds=60)
    assert ended.code == 0, ended.errors.decode()
    program = rack.program()
    assert program.running()
    assert program.current_text() == text
    await program.stop()
    assert not program.running()
    assert rack.files.all_running() == []


async def test_one_whose_starter_died_before_it_told_is_found_and_replaced(rack):
    await start(rack)
    orphan = rack.files.running()
    (rack.folder / "dhcpd.json").unlink()
    program = rack.program()
    assert not program.running()
    await program.start_again([CABLE])
    assert not is_alive(orphan)
    assert len(rack.files.all_running()) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda form: b"{",
        lambda form: b"[]",
        lambda form: json.dumps(form | {"boot": "another"}).encode(),
        lambda form: json.dumps(form | {"started": form["started"] + 1}).encode(),
        lambda form: json.dumps(form | {"pid": "x"}).encode(),
    ],
    ids=["half", "a list", "another boot", "another process", "no number"],
)
async def test_a_record_that_is_damaged_or_of_another_boot_names_no_process(rack, damage):
    program = await start(rack)
    record = rack.folder / "dhcpd.json"
    record.write_bytes(damage(json.loads(record.read_text())))
    assert not program.running()


async def test_one_that_died_is_started_again_with_what_it_had(rack):
    program = await start(rack)
    os.kill(rack.pid(), signal.SIGKILL)
    await until(lambda: not program.running())
    await program.start_again([CABLE])
    assert program.running()
    assert program.current_text().endswith(OLD)
    pid = rack.pid()
    await program.start_again([CABLE])
    assert rack.pid() == pid


async def test_one_that_never_had_a_configuration_is_not_started(rack):
    with pytest.raises(ProgramFailed, match="never given a configuration"):
        await rack.program().start_again([CABLE])


async def test_one_that_is_stopped_keeps_its_configuration_and_leases(rack):
    program = await start(rack)
    await program.stop()
    await program.stop()
    assert not program.running()
    assert program.current_text().endswith(OLD)
    assert (rack.folder / "dhcpd.leases").exists()


@pytest.mark.parametrize("idle", [0, 1], ids=["the primary", "the secondary"])
async def test_p20_a_server_that_was_stopped_for_good_begins_a_new_pair_and_waits_for_nothing(
    racks, idle
):
    """Its partner has served alone since, and forgot the pair: both begin it in one step."""
    programs = [rack.program() for rack in racks]

    async def begin():
        for rack, program, role in zip(racks, programs, ("primary", "secondary"), strict=True):
            await program.restart(rack.text(role), [CABLE])
        for rack in racks:
            await rack.until_state("normal")

    await begin()
    await programs[idle].stop()
    await programs[1 - idle].restart(racks[1 - idle].text("alone"), [CABLE])
    await begin()
    for rack in racks:
        seen = set(re.findall(r"my state ([a-z-]+) at", rack.files.leases.read_text()))
        assert seen <= {"recover", "recover-done", "normal"}


async def test_an_interface_that_cannot_be_served_brings_back_what_was_served_before(rack):
    program = await start(rack)
    with pytest.raises(ProgramFailed, match="ended as soon as it was started") as failed:
        await program.restart(rack.text("alone", more=NEW), ["no-such"])
    assert "Not configured to listen on any interfaces!" in failed.value.output
    assert program.running()
    assert program.current_text().endswith(OLD)
    assert rack.files.started().interfaces == (CABLE,)


async def test_a_first_text_that_fails_leaves_nothing_running(rack):
    program = rack.program()
    with pytest.raises(ProgramFailed, match="semicolon expected"):
        await program.restart(rack.text("alone", more="foo bar;\n"), [CABLE])
    assert not program.running()


async def test_an_interface_without_a_subnet_beside_a_good_one_is_told(rack, logged):
    await rack.program().restart(rack.text("alone"), [CABLE, "lo"])
    assert "dhcpd serves nobody on lo: it has no subnet there" in logged()


async def test_one_that_cannot_open_its_omapi_port_is_no_success_but_serves(rack, logged):
    other = RackHost(
        keeper=rack.keeper, name=rack.name, number=rack.number, folder=rack.folder / "other"
    )
    await start(other)
    try:
        program = rack.program(settle_seconds=3)
        with pytest.raises(ProgramFailed, match="cannot be asked"):
            await program.restart(rack.text("alone", more=OLD), [CABLE])
        with pytest.raises(ProgramFailed, match="cannot be asked") as failed:
            await program.restart(rack.text("alone", more=NEW), [CABLE])
        assert failed.value.output == "Can't start OMAPI protocol: address not available"
        assert program.running()
        assert program.current_text().endswith(OLD)
        assert any("what dhcpd served before does not start" in line for line in logged())
        await program.restart(rack.text("alone", port=PORT + 1), [CABLE])
    finally:
        other.end()


async def test_one_that_does_not_obey_is_killed(rack, stubborn):
    program = rack.program(stubborn)
    await program.restart(OLD, [])
    await program.stop()
    assert rack.files.all_running() == []


async def test_one_that_is_paused_is_replaced_too(rack):
    program = await start(rack)
    os.kill(rack.pid(), signal.SIGSTOP)
    await program.restart(rack.text("alone", more=NEW), [CABLE])
    assert program.current_text().endswith(NEW)
    assert len(rack.files.all_running()) == 1


async def test_a_restart_that_is_cancelled_half_way_still_leaves_a_server(rack, stubborn):
    program = rack.program(stubborn)
    await program.restart(OLD, [])
    old = rack.files.running()
    restarting = Deferred.fromCoroutine(program.restart(NEW, []))
    await deferLater(reactor, 0.1)
    assert is_alive(old)
    restarting.cancel()
    with pytest.raises(CancelledError):
        await restarting
    assert not is_alive(old)
    assert program.running()
    assert program.current_text() == NEW


async def test_a_partner_sees_a_restart_as_an_interruption_and_never_as_a_shutdown(racks):
    first, second = racks
    program = first.program()
    await program.restart(first.text("primary"), [CABLE])
    await second.program().restart(second.text("secondary"), [CABLE])
    for rack in racks:
        await rack.until_state("normal")
    os.kill(first.pid(), signal.SIGTERM)
    await second.until_state("communications-interrupted")
    await program.start_again([CABLE])
    for rack in racks:
        await rack.until_state("normal")
    os.kill(first.pid(), signal.SIGKILL)
    await second.until_state("communications-interrupted")
    await program.start_again([CABLE])
    for rack in racks:
        await rack.until_state("normal")


async def test_it_runs_in_a_user_namespace_where_nobody_is_really_root(rack):
    network = (
        f"ip link add name {CABLE} type veth peer name far && ip addr add 10.7.0.1/24 dev {CABLE}"
        f' && ip link set {CABLE} up && exec "$@"'
    )
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", network, "sh"]
    try:
        run_program([*command, "true"], seconds=10)
    except ProgramFailed as failed:
        pytest.skip(f"this machine gives no user namespaces: {failed}")
    ended = await run_spawned(
        reactor, [*command, *rackd_with(rack, rack.text("primary"))], seconds=60
    )
    assert ended.code == 0, ended.errors.decode()
    assert rack.program().running()


async def test_the_text_of_a_server_that_runs_on_is_brought_in_step(rack):
    program = await start(rack)
    pid = rack.pid()
    await program.keep_in_step(rack.text("alone", more=NEW))
    assert program.current_text().endswith(NEW)
    assert rack.pid() == pid
    assert not rack.folder.joinpath("dhcpd.conf.next").exists()


async def test_a_start_forgets_the_hosts_in_the_leases_and_no_lease(rack):
    program = await start(rack)
    await program.stop()
    lease = "lease 10.7.0.105 {\n  ends never;\n  binding state active;\n}\n"
    host_of_yore = "host h-1 {\n  deleted;\n}\n"
    with rack.files.leases.open("a") as leases:
        leases.write(host_of_yore + lease)
    await program.restart(rack.text("alone", more="host h-1 { }\n"), [CABLE])
    left = rack.files.leases.read_text()
    assert "host h-1" not in left
    assert "lease 10.7.0.105" in left
