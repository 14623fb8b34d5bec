"""A rack that enrols gives up who does not answer, and asks the next region."""

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from evenrack.config.secret_file import Secret
from evenrack.errors import EnrolmentRefused, NotTrusted, RegionUnreachable
from evenrack.rack.register import ANSWER_SECONDS, register, register_anywhere
from tests.rack.enrolment_desk import (
    HERE,
    NEW_RACK,
    EnrolmentDesk,
    endpoint_of_port,
    newcomer,
    region_end,
    secret,
    turn,
)

# Nobody answers


class Says(Protocol):
    """A server that is no region."""

    said = b""
    is_open = False

    def connectionMade(self):
        self.is_open = True
        self.transport.write(self.said)

    def connectionLost(self, reason=None):
        self.is_open = False


async def with_server(protocol, work):
    """Do something while such a server listens on loopback; give what came of it."""
    made = []

    def make():
        made.append(protocol())
        return made[-1]

    factory = Factory.forProtocol(make)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface=HERE)
    try:
        return await work(endpoint_of_port(port.getHost().port), made)
    finally:
        await port.stopListening()
        for each in made:
            each.transport.abortConnection()
        while any(each.is_open for each in made):
            await turn()


async def test_a_server_that_speaks_no_tls_is_told_as_such():
    class Plain(Says):
        said = b"SSH-2.0-OpenSSH_9.6\r\n" * 10

    async def work(endpoint, _made):
        with pytest.raises(RegionUnreachable, match="does not speak TLS"):
            await register(endpoint, newcomer())

    await with_server(Plain, work)


async def test_a_server_that_hangs_up_is_told_as_such():
    class Leaves(Says):
        def connectionMade(self):
            super().connectionMade()
            self.transport.loseConnection()

    async def work(endpoint, _made):
        with pytest.raises(RegionUnreachable, match="ended in the handshake"):
            await register(endpoint, newcomer())

    await with_server(Leaves, work)


async def test_a_server_that_says_nothing_is_given_up_after_10_seconds_and_left_alone():
    clock = Clock()

    async def work(endpoint, made):
        joining = Deferred.fromCoroutine(register(endpoint, newcomer(clock=clock)))
        while not made or not clock.getDelayedCalls():
            await turn()
        clock.advance(ANSWER_SECONDS + 0.1)
        with pytest.raises(RegionUnreachable):
            await joining
        while made[0].is_open:
            await turn()
        assert clock.getDelayedCalls() == []

    await with_server(Says, work)


async def test_a_region_that_does_not_answer_is_given_up_after_10_seconds():
    clock = Clock()
    async with region_end(EnrolmentDesk(silent=True)) as region:
        joining = Deferred.fromCoroutine(register(region.endpoint, newcomer(clock=clock)))
        while not region.door.told:
            await turn()
        clock.advance(ANSWER_SECONDS + 0.1)
        with pytest.raises(RegionUnreachable, match="gave no answer"):
            await joining
        while region.sessions[0].is_open:
            await turn()
        assert clock.getDelayedCalls() == []


async def test_a_region_that_dies_meanwhile_is_told_as_unreachable():
    async with region_end(EnrolmentDesk(silent=True)) as region:
        joining = Deferred.fromCoroutine(register(region.endpoint, newcomer()))
        while not region.door.told:
            await turn()
        region.sessions[0].abort()
        with pytest.raises(RegionUnreachable, match="gave no answer"):
            await joining


async def nobody():
    """An endpoint where nobody listens."""
    port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface=HERE)
    number = port.getHost().port
    await port.stopListening()
    return endpoint_of_port(number)


async def test_nobody_at_the_address_is_told_as_unreachable():
    with pytest.raises(RegionUnreachable):
        await register(await nobody(), newcomer())


# Several regions


async def test_the_first_region_that_answers_is_enough_and_it_is_told_why_others_did_not():
    told = []
    async with region_end() as region:
        endpoints = [("gone:1", await nobody()), ("here:2", region.endpoint)]
        joined = await register_anywhere(endpoints, newcomer(), told.append)
    assert joined.rack == NEW_RACK
    (line,) = told
    assert line.startswith("gone:1: ")


async def test_when_nobody_answers_all_are_named():
    told = []
    with pytest.raises(RegionUnreachable, match=r"a:1: .*; b:2: "):
        await register_anywhere(
            [("a:1", await nobody()), ("b:2", await nobody())], newcomer(), told.append
        )
    assert len(told) == 2


async def test_where_a_stranger_answers_no_other_region_is_asked():
    async with region_end() as first, region_end() as second:
        endpoints = [("first", first.endpoint), ("second", second.endpoint)]
        with pytest.raises(NotTrusted):
            await register_anywhere(endpoints, newcomer(secret(pin="0" * 64)), print)
        assert second.sessions == []


async def test_a_region_that_refuses_is_not_the_last_one_asked():
    # One whose host lacks the key cannot check the secret; another can.
    told = []
    wrong = secret(secret=Secret(b"w" * 16))
    async with region_end() as first, region_end() as second:
        endpoints = [("first", first.endpoint), ("second", second.endpoint)]
        with pytest.raises(EnrolmentRefused):
            await register_anywhere(endpoints, newcomer(wrong), told.append)
        assert len(second.sessions) == 1
    assert [line.partition(":")[0] for line in told] == ["first", "second"]
