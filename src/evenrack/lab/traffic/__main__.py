"""The entry of the prober: `python -m evenrack.lab.traffic --interface vlan1 --out FILE`.

The lab starts it on a client host; it ends on SIGTERM, and whenever it likes nobody is harmed.
"""

import argparse
import sys
from pathlib import Path

from evenrack.lab.traffic.entry import run_until_signalled
from evenrack.lab.traffic.probe import probe


def main() -> int:
    """Probe until SIGTERM or SIGINT; give the exit code."""
    parser = argparse.ArgumentParser(prog="evenrack.lab.traffic", description=__doc__)
    parser.add_argument("--interface", required=True, help="where the clients hang")
    parser.add_argument("--out", required=True, type=Path, help="what they felt is appended here")
    parser.add_argument("--client", type=int, default=1, help="tells the hosts of a VLAN apart")
    options = parser.parse_args()
    return run_until_signalled(
        lambda surroundings: probe(options.interface, options.out, options.client, surroundings)
    )


if __name__ == "__main__":
    sys.exit(main())
