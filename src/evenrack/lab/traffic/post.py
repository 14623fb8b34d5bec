"""Where a program of DHCP clients works, and how: what its command line says."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from evenrack.lab.traffic.newcomers import Pace


@frozen(kw_only=True)
class Post:
    """One program's place on a VLAN."""

    interface: str
    client: int
    """Tells the hosts of a VLAN apart."""
    out: Path
    """What its clients felt is appended here."""
    ledger: Path
    """What servers promised on the VLAN, and what clients gave back, is appended here."""
    newcomers: Pace

    def words(self) -> list[str]:
        """Give the options that `read_post` reads."""
        pace = self.newcomers
        options = {
            "interface": self.interface,
            "client": self.client,
            "out": self.out,
            "ledger": self.ledger,
            "per-second": pace.per_second,
            "most": pace.most,
            "hold": pace.hold_seconds,
            "first": pace.first,
        }
        given = [(name, value) for name, value in options.items() if value is not None]
        words = [word for name, value in given for word in (f"--{name}", str(value))]
        flags = {"--says-no-seconds": not pace.says_seconds, "--covet": pace.covet}
        return [*words, *(flag for flag, is_set in flags.items() if is_set)]


def read_post(program: str, description: str | None, words: Sequence[str] | None = None) -> Post:
    """Read the command line of a program of clients."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--interface", required=True, help="where the clients hang")
    parser.add_argument("--out", required=True, type=Path, help="what they felt is appended here")
    parser.add_argument("--ledger", required=True, type=Path, help="and what they were promised")
    parser.add_argument("--client", type=int, default=1, help="tells the hosts of a VLAN apart")
    parser.add_argument("--per-second", required=True, type=float, help="so many clients come")
    parser.add_argument("--most", type=int, help="so many in all; without it they do not end")
    parser.add_argument("--hold", type=float, help="seconds; without it all leave at the end")
    parser.add_argument("--first", type=int, default=1, help="the number of the first to come")
    parser.add_argument(
        "--says-no-seconds", action="store_true", help="as some boot programs: secs is always 0"
    )
    parser.add_argument("--covet", action="store_true", help="each claims what another has")
    options = parser.parse_args(words)
    return Post(
        interface=options.interface,
        client=options.client,
        out=options.out,
        ledger=options.ledger,
        newcomers=Pace(
            per_second=options.per_second,
            most=options.most,
            hold_seconds=options.hold,
            first=options.first,
            says_seconds=not options.says_no_seconds,
            covet=options.covet,
        ),
    )
