"""Whether a server is connected to its failover partner, by real lists of sockets."""

import os
import signal
from ipaddress import IPv4Address

import pytest

from evenrack.rack.dhcp.failover_sockets import SOCKETS, are_connected
from evenrack.runtime.spawned import run_spawned
from tests.rack.dhcp.test_omapi import start_pair
from tests.rack.dhcp.two_racks import CABLE, RELATION, reactor

OWN, PEER = IPv4Address("10.7.0.1"), IPv4Address("10.7.0.2")
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"


def row(local, remote, state="01"):
    """One as the kernel of a machine whose words begin with their lowest byte writes it."""
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000     0\n"


@pytest.mark.parametrize("ends", [("0287", "D431"), ("D431", "0287")])
def test_a_connection_counts_whoever_began_it(ends):
    rows = row(f"0100070A:{ends[0]}", f"0200070A:{ends[1]}")
    assert are_connected(HEAD + rows, OWN, PEER)


@pytest.mark.parametrize(
    "other",
    [
        row("0100070A:0287", "0200070A:D431", "02"),  # asks for one
        row("0100070A:0287", "0200070A:D431", "08"),  # the partner has hung up
        row("0100070A:0287", "00000000:0000", "0A"),  # listens
        row("0100070A:0288", "0200070A:D431"),
        row("0100070A:0287", "0300070A:D431"),
        row("0300070A:0287", "0200070A:D431"),
        row("0200070A:0287", "0100070A:D431"),
        "",
    ],
)
def test_no_other_socket_is_a_connection_to_the_partner(other):
    assert not are_connected(HEAD + other, OWN, PEER)


async def connected(rack):
    """What the list of the host says."""
    command = [*rack.entrance, "cat", str(SOCKETS)]
    ended = await run_spawned(reactor, command, seconds=10)
    own, peer = (IPv4Address(f"10.7.0.{n}") for n in (rack.number, 3 - rack.number))
    return are_connected(ended.output.decode(), own, peer)


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_rule_7_a_real_pair_is_connected_until_one_is_gone_of_whom_the_other_says_normal(
    racks,
):
    first, second = racks
    await start_pair(racks)
    assert [await connected(rack) for rack in racks] == [True, True]
    await second.ask(["set", RELATION, "recover-done"])
    await second.until_state("recover-done")
    os.kill(first.pid(), signal.SIGKILL)  # stopped in order, it would forget the pair
    while await connected(second):
        pass
    assert await second.state() == "recover-done", "it serves nobody"
    assert await second.partner() == "normal", "which is old"
    await second.ask(["set", RELATION, "communications-interrupted"])
    await first.program().restart(first.text("primary"), [CABLE])
    await first.until_state("normal")
    await second.until_state("normal")
