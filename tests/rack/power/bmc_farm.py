"""Real BMC simulators (ipmi_sim of openipmi), whose machines keep their state in files.

Each does what it is told by way of a chassis program, which writes down what that was, and which
can be made slow, failing or stuck while it runs.
"""

import itertools
import os
import shutil
import socket
import time
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from attrs import field, frozen

from evenrack.model.power import BmcAccess
from evenrack.rack.power.rmcp_ping import QUESTION
from evenrack.runtime.child_process import ProgramId, is_alive, start_detached, stop_program

SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin"
IPMI_SIM = shutil.which("ipmi_sim", path=SEARCHED)
IPMITOOL = shutil.which("ipmitool", path=SEARCHED)
USER, PASSWORD = "operator", "s3cret-of-19-letter"  # the simulator takes no blank, and no more
START_SECONDS = 30
SLOW = [2, pytest.param(3, marks=pytest.mark.slow)]
"""What a slow BMC takes for an answer. Issue 6 says three seconds, which leaves a machine that
stands still now and then no time: so much is for `make test-slow`."""
STOOD_STILL_SECONDS = 3.4
"""A BMC that took so long may be told again: our driver waits for 3.5 s."""

LAN = """name "{name}"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
    priv_limit admin
    allowed_auths_callback md5
    allowed_auths_user md5
    allowed_auths_operator md5
    allowed_auths_admin md5
    guid {guid:032x}
  endlan
  chassis_control "{program} {folder}"
  user 2 true "{user}" "{password}" admin 20
"""
EMULATED = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""
# chassis_control: PROGRAM FOLDER get|set|check NAME [VALUE]...
CHASSIS = """#!/bin/sh
folder=$1 what=$2
shift 2
began=$(date +%s%N)
trap 'echo $(($(date +%s%N) - began)) >>"$folder/took"' EXIT
[ ! -e "$folder/delay" ] || sleep "$(cat "$folder/delay")"
while [ -e "$folder/held" ]; do sleep 0.05; done
[ ! -e "$folder/fail" ] || { echo "it fails, as it was asked to"; exit 1; }
case $what in
get)
  for name; do
    value=0
    [ "$name" != boot ] || value=default
    [ ! -e "$folder/$name" ] || value=$(cat "$folder/$name")
    echo "$name:$value"
  done ;;
set)
  while [ $# -gt 1 ]; do
    name=$1 value=$2
    shift 2
    echo "$name $value" >>"$folder/told"
    [ "$name" != power ] || [ -e "$folder/stuck" ] || echo "$value" >"$folder/power"
  done ;;
check) exit 1 ;;
esac
"""
WORDS = {"power 0": "off", "power 1": "on"}


def needs_bmcs(test):
    """Mark a test that starts BMC simulators; skipped where there are none."""
    missing = [
        package
        for program, package in ((IPMI_SIM, "openipmi"), (IPMITOOL, "ipmitool"))
        if program is None
    ]
    skip = pytest.mark.skipif(bool(missing), reason=f"missing: {' '.join(missing)}")
    return pytest.mark.daemon(skip(test))


@frozen(kw_only=True)
class Bmc:
    """One simulator and its machine."""

    address: IPv4Address | IPv6Address
    port: int
    folder: Path
    program: ProgramId

    def access(self, **other):
        given = {"address": self.address, "user": USER, "password": PASSWORD} | other
        return BmcAccess(port=self.port, **given)

    def power(self):
        return "on" if (self.folder / "power").read_text().strip() == "1" else "off"

    def press(self, state):
        """Turn the machine on or off by its button: the BMC is not told."""
        (self.folder / "power").write_text("1\n" if state == "on" else "0\n")

    def told(self):
        """List what the BMC was told, in order: `on`, `off`, or anything else in its own words."""
        log = self.folder / "told"
        lines = log.read_text().splitlines() if log.exists() else []
        return [WORDS.get(line, line) for line in lines]

    def told_in_time(self, stood_still):
        """List it without what it was told again because this machine `stood_still` (seconds).

        With that it took longer for an answer, by its own account, than any test lets it take.
        """
        if self.slowest() + stood_still < STOOD_STILL_SECONDS:
            return self.told()
        return [what for what, _ in itertools.groupby(self.told())]

    def slowest(self):
        """Give the most seconds that it took for an answer about the chassis."""
        log = self.folder / "took"
        times = log.read_text().split() if log.exists() else []
        return max(map(int, times), default=0) / 1e9

    def takes(self, seconds):
        """Let each answer about the chassis take so long; None for no time at all."""
        self._put("delay", None if seconds is None else str(seconds))

    def holds(self, *, now=True):
        """Answer nothing about the chassis until it is let go."""
        self._put("held", "" if now else None)

    def fails(self, *, now=True):
        """Answer each command of the chassis with an error."""
        self._put("fail", "" if now else None)

    def is_stuck(self, *, now=True):
        """Agree to everything and change nothing."""
        self._put("stuck", "" if now else None)

    def wait_for_answer(self):
        """Wait until it answers; blocks."""
        give_up = time.monotonic() + START_SECONDS
        with socket.socket(_family(self.address), socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.1)
            asking.connect((str(self.address), self.port))
            while is_alive(self.program) and time.monotonic() < give_up:
                try:
                    asking.send(QUESTION)
                    asking.recv(100)
                except (ConnectionRefusedError, TimeoutError):
                    time.sleep(0.02)
                    continue
                return
        raise TimeoutError(f"no BMC answers: {(self.folder / 'log').read_text()}")

    def stop(self):
        stop_program(self.program, seconds=1)

    def _put(self, name, text):
        path = self.folder / name
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text)


@frozen(kw_only=True)
class Farm:
    """Simulators that end together."""

    folder: Path
    bmcs: list[Bmc] = field(factory=list)

    def start(self, address, port, *, power="off"):
        """Start one more at this address; it answers when this returns."""
        folder = self.folder / f"bmc{len(self.bmcs)}"
        (folder / "state").mkdir(parents=True)
        program = self.folder / "chassis"
        if not program.exists():
            program.write_text(CHASSIS)
            program.chmod(0o755)
        (folder / "emulated").write_text(EMULATED)
        (folder / "lan").write_text(
            LAN.format(
                name=f"bmc{len(self.bmcs)}",
                address=address,
                port=port,
                guid=0xA << 124 | len(self.bmcs),
                program=program,
                folder=folder,
                user=USER,
                password=PASSWORD,
            )
        )
        arguments = [IPMI_SIM, "-c", "lan", "-f", "emulated", "-s", "state", "-n"]
        started = start_detached(arguments, log=folder / "log", directory=folder)
        bmc = Bmc(address=ip_address(address), port=port, folder=folder, program=started)
        self.bmcs.append(bmc)
        bmc.press(power)
        bmc.wait_for_answer()
        return bmc

    def stop(self):
        for bmc in self.bmcs:
            bmc.stop()


def _family(address):
    return socket.AF_INET6 if address.version == 6 else socket.AF_INET
