"""One BMC of the lab: which program simulates it, and what that is started with."""

import shlex
from pathlib import Path

from attrs import frozen

from evenrack.lab.bmc.chassis import PROGRAM, Chassis
from evenrack.lab.hosts import Host
from evenrack.model.power import IPMI_PORT, Driver

SIMULATOR = "ipmi_sim"
"""A program of openipmi; see its man page, and ipmi_lan(5) for what is in `lan`."""
USER = "lab"
_GUID = 0xE5EB << 112

_LAN = """\
name "{name}"
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
  chassis_control "{chassis}"
  user 2 true "{user}" "{password}" admin 20
"""
EMULATED = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""


@frozen(kw_only=True)
class BmcSimulator:
    """One BMC, which is a program of its own, and the machine that it switches."""

    number: int
    host: Host
    address: str
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.host.name}/bmc{self.number}"

    @property
    def bmc(self) -> str:
        """What it is called in the inventory."""
        return f"b{self.number}"

    @property
    def driver(self) -> Driver:
        """How racks ask it: most by themselves, every third by a program."""
        return "ipmitool" if self.number % 3 == 2 else "ipmi"  # noqa: PLR2004

    @property
    def machine(self) -> str:
        """What the machine is called that it switches."""
        return f"m{self.number}"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def lan(self) -> Path:
        return self.folder / "lan"

    @property
    def emulated(self) -> Path:
        return self.folder / "emulated"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def chassis(self) -> Chassis:
        return Chassis(folder=self.folder)

    def arguments(self, _programs: Path) -> list[str]:
        """Give the command that runs it."""
        files = ("-c", str(self.lan), "-f", str(self.emulated), "-s", str(self.state))
        return [SIMULATOR, *files, "-n"]

    def lan_text(self, password: str) -> str:
        """Give its configuration: where it listens, who may log in, and its chassis."""
        return _LAN.format(
            name=self.bmc,
            address=self.address,
            port=IPMI_PORT,
            guid=_GUID | self.number,
            chassis=shlex.join(["sh", str(PROGRAM), str(self.folder)]),
            user=USER,
            password=password,
        )
