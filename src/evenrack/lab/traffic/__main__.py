"""The entry of the prober: `python -m evenrack.lab.traffic --interface vlan1 --out FILE`.

The lab starts it on a client host; it ends on SIGTERM, and whenever it likes nobody is harmed.
"""

import argparse
import secrets
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from evenrack.errors import EvenrackError
from evenrack.lab.traffic.probe import Surroundings, probe

_TRANSACTION_BITS = 32


def main() -> int:
    """Probe until SIGTERM or SIGINT; give the exit code."""
    parser = argparse.ArgumentParser(prog="evenrack.lab.traffic", description=__doc__)
    parser.add_argument("--interface", required=True, help="where the clients hang")
    parser.add_argument("--out", required=True, type=Path, help="what they felt is appended here")
    parser.add_argument("--client", type=int, default=1, help="tells the hosts of a VLAN apart")
    options = parser.parse_args()
    signals: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        signals.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    surroundings = Surroundings(
        seconds=time.monotonic,  # noqa: TID251  the entry hands the clocks on
        wall=time.time,  # noqa: TID251
        transaction=lambda: secrets.randbits(_TRANSACTION_BITS),
        ended=lambda: bool(signals),
    )
    try:
        probe(options.interface, options.out, options.client, surroundings)
    except (EvenrackError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  that is its log
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
