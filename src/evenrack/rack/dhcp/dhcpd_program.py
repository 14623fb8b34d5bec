"""One dhcpd of this rack, as a program that goes on when rackd ends; the next rackd adopts it.

What was seen of Debian's 4.4.3-P1: it answers OMAPI 0.02 s after its start. SIGTERM ends it within
0.02 s, and its failover partner goes to communications-interrupted, as after a SIGKILL: neither
announces a shutdown, and after both the pair is `normal` again as soon as it is back.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM
from typing import Any, Final

from twisted.internet.defer import CancelledError, DeferredLock
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import DhcpConfigurationRefused, ProgramFailed
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles, StartedServer
from evenrack.rack.dhcp.dhcpd_words import (
    LISTENING,
    NO_OMAPI,
    Family,
    complaints,
    ignored_interfaces,
)
from evenrack.runtime.child_process import (
    ProgramId,
    is_alive,
    send_signal,
    start_detached,
    wait_until_ended,
)
from evenrack.runtime.spawned import ENVIRONMENT, run_spawned
from evenrack.runtime.thinking import think_beside

CHECK_SECONDS: Final = 60.0
"""For 100,000 hosts `dhcpd -t` takes 1 s on an idle machine."""
SETTLE_SECONDS: Final = 0.25
"""A dhcpd that still runs so long after it opened its sockets has started."""
START_SECONDS: Final = 30.0
"""One that has not ended and not said that it listens after this time counts as started, too."""
OBEY_SECONDS: Final = 2.0
KILLED_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.01


class DhcpdProgram:
    """The dhcpd of one folder. One change at a time; the others wait for their turn."""

    log = Logger()

    def __init__(
        self,
        folder: Path,
        binary: str,
        reactor: Any,
        *,
        family: Family = "-4",
        entrance: Sequence[str] = (),
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        """`entrance` stands before each command, and becomes it: `ip netns exec NAME`."""
        self._family = family
        self._files = DhcpdFiles(folder)
        self._binary = binary
        self._reactor = reactor
        self._think = think_beside(reactor)
        self._entrance = tuple(entrance)
        self._settle_seconds = settle_seconds
        self._one_at_a_time = DeferredLock()

    def running(self) -> bool:
        """Tell whether it runs, whoever started it."""
        return self._files.running() is not None

    def current_text(self) -> str | None:
        """Give the configuration that dhcpd has, or had when it ran; None when it never did."""
        return self._files.text()

    def lease_tail(self) -> bytes:
        """Give the end of the lease file."""
        return self._files.lease_tail()

    def ignored(self) -> tuple[str, ...]:
        """Name the interfaces that it was given at its start and does not serve."""
        return ignored_interfaces(self._files.words())

    async def check(self, text: str) -> None:
        """Let dhcpd read a configuration, and nothing more.

        DhcpConfigurationRefused has dhcpd's words; ProgramFailed when dhcpd cannot be asked. That
        dhcpd takes a configuration says little: it accepts one that cannot be served, too.
        """
        with self._files.for_a_check() as (configuration, leases):
            await self._think(lambda: configuration.write_bytes(text.encode()))
            command = self._command("-t", self._family, "-cf", configuration, "-lf", leases)
            ended = await run_spawned(self._reactor, command, seconds=CHECK_SECONDS)
        if ended.code != 0:
            words = complaints(ended.errors, str(configuration))
            raise DhcpConfigurationRefused(words or f"dhcpd ended with exit code {ended.code}")

    async def restart(self, text: str, interfaces: Sequence[str]) -> None:
        """Serve this text on these interfaces, and nothing else, from now on.

        ProgramFailed has dhcpd's last words when it ends at once (no interface of it has a subnet)
        or cannot open its OMAPI port. Then what was served before is served again.
        """
        async with self._one_at_a_time:
            before, server = await self._think(self._files.text), self._files.started()
            try:
                await self._replace(text, interfaces)
            except ProgramFailed:
                if before is not None:
                    await self._put_back(
                        before, interfaces if server is None else server.interfaces
                    )
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
        async with self._one_at_a_time:
            text = self._files.text()
            if text is None:
                raise ProgramFailed(self._binary, "was never given a configuration", "")
            if not self.running():
                await self._replace(text, interfaces)

    async def stop(self) -> None:
        """End it for good. Its configuration and its leases are kept, its pairs are over."""
        async with self._one_at_a_time:
            await self._end(self._files.all_running())
            await self._think(self._files.forget_pairs)
            self._files.forget()

    async def _put_back(self, text: str, interfaces: Sequence[str]) -> None:
        try:
            await self._replace(text, interfaces)
        except ProgramFailed as failed:
            self.log.warn("what dhcpd served before does not start: {why}", why=str(failed))

    async def _replace(self, text: str, interfaces: Sequence[str]) -> None:
        await self._think(lambda: self._files.write_next(text))  # clients need not wait for it
        old = self._files.all_running()
        try:
            await self._end(old)
        except CancelledError:
            # rackd ends. Its dhcpd must not, and nobody else would start it.
            _kill(old)
            self._start(interfaces)
            raise
        await self._see_it_start(self._start(interfaces))

    def _start(self, interfaces: Sequence[str]) -> ProgramId:
        files = self._files
        files.take_next()
        files.forget_hosts()
        files.new_log()
        program = start_detached(
            self._command(
                *(self._family, "-f", "--no-pid", "-cf", files.configuration, "-lf", files.leases),
                *interfaces,
            ),
            log=files.log,
            environment=ENVIRONMENT,
        )
        files.remember(StartedServer(program=program, interfaces=tuple(interfaces)))
        return program

    async def _see_it_start(self, program: ProgramId) -> None:
        """Wait until it has opened its sockets and goes on; ProgramFailed when it does not."""
        waited = listening = 0.0
        while waited < START_SECONDS and listening < self._settle_seconds:
            await deferLater(self._reactor, _LOOK_SECONDS)
            waited += _LOOK_SECONDS
            alive = is_alive(program)  # before its words are read: they are its last ones then
            words = self._files.words()
            if not alive or NO_OMAPI.encode() in words:
                outcome = "cannot be asked" if alive else "ended as soon as it was started"
                told = complaints(words, str(self._files.configuration))
                raise ProgramFailed(shlex.join(self._command()), outcome, told)
            if LISTENING[self._family].encode() in words:
                listening += _LOOK_SECONDS
        for name in self.ignored():
            self.log.warn("dhcpd serves nobody on {name}: it has no subnet there", name=name)

    async def _end(self, programs: Sequence[ProgramId]) -> None:
        """End them: politely first, by force after OBEY_SECONDS."""
        for number, seconds in ((SIGTERM, OBEY_SECONDS), (SIGKILL, KILLED_SECONDS)):
            for program in programs:
                send_signal(program, number)
                send_signal(program, SIGCONT)  # a paused one could not obey
            if await self._have_ended(programs, seconds):
                return
        raise ProgramFailed(self._binary, "does not end, not even when killed", "")

    async def _have_ended(self, programs: Sequence[ProgramId], seconds: float) -> bool:
        waited = 0.0
        while any(is_alive(program) for program in programs):
            if waited >= seconds:
                return False
            await deferLater(self._reactor, _LOOK_SECONDS)
            waited += _LOOK_SECONDS
        return True

    def _command(self, *arguments: str | Path) -> list[str]:
        return [*self._entrance, self._binary, *map(str, arguments)]


def _kill(programs: Sequence[ProgramId]) -> None:
    """End what is left of them, at once: no two may write the same leases."""
    left = [program for program in programs if send_signal(program, SIGKILL)]
    wait_until_ended(left, seconds=KILLED_SECONDS)
