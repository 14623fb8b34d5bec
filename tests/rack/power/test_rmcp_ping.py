"""Asking whether a BMC is there: real datagrams on loopback."""

import errno
import socket
from ipaddress import IPv4Address

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater

from evenrack.errors import BmcUnreachable
from evenrack.rack.power.rmcp_ping import QUESTION, answers, ping
from tests.free_ports import free_udp_port
from tests.rack.power.bmc_farm import needs_bmcs

ADDRESS = IPv4Address("127.0.0.1")
LONG = 60.0
PONG = bytes.fromhex("0600ff07 0000000000 00000000 10 811c632000380001840403000000001c")


class Peer(DatagramProtocol):
    """Answers each question with what it was given for it; the last of them is for all others."""

    noisy = False

    def __init__(self, *replies):
        self.heard = []
        self._replies = list(replies)

    def datagramReceived(self, data, addr):  # noqa: N802  Twisted's name
        self.heard.append(data)
        replies = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        for reply in replies:
            self.transport.write(reply, addr)


@pytest.fixture
def listen():
    """Let a peer listen; gives its port. They stop with the test."""
    ports = []

    def start(peer):
        port = reactor.listenUDP(0, peer, interface=str(ADDRESS))
        ports.append(port)
        return port.getHost().port

    yield start
    for port in ports:
        port.stopListening()


@needs_bmcs
async def test_a_real_bmc_answers(bmc):
    assert await ping(reactor, bmc.address, bmc.port, LONG) == "answer"
    assert await answers(reactor, bmc.address, bmc.port)


async def test_a_closed_port_is_refused_at_once():
    port = free_udp_port(ADDRESS)
    began = reactor.seconds()
    assert await ping(reactor, ADDRESS, port, LONG) == "refused"
    assert not await answers(reactor, ADDRESS, port, LONG)
    assert reactor.seconds() - began < LONG / 2


async def test_a_port_that_closes_while_it_is_asked_is_refused(listen):
    peer = Peer([])
    port = listen(peer)
    asking = Deferred.fromCoroutine(ping(reactor, ADDRESS, port, LONG))
    while not peer.heard:
        await deferLater(reactor, 0.01)
    peer.transport.stopListening()
    assert await asking == "refused"


async def test_a_host_that_says_nothing_is_silent_and_asked_more_than_once(listen):
    peer = Peer([])
    port = listen(peer)
    asking = Deferred.fromCoroutine(ping(reactor, ADDRESS, port, LONG))
    while len(peer.heard) < 2:
        await deferLater(reactor, 0.01)
    assert set(peer.heard) == {QUESTION}
    asking.cancel()
    with pytest.raises(CancelledError):
        await asking
    assert await ping(reactor, ADDRESS, port, 0.3) == "silence"


async def test_a_lost_answer_is_asked_for_again(listen):
    peer = Peer([], [PONG])
    assert await ping(reactor, ADDRESS, listen(peer), LONG) == "answer"


@pytest.mark.parametrize("garbage", [b"", b"\x06", b"hello, who is there?", PONG[:4], b"\0" + PONG])
async def test_what_is_no_ipmi_is_no_answer(listen, garbage):
    port = listen(Peer([garbage]))
    assert await ping(reactor, ADDRESS, port, 0.3) == "silence"
    assert await ping(reactor, ADDRESS, listen(Peer([garbage, PONG, PONG])), LONG) == "answer"


async def test_an_answer_of_somebody_else_is_not_heard(listen):
    class Elsewhere(Peer):
        def datagramReceived(self, data, addr):  # noqa: N802  Twisted's name
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(PONG, addr)

    assert await ping(reactor, ADDRESS, listen(Elsewhere()), 0.3) == "silence"


async def test_an_address_that_may_not_be_sent_to_is_refused():
    # A broadcast address, which needs an option that is not set: connect() fails.
    assert await ping(reactor, IPv4Address("255.255.255.255"), 623, LONG) == "refused"


async def test_a_question_that_is_cancelled_leaves_nothing(listen):
    asking = Deferred.fromCoroutine(ping(reactor, ADDRESS, listen(Peer([])), LONG))
    await deferLater(reactor, 0.05)
    asking.cancel()
    with pytest.raises(CancelledError):
        await asking


async def test_without_a_port_to_ask_from_the_bmc_is_unreachable():
    class Full:
        """A reactor whose host has no UDP port left: nothing real can be used up so far."""

        def listenUDP(self, port, protocol, interface=""):  # noqa: N802
            raise CannotListenError("", port, OSError(errno.EADDRINUSE, "in use"))

    with pytest.raises(BmcUnreachable, match="this host cannot ask"):
        await ping(Full(), ADDRESS, 623, LONG)
