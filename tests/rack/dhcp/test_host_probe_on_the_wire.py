"""What one rack finds out about the host of another: real hosts, a real cable, real dhcpds."""

import json
import os
import subprocess
import sys

import pytest
from twisted.internet import reactor

from evenrack.runtime.spawned import run_spawned
from tests.rack.dhcp import ask_host
from tests.rack.dhcp.test_omapi import start_pair
from tests.rack.dhcp.two_racks import CABLE

pytestmark = [pytest.mark.dhcpd, pytest.mark.deadline(180)]

DROPS_ALL = """
import socket, sys
with socket.create_server(("10.7.0.2", 647), backlog=0) as listener:
    with socket.create_connection(("10.7.0.2", 647)):
        print("drops what comes", flush=True)
        sys.stdin.read()
"""
"""A host that does not answer at the port, as one whose firewall drops what is not for it."""

LEAST_PROC = 'mount -t proc -o subset=pid,hidepid=invisible proc /proc && exec "$@"'
"""What rackd's unit leaves of /proc (`ProcSubset=pid`, `ProtectProc=invisible`)."""


async def found(rack, times=1):
    """What `rack` finds out about the other one, which sees no more of /proc than rackd does."""
    other = f"10.7.0.{3 - rack.number}"
    confined = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", LEAST_PROC, "sh"]
    command = [*rack.entrance, *confined, sys.executable, ask_host.__file__, other, str(times)]
    ended = await run_spawned(reactor, command, seconds=180, environment=dict(os.environ))
    assert ended.code == 0, ended.errors.decode()
    return json.loads(ended.output)


async def until_found(rack, wanted):
    """Wait for as long as the test may take: what ARP said before is forgotten after a while."""
    while (await found(rack))[-1] != wanted:
        pass


async def test_rule_5_a_server_that_lives_is_seen_and_its_pair_stays_normal(racks):
    first, second = racks
    await start_pair(racks)
    assert await found(first, 20) == ["connected"] * 20
    assert await found(second, 20) == ["connected"] * 20
    assert [await rack.state() for rack in racks] == ["normal", "normal"]


async def test_rule_5_a_host_whose_server_is_dead_is_alive(racks):
    first, second = racks
    await start_pair(racks)
    await second.program().stop()
    await first.until_state("communications-interrupted")
    assert await found(first) == ["refused"]


async def test_rule_5_a_host_that_drops_what_comes_is_alive(racks):
    first, second = racks
    command = [*second.entrance, sys.executable, "-c", DROPS_ALL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as dropping:  # noqa: ASYNC220, S603
        dropping.stdout.readline()
        assert await found(first) == ["resolved"]
        dropping.stdin.close()


async def test_rule_5_a_host_that_is_cut_off_or_off_is_silent(racks):
    first, second = racks
    assert await found(first) == ["refused"]
    second.keeper.run(["ip", "-n", second.name, "addr", "flush", "dev", CABLE])
    try:
        first.keeper.run(["ip", "-n", first.name, "neigh", "flush", "dev", CABLE])
        await until_found(first, "silent")
        assert await found(first, 3) == ["silent"] * 3
    finally:
        address = f"10.7.0.{second.number}/24"
        second.keeper.run(
            ["ip", "-n", second.name, "addr", "add", address, "brd", "+", "dev", CABLE]
        )
