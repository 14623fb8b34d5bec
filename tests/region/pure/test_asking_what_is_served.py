"""What a rack serves, asked for over a real link: whole, or the reason why it is not told."""

import pytest

from evenrack.errors import NotTold
from evenrack.model.served_piece import ServedPiece
from evenrack.rack.served_plan import ServedPlan
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.links.rack_asking import RackAsking
from tests.rack.dhcp.golden_plans import PLANS, service, subnet
from tests.wire.both_ends import RACK, Link

NAMES = ["x" * 400] * 200
LARGE = (service(subnet(1, hostnames=NAMES)), service(subnet(2, hostnames=NAMES)))


def asked(served):
    """What comes of asking a rack that serves so."""
    link = Link(rack={"served": served}).introduce()
    connected = ConnectedRacks()
    connected.add(link.region)
    connected.admit(link.region, recorded=True)
    return link, link.ask(RackAsking(connected, link.world.clock).served(RACK))


@pytest.mark.parametrize("plan", [LARGE, *PLANS.values()], ids=["large", *PLANS])
def test_what_a_rack_serves_is_told_whole(plan):
    _, outcome = asked(ServedPlan(lambda: plan).piece)
    assert outcome.value() == plan


def test_when_another_plan_takes_its_place_meanwhile_that_one_is_told():
    now = [LARGE]
    served = ServedPlan(lambda: now[0])

    def piece(plan, start):
        told = served.piece(plan, start)
        now[0] = PLANS["primary"]
        return told

    assert asked(piece)[1].value() == PLANS["primary"]


def test_a_rack_that_never_comes_to_an_end_is_given_up():
    _, outcome = asked(lambda plan, start: ServedPiece(plan="a", text=b"", more=True))
    assert isinstance(outcome.error(), NotTold)
    assert "ask again" in str(outcome.error())


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b'[{"vlan": 7}]', b"\xff"])
def test_what_is_no_plan_is_said_to_be_of_another_version(text):
    _, outcome = asked(lambda plan, start: ServedPiece(plan="a", text=text, more=False))
    with pytest.raises(NotTold, match="of another version; upgrade the older one"):
        outcome.value()


def test_a_rack_that_is_not_connected_here_tells_nothing():
    link = Link()
    outcome = link.ask(RackAsking(ConnectedRacks(), link.world.clock).served(RACK))
    with pytest.raises(NotTold, match="has no link to it now"):
        outcome.value()
