"""The programs of a running lab: what state each is in, and killing, pausing and starting them."""

import json
import signal
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from evenrack.lab.fleet import Fleet
from evenrack.lab.network.cables import Cables
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.record import Record, note_program, read_record
from evenrack.lab.refusals import LabRefused
from evenrack.lab.targets import POSTGRES
from evenrack.postgres.account import NAMESPACE
from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.postgres.server_processes import postmaster_of
from evenrack.runtime.child_process import (
    ProgramId,
    is_alive,
    run_program,
    send_signal,
    stop_program,
    wait_until_ended,
)
from evenrack.runtime.process_table import read_process

STOP_SECONDS = 5.0
KILL_SECONDS = 5.0
DATABASE_PORT = 5432

State = Literal["running", "hung", "dead"]


@frozen(kw_only=True)
class Running:
    """One program of the lab and how it is."""

    target: str
    pid: int | None
    state: State
    cut_off: bool = False
    """Whether the cable that others reach its host by is cut."""

    @property
    def serves(self) -> bool:
        return self.state == "running" and not self.cut_off


class LabPrograms:
    """Every program of one lab by its name: PostgreSQL, the daemons, DHCP servers and clients."""

    def __init__(self, fleet: Fleet, programs_folder: Path) -> None:
        self._fleet = fleet
        self._programs_folder = programs_folder

    @property
    def folder(self) -> Path:
        """The folder of evenrack-regiond and evenrack-rackd."""
        return self._programs_folder

    @property
    def interpreter(self) -> str:
        """The Python that lies beside them."""
        return str(self._programs_folder / Path(sys.executable).name)

    @property
    def names(self) -> list[str]:
        servers = [server.name for server in self._fleet.dhcp_servers() if server.note.exists()]
        return [POSTGRES, *(program.name for program in self._fleet.programs()), *servers]

    def look(self) -> list[Running]:
        """Say of every program how it is."""
        record = self._record()
        network = self._fleet.network
        cut_off = frozenset() if network is None else network.cut_off(self.cables_down())
        return [
            self._look_at(name, record, cut_off=self._fleet.host_of(name).name in cut_off)
            for name in self.names
        ]

    def not_serving(self) -> list[str]:
        """List the programs that do not run, are paused, or are cut off."""
        return [running.target for running in self.look() if not running.serves]

    def cables_down(self) -> frozenset[str]:
        """Name the cables that are cut; a lab without a network has none."""
        cables = self._cables()
        return frozenset() if cables is None else cables.down()

    def run_on_every_host(self, arguments: Sequence[str], *, seconds: float) -> str:
        """Run a program on each host in turn, and return all that was printed."""
        keeper = self._record().keeper
        inside = () if keeper is None else (*keeper.entrance, "ip", "-all", "netns", "exec")
        return run_program([*inside, *arguments], seconds=seconds)

    def cut(self, cables: Collection[str]) -> None:
        """Cut these cables."""
        self._must_have_cables().cut(cables)

    def mend(self, cables: Collection[str]) -> None:
        """Make these cables whole again."""
        self._must_have_cables().heal(cables)

    def hung(self) -> list[str]:
        """List the programs that are paused."""
        return [running.target for running in self.look() if running.state == "hung"]

    def dead(self) -> list[str]:
        """List the programs that the lab started and that do not run.

        A DHCP server is not among them: its rack daemon starts it again.
        """
        return [
            running.target
            for running in self.look()
            if running.state == "dead" and self._fleet.dhcp_server(running.target) is None
        ]

    def start(self, name: str) -> None:
        """Start a program that does not run."""
        if name == POSTGRES:
            self.postgres.start()
            return
        if self._fleet.dhcp_server(name) is not None:
            return  # its rack daemon does that, as soon as it sees that it does not run
        program = self._fleet.program(name)
        run = program.host.start(program.arguments(self._programs_folder), log=program.log)
        note_program(self._fleet.directory, name, run)

    def stop(self, name: str) -> None:
        """End a program as an operator would; a paused one too."""
        if name == POSTGRES:
            self.postgres.stop(mode="fast")
            return
        run = self._run_of(name)
        if run is not None:
            stop_program(run, seconds=STOP_SECONDS)

    def kill(self, name: str) -> None:
        """Kill a program at once, as a power cut would, and see it gone."""
        if name == POSTGRES:
            self.postgres.kill()
            return
        run = self._run_of(name)
        self._signal(name, signal.SIGKILL)
        if run is not None and wait_until_ended([run], seconds=KILL_SECONDS):
            raise LabRefused(f"{name} (pid {run.pid}) does not end, not even when killed")

    def hang(self, name: str) -> None:
        """Pause a program: its sockets stay open and nothing answers."""
        if name == POSTGRES:
            self.postgres.pause()
            return
        self._signal(name, signal.SIGSTOP)

    def heal(self, name: str) -> None:
        """Let a paused program go on."""
        if name == POSTGRES:
            self.postgres.resume()
            return
        self._signal(name, signal.SIGCONT)

    @property
    def postgres(self) -> EmbeddedPostgres:
        return embedded_postgres(self._fleet, self._record())

    def _run_of(self, name: str) -> ProgramId | None:
        """Give the newest run of a program that is not PostgreSQL."""
        server = self._fleet.dhcp_server(name)
        return self._record().programs.get(name) if server is None else _noted_run(server.note)

    def _signal(self, name: str, number: signal.Signals) -> None:
        run = self._run_of(name)
        if run is not None:
            send_signal(run, number)

    def _cables(self) -> Cables | None:
        keeper = self._record().keeper
        if self._fleet.network is None or keeper is None:
            return None
        return Cables(self._fleet.network, keeper)

    def _must_have_cables(self) -> Cables:
        cables = self._cables()
        if cables is None:
            raise LabRefused("this lab has no cables: it was brought up with --no-net")
        return cables

    def _look_at(self, name: str, record: Record, *, cut_off: bool) -> Running:
        server = self._fleet.dhcp_server(name)
        if server is not None:
            run = _noted_run(server.note)
        else:
            run = postgres_server(self._fleet) if name == POSTGRES else record.programs.get(name)
        if run is None or not is_alive(run):
            return Running(target=name, pid=None, state="dead", cut_off=cut_off)
        row = read_process(run.pid)
        paused = row is not None and row.stopped
        state: State = "hung" if paused else "running"
        return Running(target=name, pid=run.pid, state=state, cut_off=cut_off)

    def _record(self) -> Record:
        record = read_record(self._fleet.directory)
        if record is None:
            raise LabRefused(f"the lab in {self._fleet.directory} was taken down meanwhile")
        return record


def _noted_run(note: Path) -> ProgramId | None:
    """Read which process a rack daemon started as its DHCP server."""
    try:
        form = json.loads(note.read_text())
        return ProgramId(int(form["pid"]), int(form["started"]))
    except (OSError, ValueError, LookupError):
        return None  # none was started, or its note is being written


def embedded_postgres(fleet: Fleet, record: Record) -> EmbeddedPostgres:
    """Give the lab's own PostgreSQL server: in a network on TCP, else on a unix socket."""
    sessions = 8 * len(fleet.processes) + 20
    host = fleet.postgres_host
    return EmbeddedPostgres(
        fleet.postgres,
        port=0 if fleet.network is None else DATABASE_PORT,
        listen=host.address,
        entrance=[*host.entrance, *_not_as_root(record.keeper)],
        settings={
            "max_connections": str(max(100, sessions)),
            # the kernel keeps written pages through any kill; only a retained lab must outlive it
            "fsync": "on" if record.retain else "off",
        },
    )


def _not_as_root(keeper: Keeper | None) -> tuple[str, ...]:
    """PostgreSQL refuses to run as root, which everybody is in the keeper's user namespace."""
    return NAMESPACE if keeper is not None and keeper.user_namespace else ()


def postgres_server(fleet: Fleet) -> ProgramId | None:
    """Give the server's first process, while it lives."""
    return postmaster_of(fleet.postgres / "data")
