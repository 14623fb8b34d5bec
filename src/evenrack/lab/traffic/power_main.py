"""The entry of power's prober: `python -m evenrack.lab.traffic.power_main --out FILE ..`.

The lab starts it on this machine; it ends on SIGTERM, and whenever it likes nobody is harmed.
"""

import argparse
import sys
from pathlib import Path

from evenrack.client import SocketTarget
from evenrack.lab.traffic.entry import run_until_signalled
from evenrack.lab.traffic.power_probe import ask_about_power


def main() -> int:
    """Ask until SIGTERM or SIGINT; give the exit code."""
    parser = argparse.ArgumentParser(prog="evenrack.lab.traffic.power_main", description=__doc__)
    parser.add_argument("--out", required=True, type=Path, help="what is felt is appended here")
    parser.add_argument(
        "--socket", required=True, type=Path, action="append", help="of a region process"
    )
    parser.add_argument("--machine", required=True, action="append", help="one to ask about")
    options = parser.parse_args()
    targets = [SocketTarget(path=path) for path in options.socket]
    return run_until_signalled(
        lambda surroundings: ask_about_power(targets, options.machine, options.out, surroundings)
    )


if __name__ == "__main__":
    sys.exit(main())
