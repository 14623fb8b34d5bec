"""Ask whether a host runs from the network in which this runs: prints what `find_host` found.

A program: its arguments are an address and how often to ask, each time at the failover port.
"""

import json
import sys
from ipaddress import IPv4Address

from twisted.internet.task import react

from evenrack.rack.host_probe import find_host


async def main(reactor, address, times):
    found = [(await find_host(reactor, IPv4Address(address))).found for _ in range(int(times))]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    react(main, sys.argv[1:])
