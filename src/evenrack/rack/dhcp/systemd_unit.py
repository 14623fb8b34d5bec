"""The dhcpd of this rack as a systemd unit of its own, which goes on when rackd ends.

Whether it runs is read from its control group: rackd may not look at a process that has more
capabilities than itself (ptrace(2), proc(5)), and a question to systemd takes a program.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import CancelledError, DeferredLock
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import ConfigurationRefused, ProgramFailed
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles, first_and_last_words
from evenrack.rack.dhcp.dhcpd_program import SETTLE_SECONDS, START_SECONDS, DhcpdProgram
from evenrack.rack.dhcp.dhcpd_words import (
    LISTENING,
    NO_OMAPI,
    Family,
    complaints,
    ignored_interfaces,
)
from evenrack.runtime.child_process import run_program
from evenrack.runtime.safe_write import safe_write
from evenrack.runtime.spawned import run_spawned
from evenrack.runtime.thinking import think_beside

UNITS: Final[dict[Family, str]] = {
    "-4": "evenrack-dhcpd4.service",
    "-6": "evenrack-dhcpd6.service",
}
UNIT: Final = UNITS["-4"]
WORDS: Final[dict[Family, Path]] = {
    "-4": Path("/run/evenrack-dhcpd4/words"),
    "-6": Path("/run/evenrack-dhcpd6/words"),
}
JOB_SECONDS: Final = 30.0
"""More than systemd takes to stop the unit by force."""
LAST_JOB_SECONDS: Final = 5.0
"""For a job that nobody waits for: only systemd's word that it has it."""

_LOOK_SECONDS: Final = 0.01
_INTERFACES: Final = re.compile(r'^INTERFACES="(.*)"$', re.MULTILINE)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.:@+-]+")
"""An interface name that the file of a unit (systemd.exec(5)) gives on as it is."""


@frozen(kw_only=True)
class Systemd:
    """The systemd of this host: where it is told something, and where it shows something."""

    family: Family = "-4"
    """Which of the two units."""
    systemctl: str = "systemctl"
    booted: Path = Path("/run/systemd/system")
    """Is there when systemd runs: sd_booted(3)."""
    groups: Path = Path("/sys/fs/cgroup")
    """The control groups: version 2."""
    words: Path = WORDS["-4"]
    """What dhcpd printed since its last start; the unit says so."""

    def refuse_when_missing(self, path: Path) -> None:
        """Raise ConfigurationRefused for the file `path` when this host cannot run the unit."""
        wanted = {
            self.booted: "systemd does not run on this host",
            self.groups / "cgroup.controllers": "this host has no control groups of version 2",
        }
        problems = [
            f"dhcp.runner: {problem} (there is no {needed}); "
            "say child, and rackd starts dhcpd itself"
            for needed, problem in wanted.items()
            if not needed.exists()
        ]
        if problems:
            raise ConfigurationRefused(path, problems[:1])

    def runs(self, unit: str) -> bool:
        """Tell whether a unit of the system's slice has a process."""
        events = self.groups / "system.slice" / unit / "cgroup.events"
        try:
            return "populated 1" in events.read_text(encoding="ascii").splitlines()
        except OSError:  # a unit that does not run has no control group
            return False


class DhcpdUnit:
    """As `DhcpdProgram`, for the unit. One change at a time; the others wait for their turn."""

    log = Logger()

    def __init__(
        self,
        folder: Path,
        binary: str,
        reactor: Any,
        *,
        systemd: Systemd | None = None,
        settle_seconds: float = SETTLE_SECONDS,
        start_seconds: float = START_SECONDS,
    ) -> None:
        """`folder` is the one that the unit names; `binary` is for checks."""
        self._systemd = Systemd() if systemd is None else systemd
        self._family = self._systemd.family
        self._unit = UNITS[self._family]
        self._files = DhcpdFiles(folder)
        self._interfaces = folder.absolute() / "interfaces.env"
        self._checking = DhcpdProgram(folder, binary, reactor, family=self._family)
        self._reactor = reactor
        self._think = think_beside(reactor)
        self._settle_seconds = settle_seconds
        self._start_seconds = start_seconds
        self._one_at_a_time = DeferredLock()

    def running(self) -> bool:
        """Tell whether it runs, whoever started it."""
        return self._systemd.runs(self._unit)

    def current_text(self) -> str | None:
        """Give the configuration that dhcpd has, or had when it ran; None when it never did."""
        return self._files.text()

    def lease_tail(self) -> bytes:
        """Give the end of the lease file."""
        return self._files.lease_tail()

    def ignored(self) -> tuple[str, ...]:
        """Name the interfaces that it was given at its start and does not serve."""
        return ignored_interfaces(self._words())

    async def check(self, text: str) -> None:
        """Let dhcpd read a configuration, and nothing more: as `DhcpdProgram.check`."""
        await self._checking.check(text)

    async def restart(self, text: str, interfaces: Sequence[str]) -> None:
        """Serve this text on these interfaces, and nothing else, from now on.

        ProgramFailed has dhcpd's last words when it ends at once (no interface of it has a subnet)
        or cannot open its OMAPI port, and systemd's when it does not obey. Then what was served
        before is served again.
        """
        _refuse_odd_names(interfaces, self._unit)
        async with self._one_at_a_time:
            before, on = await self._think(self._files.text), self._started_on()
            try:
                await self._replace(text, interfaces)
            except ProgramFailed:
                await self._put_back(before, interfaces if on is None else on)
                raise

    async def keep_in_step(self, text: str) -> None:
        """Put this text into the file of a dhcpd that was told of it already, and runs on."""
        async with self._one_at_a_time:
            await self._think(lambda: self._files.write_next(text))
            self._files.take_next()

    async def start_again(self, interfaces: Sequence[str]) -> None:
        """Start a dhcpd that died, with the text that it had; nothing when it runs.

        ProgramFailed when it never had one, or as for `restart`.
        """
        _refuse_odd_names(interfaces, self._unit)
        async with self._one_at_a_time:
            text = self._files.text()
            if text is None:
                raise ProgramFailed(self._unit, "was never given a configuration", "")
            if not self.running():
                await self._replace(text, interfaces)

    async def stop(self) -> None:
        """End it for good. Its configuration and its leases are kept, its pairs are over."""
        async with self._one_at_a_time:
            await self._tell("stop")
            if not self.running():  # or else leases that it writes now would be lost
                await self._think(self._files.forget_pairs)

    async def _put_back(self, text: str | None, interfaces: Sequence[str]) -> None:
        try:
            if text is None:
                await self._tell("stop")  # or else systemd would try it again and again
            else:
                await self._replace(text, interfaces)
        except ProgramFailed as failed:
            self.log.warn("what dhcpd served before does not start: {why}", why=str(failed))

    async def _replace(self, text: str, interfaces: Sequence[str]) -> None:
        # The text changes only while nothing runs, or dhcpd has it already (`keep_in_step`).
        await self._think(lambda: self._files.write_next(text))  # clients need not wait for it
        try:
            await self._tell("stop")
            self._write(interfaces)
            await self._tell("start")
        except CancelledError:
            # rackd ends. Its dhcpd must not, and nobody else would start it.
            self._write(interfaces)
            self._tell_at_once("restart")
            raise
        await self._see_it_start()

    def _write(self, interfaces: Sequence[str]) -> None:
        self._files.take_next()
        if not self.running():  # or else leases that it writes now would be lost
            self._files.forget_hosts()
        safe_write(self._interfaces, f'INTERFACES="{" ".join(interfaces)}"\n'.encode())

    def _started_on(self) -> tuple[str, ...] | None:
        try:
            found = _INTERFACES.search(self._interfaces.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return None if found is None else tuple(found[1].split())

    async def _tell(self, verb: str) -> None:
        """Let systemd do a job with the unit, to its end."""
        command = self._command(verb)
        ended = await run_spawned(self._reactor, command, seconds=JOB_SECONDS)
        if ended.code != 0:
            outcome = f"ended with exit code {ended.code}"
            words = ended.errors.decode(errors="replace").strip()
            raise ProgramFailed(shlex.join(command), outcome, words)

    def _tell_at_once(self, verb: str) -> None:
        try:
            run_program(self._command("--no-block", verb), seconds=LAST_JOB_SECONDS)
        except ProgramFailed as failed:
            self.log.warn("dhcpd could not be started on the way out: {why}", why=str(failed))

    def _command(self, *words: str) -> list[str]:
        return [self._systemd.systemctl, "--no-ask-password", *words, self._unit]

    async def _see_it_start(self) -> None:
        """Wait until it has opened its sockets and goes on; ProgramFailed when it does not."""
        waited = listening = 0.0
        while waited < self._start_seconds and listening < self._settle_seconds:
            await deferLater(self._reactor, _LOOK_SECONDS)
            waited += _LOOK_SECONDS
            alive = self.running()  # before its words are read: they are its last ones then
            words = self._words()
            if not alive or NO_OMAPI.encode() in words:
                outcome = "cannot be asked" if alive else "ended as soon as it was started"
                told = complaints(words, str(self._files.configuration))
                raise ProgramFailed(self._unit, outcome, told)
            if LISTENING[self._family].encode() in words:
                listening += _LOOK_SECONDS
        for name in self.ignored():
            self.log.warn("dhcpd serves nobody on {name}: it has no subnet there", name=name)

    def _words(self) -> bytes:
        try:
            return first_and_last_words(self._systemd.words)
        except OSError:  # a unit that was changed may print elsewhere
            return b""


def _refuse_odd_names(interfaces: Sequence[str], unit: str) -> None:
    for name in interfaces:
        if not _PLAIN_NAME.fullmatch(name):
            raise ProgramFailed(unit, f"cannot be given an interface named {name!r}", "")
