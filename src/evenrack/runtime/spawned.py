"""Run a short program by the reactor: nothing blocks, and it never outlives who waits for it.

For programs that go on without us, and for those who have no reactor, there is `child_process`.
Both live in one process: each takes its own children, and only those, out of the process table.
"""

import os
import shlex
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from evenrack.errors import ProgramFailed
from evenrack.runtime.process_table import read_process

MOST_OUTPUT_BYTES: Final = 1024 * 1024
LAST_LINES: Final = 20
ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType(
    {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
)
"""What a program is given when nothing else is said: no settings of whoever started the daemon."""
NO_PIPES: Final[Mapping[int, bytes]] = MappingProxyType({})

_OUTPUT = 1
_ERRORS = 2
_OWN_GROUP = "setsid"
"""Of util-linux. It becomes the program, in a session (and process group) of its own."""


@frozen(kw_only=True)
class Ended:
    """How a program ended, and what it printed: at most 1 MiB each, the rest is thrown away."""

    code: int | None
    """Its exit code; None when a signal ended it."""
    output: bytes
    errors: bytes


async def run_spawned(
    reactor: Any,
    arguments: Sequence[str],
    *,
    seconds: float,
    environment: Mapping[str, str] = ENVIRONMENT,
    pipes: Mapping[int, bytes] = NO_PIPES,
    clock: IReactorTime | None = None,
) -> Ended:
    """Run a program to its end, and say how it ended; an exit code that is not 0 is an answer too.

    Its environment is what is given, and nothing else. `pipes` are descriptors (3 and up) from
    which it can read the bytes given: a password that no command line may show. It reads nothing
    from standard input.

    ProgramFailed when it cannot be started, or has not ended and closed its output after so many
    seconds. Then, and when the wait is cancelled, it is killed with its process group.
    """
    program = _Program(pipes)
    _start(reactor, program, arguments, environment, pipes)
    limit = (clock or reactor).callLater(seconds, program.give_up)
    try:
        ended = await program.ended
    finally:
        program.kill()
        if limit.active():
            limit.cancel()
    if ended is None:
        outcome = f"did not end within {seconds:g} s"
        raise ProgramFailed(shlex.join(arguments), outcome, program.last_words())
    return ended


def _start(
    reactor: Any,
    program: "_Program",
    arguments: Sequence[str],
    environment: Mapping[str, str],
    pipes: Mapping[int, bytes],
) -> None:
    """Start it in a process group of its own; ProgramFailed."""
    command = shlex.join(arguments)
    path = environment.get("PATH", os.defpath)
    for needed in (_OWN_GROUP, arguments[0]):
        if shutil.which(needed, path=path) is None:
            raise ProgramFailed(command, f"cannot be started: there is no program {needed}", "")
    try:
        reactor.spawnProcess(
            program,
            shutil.which(_OWN_GROUP, path=path),
            [_OWN_GROUP, *arguments],
            env=dict(environment),
            childFDs={0: "w", _OUTPUT: "r", _ERRORS: "r"} | dict.fromkeys(pipes, "w"),
        )
    except OSError as error:
        raise ProgramFailed(command, f"cannot be started: {error}", "") from error


class _Program(ProcessProtocol):
    """The reactor's view of one program."""

    transport: Any

    def __init__(self, pipes: Mapping[int, bytes]) -> None:
        self.ended: Deferred[Ended | None] = Deferred()
        """How it ended; None when it took too long."""
        self._pipes = pipes
        self._printed = {_OUTPUT: bytearray(), _ERRORS: bytearray()}
        self._running = True
        self._pid = 0
        self._started = 0

    def connectionMade(self) -> None:
        self._pid = self.transport.pid
        row = read_process(self._pid)
        self._started = 0 if row is None else row.started
        self.transport.closeStdin()
        for descriptor, data in self._pipes.items():
            self.transport.writeToChild(descriptor, data)
            self.transport.closeChildFD(descriptor)

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N802, N803  Twisted's
        printed = self._printed[childFD]
        printed += data[: MOST_OUTPUT_BYTES - len(printed)]

    def processEnded(self, reason: Failure) -> None:  # noqa: N802  Twisted's name
        self._running = False
        how: Any = reason.value
        if not self.ended.called:
            self.ended.callback(
                Ended(
                    code=how.exitCode,
                    output=bytes(self._printed[_OUTPUT]),
                    errors=bytes(self._printed[_ERRORS]),
                )
            )

    def give_up(self) -> None:
        """Do not wait any longer."""
        self.ended.callback(None)

    def kill(self) -> None:
        """End the program and its group, unless it has ended; what they printed last is lost."""
        if not self._running:
            return
        # It may have ended, and something that it started still hold its output.
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")
        row = read_process(self._pid)
        if row is None or row.started == self._started:  # else its number is another's by now
            # There may be no group: none of it is left, or it had not made its own yet.
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
        self.transport.loseConnection()

    def last_words(self) -> str:
        """Give the end of what it printed."""
        printed = self._printed[_ERRORS] or self._printed[_OUTPUT]
        return "\n".join(printed.decode(errors="replace").strip().splitlines()[-LAST_LINES:])
