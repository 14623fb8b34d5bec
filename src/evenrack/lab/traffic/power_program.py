"""The prober of power as a program of the lab: what it is started with."""

import sys
from pathlib import Path

from attrs import frozen

from evenrack.lab.hosts import Host
from evenrack.lab.traffic.felt_file import remove_felt

POWER_MODULE = "evenrack.lab.traffic.power_main"


@frozen(kw_only=True)
class PowerTraffic:
    """Whoever asks all the time whether machines are on; it is one program."""

    host: Host
    folder: Path
    sockets: tuple[Path, ...]
    """The administration sockets of the region processes: any of them will do."""
    machines: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.host.name}/traffic"

    @property
    def log(self) -> Path:
        return self.folder / "traffic.log"

    @property
    def felt(self) -> Path:
        """What was felt, line by line."""
        return self.folder / "power.jsonl"

    def forget(self) -> None:
        """Remove what was felt in an earlier lab."""
        remove_felt(self.felt)

    def arguments(self, programs: Path) -> list[str]:
        """Give the command that runs it, with the interpreter that lies beside the programs."""
        interpreter = str(programs / Path(sys.executable).name)
        options = [("out", str(self.felt))]
        options += [("socket", str(path)) for path in self.sockets]
        options += [("machine", machine) for machine in self.machines]
        words = [word for name, value in options for word in (f"--{name}", value)]
        # -P: a folder that happens to be called evenrack must not be taken for it
        return [interpreter, "-P", "-m", POWER_MODULE, *words]
