"""M10: who is behind a relay is served by one pair, and no address is given to two clients."""

import os
import sys
from signal import SIGKILL, SIGSTOP

import pytest
from twisted.internet import reactor
from twisted.internet.task import deferLater

from evenrack.errors import ProgramFailed
from evenrack.lab.refusals import LabFailed
from evenrack.lab.traffic.ledger import acknowledgements, given_twice
from evenrack.lab.traffic.newcomers import Pace
from evenrack.rack.listen.link import child_listener
from evenrack.rack.listen.words import Order, Told
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.rack.dhcp.far_vlan import DHCRELAY, FAR, FAR_CABLE, FarVlan, addresses_of
from tests.rack.dhcp.two_racks import CABLE

pytestmark = [
    pytest.mark.dhcpd,
    pytest.mark.skipif(DHCPD is None, reason="dhcpd is missing: isc-dhcp-server"),
    pytest.mark.skipif(DHCRELAY is None, reason="dhcrelay is missing: isc-dhcp-relay"),
]
PRIMARY, SECONDARY = "10.1.0.2", "10.1.0.3"


@pytest.fixture
def far(tmp_path):
    """Give the network with a relay that runs; skips where that cannot be."""
    try:
        network = FarVlan.build(tmp_path)
    except (LabFailed, ProgramFailed) as failed:
        pytest.skip(f"this machine gives no network namespaces: {failed}")
    try:
        network.start_relay()
        yield network
    finally:
        network.end()


async def until_served(far, count, by=None):
    """Wait until so many clients have a lease; give the promises."""
    while True:
        promises = acknowledgements(far.ledger())
        if len({it.mac for it in promises if by in (None, it.server)}) >= count:
            return promises
        await deferLater(reactor, 0.05)


@pytest.mark.deadline(180)
async def test_m10_behind_a_relay_clients_are_served_though_a_server_is_killed_and_no_address_twice(
    far,
):
    await far.serve_as_a_pair()
    far.start_crowd(Pace(per_second=10, hold_seconds=None, most=60))
    await until_served(far, 10)
    os.kill(far.racks[0].pid(), SIGKILL)
    await until_served(far, 10, by=SECONDARY)
    await far.serve(far.racks[0])
    await far.racks[0].until_state("normal")
    promises = await until_served(far, 60)
    assert given_twice(far.ledger()) == []
    assert {it.server for it in promises} == {PRIMARY, SECONDARY}
    assert {it.address for it in promises} <= addresses_of(FAR)
    assert len({it.address for it in promises}) == len({it.mac for it in promises}) == 60


@pytest.mark.deadline(180)
async def test_who_counts_secs_behind_a_relay_is_answered_while_the_primary_hangs(far):
    await far.serve_as_a_pair()
    os.kill(far.racks[0].pid(), SIGSTOP)
    far.start_crowd(Pace(per_second=10, hold_seconds=None, most=10))
    promises = await until_served(far, 10)
    assert {it.server for it in promises} == {SECONDARY}


@pytest.mark.deadline(180)
async def test_m10_two_servers_that_know_nothing_of_each_other_give_an_address_twice(far):
    """What the others hold against: with this mistake they would fail."""
    first, second = far.racks
    await far.serve_far_alone(first)
    far.start_crowd(Pace(per_second=10, hold_seconds=None, most=60))
    await until_served(far, 10)
    os.kill(first.pid(), SIGKILL)
    await far.serve_far_alone(second)
    await until_served(far, 10, by=SECONDARY)
    assert given_twice(far.ledger()) != []


@pytest.mark.deadline(180)
async def test_what_a_relay_brings_names_the_racks_only_and_no_mac_and_racks_hear_none_of_it(far):
    await far.serve_as_a_pair()
    heard, links = {}, []
    for host, interface in (("rack1", CABLE), ("client", FAR_CABLE)):
        heard[host] = []
        command = (*far.keeper.entrance_of(host), sys.executable, "-m", "evenrack.rack.listen")
        link = await child_listener(reactor, command)(heard[host].append, heard[host].append)
        link.say(Order(interfaces=(interface,)))
        links.append(link)
    while not all(heard.values()):
        await deferLater(reactor, 0.05)
    far.start_crowd(Pace(per_second=10, hold_seconds=None, most=20))
    await until_served(far, 20)

    def behind():
        return {(str(it.server), it.mac) for it in heard["client"] if it.server is not None}

    while not behind():  # another program tells of it than the one that was served
        await deferLater(reactor, 0.05)
    for link in links:
        await link.end()
    assert heard["rack1"] == [Told(interface=CABLE)]
    assert behind() <= {(PRIMARY, None), (SECONDARY, None)}
