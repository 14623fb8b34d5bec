"""Asking racks for leases: what each kind of silence is called. Both real ends of a link."""

from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.errors import NotTold, NotUnderstood
from evenrack.model.dhcp_lease import DhcpLease, LeasePage, LeasesAsked, leases_asked_from_json
from evenrack.model.json_form import to_json
from evenrack.rack.region_session import RegionSession
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.links.rack_asking import ANSWER_SECONDS, RackAsking
from evenrack.wire.answers import BAD_ARGUMENTS
from evenrack.wire.arguments import Json
from evenrack.wire.rack_commands import ReadLeases
from tests.wire.both_ends import RACK, Link

ASKED = LeasesAsked(networks=(IPv4Network("10.1.0.0/24"),))
PAGE = LeasePage(leases=(DhcpLease(address=IPv4Address("10.1.0.1"), state="active"),))


class OlderSession(RegionSession):
    """The rack's end of a version that has no such command."""

    def locateResponder(self, name):
        return None if name == ReadLeases.commandName else super().locateResponder(name)


def without_ipv6(form):
    asked = leases_asked_from_json(form)
    if any(network.version != 4 for network in asked.networks):
        raise ValueError("no IPv4 network")
    return asked


class ReadLeasesOfIpv4(amp.Command):
    commandName = ReadLeases.commandName  # noqa: N815  Twisted's name
    arguments = ((b"asked", Json(to_json, without_ipv6, most_pieces=1)),)
    response = ReadLeases.response


class SessionWithoutIpv6(RegionSession):
    """The rack's end of a version that knows no leases of IPv6."""

    @ReadLeasesOfIpv4.responder
    async def read_leases(self, asked):
        return {"page": PAGE}


def asked_over(asked=ASKED, **how):
    """A link that speaks for its rack, and what comes of asking the rack."""
    link = Link(**how).introduce()
    connected = ConnectedRacks()
    connected.add(link.region)
    connected.admit(link.region, recorded=True)
    return link, link.ask(RackAsking(connected, link.world.clock).leases(RACK, asked))


def why(outcome):
    problem = outcome.error()
    assert isinstance(problem, NotTold)
    return str(problem)


async def full(asked):
    return PAGE


async def never(asked):
    await Deferred()


async def broken(asked):
    raise ZeroDivisionError


def test_what_a_rack_tells_is_given_on():
    assert asked_over(rack={"leases": full})[1].value() == PAGE


def test_a_rack_without_a_link_to_this_process_is_not_asked():
    link = Link()
    asking = RackAsking(ConnectedRacks(), link.world.clock)
    assert why(link.ask(asking.leases(RACK, ASKED))) == "this region process has no link to it now"


def test_an_older_rack_does_not_know_the_question_and_its_link_stays():
    link, outcome = asked_over(session=OlderSession)
    assert "is older and does not know the question" in why(outcome)
    assert not link.wire.is_gone


def test_a_rack_that_knows_no_ipv6_does_not_understand_a_question_about_it_and_its_link_stays():
    mixed = evolve(ASKED, networks=(*ASKED.networks, IPv6Network("2001:db8::/64")))
    link, outcome = asked_over(mixed, session=SessionWithoutIpv6)
    problem = outcome.error()
    assert isinstance(problem, NotUnderstood)
    assert str(problem).endswith("is older and cannot read the question; upgrade it")
    assert BAD_ARGUMENTS == "arguments not understood", "older racks say it in these words"
    assert not link.wire.is_gone
    assert asked_over(session=SessionWithoutIpv6)[1].value() == PAGE


def test_a_rack_that_takes_too_long_is_waited_for_no_more():
    link, outcome = asked_over(rack={"leases": never})
    link.world.advance(ANSWER_SECONDS - 0.5)
    assert not outcome.is_there
    link.world.advance(1.0)
    assert why(outcome) == f"it gave no answer within {ANSWER_SECONDS:.0f} s"
    assert not link.wire.is_gone


def test_a_rack_that_cannot_read_its_file_says_so():
    link = Link().introduce()
    link.memory.page = None
    connected = ConnectedRacks()
    connected.add(link.region)
    connected.admit(link.region, recorded=True)
    asking = RackAsking(connected, link.world.clock)
    assert why(link.ask(asking.leases(RACK, ASKED))) == "its disk is gone"


@pytest.mark.parametrize("how", ["cut", "bug"])
def test_an_answer_that_gets_lost_is_one_that_was_not_told(how, logged_failures):
    link, outcome = asked_over(rack={"leases": never if how == "cut" else broken})
    if how == "cut":
        link.region.abort()
        link.world.settle()
    else:
        logged_failures.take(ZeroDivisionError)
    assert why(outcome).startswith("the answer got lost: ")
