"""Several addresses of one process are tried one after the other."""

import pytest
from twisted.internet import error
from twisted.internet.protocol import Factory, Protocol

from evenrack.model.host_port import parse_host_port
from tests.rack.network import Network
from tests.wire.both_ends import Outcome

FIRST, SECOND = "10.0.0.1:5251", "10.0.0.2:5251"


class Client(Factory):
    noisy = False
    protocol = Protocol


@pytest.fixture
def network():
    return Network()


def dial(network, *addresses):
    endpoint = network.endpoint_for([parse_host_port(text) for text in addresses])
    dialling = endpoint.connect(Client())
    return dialling, Outcome(dialling)


def test_the_first_address_that_answers_is_taken_and_no_other_is_dialled(network):
    network.region("region1/1", FIRST, SECOND)
    _, outcome = dial(network, FIRST, SECOND)
    network.world.advance(1.0)
    assert isinstance(outcome.value(), Protocol)
    assert network.dialled == [FIRST]


def test_p22_the_next_address_is_tried_when_one_refuses(network):
    network.region("region1/1", SECOND)
    _, outcome = dial(network, FIRST, SECOND)
    network.world.advance(1.0)
    assert isinstance(outcome.value(), Protocol)
    assert network.dialled == [FIRST, SECOND]


def test_when_none_answers_it_fails_as_the_last_one_failed(network):
    _, outcome = dial(network, FIRST, SECOND)
    network.world.advance(1.0)
    assert isinstance(outcome.error(), error.ConnectionRefusedError)
    assert network.dialled == [FIRST, SECOND]


def test_who_gives_up_during_the_first_address_dials_no_other(network):
    network.silent.add(parse_host_port(FIRST))
    network.region("region1/1", SECOND)
    dialling, outcome = dial(network, FIRST, SECOND)
    network.world.advance(1.0)
    dialling.cancel()
    network.world.advance(1.0)
    assert outcome.is_there
    assert (network.dialled, network.given_up) == ([FIRST], [FIRST])
