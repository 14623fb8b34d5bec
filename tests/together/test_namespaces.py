"""The lab in network namespaces: cut, healed and drilled, and gone without a trace; root or not."""

import json
import signal
import sys
from pathlib import Path

import pytest

from evenrack.errors import ProgramFailed
from evenrack.lab.deeds import running_lab
from evenrack.lab.drill.course import run_drill
from evenrack.lab.drill.dhcp import (
    dhcp_boot,
    dhcp_changes,
    dhcp_hosts,
    dhcp_ipv6,
    dhcp_losses,
    dhcp_pairs,
    lost_rack,
    made_vlan,
)
from evenrack.lab.drill.fleet import connection_tables, counts, cut_hosts
from evenrack.lab.drill.power import power, power_losses, power_queue, power_reach
from evenrack.lab.drill.trial import Trial
from evenrack.lab.drill.trust import secrecy
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.leftovers import leftovers
from evenrack.lab.record import read_record
from evenrack.runtime.child_process import run_program, send_signal, wait_until_ended
from tests.together.whole_lab import CLOCKS, failures_logged

pytestmark = [pytest.mark.daemon, pytest.mark.usefixtures("network_possible")]

PROGRAMS = Path(sys.executable).parent
EVENRACK = str(PROGRAMS / "evenrack")
SECONDS = 120
SMALL = ("--region-hosts", "1", "--processes", "1", "--racks", "1", "--vlans", "1")


def evenrack(*arguments):
    return run_program([EVENRACK, *map(str, arguments)], seconds=SECONDS)


def network_of(pid):
    """Name the network namespace of a process; None when it has ended."""
    try:
        return Path(f"/proc/{pid}/ns/net").readlink()
    except OSError:
        return None


def networks_in_use():
    return {network_of(process.name) for process in Path("/proc").glob("[0-9]*")}


@pytest.fixture(scope="module")
def lab(tmp_path_factory, network_possible):
    folder = tmp_path_factory.mktemp("net") / "lab"
    evenrack("lab", "up", "--dir", folder)
    assert not Path("/run/netns/region1").exists()
    yield folder
    inside = {network_of(program.pid) for program in leftovers(folder)} - {network_of("self"), None}
    assert len(inside) >= 8
    failures = failures_logged(folder)
    evenrack("lab", "down", "--dir", folder)
    assert leftovers(folder) == []
    assert not folder.exists()
    assert networks_in_use() & inside == set()
    assert failures == [], "a daemon met what nobody had thought of"


@pytest.fixture
def trial(lab):
    _, fleet = running_lab(lab)
    return Trial(fleet, LabPrograms(fleet, PROGRAMS), CLOCKS, seed=0)


def status(lab):
    return json.loads(evenrack("lab", "status", "--json", "--dir", lab))


def refuse_failures(outcomes):
    failed = [f"{it.promise}, {it.name}: {it.detail}" for it in outcomes if not it.ok]
    assert not failed, "\n".join(failed)


def test_hosts_that_are_cut_are_made_good_for(trial):
    outcomes = run_drill([counts.CHECKS[0], *cut_hosts.CHECKS], trial, lambda outcome: None)
    refuse_failures(outcomes)


@pytest.mark.dhcpd
@pytest.mark.parametrize(
    "parts",
    [
        (dhcp_pairs, dhcp_boot, dhcp_hosts, connection_tables),
        (dhcp_losses, lost_rack),  # one trial, so that they judge the same loss
        (dhcp_changes, made_vlan),
        (dhcp_ipv6,),
        (power,),
        (power_losses, power_queue, power_reach),
        (secrecy,),
    ],
    ids=lambda parts: parts[0].__name__.rpartition(".")[2],
)
def test_dhcp_power_and_secrets_are_kept_whatever_is_lost_or_changed(parts, trial):
    checks = [check for part in parts for check in part.CHECKS]
    outcomes = run_drill(checks, trial, lambda outcome: None)
    refuse_failures(outcomes)


@pytest.mark.dhcpd
def test_p12_both_servers_have_written_down_a_lease_at_once_also_where_nobody_else_asks(trial):
    trial.wait_until_whole()
    for client in trial.fleet.clients:
        trial.programs.hang(client.name)
    try:
        for _ in range(2):  # one of two is not the fifth that is written at once
            dhcp_pairs.a_client_gets_a_lease_that_both_know(trial, 1.0)
    finally:
        trial.restore()


def test_each_host_has_a_table_of_sockets_of_its_own_that_is_read_soon(lab):
    size = Path("/proc/sys/net/ipv4/tcp_ehash_entries")
    if size.exists():  # before Linux 6.1 all hosts share the machine's
        host = read_record(lab).keeper.entrance_of("rack1")
        assert int(run_program([*host, "cat", str(size)], seconds=SECONDS)) == 1024


def test_a_vlan_s_cable_is_cut_and_healed_and_nobody_is_lost(lab):
    assert "cut: rack3:vlan2" in complaints_of("lab", "cut", "rack3:vlan2", "--dir", lab)
    seen = status(lab)
    assert [cable["cable"] for cable in seen["cables"] if not cable["up"]] == ["rack3:vlan2"]
    assert not any(program["cut_off"] for program in seen["programs"])
    evenrack("lab", "heal", "--dir", lab)
    assert all(cable["up"] for cable in status(lab)["cables"])


@pytest.mark.slow
def test_the_fleet_goes_on_after_the_database_s_cable_was_cut(lab):
    evenrack("lab", "cut", "postgres", "--dir", lab)
    evenrack("lab", "heal", "postgres", "--dir", lab)
    moves = evenrack("lab", "kill", "manager of rack1", "--dir", lab)
    assert "managing rack1: " in moves  # so somebody leads
    dead = next(row["target"] for row in status(lab)["programs"] if row["state"] == "dead")
    evenrack("lab", "restart", dead, "--dir", lab)


def test_programs_are_hung_healed_and_restarted_in_namespaces_too(lab):
    assert "RackLost: rack2" in evenrack("lab", "hang", "rack2", "--dir", lab)
    assert "RackLost is over: rack2" in evenrack("lab", "heal", "rack2", "--dir", lab)
    evenrack("lab", "restart", "rack2", "--dir", lab)

    def all_run():  # its daemon starts its DHCP server when it has heard of a region
        return {program["state"] for program in status(lab)["programs"]} == {"running"}

    assert CLOCKS.wait_until(all_run, seconds=SECONDS)


def test_a_lab_whose_keeper_was_killed_says_so_and_is_cleaned(tmp_path):
    folder = tmp_path / "lab"
    evenrack("lab", "up", *SMALL, "--dir", folder)
    keeper = read_record(folder).keeper.program
    send_signal(keeper, signal.SIGKILL)
    assert wait_until_ended([keeper], seconds=SECONDS) == []
    with pytest.raises(ProgramFailed, match=r"the network of the lab in .* is gone"):
        evenrack("lab", "status", "--dir", folder)
    evenrack("lab", "up", *SMALL, "--dir", folder)
    evenrack("lab", "down", "--dir", folder)
    assert leftovers(folder) == []
    assert not folder.exists()


def test_without_root_a_lab_comes_up_is_seen_and_goes(tmp_path):
    # the same user without any right of root, who still may read where the tests are
    without_rights = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
    script = '"$0" lab up "$@" && shift 8 && "$0" lab status --json "$@" && "$0" lab down "$@"'
    folder = tmp_path / "lab"
    command = ["sh", "-c", script, EVENRACK, *SMALL, "--dir", str(folder)]
    try:
        seen = json.loads(run_program([*without_rights, *command], seconds=SECONDS))
    except ProgramFailed:
        evenrack("lab", "down", "--dir", folder)
        raise
    assert {program["state"] for program in seen["programs"]} == {"running"}
    assert seen["fleet"]["leader"] == "region1/1"
    assert all(cable["up"] for cable in seen["cables"])
    assert leftovers(folder) == []
    assert not folder.exists()


def complaints_of(*arguments):
    """Give what a command says beside its data."""
    command = ["sh", "-c", '"$@" 2>&1', "sh", EVENRACK, *map(str, arguments)]
    return run_program(command, seconds=SECONDS)
