"""The entry of the prober: `python -m evenrack.lab.traffic --interface vlan1 --out FILE ..`.

The lab starts it on a client host; it ends on SIGTERM, and whenever it likes nobody is harmed.
"""

import sys

from evenrack.lab.traffic.entry import run_until_signalled
from evenrack.lab.traffic.post import read_post
from evenrack.lab.traffic.probe import probe


def main() -> int:
    """Probe until SIGTERM or SIGINT; give the exit code."""
    post = read_post("evenrack.lab.traffic", __doc__)
    return run_until_signalled(lambda surroundings: probe(post, surroundings))


if __name__ == "__main__":
    sys.exit(main())
