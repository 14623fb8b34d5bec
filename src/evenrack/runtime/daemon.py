"""Runs one service as a daemon: logs, signals, systemd's notifications, exit code."""

import faulthandler
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import (
    FilteringLogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
)

from evenrack.runtime.log_format import json_lines

EXIT_FAILED = 1

ENOUGH_FILES = 65_536
"""Connections are files, too; some hosts allow a number without sense."""

CHATTY = ("twisted.protocols.amp", "log_legacy", "twisted.python.log")
"""They tell of every connection and request; ours says once what matters of them."""

log = Logger()


def use_steady_clock(reactor: Any) -> None:
    """Make the reactor count by a clock that nobody sets.

    Twisted counts by the wall clock; a step of it would make every timer fire, and every lease
    end, too early or too late.
    """
    reactor.seconds = time.monotonic


def no_core_dumps() -> None:
    """Let no crash of this process, or of a program that it starts, leave its memory on a disk.

    The memory has keys. systemd-coredump, to which the kernel may pipe a dump in spite of the
    limit, is told the limit and keeps to it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def tell_of_crashes() -> None:
    """Let a crash within a library say on standard error where each thread was.

    No memory is written, so no key either: only files, lines and names of functions.
    """
    faulthandler.enable(file=sys.__stderr__ or sys.stderr)


def raise_file_limit() -> None:
    """Let this process have as many files and connections open as the host lets it.

    What a process is given at first is often 1,024, fewer than a large fleet has links.
    """
    given, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(most, ENOUGH_FILES)
    if given >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    except (OSError, ValueError) as problem:
        log.warn("at most {given} files can be open: {problem}", given=given, problem=str(problem))
        return
    log.info("{wanted} files can be open at once, {given} before", wanted=wanted, given=given)


def run_daemon(
    reactor: Any, service: IService, *, logs: Any = None, hurry: Callable[[], None] | None = None
) -> int:
    """Run the service until SIGTERM or SIGINT; give the exit code.

    The service is stopped in order before the reactor ends; a second signal calls `hurry`. A
    service that fails to start ends the daemon with 1; it has logged why.
    """
    no_core_dumps()
    tell_of_crashes()
    start_logs(sys.stderr if logs is None else logs)
    outcome = [0]

    def stop(code: int) -> None:
        outcome[0] = outcome[0] or code
        if reactor.running:
            reactor.stop()

    def started() -> None:
        notify_systemd("READY=1")
        _feed_watchdog(reactor)

    reactor.callWhenRunning(_start, service, started, lambda: stop(EXIT_FAILED))
    reactor.addSystemEventTrigger("before", "shutdown", _stop, service, reactor, hurry)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    reactor.run()
    return outcome[0]


def start_logs(stream: Any) -> None:
    """Write every log event of level info and above to this stream, as JSON lines."""
    wanted = LogLevelFilterPredicate(defaultLogLevel=LogLevel.info)
    for chatty in CHATTY:
        wanted.setLogLevelForNamespace(chatty, LogLevel.warn)
    observer = FilteringLogObserver(json_lines(stream), [wanted])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def notify_systemd(message: str) -> None:
    """Tell systemd, when it runs us and asked to be told (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(address)
            sender.sendall(message.encode())
    except OSError as problem:  # the daemon does its work all the same
        log.warn("systemd was not told {what}: {problem}", what=message, problem=str(problem))


def watchdog_seconds() -> float | None:
    """Give the time without a word after which systemd ends us; None when it does not watch.

    The variables are those of sd_watchdog_enabled(3); they may be meant for another process.
    """
    watched, microseconds = os.environ.get("WATCHDOG_PID"), os.environ.get("WATCHDOG_USEC", "")
    if watched not in {None, "", str(os.getpid())} or not microseconds.isdecimal():
        return None
    return int(microseconds) / 1e6 or None


def _feed_watchdog(reactor: Any) -> None:
    """Say that the reactor turns, twice in the time that systemd allows; a hung one says nothing.

    It goes on while the service stops: that may take longer than one such time.
    """
    seconds = watchdog_seconds()
    if seconds is not None:
        feeding = LoopingCall(notify_systemd, "WATCHDOG=1")
        feeding.clock = reactor
        feeding.start(seconds / 2)


def _start(service: IService, started: Callable[[], None], failed: Callable[[], None]) -> None:
    try:
        service.privilegedStartService()
        service.startService()
    except Exception:  # noqa: BLE001  whatever it is, it is logged and ends the daemon
        log.failure("cannot start")
        failed()
        return
    started()


def _stop(service: IService, reactor: Any, hurry: Callable[[], None] | None) -> Any:
    """Stop in order, then let the reactor turn once more.

    The last answer may come from within a connection's `dataReceived`; the reactor would then end
    that connection under it, and TLS does not take that.
    """
    notify_systemd("STOPPING=1")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: reactor.callFromThread(hurry or _nothing))
    stopping = maybeDeferred(service.stopService)
    return stopping.addBoth(lambda outcome: deferLater(reactor, 0, lambda: outcome))


def _nothing() -> None:
    """Go on stopping: it was asked for already."""
