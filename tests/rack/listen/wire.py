"""Three hosts on one switch, in network namespaces, and what runs on them."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from evenrack.lab.clocks import Clocks
from evenrack.lab.network.keeper import start_keeper
from evenrack.rack.listen.words import Order, as_line
from evenrack.runtime.child_process import stop_program

HERE, THERE, CLIENT = "here", "there", "client"
CABLE = "vlan1"
PATIENCE_SECONDS = 30
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
DHCPD = shutil.which("dhcpd", path=PATH)
BUSYBOX = shutil.which("busybox", path=PATH)
CLOCKS = Clocks(seconds=time.monotonic, sleep=time.sleep, now=lambda: None)
FOREIGN = "10.7.0.66"
DHCPD_CONF = """\
ping-check false;
default-lease-time 600;
subnet 10.7.0.0 netmask 255.255.255.0 { range 10.7.0.100 10.7.0.150; }
"""
UDHCPD_CONF = f"""\
start 10.7.0.100
end 10.7.0.150
interface {CABLE}
lease_file FOLDER/udhcpd.leases
pidfile FOLDER/udhcpd.pid
option subnet 255.255.255.0
option lease 600
"""
SEND = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    link.bind((sys.argv[1], 0))
    for frame in sys.argv[2:]:
        link.send(bytes.fromhex(frame))
"""


class Wire:
    """The hosts and their switch; `end` ends all."""

    def __init__(self, folder):
        self.folder = folder
        self.keeper = start_keeper(folder)
        self._running, self._listening = [], []
        self._words = (folder / "words").open("ab")
        self.ip("link add switch type bridge")
        self.ip("link set switch up")
        for host in (HERE, THERE, CLIENT):
            self.ip(f"netns add {host}")
            self.ip(f"link add {host} type veth peer name {CABLE} netns {host}")
            self.ip(f"link set {host} master switch up")
            self.ip(f"-n {host} link set lo up")
            self.ip(f"-n {host} link set {CABLE} up")
        for host, address in ((HERE, "10.7.0.1"), (THERE, FOREIGN)):
            self.ip(f"-n {host} addr add {address}/24 brd + dev {CABLE}")
        assert CLOCKS.wait_until(self._forwards, seconds=PATIENCE_SECONDS)

    def _forwards(self):
        printed = self.keeper.run(["ip", "-d", "-j", "link", "show", "master", "switch"])
        ports = [port["linkinfo"]["info_slave_data"]["state"] for port in json.loads(printed)]
        return ports == ["forwarding"] * 3

    def ip(self, words):
        self.keeper.run(["ip", *words.split()])

    def mac(self, host):
        printed = self.keeper.run(["ip", "-n", host, "-j", "link", "show", CABLE])
        return json.loads(printed)[0]["address"]

    def run(self, host, *command, before=()):
        """Start a program on a host."""
        program = subprocess.Popen(  # noqa: S603  a list, no shell
            [*self.keeper.entrance_of(host), *before, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env={**os.environ, "PATH": PATH, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._running.append(program)
        return program

    def listen(self, *, before=()):
        """Start the program on the first host."""
        command = (sys.executable, "-m", "evenrack.rack.listen")
        self._listening.append(self.run(HERE, *command, before=before))
        return Listening(self._listening[-1])

    def start_dhcpd(self, host):
        """Start ISC dhcpd; gives its file of leases."""
        conf, leases = self.folder / f"{host}.conf", self.folder / f"{host}.leases"
        conf.write_text(DHCPD_CONF)
        leases.touch()
        files = ["-cf", conf, "-lf", leases, "--no-pid"]
        self.run(host, DHCPD, "-4", "-f", "-d", *files, CABLE)
        return leases

    def start_udhcpd(self):
        """Start busybox's udhcpd on the other host."""
        conf = self.folder / "udhcpd.conf"
        conf.write_text(UDHCPD_CONF.replace("FOLDER", str(self.folder)))
        (self.folder / "udhcpd.leases").touch()
        self.run(THERE, BUSYBOX, "udhcpd", "-f", "-I", FOREIGN, conf)

    def get_an_address(self):
        """Let a real client get an address."""
        script = self.folder / "told"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        client = self.run(CLIENT, BUSYBOX, "udhcpc", "-f", "-q", "-i", CABLE, "-s", script)
        assert client.wait(PATIENCE_SECONDS) == 0, self.words()

    def send(self, host, *frames):
        """Put frames on the cable, one after the other."""
        sender = self.run(host, sys.executable, "-c", SEND, CABLE, *(it.hex() for it in frames))
        assert sender.wait(PATIENCE_SECONDS) == 0, self.words()

    def words(self):
        return Path(self.folder / "words").read_text()

    def end(self):
        for program in self._running:
            program.stdin.close()
            if program not in self._listening:  # those end by themselves
                program.kill()
            program.wait(PATIENCE_SECONDS)
            program.stdout.close()
        self._words.close()
        stop_program(self.keeper.program, seconds=0)


class Listening:
    """The program, as rackd sees it."""

    def __init__(self, program):
        self.program = program
        self._told = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, *interfaces, probe_seconds=0.0):
        order = Order(interfaces=interfaces, probe_seconds=probe_seconds)
        self.program.stdin.write(as_line(order))
        self.program.stdin.flush()

    def told(self):
        """Give the next thing that it tells."""
        return self._told.get(timeout=PATIENCE_SECONDS)

    def told_until(self, wanted):
        """Give all that it tells until something is as wanted."""
        found = []
        while wanted not in found:
            found.append(self.told())
        return found

    def _read(self):
        for line in self.program.stdout:
            self._told.put(json.loads(line))
