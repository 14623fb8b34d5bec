"""The entry of a crowd: `python -m evenrack.lab.traffic.crowd_main --interface vlan1 ..`.

The drill starts it on a client host. On SIGTERM all give back what they have, and it ends.
"""

import sys

from evenrack.lab.traffic.crowd import crowd
from evenrack.lab.traffic.entry import run_until_signalled
from evenrack.lab.traffic.post import read_post


def main() -> int:
    """Let them come and leave; give the exit code."""
    post = read_post("evenrack.lab.traffic.crowd_main", __doc__)
    return run_until_signalled(lambda surroundings: crowd(post, surroundings))


if __name__ == "__main__":
    sys.exit(main())
