"""The folder in which one dhcpd lives: its configuration, leases, words, and its process."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from os import SEEK_END
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from attrs import frozen

from evenrack.rack.dhcp.lease_entries import without_hosts, without_pairs
from evenrack.rack.dhcp.lease_tail import MOST_TAIL_BYTES
from evenrack.runtime.child_process import ProgramId, identify, is_alive
from evenrack.runtime.process_table import all_processes
from evenrack.runtime.safe_write import replace_safely, safe_write

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_ONLY_OURS: Final = 0o700
_MOST_WORDS_BYTES: Final = 32 * 1024


@frozen(kw_only=True)
class StartedServer:
    """The dhcpd that was started last, and what it was told to serve."""

    program: ProgramId
    interfaces: tuple[str, ...]


class DhcpdFiles:
    """Nobody else can read them: the configuration has the OMAPI key."""

    def __init__(self, folder: Path) -> None:
        folder = folder.absolute()
        self._folder = folder
        self.configuration = folder / "dhcpd.conf"
        self.leases = folder / "dhcpd.leases"
        self.log = folder / "dhcpd.log"
        self._next = folder / "dhcpd.conf.next"
        self._record = folder / "dhcpd.json"

    def prepare(self) -> None:
        """Make what must be there before a start. Leases are never thrown away."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=_ONLY_OURS)
        self._folder.chmod(_ONLY_OURS)
        self.leases.touch(mode=0o600)

    @contextmanager
    def for_a_check(self) -> Iterator[tuple[Path, Path]]:
        """Give the places of a configuration, and of leases that may be written, for a while."""
        self.prepare()
        with TemporaryDirectory(dir=self._folder, prefix=".check.") as name:
            configuration, leases = Path(name, "dhcpd.conf"), Path(name, "dhcpd.leases")
            leases.touch()
            yield configuration, leases

    def text(self) -> str | None:
        """Read the configuration; None when there is none."""
        try:
            return self.configuration.read_bytes().decode()
        except FileNotFoundError:
            return None

    def write_next(self, text: str) -> None:
        """Bring the next configuration to the disk, beside the one that is served."""
        self.prepare()
        safe_write(self._next, text.encode())

    def take_next(self) -> None:
        """Let the next configuration take the place of the other; it may have done so already."""
        with suppress(FileNotFoundError):
            replace_safely(self._next, self.configuration)

    def forget_hosts(self) -> None:
        """Take out of the leases what dhcpd was told of hosts while it ran; it must not run now.

        From now on the hosts are those of the configuration.
        """
        self._rewrite_leases(without_hosts)

    def forget_pairs(self) -> None:
        """Take out of the leases what the pairs of dhcpd were in; it must not run now.

        Whatever pair it has next is another one: its partner may have gone on with somebody else.
        """
        self._rewrite_leases(without_pairs)

    def _rewrite_leases(self, rewritten: Callable[[bytes], bytes]) -> None:
        self.prepare()
        text = self.leases.read_bytes()
        left = rewritten(text)
        if left != text:
            safe_write(self.leases, left)

    def new_log(self) -> None:
        """Begin an empty log; the one before is kept beside it."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.before"))
        self.log.touch(mode=0o600)

    def words(self) -> bytes:
        """Read what dhcpd printed since its start."""
        try:
            return first_and_last_words(self.log)
        except FileNotFoundError:
            return b""

    def remember(self, server: StartedServer) -> None:
        """Keep which process it is, for whoever comes after this daemon."""
        form = {
            "pid": server.program.pid,
            "started": server.program.started,
            "boot": _this_boot(),
            "interfaces": list(server.interfaces),
        }
        safe_write(self._record, json.dumps(form).encode() + b"\n")

    def forget(self) -> None:
        """Keep that none was started."""
        self._record.unlink(missing_ok=True)

    def started(self) -> StartedServer | None:
        """Give the dhcpd that was started last, running or not; None when that is not known."""
        try:
            form: Any = json.loads(self._record.read_text(encoding="utf-8"))
            if form["boot"] != _this_boot():
                return None
            return StartedServer(
                program=ProgramId(int(form["pid"]), int(form["started"])),
                interfaces=tuple(str(name) for name in form["interfaces"]),
            )
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def running(self) -> ProgramId | None:
        """Give the dhcpd that was started last, if it runs."""
        server = self.started()
        return server.program if server is not None and is_alive(server.program) else None

    def all_running(self) -> list[ProgramId]:
        """Give every dhcpd that writes our leases, also one whose starter died before it told."""
        found = {identify(row.pid) for row in all_processes() if self._has_our_leases(row.pid)}
        remembered = self.running()
        return sorted({it for it in found | {remembered} if it is not None}, key=lambda it: it.pid)

    def lease_tail(self) -> bytes:
        """Give the end of the lease file."""
        with self.leases.open("rb") as file:
            size = file.seek(0, SEEK_END)
            file.seek(max(0, size - MOST_TAIL_BYTES))
            return file.read()

    def _has_our_leases(self, pid: int) -> bool:
        process = Path("/proc", str(pid))
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            # In a container of its own the same path would be another file.
            return (b"-lf", bytes(self.leases)) in pairwise(arguments) and self.leases.samefile(
                process / "root" / self.leases.relative_to("/")
            )
        except OSError:
            return False


def first_and_last_words(log: Path) -> bytes:
    """Read what dhcpd printed: how it began and how it ended, should it be much.

    It complains of each lease of a subnet that is gone, before it says that it listens.
    """
    with log.open("rb") as file:
        first = file.read(_MOST_WORDS_BYTES)
        rest = max(file.seek(0, SEEK_END) - _MOST_WORDS_BYTES, len(first))
        file.seek(rest)
        return first + file.read(_MOST_WORDS_BYTES)


def _this_boot() -> str:
    """Name this run of the machine: after the next one the same number is another process."""
    return _BOOT.read_text(encoding="ascii").strip()
