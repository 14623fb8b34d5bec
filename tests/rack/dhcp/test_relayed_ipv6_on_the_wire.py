"""M10, M11: who is behind a relay of IPv6 is served by either rack, from its half."""

from ipaddress import IPv6Address

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater

from evenrack.errors import ProgramFailed
from evenrack.lab.refusals import LabFailed
from evenrack.rack.dhcp.address_tally6 import AddressTally6, spans6_of
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.rack.dhcp.far_link6 import CLIENT, DHCRELAY, FarLink6
from tests.rack.dhcp.golden_plans6 import FAR, serving6, subnet6
from tests.rack.dhcp.one_link import DHCLIENT, side_of

pytestmark = [
    pytest.mark.dhcpd,
    pytest.mark.deadline(180),
    pytest.mark.skipif(DHCPD is None, reason="dhcpd is missing: isc-dhcp-server"),
    pytest.mark.skipif(DHCLIENT is None, reason="dhclient is missing: isc-dhcp-client"),
    pytest.mark.skipif(DHCRELAY is None, reason="dhcrelay is missing: isc-dhcp-relay"),
]
KEPT_FOR, KEPT = "00:02:00:00:ab:11:01:ff", IPv6Address("fd00:9::20")
HERE = subnet6(1, ("100", "1ff"))
LOWER = (IPv6Address("fd00:9::100"), IPv6Address("fd00:9::17f"))
UPPER = (IPv6Address("fd00:9::180"), IPv6Address("fd00:9::1ff"))


def anyone(number):
    return f"00:03:00:01:02:00:00:00:00:{number:02x}"


def plan(half, *here):
    """What relays the far VLAN, with these networks, or with one that gives addresses away."""
    far = evolve(FAR, subnets6=(subnet6(9, ("100", "1ff"), machines=({"duid": KEPT_FOR},)),))
    return (serving6(*(here or (HERE,)), half=half, relayed=(far,)),)


def left(rack):
    """How many addresses are left of each VLAN, by the file of this rack."""
    wanted = plan("lower" if rack.number == 1 else "upper")
    tally = AddressTally6(spans6_of(wanted))
    tally.take(DhcpdFiles(rack.folder).leases.read_bytes())
    return {vlan: count.free for vlan, count in tally.counts().items()}


@pytest.fixture
def far(tmp_path):
    """Give the network with a relay that runs; skips where that cannot be."""
    try:
        network = FarLink6.build(tmp_path)
    except (LabFailed, ProgramFailed) as failed:
        pytest.skip(f"this machine gives no network namespaces: {failed}")
    try:
        network.start_relay()
        yield network
    finally:
        network.end()


async def until_client_can_ask(far):
    """Its own address of the link is not to be used in the first second."""
    while "tentative" in far.keeper.run(["ip", "-n", CLIENT, "-6", "addr"]):
        await deferLater(reactor, 0.05)


def is_of(half, address):
    return address is not None and half[0] <= address <= half[1]


async def test_behind_a_relay_a_client_is_given_an_address_of_its_own_link_by_either_rack(far):
    one, other = far.racks
    await until_client_can_ask(far)
    await one.server().want(one.own(plan("lower")))
    await other.server().want(other.own(plan("upper")))
    first = (await far.client.ask(anyone(1))).address
    giver, half = (one, LOWER) if is_of(LOWER, first) else (other, UPPER)
    assert is_of(half, first)
    assert left(giver) == {1: 128, FAR.id: 127}
    one.kill()
    assert is_of(UPPER, (await far.client.ask(anyone(2))).address)
    assert (await far.client.ask(KEPT_FOR)).address == KEPT
    await one.server().want(one.own(plan("lower")))
    other.kill()
    assert is_of(LOWER, (await far.client.ask(anyone(3))).address)
    far.stop_relay()
    assert (await far.client.ask(anyone(4), seconds=2)).address is None, "the relay was needed"


async def test_racks_hear_the_relay_where_the_vlan_that_relays_has_ipv6_and_need_no_range_there(
    far,
):
    one, _ = far.racks
    await until_client_can_ask(far)
    server = one.server()
    elsewhere = one.own(plan("lower", subnet6(5)))
    await server.want(elsewhere)
    assert "Not configured to listen on any interfaces" in side_of(server, elsewhere[0]).error
    wanted = one.own(plan("lower", subnet6(1)))
    await server.want(wanted)
    assert side_of(server, wanted[0]).running
    assert is_of(LOWER, (await far.client.ask(anyone(1))).address)
