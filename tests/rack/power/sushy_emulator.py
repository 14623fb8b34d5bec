"""Runs sushy-tools' Redfish emulator, whose machines take so many seconds instead of 1 to 11.

SECONDS ARGUMENT.. are the seconds, and what `sushy-emulator` takes. It is another project's
program: nothing else about it is changed, and all that it was told is in its log.
"""

import logging
import sys

from sushy_tools.emulator import main
from sushy_tools.emulator.resources.systems import fakedriver


class Chance:
    """What the fake machines draw their time from."""

    def __init__(self, seconds):
        self._seconds = seconds

    def randint(self, _low, _high):
        return self._seconds


if __name__ == "__main__":
    fakedriver.random = Chance(int(sys.argv.pop(1)))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main.main())
