"""One socket and what is heard on it: real datagrams on loopback."""

import socket
from ipaddress import ip_address

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from evenrack.errors import BmcUnreachable
from evenrack.rack.power.rmcp.exchange import Asking, Exchange
from tests.rack.power.story import ACCESS
from tests.stopwatch import Stopwatch

ASKING = Asking(at=(0.0,), seconds=5.0)


@pytest.fixture(params=["127.0.0.1", "::1"])
def peer(request):
    """Give a socket that answers when it is told to."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.bind((request.param, 0))
        peer.settimeout(5)
        yield peer


@pytest.fixture
def exchange(peer):
    exchange = Exchange(reactor)
    host, port, *_ = peer.getsockname()
    exchange.begin(evolve(ACCESS, address=ip_address(host), port=port))
    yield exchange
    exchange.end()
    assert exchange not in reactor.getReaders()


def ask(exchange):
    return Deferred.fromCoroutine(exchange.ask(lambda _nth: b"question", lambda d: d, ASKING))


def answer(peer, answer=b"answer"):
    question, who = peer.recvfrom(100)
    assert question == b"question"
    peer.sendto(answer, who)


async def test_what_is_asked_is_answered(exchange, peer):
    asked = ask(exchange)
    answer(peer)
    assert await asked == b"answer"


async def test_a_stranger_is_not_heard(exchange, peer):
    asked = ask(exchange)
    _, who = peer.recvfrom(100, socket.MSG_PEEK)
    with socket.socket(peer.family, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"answer of a stranger", who)
    await deferLater(reactor, 0.05)
    assert not asked.called
    answer(peer)
    assert await asked == b"answer"


async def test_an_error_of_another_socket_that_had_its_number_ends_nothing(exchange, peer):
    asked = ask(exchange)
    reactor.removeReader(exchange)  # as the reactor does before it tells
    exchange.connectionLost(None)
    answer(peer)
    assert await asked == b"answer"


async def test_nobody_listens_any_more_is_known_at_once_also_between_questions(exchange, peer):
    asked = ask(exchange)
    answer(peer)
    await asked
    peer.close()
    exchange.send(b"the network refuses this")
    await deferLater(reactor, 0.05)
    with Stopwatch() as taken:
        for _ in range(2):
            with pytest.raises(BmcUnreachable, match="nobody listens there"):
                await ask(exchange)
    assert taken.seconds < ASKING.seconds / 2


async def test_what_comes_after_its_end_is_heard_by_nobody(exchange, peer):
    asked = ask(exchange)
    exchange.end()
    exchange.doRead()
    exchange.connectionLost(None)
    exchange.send(b"nothing")
    assert peer.recv(100) == b"question"
    asked.addErrback(lambda _: None).cancel()


class StoodStill(Clock):
    """A reactor that stood still: it calls who waited for a time, and has not read yet."""

    def addReader(self, reader):  # noqa: N802  Twisted's name
        pass

    def removeReader(self, reader):  # noqa: N802  Twisted's name
        pass


def test_what_came_while_the_rack_stood_still_is_heard_and_nothing_is_sent_again(peer):
    clock, heard = StoodStill(), []
    exchange = Exchange(clock)
    host, port, *_ = peer.getsockname()
    exchange.begin(evolve(ACCESS, address=ip_address(host), port=port))
    asking = Asking(at=(0.0, 3.5), seconds=5.0)

    async def ask_both():
        heard.append(await exchange.ask(lambda _nth: b"first", told_at_last, asking))
        heard.append(await exchange.ask(lambda _nth: b"second", told_at_last, asking))

    asked = Deferred.fromCoroutine(ask_both())
    for words in (b"not for us", b"answer"):
        answer_again(peer, words)
    clock.advance(3.5)
    assert (heard, asked.called) == ([b"answer"], False)
    assert [peer.recv(100), peer.recv(100)] == [b"first", b"second"]
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(100)
    clock.advance(5.0)
    failed = []
    asked.addErrback(lambda failure: failed.append(failure.check(BmcUnreachable)))
    assert failed == [BmcUnreachable]
    exchange.end()


def test_a_bug_of_ours_in_reading_an_answer_ends_the_question(peer):
    exchange = Exchange(StoodStill())
    host, port, *_ = peer.getsockname()
    exchange.begin(evolve(ACCESS, address=ip_address(host), port=port))
    asking = Asking(at=(0.0,), seconds=5.0)
    asked = Deferred.fromCoroutine(exchange.ask(lambda _nth: b"question", int, asking))
    answer_again(peer, b"no number")
    exchange.doRead()
    failed = []
    asked.addErrback(lambda failure: failed.append(failure.check(ValueError)))
    assert failed == [ValueError]
    exchange.end()


def told_at_last(datagram):
    return datagram if datagram == b"answer" else None


def answer_again(peer, words):
    """Answer, and leave the question where it is."""
    _, who = peer.recvfrom(100, socket.MSG_PEEK)
    peer.sendto(words, who)
