"""The programs of a running lab: what state each is in, and killing, pausing and starting them."""

import json
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

from evenrack.lab.fleet import Fleet
from evenrack.lab.network.cables import Cables
from evenrack.lab.postgres_servers import ServerNeeds
from evenrack.lab.record import Record, change_record, note_program, read_record
from evenrack.lab.refusals import LabRefused
from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.postgres.group import ServerGroup
from evenrack.runtime.child_process import (
    ProgramId,
    is_alive,
    send_signal,
    stop_program,
    wait_until_ended,
)
from evenrack.runtime.process_table import read_process

STOP_SECONDS = 5.0
KILL_SECONDS = 5.0

State = Literal["running", "hung", "dead"]


@frozen(kw_only=True)
class Running:
    """One program of the lab and how it is."""

    target: str
    pid: int | None
    state: State
    cut_off: bool = False
    """Whether the cable that others reach its host by is cut."""
    role: str = ""
    """Of a PostgreSQL server that is not alone: primary or standby."""

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
        programs = (*self._fleet.servers, *self._fleet.programs())
        return [*(program.name for program in programs), *servers]

    def look(self) -> list[Running]:
        """Say of every program how it is."""
        network = self._fleet.network
        return self._look(frozenset() if network is None else network.cut_off(self.cables_down()))

    def not_serving(self) -> list[str]:
        """List the programs that do not run, are paused, or are cut off."""
        return [running.target for running in self.look() if not running.serves]

    def cables_down(self) -> frozenset[str]:
        """Name the cables that are cut; a lab without a network has none."""
        cables = self._cables()
        return frozenset() if cables is None else cables.down()

    def cut(self, cables: Collection[str]) -> None:
        """Cut these cables."""
        self._must_have_cables().cut(cables)

    def mend(self, cables: Collection[str]) -> None:
        """Make these cables whole again."""
        self._must_have_cables().heal(cables)

    def hung(self) -> list[str]:
        """List the programs that are paused."""
        return [running.target for running in self._look() if running.state == "hung"]

    def dead(self) -> list[str]:
        """List the programs that the lab started and that do not run.

        A DHCP server is not among them: its rack daemon starts it again.
        """
        return [
            running.target
            for running in self._look()
            if running.state == "dead" and self._fleet.dhcp_server(running.target) is None
        ]

    def start(self, name: str) -> None:
        """Start a program that does not run."""
        if self._fleet.server(name) is not None:
            self.database.start(name)
            return
        if self._fleet.dhcp_server(name) is not None:
            return  # its rack daemon does that, as soon as it sees that it does not run
        program = self._fleet.program(name)
        run = program.host.start(program.arguments(self._programs_folder), log=program.log)
        note_program(self._fleet.directory, name, run)

    def stop(self, name: str) -> None:
        """End a program as an operator would; a paused one too."""
        if self._fleet.server(name) is not None:
            self.database[name].stop(mode="fast")
            return
        run = self._run_of(name)
        if run is not None:
            stop_program(run, seconds=STOP_SECONDS)

    def kill(self, name: str) -> None:
        """Kill a program at once, as a power cut would, and see it gone."""
        if self._fleet.server(name) is not None:
            self.database[name].kill()
            return
        run = self._run_of(name)
        self._signal(name, signal.SIGKILL)
        if run is not None and wait_until_ended([run], seconds=KILL_SECONDS):
            raise LabRefused(f"{name} (pid {run.pid}) does not end, not even when killed")

    def hang(self, name: str) -> None:
        """Pause a program: its sockets stay open and nothing answers."""
        if self._fleet.server(name) is not None:
            self.database[name].pause()
            return
        self._signal(name, signal.SIGSTOP)

    def heal(self, name: str) -> None:
        """Let a paused program go on."""
        if self._fleet.server(name) is not None:
            self.database[name].resume()
            return
        self._signal(name, signal.SIGCONT)

    def promote(self, name: str | None, *, even_if_behind: bool) -> str:
        """Let a standby be the primary, the one that has most when none is named; say which.

        The old primary ends first. Refused when commits would be lost.
        """
        group = self.database
        if not group.standbys:
            raise LabRefused("this lab has no standby: bring one up with --replicas 2")
        chosen = name or group.most_advanced()
        if not even_if_behind:
            group.refuse_to_promote(chosen)
        # first, so that nobody starts the old one as a primary if this command is killed
        change_record(self._fleet.directory, lambda record: evolve(record, primary=chosen))
        group.promote(chosen)
        return chosen

    @property
    def database(self) -> ServerGroup:
        return server_group(self._fleet, self._record())

    @property
    def primary(self) -> str:
        """The PostgreSQL server that takes changes, or is to when it runs."""
        return self._record().primary

    @property
    def postgres(self) -> EmbeddedPostgres:
        return self.database[self.primary]

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

    def _look(self, cut_off: Collection[str] = ()) -> list[Running]:
        """Say of every program how it is; which hosts are cut off costs a run of ip(8) to know."""
        record = self._record()
        return [
            self._look_at(name, record, cut_off=self._fleet.host_of(name).name in cut_off)
            for name in self.names
        ]

    def _look_at(self, name: str, record: Record, *, cut_off: bool) -> Running:
        server, database = self._fleet.dhcp_server(name), self._fleet.server(name)
        if server is not None:
            run = _noted_run(server.note)
        else:
            run = record.programs.get(name) if database is None else database.run
        role = ""
        if database is not None and len(self._fleet.servers) > 1:
            role = "primary" if name == record.primary else "standby"
        seen = Running(target=name, pid=None, state="dead", cut_off=cut_off, role=role)
        if run is None or not is_alive(run):
            return seen
        row = read_process(run.pid)
        paused = row is not None and row.stopped
        return evolve(seen, pid=run.pid, state="hung" if paused else "running")

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


def server_needs(fleet: Fleet, record: Record) -> ServerNeeds:
    """Say what the lab asks of its PostgreSQL."""
    keeper = record.keeper
    return ServerNeeds(
        servers=fleet.servers,
        sessions=8 * len(fleet.processes) + 20,
        network=fleet.network is not None,
        durable=record.retain,
        user_namespace=keeper is not None and keeper.user_namespace,
    )


def server_group(fleet: Fleet, record: Record) -> ServerGroup:
    """Give the lab's own PostgreSQL servers."""
    return server_needs(fleet, record).group(record.primary)
