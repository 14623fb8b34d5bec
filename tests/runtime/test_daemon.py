"""A daemon ends in order, by signal or by failure, and tells systemd and the log about it."""

import json
import resource
import signal
import socket
import sys
import textwrap
import time

import pytest
from twisted.internet.task import Clock

from evenrack.errors import ProgramFailed
from evenrack.runtime.child_process import run_program
from evenrack.runtime.daemon import notify_systemd, use_steady_clock

START = """
    import sys
    from twisted.application.service import Service
    from twisted.internet import reactor
    from twisted.internet.task import deferLater
    from twisted.logger import Logger
    from evenrack.runtime.daemon import run_daemon, use_steady_clock

    log = Logger()

    class Sleepy(Service):
        def startService(self):
            super().startService()
            log.info("started {it}", it="sleepy")

        async def slowly(self):
            await deferLater(reactor, 0.05)
            log.info("stopped in order")

        def stopService(self):
            from twisted.internet.defer import Deferred
            return Deferred.fromCoroutine(self.slowly())

    use_steady_clock(reactor)
"""
RUN = "sys.exit(run_daemon(reactor, {service}))\n"


def program(tmp_path, text, service="Sleepy()"):
    path = tmp_path / "daemon.py"
    path.write_text(textwrap.dedent(START) + textwrap.dedent(text) + RUN.format(service=service))
    return [sys.executable, str(path)]


def run(tmp_path, text, service="Sleepy()"):
    """Run the daemon to its end; gives its exit code and the lines of its log."""
    code = tmp_path / "code"
    command = ["sh", "-c", f'"$0" "$@" 2>{tmp_path}/log; echo $? >{code}']
    run_program([*command, *program(tmp_path, text, service)], seconds=30)
    lines = (tmp_path / "log").read_text().splitlines()
    return int(code.read_text()), [json.loads(line) for line in lines]


def messages(lines):
    return [line["message"] for line in lines if line["from"] == "__main__"]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_p29_a_signal_ends_it_in_order(tmp_path, sent):
    text = """
        import os
        reactor.callLater(0.1, os.kill, os.getpid(), SENT)
    """
    code, lines = run(tmp_path, text.replace("SENT", str(int(sent))))
    assert code == 0
    assert messages(lines) == ["started sleepy", "stopped in order"]


def test_a_service_that_cannot_start_ends_the_daemon_with_1_and_says_why(tmp_path):
    text = """
        class Broken(Sleepy):
            def startService(self):
                raise RuntimeError("the port is taken")
    """
    code, lines = run(tmp_path, text, "Broken()")
    assert code == 1
    assert lines[0]["message"] == "cannot start"
    assert "the port is taken" in lines[0]["failure"]


CORE_LIMIT = """
        import subprocess
        CORE = "/proc/self/limits"
        def show():
            for limits in (open(CORE).read(), subprocess.check_output(["cat", CORE], text=True)):
                log.info([line for line in limits.splitlines() if "core" in line][0])
            reactor.stop()
        reactor.callWhenRunning(show)
"""


def test_no_crash_leaves_the_memory_of_a_daemon_or_of_its_programs_on_a_disk(tmp_path):
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    raised = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, ({most}, {most}))
    """
    code, lines = run(tmp_path, raised + CORE_LIMIT)
    assert code == 0
    told = [line.split() for line in messages(lines) if "core" in line]
    assert told == [["Max", "core", "file", "size", "0", "0", "bytes"]] * 2


def test_a_crash_in_a_library_says_where_each_thread_was(tmp_path):
    crash = """
        import os, signal
        def crashes_here():
            os.kill(os.getpid(), signal.SIGSEGV)
        reactor.callLater(0, crashes_here)
    """
    with pytest.raises(ProgramFailed) as failed:
        run_program(program(tmp_path, crash), seconds=30)
    assert failed.value.outcome == "was killed by SIGSEGV"
    assert "in crashes_here" in failed.value.output


FILE_LIMIT = """
        import resource
        from evenrack.runtime.daemon import raise_file_limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, {most}))
        raise_file_limit()
        def show():
            log.info("limits {limits}", limits=resource.getrlimit(resource.RLIMIT_NOFILE))
            reactor.stop()
        reactor.callWhenRunning(show)
"""


@pytest.mark.parametrize(("most", "told"), [(4096, True), (256, False)])
def test_a_process_takes_as_many_files_as_its_host_allows_and_says_so(tmp_path, most, told):
    code, lines = run(tmp_path, FILE_LIMIT.replace("{most}", str(most)))
    assert code == 0
    assert f"limits ({most}, {most})" in messages(lines)
    said = [line["message"] for line in lines if "files can be open" in line["message"]]
    assert said == ([f"{most} files can be open at once, 256 before"] if told else [])


def test_timers_run_by_a_clock_that_nobody_sets(tmp_path):
    text = """
        import time
        wall, begun = time.time, reactor.seconds()
        time.time = lambda: wall() + 1e6   # someone sets the clock a week ahead
        def later():
            log.info("{seconds}", seconds=reactor.seconds() - begun)
            reactor.stop()
        reactor.callLater(0.3, later)
    """
    code, lines = run(tmp_path, text)
    assert code == 0
    started, seconds, *_ = messages(lines)
    assert started == "started sleepy"
    assert 0.3 <= float(seconds) < 1e5


def test_the_steady_clock_is_not_the_wall_clock():
    clock = Clock()
    use_steady_clock(clock)
    assert time.monotonic() <= clock.seconds() <= time.monotonic()


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_p29_systemd_is_told_when_it_asks(systemd):
    notify_systemd("READY=1")
    assert systemd.recv(100) == b"READY=1"


def test_p29_an_abstract_socket_is_told_too(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0evenrack-test-{time.monotonic_ns()}")
        listening.settimeout(5)
        name = listening.getsockname().decode()
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name[1:])
        notify_systemd("STOPPING=1")
        assert listening.recv(100) == b"STOPPING=1"


def test_without_systemd_nobody_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_systemd("READY=1")


def test_a_systemd_that_does_not_listen_does_not_stop_a_daemon(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify_systemd("READY=1")


def test_a_second_signal_lets_a_service_hurry_that_waits_for_others(tmp_path):
    text = """
        import os
        from twisted.internet.defer import Deferred

        class Waiting(Sleepy):
            def stopService(self):
                log.info("waits for others")
                reactor.callLater(0.1, os.kill, os.getpid(), 15)
                self.others = Deferred()
                return self.others

            def hurry(self):
                log.info("hurries")
                self.others.callback(None)

        waiting = Waiting()
        reactor.callLater(0.1, os.kill, os.getpid(), 15)
    """
    code, lines = run(tmp_path, text, "waiting, hurry=waiting.hurry")
    assert code == 0
    assert messages(lines) == ["started sleepy", "waits for others", "hurries"]
    assert not [line for line in lines if line["level"] == "critical"]
