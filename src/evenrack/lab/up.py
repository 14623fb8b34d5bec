"""Bringing a lab up, step by step, until the whole fleet is live."""

import secrets
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve, frozen

from evenrack.config.key_file import ID_BYTES, KEY_BYTES, new_key_line
from evenrack.errors import EvenrackError
from evenrack.lab.bmc.start import missing_packages, register_bmcs, start_bmcs
from evenrack.lab.bmc.state import what_bmcs_miss
from evenrack.lab.clocks import Clocks
from evenrack.lab.dhcp_state import what_dhcp_misses
from evenrack.lab.down import clean_up, refuse_while_starting
from evenrack.lab.enrolling import enrol_racks, initialise_hosts
from evenrack.lab.fleet import Daemon, Fleet, Size, rack_config, region_config
from evenrack.lab.fleet_status import fleet_client, fleet_status, repeats_of, what_is_missing
from evenrack.lab.hosts import free_lab_number
from evenrack.lab.interrupts import end_if_stopped, ended_by_signals, ignore_signals
from evenrack.lab.inventory import make_vlans
from evenrack.lab.lab_programs import LabPrograms, server_needs
from evenrack.lab.last_lines import last_lines
from evenrack.lab.network.cables import build_network
from evenrack.lab.network.keeper import refuse_without_namespaces, start_keeper
from evenrack.lab.network.plan import POSTGRES_HOST, NetworkPlan
from evenrack.lab.private_file import kept_or_new, write_private
from evenrack.lab.progress import Progress
from evenrack.lab.record import (
    Record,
    change_record,
    read_record,
    record_path,
    write_record,
)
from evenrack.lab.refusals import LabFailed, LabRefused
from evenrack.lab.traffic.power_program import PowerTraffic
from evenrack.lab.traffic.program import TrafficProgram
from evenrack.runtime.child_process import identify, is_alive

DHCPD = Path("/usr/sbin/dhcpd")
SOCKET_SECONDS = 20.0
LIVE_SECONDS = 30.0
CLIENT_SECONDS = 20.0


@frozen(kw_only=True)
class Wish:
    """The lab that the operator asks for."""

    directory: Path
    size: Size
    retain: bool
    network: bool
    """Whether each host is a network namespace; else all are this machine."""
    programs: Path
    """The folder of evenrack-regiond and evenrack-rackd."""
    owner_pid: int


def bring_up(wish: Wish, progress: Progress, clocks: Clocks) -> Fleet:
    """Bring the lab up, or leave nothing behind."""
    if wish.network:
        refuse_without_namespaces(wish.directory)
    wish = _without_what_is_missing(wish, progress)
    kept = _clean_old_lab(wish.directory, progress)
    record = _mark_folder(wish, kept)
    with ended_by_signals() as stopped_by:
        try:
            fleet = _start_everything(wish, _wire(wish, record, progress), progress, clocks)
            end_if_stopped(stopped_by)
        except BaseException:  # Ctrl-C too: whatever happens, nothing is left running
            _leave_nothing(wish, progress)
            raise
    progress.total("the fleet is live")
    return fleet


def _without_what_is_missing(wish: Wish, progress: Progress) -> Wish:
    """Wish for no BMCs where nothing can simulate or ask them, and say so."""
    if not wish.network or not wish.size.bmcs or not (packages := missing_packages()):
        return wish
    progress.note(f"no BMCs in this lab: apt-get install {' '.join(packages)}")
    return evolve(wish, size=evolve(wish.size, bmcs=0))


def _clean_old_lab(directory: Path, progress: Progress) -> Record | None:
    """End what is left of an earlier lab here; give its record if its folder is one to keep."""
    record = read_record(directory)
    if record is None:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise LabRefused(f"{directory} exists and is not a lab's; give another --dir")
        return None
    refuse_while_starting(directory, record)
    if record.stage == "up" and _runs(record):
        raise LabRefused(
            f"a lab already runs in {directory}; `evenrack lab down` ends it, "
            "--dir starts another one beside it"
        )
    if record.stage != "down":
        clean_up(directory, record, progress)
    return record if record.retain else None


def _runs(record: Record) -> bool:
    """Say whether it is still a lab; one whose network nobody holds any more is only remains."""
    held = record.keeper is None or is_alive(record.keeper.program)
    return held and any(is_alive(run) for run in record.programs.values())


def _mark_folder(wish: Wish, kept: Record | None) -> Record:
    """Mark the folder first: one with the mark may be cleaned by whoever comes next."""
    owner = identify(wish.owner_pid)
    if owner is None:
        raise LabFailed(f"process {wish.owner_pid} is not there")
    record = Record(
        network=wish.network,
        number=0 if wish.network else free_lab_number(wish.size.region_hosts),
        size=wish.size,
        retain=wish.retain or kept is not None,
        stage="starting",
        owner=owner,
        primary=POSTGRES_HOST if kept is None else kept.primary,
    )
    # says what is wrong with the size before anything is made
    servers = [server.name for server in record.fleet(wish.directory).servers]
    if record.primary not in servers:
        raise LabRefused(
            f"the database of this kept lab is in {record.primary}, which is its primary: give "
            f"--replicas {int(record.primary.removeprefix(POSTGRES_HOST)) - 1} or more"
        )
    # others may pass through, not look: as root PostgreSQL may have to run as somebody else
    wish.directory.mkdir(parents=True, exist_ok=True, mode=0o711)
    write_record(wish.directory, record)
    return record


def _wire(wish: Wish, record: Record, progress: Progress) -> Record:
    """Make the lab's network, if it is to have one."""
    plan = record.fleet(wish.directory).network
    if plan is None:
        return record
    with progress.step(
        f"network made: {len(plan.hosts)} hosts, {len(plan.networks)} networks, "
        f"{len(plan.cables)} cables"
    ):
        keeper = start_keeper(wish.directory)
        record = change_record(wish.directory, lambda old: evolve(old, keeper=keeper))
        build_network(plan, keeper)
    return record


def _start_everything(wish: Wish, record: Record, progress: Progress, clocks: Clocks) -> Fleet:
    fleet = record.fleet(wish.directory)
    programs = LabPrograms(fleet, wish.programs)
    standbys = f" with {wish.size.replicas} standbys" if wish.size.replicas else ""
    with progress.step(f"PostgreSQL started{standbys}"):
        programs.database.start_all()
    with progress.step("configuration written, schema and certificates made"):
        write_files(fleet, record)
        initialise_hosts(fleet, wish.programs)
    with progress.step(f"{len(fleet.processes)} region processes started"):
        for process in fleet.processes:
            programs.start(process.name)
        _wait_for_sockets(fleet, programs, clocks)
    if newcomers := [rack for rack in fleet.racks if not rack.is_enrolled]:
        with progress.step(f"{len(newcomers)} racks enrolled"):
            enrol_racks(fleet, newcomers, wish.programs)
    with progress.step(f"{len(fleet.racks)} racks connected and managed"):
        for rack in fleet.racks:
            programs.start(rack.name)
        wait_until_live(fleet, programs, clocks)
    if fleet.bmcs:
        with progress.step(f"{len(fleet.bmcs)} BMCs reached and owned"):
            _own_bmcs(fleet, programs, clocks)
    if fleet.network is not None and fleet.network.vlans and fleet.racks:
        _serve_dhcp(fleet, fleet.network, programs, progress, clocks)
    if fleet.clients:
        with progress.step(f"{len(fleet.clients)} client hosts ask for addresses"):
            _start_traffic(fleet.clients, fleet, programs, clocks)
    started = read_record(wish.directory)
    if started is None:
        raise LabFailed(f"{record_path(wish.directory)} was removed meanwhile")
    write_record(wish.directory, evolve(started, stage="up"))
    return fleet


def write_files(fleet: Fleet, record: Record) -> None:
    """Write every configuration file and the keys, readable by this user only."""
    needs = server_needs(fleet, record)
    group = needs.group(record.primary)
    first = fleet.processes[0].folder
    keys = kept_or_new(
        first / "keys", lambda: new_key_line(secrets.token_bytes(ID_BYTES + KEY_BYTES))
    )
    for daemon in fleet.daemons():
        daemon.folder.mkdir(exist_ok=True, mode=0o700)
        (daemon.folder / "state").mkdir(parents=True, exist_ok=True, mode=0o700)
    for process in fleet.processes:
        (process.folder / "run").mkdir(exist_ok=True, mode=0o700)
        write_private(process.folder / "keys", keys)
        if fleet.network is not None:
            write_private(process.passfile, group[group.primary].pass_line())
        write_private(process.config, region_config(process, needs.dsn(group, process.passfile)))
    for rack in fleet.racks:
        write_private(rack.config, rack_config(rack))


def _own_bmcs(fleet: Fleet, programs: LabPrograms, clocks: Clocks) -> None:
    """Start the BMCs, make them known, wait until racks own them, and begin to ask them."""
    start_bmcs(fleet, programs)
    client = fleet_client(fleet, repeats=repeats_of(clocks))
    register_bmcs(fleet, client)
    missing: str | None = "nothing was seen yet"

    def owned() -> bool:
        nonlocal missing
        _refuse_dead(fleet, programs)
        missing = what_bmcs_miss(client, fleet.bmcs)
        return missing is None

    if not clocks.wait_until(owned, seconds=LIVE_SECONDS, every=0.1):
        raise LabFailed(f"power is not live after {LIVE_SECONDS:g} s: {missing}")
    if fleet.power_traffic is not None:
        _start_traffic([fleet.power_traffic], fleet, programs, clocks)


def _serve_dhcp(
    fleet: Fleet,
    network: NetworkPlan,
    programs: LabPrograms,
    progress: Progress,
    clocks: Clocks,
) -> None:
    """Let the racks serve every VLAN, or say why they cannot."""
    if not DHCPD.exists():
        progress.note(f"no DHCP in this lab: {DHCPD} is missing: apt-get install isc-dhcp-server")
        return
    client = fleet_client(fleet, repeats=repeats_of(clocks))
    missing: str | None = "nothing was seen yet"

    def served() -> bool:
        nonlocal missing
        _refuse_dead(fleet, programs)
        missing = what_dhcp_misses(fleet, client)
        return missing is None

    with progress.step(f"{len(network.vlans)} VLANs served, each by two racks where there are two"):
        make_vlans(client, network)
        if not clocks.wait_until(served, seconds=LIVE_SECONDS, every=0.1):
            raise LabFailed(f"DHCP is not live after {LIVE_SECONDS:g} s: {missing}")


def _start_traffic(
    probers: Sequence[TrafficProgram | PowerTraffic],
    fleet: Fleet,
    programs: LabPrograms,
    clocks: Clocks,
) -> None:
    """Start what feels outages, and see each at work: it begins to write then."""
    for client in probers:
        client.folder.mkdir(exist_ok=True, mode=0o700)
        client.forget()  # what a lab that was kept has left
        programs.start(client.name)

    def all_at_work() -> bool:
        _refuse_dead(fleet, programs)
        return all(client.felt.exists() for client in probers)

    if not clocks.wait_until(all_at_work, seconds=CLIENT_SECONDS):
        late = next(client for client in probers if not client.felt.exists())
        raise LabFailed(
            f"{late.name} did not begin within {CLIENT_SECONDS:g} s\n{last_lines(late)}"
        )


def wait_until_live(fleet: Fleet, programs: LabPrograms, clocks: Clocks) -> None:
    """Wait until every rack is connected to every process and managed, or name the culprit."""
    client = fleet_client(fleet)
    missing: str | None = "nothing was seen yet"

    def live() -> bool:
        nonlocal missing
        _refuse_dead(fleet, programs)
        missing = what_is_missing(fleet, fleet_status(client))
        return missing is None

    if not clocks.wait_until(live, seconds=LIVE_SECONDS, every=0.1):
        culprit = _culprit(fleet, missing or "")
        raise LabFailed(
            f"the fleet is not live after {LIVE_SECONDS:g} s: {missing}\n{last_lines(culprit)}"
        )


def _wait_for_sockets(fleet: Fleet, programs: LabPrograms, clocks: Clocks) -> None:
    def all_there() -> bool:
        _refuse_dead(fleet, programs)
        return all(path.exists() for path in fleet.sockets())

    if not clocks.wait_until(all_there, seconds=SOCKET_SECONDS):
        late = next(process for process in fleet.processes if not process.socket.exists())
        raise LabFailed(
            f"{late.name} made no administration socket within {SOCKET_SECONDS:g} s\n"
            f"{last_lines(late)}"
        )


def _refuse_dead(fleet: Fleet, programs: LabPrograms) -> None:
    record = read_record(fleet.directory)
    started: set[str] = set() if record is None else set(record.programs)
    for name in programs.dead():
        if name in started:
            raise LabFailed(f"{name} ended by itself\n{last_lines(fleet.program(name))}")


def _culprit(fleet: Fleet, missing: str) -> Daemon:
    named = [daemon for daemon in fleet.racks if daemon.rack in missing.split()]
    return named[0] if named else fleet.processes[0]


def _leave_nothing(wish: Wish, progress: Progress) -> None:
    record = read_record(wish.directory)
    if record is None:
        return
    ignore_signals()
    try:
        clean_up(wish.directory, record, progress)
    except (EvenrackError, OSError) as error:
        raise LabFailed(f"the lab could not be cleaned: {error}") from error
