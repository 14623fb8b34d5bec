"""A rack host with a systemd: the real unit file, started by a small systemctl of ours."""

import json
import shlex
import sys
from pathlib import Path

from attrs import frozen
from twisted.internet import reactor

from evenrack.rack.dhcp.systemd_unit import DhcpdUnit, Systemd
from tests.rack.dhcp import fake_systemctl
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.rack.dhcp.two_racks import RackHost

UNITS = Path(__file__).parents[3] / "systemd"
STATE = "/var/lib/evenrack/rack/dhcp"


@frozen(kw_only=True)
class UnitHost:
    """A rack with a systemd."""

    rack: RackHost
    folder: Path

    def prepare(self, *, dhcpd=DHCPD, **more):
        self.folder.mkdir(exist_ok=True)
        paths = {
            f"{STATE}6": self.rack.folder,
            STATE: self.rack.folder,
            "/run/evenrack-dhcpd4": self.folder,
            "/run/evenrack-dhcpd6": self.folder,
        }
        place = {
            "units": str(UNITS),
            "paths": {there: str(here) for there, here in paths.items()}
            | {"/usr/sbin/dhcpd": dhcpd},
            "entrance": list(self.rack.entrance),
        }
        (self.folder / "place.json").write_text(json.dumps(place | more))
        script = self.folder / "systemctl"
        command = shlex.join([sys.executable, fake_systemctl.__file__, str(self.folder)])
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        script.chmod(0o755)
        return self

    def unit(self, *, family="-4", **more):
        systemd = Systemd(
            family=family,
            systemctl=str(self.folder / "systemctl"),
            groups=self.folder / "groups",
            words=self.folder / "words",
        )
        return DhcpdUnit(
            self.rack.folder,
            DHCPD,
            reactor,
            systemd=systemd,
            **more,
        )

    def pid(self):
        return int((self.folder / "main.pid").read_text())

    def runs_with(self, word):
        """Whether its dhcpd was started with this argument."""
        arguments = Path("/proc", str(self.pid()), "cmdline").read_bytes()
        return word.encode() in arguments.split(b"\0")

    def runs_other_than(self, pid):
        """Whether there is a main process by now, and it is not this one."""
        try:
            return self.pid() != pid
        except FileNotFoundError:
            return False

    def told(self):
        return (self.folder / "told").read_text().splitlines()
