"""The prober as a program of the lab: where it runs, and what it is started with."""

import sys
from pathlib import Path

from attrs import frozen

from evenrack.lab.hosts import Host

TRAFFIC_MODULE = "evenrack.lab.traffic"


@frozen(kw_only=True)
class TrafficProgram:
    """The clients on one host of the lab; they are one program."""

    number: int
    host: Host
    network: str
    """The VLAN it hangs on, which its interface is named after too."""
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.host.name}/traffic"

    @property
    def log(self) -> Path:
        return self.folder / "traffic.log"

    @property
    def felt(self) -> Path:
        """What its clients felt, line by line."""
        return self.folder / "dhcp.jsonl"

    def arguments(self, programs: Path) -> list[str]:
        """Give the command that runs it, with the interpreter that lies beside the programs."""
        interpreter = str(programs / Path(sys.executable).name)
        options = {"interface": self.network, "out": self.felt, "client": self.number}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        # -P: a folder that happens to be called evenrack must not be taken for it
        return [interpreter, "-P", "-m", TRAFFIC_MODULE, *words]
