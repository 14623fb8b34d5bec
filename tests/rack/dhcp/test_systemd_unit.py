"""dhcpd as its unit: the real unit file and the real dhcpd, started by a small systemctl of ours.

What `DhcpdProgram` and `DhcpdUnit` promise alike is tried here for the unit once more.
"""

import os
import signal
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from evenrack.errors import ConfigurationRefused, DhcpConfigurationRefused, ProgramFailed
from evenrack.rack.dhcp.dhcpd6_conf import dhcpd6_conf
from evenrack.rack.dhcp.systemd_unit import UNIT, DhcpdUnit, Systemd
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.rack.dhcp.golden_plans6 import serving6, subnet6
from tests.rack.dhcp.two_racks import CABLE, RackHost
from tests.rack.dhcp.unit_host import UnitHost

pytestmark = [pytest.mark.dhcpd, pytest.mark.deadline(180)]

OLD, NEW = "# old\n", "# new\n"
PAIR = """failover peer "failover-vlan-1" state {
  my state normal at 0 2026/11/29 18:42:03;
  partner state normal at 0 2026/11/29 18:42:03;
}
"""
STUBBORN = """#!/bin/sh
trap '' TERM
echo "Sending on   Socket/fallback/fallback-net" >&2
while :; do sleep 0.1; done
"""


@pytest.fixture
def hosts(racks, tmp_path):
    found = [UnitHost(rack=rack, folder=tmp_path / f"systemd{rack.number}") for rack in racks]
    return [host.prepare() for host in found]


@pytest.fixture
def host(hosts):
    return hosts[0]


@pytest.fixture
def rack(host):
    return host.rack


@pytest.fixture
def stubborn(tmp_path):
    """Give a server that does not obey SIGTERM."""
    script = tmp_path / "stubborn"
    script.write_text(STUBBORN)
    script.chmod(0o755)
    return str(script)


async def start(host, more=OLD):
    unit = host.unit()
    await unit.restart(host.rack.text("alone", more=more), [CABLE])
    return unit


def command_of(pid):
    return Path("/proc", str(pid), "cmdline").read_bytes().decode().split("\0")


async def until(condition):
    while not condition():
        await deferLater(reactor, 0.01)


async def test_a_configuration_that_dhcpd_cannot_read_is_refused_in_its_words(host, rack):
    await host.unit().check(rack.text("primary"))
    with pytest.raises(DhcpConfigurationRefused, match="semicolon expected"):
        await host.unit().check(rack.text("alone", more="foo bar;\n"))
    assert not (host.folder / "told").exists()


async def test_what_is_started_runs_in_its_unit_with_its_configuration(host, rack):
    assert not host.unit().running()
    assert host.unit().current_text() is None
    unit = await start(host)
    assert unit.running()
    assert unit.current_text() == rack.text("alone", more=OLD)
    command = command_of(host.pid())
    files = ["-cf", f"{rack.folder}/dhcpd.conf", "-lf", f"{rack.folder}/dhcpd.leases"]
    assert command[:-1] == [DHCPD, "-4", "-f", "--no-pid", *files, CABLE]


async def test_a_new_text_takes_the_old_one_s_place_and_the_leases_are_kept(host, rack):
    unit = await start(host)
    first, leases = host.pid(), (rack.folder / "dhcpd.leases").read_bytes()
    await unit.restart(rack.text("alone", more=NEW), [CABLE])
    assert host.pid() != first
    assert unit.current_text().endswith(NEW)
    assert (rack.folder / "dhcpd.leases").read_bytes().startswith(leases[:100])
    assert len(rack.files.all_running()) == 1


async def test_two_changes_at_once_leave_one_server_with_the_last(host, rack):
    unit = host.unit()
    texts = [rack.text("alone", more=more) for more in (OLD, NEW)]
    changes = [Deferred.fromCoroutine(unit.restart(text, [CABLE])) for text in texts]
    for change in changes:
        await change
    assert unit.current_text() == texts[1]
    assert len(rack.files.all_running()) == 1


async def test_the_next_daemon_finds_it_running_and_can_stop_it(host, rack):
    await start(host)
    unit = host.unit()
    assert unit.running()
    rack.files.leases.write_text(rack.files.leases.read_text() + PAIR)
    await unit.stop()
    await unit.stop()
    assert not unit.running()
    assert "failover peer" not in rack.files.leases.read_text()
    assert rack.files.all_running() == []
    assert unit.current_text().endswith(OLD)
    assert (rack.folder / "dhcpd.leases").exists()


async def test_one_that_died_is_started_again_with_what_it_had(host):
    unit = await start(host)
    os.kill(host.pid(), signal.SIGKILL)
    await until(lambda: not unit.running())
    await unit.start_again([CABLE])
    assert unit.running()
    assert unit.current_text().endswith(OLD)
    pid = host.pid()
    await unit.start_again([CABLE])
    assert host.pid() == pid


async def test_one_that_never_had_a_configuration_is_not_started(host):
    with pytest.raises(ProgramFailed, match="never given a configuration"):
        await host.unit().start_again([CABLE])


async def test_an_interface_that_cannot_be_served_brings_back_what_was_served_before(host, rack):
    unit = await start(host)
    with pytest.raises(ProgramFailed, match="ended as soon as it was started") as failed:
        await unit.restart(rack.text("alone", more=NEW), ["no-such"])
    assert "Not configured to listen on any interfaces!" in failed.value.output
    assert unit.running()
    assert unit.current_text().endswith(OLD)
    assert (rack.folder / "interfaces.env").read_text() == f'INTERFACES="{CABLE}"\n'


async def test_a_first_text_that_fails_is_not_tried_again_by_systemd(host, rack):
    unit = host.unit()
    with pytest.raises(ProgramFailed, match="semicolon expected"):
        await unit.restart(rack.text("alone", more="foo bar;\n"), [CABLE])
    assert not unit.running()
    assert host.told()[-1] == f"--no-ask-password stop {UNIT}"


async def test_an_interface_without_a_subnet_beside_a_good_one_is_told(host, rack, logged):
    await host.unit().restart(rack.text("alone"), [CABLE, "lo"])
    assert "dhcpd serves nobody on lo: it has no subnet there" in logged()


async def test_one_that_cannot_open_its_omapi_port_is_no_success(host, rack, tmp_path):
    other = RackHost(keeper=rack.keeper, name=rack.name, number=rack.number, folder=tmp_path / "o")
    await other.program().restart(other.text("alone"), [CABLE])
    try:
        with pytest.raises(ProgramFailed, match="cannot be asked"):
            await host.unit(settle_seconds=3).restart(rack.text("alone"), [CABLE])
    finally:
        other.end()


async def test_one_that_does_not_obey_is_killed(host, rack, stubborn):
    unit = host.prepare(dhcpd=stubborn).unit()
    await unit.restart(OLD, [])
    await unit.stop()
    assert not unit.running()
    assert rack.files.all_running() == []


async def test_one_that_is_paused_is_replaced_too(host, rack):
    unit = await start(host)
    os.kill(host.pid(), signal.SIGSTOP)
    await unit.restart(rack.text("alone", more=NEW), [CABLE])
    assert unit.current_text().endswith(NEW)
    assert len(rack.files.all_running()) == 1


async def test_a_restart_that_is_cancelled_half_way_still_leaves_a_server(host, stubborn):
    unit = host.prepare(dhcpd=stubborn).unit()
    await unit.restart(OLD, [])
    old = host.pid()
    told = len(host.told())
    restarting = Deferred.fromCoroutine(unit.restart(NEW, []))
    await until(lambda: len(host.told()) > told)
    restarting.cancel()
    with pytest.raises(CancelledError):
        await restarting
    assert host.told()[-1] == f"--no-ask-password --no-block restart {UNIT}"
    assert unit.current_text() == NEW
    await until(lambda: unit.running() and host.runs_other_than(old))


async def test_a_cancelled_restart_that_systemd_does_not_take_is_told(host, rack, logged):
    unit = await start(host)
    told = len(host.told())
    restarting = Deferred.fromCoroutine(unit.restart(rack.text("alone", more=NEW), [CABLE]))
    await until(lambda: len(host.told()) > told)
    host.prepare(refuses=["start", "restart"])
    restarting.cancel()
    with pytest.raises(CancelledError):
        await restarting
    assert any("dhcpd could not be started on the way out" in line for line in logged())


async def test_p29_a_systemd_that_refuses_changes_nothing_and_its_words_are_told(
    host, rack, logged
):
    unit = await start(host)
    host.prepare(refuses=["start", "stop", "restart"])
    with pytest.raises(ProgramFailed, match="exit code 1") as failed:
        await unit.restart(rack.text("alone", more=NEW), [CABLE])
    assert failed.value.output.endswith("Interactive authentication required.")
    assert unit.running()
    assert unit.current_text().endswith(OLD)
    assert any("what dhcpd served before does not start" in line for line in logged())
    with pytest.raises(ProgramFailed, match="exit code 1"):
        await unit.stop()


async def test_a_host_without_the_unit_says_so(host, rack, tmp_path):
    unit = host.prepare(units=str(tmp_path)).unit()
    with pytest.raises(ProgramFailed, match=f"Unit {UNIT} not found"):
        await unit.restart(rack.text("alone"), [CABLE])


@pytest.mark.parametrize("name", ["", "eth 1", 'eth"1', "$HOME", "eth1\nLD_PRELOAD=x"])
async def test_an_interface_that_the_unit_would_read_as_something_else_is_refused(host, name):
    unit = await start(host)
    for change in (unit.restart("", [CABLE, name]), unit.start_again([name])):
        with pytest.raises(ProgramFailed, match="cannot be given an interface"):
            await change
    assert unit.running()


async def test_a_file_of_interfaces_that_is_damaged_does_not_hinder_the_next_change(host, rack):
    unit = await start(host)
    (rack.folder / "interfaces.env").write_text("?")
    await unit.restart(rack.text("alone", more=NEW), [CABLE])
    assert unit.running()


async def test_a_unit_whose_words_go_elsewhere_is_started_all_the_same(host, rack):
    unit = DhcpdUnit(
        rack.folder,
        DHCPD,
        reactor,
        systemd=Systemd(
            systemctl=str(host.folder / "systemctl"),
            groups=host.folder / "groups",
            words=host.folder / "nothing",
        ),
        start_seconds=0.1,
    )
    await unit.restart(rack.text("alone"), [CABLE])
    assert unit.running()


async def test_a_partner_sees_a_restart_as_an_interruption_and_never_as_a_shutdown(hosts):
    first, second = hosts
    unit = first.unit()
    await unit.restart(first.rack.text("primary"), [CABLE])
    await second.unit().restart(second.rack.text("secondary"), [CABLE])
    for each in hosts:
        await each.rack.until_state("normal")
    os.kill(first.pid(), signal.SIGTERM)
    await second.rack.until_state("communications-interrupted")
    await unit.start_again([CABLE])
    for each in hosts:
        await each.rack.until_state("normal")


def test_a_host_without_systemd_is_refused_at_the_start_with_the_cure(tmp_path):
    conf, here = Path("rackd.conf"), Systemd(booted=tmp_path / "system", groups=tmp_path)
    with pytest.raises(ConfigurationRefused) as refused:
        here.refuse_when_missing(conf)
    (problem,) = refused.value.problems
    assert problem == (
        f"dhcp.runner: systemd does not run on this host (there is no {tmp_path}/system); "
        "say child, and rackd starts dhcpd itself"
    )
    (tmp_path / "system").mkdir()
    with pytest.raises(ConfigurationRefused, match="no control groups of version 2"):
        here.refuse_when_missing(conf)
    (tmp_path / "cgroup.controllers").touch()
    here.refuse_when_missing(conf)


async def test_the_text_of_a_server_that_runs_on_is_brought_in_step(host, rack):
    unit = await start(host)
    pid = host.pid()
    await unit.keep_in_step(rack.text("alone", more=NEW))
    assert unit.current_text().endswith(NEW)
    assert host.pid() == pid
    assert not rack.folder.joinpath("dhcpd.conf.next").exists()


async def test_a_start_forgets_the_hosts_in_the_leases_and_no_lease(host, rack):
    unit = await start(host)
    await unit.stop()
    lease = "lease 10.7.0.105 {\n  ends never;\n  binding state active;\n}\n"
    host_of_yore = "host h-1 {\n  deleted;\n}\n"
    with rack.files.leases.open("a") as leases:
        leases.write(host_of_yore + lease)
    await unit.restart(rack.text("alone", more="host h-1 { }\n"), [CABLE])
    left = rack.files.leases.read_text()
    assert "host h-1" not in left
    assert "lease 10.7.0.105" in left


async def test_m11_the_unit_for_ipv6_is_started_and_stopped_beside_that_of_ipv4(host, rack):
    add = f"-n {rack.name} addr add fd00:1::{rack.number}/64 dev {CABLE} nodad"
    rack.keeper.run(["ip", *add.split()])
    text = dhcpd6_conf((serving6(subnet6(1, ("100", "1ff"))),))
    unit = host.unit(family="-6")
    try:
        await unit.check(text)
        await unit.restart(text, [CABLE])
        assert unit.running()
        assert not host.unit().running(), "that is another unit"
        assert host.runs_with("-6")
        with pytest.raises(ProgramFailed, match=r"dhcpd6\.service: ended as soon as"):
            await unit.restart(text, ["lo"])
        assert unit.running(), "what was served before is served again"
    finally:
        await unit.stop()
        rack.keeper.run(["ip", *add.replace(" add ", " del ").replace(" nodad", "").split()])
    assert not unit.running()
