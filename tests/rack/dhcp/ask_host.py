"""Ask whether a host runs from the network in which this runs: prints what `find_hosts` found.

A program: its arguments are an address and how often to ask, each time at the failover port.
"""

import json
import sys
from ipaddress import IPv4Address

from twisted.internet.task import react

from evenrack.rack.host_probe import find_hosts


async def main(reactor, address, times):
    addresses = [IPv4Address(address)]
    found = [(await find_hosts(reactor, addresses))[0].found for _ in range(int(times))]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    react(main, sys.argv[1:])
