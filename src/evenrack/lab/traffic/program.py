"""The programs of a client host: the prober, always there, and crowds that a check lets come."""

import sys
from pathlib import Path

from attrs import frozen

from evenrack.lab.hosts import Host
from evenrack.lab.traffic.felt_file import remove_felt
from evenrack.lab.traffic.newcomers import Pace
from evenrack.lab.traffic.post import Post

TRAFFIC_MODULE = "evenrack.lab.traffic"
CROWD_MODULE = "evenrack.lab.traffic.crowd_main"
A_FEW = Pace(per_second=0.3)
"""Whom every lab has: so few that a pool of a hundred addresses has enough for them, though a
server whose peer is away gives nothing twice that was given back."""


@frozen(kw_only=True)
class TrafficProgram:
    """The clients on one host of the lab; they are one program."""

    number: int
    host: Host
    network: str
    """The VLAN it hangs on, which its interface is named after too."""
    folder: Path
    newcomers: Pace = A_FEW

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

    @property
    def ledger(self) -> Path:
        """What servers promised on its VLAN, line by line."""
        return self.folder / "ledger.jsonl"

    @property
    def crowd(self) -> "CrowdProgram":
        """Whom a check lets come on this host."""
        return CrowdProgram(number=self.number, network=self.network, folder=self.folder)

    def forget(self) -> None:
        """Remove what was felt and promised in an earlier lab."""
        for path in (self.felt, self.ledger, self.crowd.felt, self.crowd.ledger):
            remove_felt(path)

    def arguments(self, programs: Path) -> list[str]:
        """Give the command that runs it, with the interpreter that lies beside the programs."""
        post = Post(
            interface=self.network,
            client=self.number,
            out=self.felt,
            ledger=self.ledger,
            newcomers=self.newcomers,
        )
        return _command(programs, TRAFFIC_MODULE, post)


@frozen(kw_only=True)
class CrowdProgram:
    """Many new clients on a client host, for a while."""

    number: int
    network: str
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "crowd.log"

    @property
    def felt(self) -> Path:
        """What its clients felt, line by line."""
        return self.folder / "crowd.jsonl"

    @property
    def ledger(self) -> Path:
        """What servers promised on its VLAN meanwhile, line by line."""
        return self.folder / "crowd-ledger.jsonl"

    def arguments(self, programs: Path, pace: Pace) -> list[str]:
        """Give the command that lets them come at this pace."""
        post = Post(
            interface=self.network,
            client=self.number,
            out=self.felt,
            ledger=self.ledger,
            newcomers=pace,
        )
        return _command(programs, CROWD_MODULE, post)


def _command(programs: Path, module: str, post: Post) -> list[str]:
    interpreter = str(programs / Path(sys.executable).name)
    # -P: a folder that happens to be called evenrack must not be taken for it
    return [interpreter, "-P", "-m", module, *post.words()]
