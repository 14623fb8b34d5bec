"""A PostgreSQL server that lives in one folder: made, started, hurt and removed by anyone.

Everything it needs to be found again is in the folder, so the program that started it may be
gone. Its processes are signalled directly: pg_ctl could not pause or kill them.
"""

import contextlib
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from evenrack.errors import CannotEverWork, ProgramFailed
from evenrack.postgres.account import (
    PROGRAMS_FOLDER,
    Account,
    account_for,
    give,
    readable_binaries,
    unfinished_copy,
)
from evenrack.postgres.binaries import PostgresBinaries, locate_binaries
from evenrack.postgres.server_processes import (
    postmaster_of,
    processes_of,
    read_pid_file,
    unfinished_data,
)
from evenrack.postgres.server_settings import (
    ACCESS,
    ACCESS_FILE,
    ServerSettings,
    check_socket_path,
    connection_string,
    remembered_settings,
    tcp_connection_string,
)
from evenrack.postgres.shared_memory import free_shared_memory
from evenrack.runtime.child_process import (
    ProgramId,
    run_program,
    send_signal,
    start_detached,
    wait_until_ended,
)
from evenrack.runtime.process_table import read_process
from evenrack.runtime.safe_write import safe_write

StopMode = Literal["smart", "fast", "immediate"]
STOP_SIGNALS: Mapping[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
INITDB_SECONDS = 120.0
COPY_SECONDS = 120.0
PROMOTE_SECONDS = 30.0
ASK_SECONDS = 5.0
STANDBY_MARK = "standby.signal"
LOOK_SECONDS = 0.02  # between two looks at a server that starts or is being paused
SIGNAL_SECONDS = 10.0  # a kill or a pause takes milliseconds; longer means a stuck disk
LAST_LINES = 15
INCLUDE_LINE = "include = '../evenrack.conf'\n"


class EmbeddedPostgres:
    """One server in one folder, on a unix socket there, and on TCP if it has a port.

    TCP means loopback, or the address given as `listen`. Port, address and settings that are not
    given stay as they were at the last start. `entrance` stands before the command of the server:
    a program that first goes to where the server is to run, a network namespace for example.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        listen: str | None = None,
        settings: Mapping[str, str] | None = None,
        binaries: Path | None = None,
        entrance: Sequence[str] = (),
    ) -> None:
        self.directory = directory.absolute()
        self.log = self.directory / "postgres.log"
        self._data = self.directory / "data"
        self._remembered = self.directory / "server.json"
        self._password = self.directory / "password"
        self.passfile = self.directory / "pgpass"
        """A standby's, for the server that it follows."""
        self._port = port
        self._listen = listen
        self._entrance = tuple(entrance)
        self._given_settings = settings
        self._binaries = binaries
        check_socket_path(self.directory, self.settings())

    def dsn(self, database: str = "postgres") -> str:
        """Say how libpq reaches a database of this server as its superuser, without password."""
        return connection_string(self.directory, self.settings(), database)

    def tcp_dsn(self, passfile: Path, database: str = "postgres") -> str:
        """Say how libpq reaches a database over TCP; `pass_line` is what the file has to hold."""
        return tcp_connection_string(self.settings(), database, passfile)

    def pass_line(self) -> str:
        """Give the line of libpq's password file that lets the superuser in over TCP."""
        return f"*:*:*:postgres:{self._password.read_text()}"

    @property
    def is_standby(self) -> bool:
        """Whether its data is a standby's; promoting it ends that."""
        return (self._data / STANDBY_MARK).exists()

    def ask(self, query: str) -> str:
        """Give the answer to a query of one value, as text."""
        psql = locate_binaries(self._binaries).program("psql")
        command = [str(psql), "-X", "-A", "-t", "-c", query, self.dsn()]
        return run_program(command, seconds=ASK_SECONDS).strip()

    def is_running(self) -> bool:
        """Say whether its first process lives, answering or paused."""
        return postmaster_of(self._data) is not None

    def is_paused(self) -> bool:
        """Say whether it is paused, so that asking it is in vain."""
        return any(row.stopped for row in processes_of(self._data)[:1])

    def start(self, *, seconds: float = 60.0) -> None:
        """Start the server, made first if need be, and return when it accepts connections."""
        running = postmaster_of(self._data)
        if running is not None:  # someone else may just be starting it
            self._wait_until_accepting(running, seconds, log_start=self._log_size())
            return
        self.kill()  # what a killed first process left behind would keep the new one out
        account, binaries = self._prepare()
        if not self._data.exists():
            self._make_data([*account.prefix, str(binaries.initdb)], account)
        self._forget_used_number()
        log_start = self._log_size()
        command = [*account.prefix, str(binaries.postgres), "-D", str(self._data)]
        command = [*self._entrance, *command]
        server = start_detached(command, log=self.log, directory=self.directory)
        self._wait_until_accepting(server, seconds, log_start)

    def copy_from(self, other: "EmbeddedPostgres") -> None:
        """Make its data anew, as that of a standby, from another server that runs.

        Whom it follows then is `primary_conninfo` among its settings.
        """
        self._refuse_while_running()
        account, binaries = self._prepare()
        if self._data.exists():
            free_shared_memory(self._data)
            shutil.rmtree(self._data)
        for file, text in (
            (self._password, other.password_text()),
            (self.passfile, other.pass_line().encode()),
        ):
            safe_write(file, text)
            give(file, account)
        program = str(binaries.program("pg_basebackup"))
        unfinished = self._begin_data(account)
        command = [*self._entrance, *account.prefix, program, "-D", str(unfinished)]
        command += ["-d", other.dsn(), "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
        run_program(command, seconds=COPY_SECONDS, directory=unfinished)
        mark = unfinished / STANDBY_MARK
        mark.touch(mode=0o600)
        give(mark, account)
        unfinished.rename(self._data)

    def promote(self) -> None:
        """Let a running standby take changes, and return when it does."""
        account, binaries = self._prepare()
        program = str(binaries.program("pg_ctl"))
        command = [*account.prefix, program, "promote", "-D", str(self._data), "-w", "-s"]
        run_program(command, seconds=PROMOTE_SECONDS, directory=self._data)

    def stop(self, mode: StopMode = "fast", *, seconds: float = 60.0) -> None:
        """Stop the server in PostgreSQL's way; a paused one is resumed, or it could not obey."""
        server = postmaster_of(self._data)
        if server is None:
            self.kill()
            return
        self.resume()
        send_signal(server, STOP_SIGNALS[mode])
        if wait_until_ended([server], seconds=seconds):
            raise self._failure(f"did not stop ({mode}) within {seconds:g} s")

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start; a server that was killed is started again and recovers."""
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """End all of its processes at once, as a power failure would; of nothing is no error."""
        self._freeze()  # so that the first process starts no others meanwhile
        programs = [ProgramId(row.pid, row.started) for row in processes_of(self._data)]
        for program in programs:
            send_signal(program, signal.SIGKILL)
        if wait_until_ended(programs, seconds=SIGNAL_SECONDS):
            raise self._failure(f"could not be killed within {SIGNAL_SECONDS:g} s")

    def pause(self) -> None:
        """Make the whole server hang: it keeps its connections and answers nothing."""
        if not self._freeze():
            raise self._failure(f"could not be paused within {SIGNAL_SECONDS:g} s")

    def resume(self) -> None:
        """Let a paused server go on."""
        for row in processes_of(self._data):
            send_signal(ProgramId(row.pid, row.started), signal.SIGCONT)

    def remove(self) -> None:
        """Delete the server's files, never under a living server."""
        self._refuse_while_running()
        free_shared_memory(self._data)
        programs = self.directory / PROGRAMS_FOLDER
        folders = (self._data, unfinished_data(self._data), programs, unfinished_copy(programs))
        for folder in folders:
            if folder.exists():
                shutil.rmtree(folder)
        files = ("postgres.log", "server.json", "evenrack.conf", ACCESS_FILE, "password", "pgpass")
        for pattern in (*files, ".s.PGSQL.*"):
            for file in self.directory.glob(pattern):
                file.unlink()
        with contextlib.suppress(OSError):  # it holds something that is not ours, or is gone
            self.directory.rmdir()

    def password_text(self) -> bytes:
        """Give the superuser's password as its file holds it."""
        return self._password.read_bytes()

    def _refuse_while_running(self) -> None:
        alive = processes_of(self._data)
        if alive:
            where = f"{self.directory}: PostgreSQL still runs here (process {alive[0].pid})"
            raise CannotEverWork(f"{where}; stop it first")

    def _prepare(self) -> tuple[Account, PostgresBinaries]:
        """Make its folder and its settings; say as whom it runs, and which programs."""
        account = account_for(self.directory)
        binaries = locate_binaries(self._binaries)
        self.directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        give(self.directory, account)
        binaries = readable_binaries(binaries, account, self.directory)
        self._write_settings(account)
        return account, binaries

    def _begin_data(self, account: Account) -> Path:
        """Make an empty folder beside the final place: half-made data is never taken for whole."""
        unfinished = unfinished_data(self._data)
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        give(unfinished, account)
        return unfinished

    def _freeze(self) -> bool:
        """Stop its processes until none is left that could start another."""
        for _ in range(int(SIGNAL_SECONDS / LOOK_SECONDS)):
            moving = [row for row in processes_of(self._data) if not row.stopped]
            if not moving:
                return True
            programs = [ProgramId(row.pid, row.started) for row in moving]
            for program in programs:
                send_signal(program, signal.SIGSTOP)
            wait_until_ended(programs, seconds=LOOK_SECONDS)
        return False

    def settings(self) -> ServerSettings:
        """Give what it is started with: what was given, else what was at its last start."""
        kept = remembered_settings(self._remembered)
        return ServerSettings(
            port=kept.port if self._port is None else self._port,
            listen=kept.listen if self._listen is None else self._listen,
            settings=kept.settings if self._given_settings is None else self._given_settings,
        )

    def _write_settings(self, account: Account) -> None:
        settings = self.settings()
        texts = {
            self.directory / "evenrack.conf": settings.to_conf(self.directory),
            self.directory / ACCESS_FILE: ACCESS.encode(),
            self._remembered: settings.to_json(),
        }
        for file, text in texts.items():
            safe_write(file, text)
            give(file, account)

    def _make_data(self, command: list[str], account: Account) -> None:
        unfinished = self._begin_data(account)
        safe_write(self._password, secrets.token_urlsafe(24).encode() + b"\n")
        give(self._password, account)
        options = ["--auth=scram-sha-256", "--auth-local=trust", "--encoding=utf8", "--no-locale"]
        options += ["--username=postgres", f"--pwfile={self._password}", "--no-sync"]
        command = [*command, "-D", str(unfinished), *options]
        # Working in that folder, it is found there if this program is killed meanwhile.
        run_program(command, seconds=INITDB_SECONDS, directory=unfinished)
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write(INCLUDE_LINE)
        unfinished.rename(self._data)

    def _forget_used_number(self) -> None:
        """Delete lock files whose process number is in use, but not by a living server.

        After a reboot PostgreSQL would take any process of ours with that number for a server
        and refuse to start; a zombie too, which stays for ever where process 1 does not reap
        (many containers). Lock files without any process it handles itself.
        """
        left = read_pid_file(self._data)
        if left is None or read_process(left.pid) is None or self.is_running():
            return
        free_shared_memory(self._data)  # nobody else knows of it once the file is gone
        (self._data / "postmaster.pid").unlink()
        for file in self.directory.glob(".s.PGSQL.*.lock"):
            file.unlink()

    def _wait_until_accepting(self, server: ProgramId, seconds: float, log_start: int) -> None:
        for _ in range(int(seconds / LOOK_SECONDS)):
            if not wait_until_ended([server], seconds=LOOK_SECONDS):
                raise self._failure("ended while it was starting", log_start)
            written = read_pid_file(self._data)
            if written is not None and written.pid == server.pid and written.ready:
                return
        self.kill()
        raise self._failure(f"did not accept connections within {seconds:g} s", log_start)

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _failure(self, outcome: str, log_start: int = 0) -> ProgramFailed:
        """Name what went wrong, with the last lines that the server logged since."""
        text = ""
        if self.log.exists():
            text = self.log.read_bytes()[log_start:].decode(errors="replace").strip()
        last_lines = "\n".join(text.splitlines()[-LAST_LINES:])
        return ProgramFailed(f"PostgreSQL in {self.directory}", outcome, last_lines)
