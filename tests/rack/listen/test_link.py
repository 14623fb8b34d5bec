"""rackd and real programs in the place of its listener: as a child, and behind a socket."""

import os
import shutil
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from evenrack.errors import ProgramFailed
from evenrack.rack.listen.link import child_listener, unit_listener
from evenrack.rack.listen.words import Order, Told
from evenrack.runtime.child_process import run_program, start_detached, stop_program
from evenrack.runtime.process_table import all_processes

ACTIVATE = shutil.which("systemd-socket-activate")
LISTENING = "00010000"
"""The flag of a listening socket in /proc/net/unix (proc(5)): __SO_ACCEPTCON."""
MODULES = os.pathsep.join(filter(None, sys.path))
ORDER = Order(interfaces=("eth0",), probe_seconds=60.0)
HEARD = Told(interface="eth0", server=IPv4Address("10.1.0.66"), mac="52:54:00:00:00:01")
ECHO = """
import sys
sys.stdin.readline()
print('{"interface": "eth0", "server": "10.1.0.66", "mac": "52:54:00:00:00:01", "error": ""}')
sys.stdout.flush()
sys.stdin.readline()
"""


class Rackd:
    def __init__(self):
        self.told, self.whys = [], []

    async def start(self, start):
        return await start(self.told.append, self.whys.append)


async def until(condition):
    while not condition():
        await deferLater(reactor, 0.01)


def children_of(program):
    rows = all_processes()
    return [row for row in rows if row.parent == program.pid and not row.ended]


def child(program):
    return child_listener(reactor, (sys.executable, "-c", program))


async def test_a_child_is_told_what_is_wanted_and_tells_what_it_hears():
    rackd = Rackd()
    link = await rackd.start(child(ECHO))
    link.say(ORDER)
    await until(lambda: rackd.told)
    assert rackd.told == [HEARD]
    await link.end()
    assert rackd.whys == []


async def test_our_own_program_is_found_and_listens():
    rackd = Rackd()
    link = await rackd.start(child_listener(reactor))
    link.say(Order(interfaces=("no-such-one",)))
    await until(lambda: rackd.told)
    assert rackd.told[0].interface == "no-such-one"
    assert rackd.told[0].error
    await link.end()


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; sys.exit('it is broken')", "it is broken"),
        ("import os; os.kill(os.getpid(), 9)", "(signal 9)"),
        ("import sys; sys.exit(3)", "(exit code 3)"),
        ("print('hello', flush=True); input()", "Expecting value"),
        ("while True: print(end='x' * 10000)", "a line without an end"),
    ],
    ids=["ends", "is killed", "ends without a word", "talks nonsense", "talks without end"],
)
async def test_a_child_that_is_no_listener_is_ended_and_told_of(program, why):
    rackd = Rackd()
    await rackd.start(child(program))
    await until(lambda: rackd.whys)
    assert rackd.whys[0].startswith("evenrack-dhcp-listen ended (")
    assert why in rackd.whys[0]


async def test_a_program_that_is_not_there_is_told_of():
    with pytest.raises(ProgramFailed, match="No such file"):
        await Rackd().start(child_listener(reactor, ("/nonexistent",)))


class Unit(Protocol):
    """What systemd starts for a connection."""

    def connectionMade(self):
        self.factory.unit, self.received, self.is_gone = self, b"", False

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason=None):
        self.is_gone = True


async def test_a_unit_is_told_and_tells_and_ends_with_its_connection(tmp_path):
    path, rackd = tmp_path / "listen.sock", Rackd()
    factory = Factory.forProtocol(Unit)
    factory.unit = None
    port = await UNIXServerEndpoint(reactor, str(path)).listen(factory)
    link = await rackd.start(unit_listener(reactor, path))
    link.say(ORDER)
    await until(lambda: factory.unit and factory.unit.received.endswith(b"\n"))
    assert b'"eth0"' in factory.unit.received
    factory.unit.transport.write(b'{"interface": "eth0", "server": "10.1.0.66", ')
    factory.unit.transport.write(b'"mac": "52:54:00:00:00:01", "error": ""}\n')
    await until(lambda: rackd.told)
    assert rackd.told == [HEARD]
    await link.end()
    await until(lambda: factory.unit.is_gone)
    assert rackd.whys == []
    await rackd.start(unit_listener(reactor, path))
    await until(lambda: not factory.unit.is_gone)
    factory.unit.transport.write(b"nonsense\n")
    await until(lambda: rackd.whys)
    assert "journalctl" in rackd.whys[0]
    await port.stopListening()


def is_listened_at(path):
    """Tell whether somebody listens there, who is there a moment later than the path is.

    To connect would start the program.
    """
    sockets = (line.split() for line in Path("/proc/net/unix").read_text().splitlines())
    return any(row[-1] == str(path) and row[3] == LISTENING for row in sockets)


@pytest.mark.skipif(ACTIVATE is None, reason="systemd-socket-activate is missing: systemd")
async def test_the_real_program_is_started_for_a_connection_as_systemd_does(tmp_path):
    path, rackd = tmp_path / "listen.sock", Rackd()
    command = [ACTIVATE, "--accept", "--inetd", "-l", str(path), "-E", f"PYTHONPATH={MODULES}"]
    log = tmp_path / "log"
    systemd = start_detached([*command, sys.executable, "-m", "evenrack.rack.listen"], log=log)
    try:
        await until(lambda: is_listened_at(path))
        link = await rackd.start(unit_listener(reactor, path))
        link.say(Order(interfaces=("no-such-one",)))
        await until(lambda: rackd.told)
        assert rackd.told[0].interface == "no-such-one"
        assert len(children_of(systemd)) == 1
        await link.end()
        await until(lambda: not children_of(systemd))
    finally:
        stop_program(systemd, seconds=5)


async def test_where_there_is_no_socket_it_says_what_to_do(tmp_path):
    with pytest.raises(ProgramFailed, match=r"systemctl enable --now evenrack-dhcp-listen\.socket"):
        await Rackd().start(unit_listener(reactor, tmp_path / "no.sock"))


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_who_runs_the_program_by_hand_is_told_who_does(words):
    with pytest.raises(ProgramFailed, match="evenrack-rackd starts this") as failed:
        run_program([sys.executable, "-m", "evenrack.rack.listen", *words], seconds=20)
    assert failed.value.outcome == "ended with exit code 2"
