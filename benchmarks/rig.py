"""A cluster on loopback: PostgreSQL, and region hosts that run real `evenrack-regiond` programs."""

import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from attrs import frozen

from evenrack.config.key_file import load_keys
from evenrack.config.region_config import load_region_config
from evenrack.model.host_port import HIGHEST_PORT
from evenrack.model.identifiers import ProcessId, RegionId, process_id
from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.database.trust_store import active_authority
from evenrack.region.initialise import Chance, initialise
from evenrack.region.sealing import Sealer
from evenrack.region.trust.certificate_desk import open_authority
from evenrack.runtime.child_process import (
    ProgramId,
    send_signal,
    start_detached,
    stop_program,
    wait_until_ended,
)
from evenrack.trust.certificates import Identity

LOOPBACK = "127.0.0.1"
REGIOND = str(Path(sys.executable).parent / "evenrack-regiond")
STOP_SECONDS = 10.0
LOOK_SECONDS = 0.05
SETTINGS = {"max_connections": "250"}
"""PostgreSQL writes to the disk as it does for users; only sessions are more than usual."""


@frozen(kw_only=True)
class Size:
    """How many region hosts, and how many processes on each."""

    hosts: int
    processes: int


@contextmanager
def new_database() -> Iterator[str]:
    """Run a PostgreSQL of our own; gives how to connect to an empty database in it."""
    server = EmbeddedPostgres(Path(tempfile.mkdtemp(prefix="evenrack-bench-")), settings=SETTINGS)
    try:
        server.start()
        with closing(psycopg2.connect(server.dsn())) as session:
            session.autocommit = True
            session.cursor().execute("CREATE DATABASE evenrack")
        yield server.dsn("evenrack")
    finally:
        server.kill()
        server.remove()


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until the condition gives something true, and give that; TimeoutError."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(LOOK_SECONDS)


class Rig:
    """The region hosts; each is a folder, and each of its processes a program."""

    def __init__(
        self, dsn: str, folder: Path, size: Size, liveness: Mapping[str, float] | None = None
    ) -> None:
        self.dsn = dsn
        self.folder = folder
        self._liveness = dict(liveness or {})
        self._running: dict[ProcessId, ProgramId] = {}
        self._ports: dict[ProcessId, int] = {}
        self._configs: dict[RegionId, Path] = {}
        for number in range(1, size.hosts + 1):
            self._make_host(RegionId(f"region{number}"), size.processes)
        self._session = psycopg2.connect(dsn)
        self._session.autocommit = True

    @property
    def processes(self) -> list[ProcessId]:
        """Every process, running or not."""
        return list(self._ports)

    @property
    def regions(self) -> list[RegionId]:
        """Every host."""
        return list(self._configs)

    @property
    def endpoints(self) -> list[str]:
        """Where racks can dial."""
        return [f"{LOOPBACK}:{port}" for port in self._ports.values()]

    def authority(self) -> Identity:
        """Give what signs the racks' certificates, with its key."""
        engine = open_engine(self.dsn, "benchmarks", sessions=0)
        stored = attempt(engine, active_authority)
        sealer = Sealer(keys=load_keys(self.folder / "keys"), token_bytes=secrets.token_bytes)
        assert stored is not None  # noqa: S101  init made it
        return open_authority(stored, sealer)

    def start_all(self) -> None:
        """Start every process, and wait until all have joined."""
        for process in self._ports:
            self.start(process)
        joined = "SELECT count(*) FROM process WHERE state = 'running'"
        wait_for(lambda: self.rows(joined) == [(len(self._ports),)], 60, "processes join")

    def start(self, process: ProcessId) -> None:
        """Start one process; it joins a second later."""
        region, instance = process.split("/")
        config = str(self._configs[RegionId(region)])
        self._running[process] = start_detached(
            [REGIOND, "run", "--config", config, "--instance", instance],
            log=self.folder / f"{region}-{instance}.log",
        )

    def kill(self, process: ProcessId) -> float:
        """Kill one process as the kernel would; gives the moment, of the monotonic clock."""
        program = self._running.pop(process)
        at = time.monotonic()
        send_signal(program, signal.SIGKILL)
        wait_until_ended([program], seconds=STOP_SECONDS)
        return at

    def freeze(self, region: str) -> float:
        """Silence every process of a host, whose sockets stay as they are; gives the moment."""
        at = time.monotonic()
        self._signal(region, signal.SIGSTOP)
        return at

    def thaw(self, region: str) -> None:
        """Let a silent host speak again."""
        self._signal(region, signal.SIGCONT)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database; each value stands where the statement has %s."""
        with self._session.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def stop(self) -> None:
        """End every process."""
        self._session.close()
        for program in self._running.values():
            send_signal(program, signal.SIGKILL)
        for program in self._running.values():
            stop_program(program, seconds=STOP_SECONDS)

    def _signal(self, region: str, number: signal.Signals) -> None:
        for process, program in self._running.items():
            if process.startswith(f"{region}/"):
                send_signal(program, number)

    def _make_host(self, region: RegionId, processes: int) -> None:
        """Configure a host and give it its keys and certificate, as `evenrack-regiond init`."""
        before = _free_ports(processes + 1)
        folder = self.folder / region
        folder.mkdir()
        lines = {
            "database": f'"{self.dsn}"',
            "region_name": region,
            "key_file": self.folder / "keys",
            "state_dir": folder / "state",
            "run_dir": folder / "run",
            "rpc": f"{{port: {before}}}",
            "http": f'{{listen: "{LOOPBACK}:{before + processes + 1}"}}',
            "liveness": str(self._liveness),
        }
        path = folder / "regiond.conf"
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        chance = Chance(token_bytes=secrets.token_bytes)
        initialise(load_region_config(path), hostname=region, chance=chance)
        self._configs[region] = path
        for instance in range(1, processes + 1):
            self._ports[process_id(region, instance)] = before + instance


@contextmanager
def new_rig(
    dsn: str, size: Size, liveness: Mapping[str, float] | None = None, *, start: bool = True
) -> Iterator[Rig]:
    """Make a rig over a database, run it, and take it down; on failure its logs stay."""
    folder = Path(tempfile.mkdtemp(prefix="evenrack-rig-"))  # short: it has sockets in it
    rig = Rig(dsn, folder, size, liveness)
    try:
        if start:
            rig.start_all()
        yield rig
    except TimeoutError as problem:
        problem.add_note(_last_words(folder))
        raise
    finally:
        rig.stop()
        shutil.rmtree(folder)


def _last_words(folder: Path) -> str:
    """Give the end of each program's log."""
    return "\n".join(
        f"== {log.name}\n" + "\n".join(log.read_text().splitlines()[-8:])
        for log in sorted(folder.glob("*.log"))
    )


def _free_ports(count: int) -> int:
    """Find neighbouring ports of loopback that nobody listens on; gives the one before them."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            before = probe.getsockname()[1]
        ports = range(before + 1, before + count + 1)
        if ports.stop <= HIGHEST_PORT and all(_is_free(port) for port in ports):
            return before


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
