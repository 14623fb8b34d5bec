"""Names are looked up as little as can be, and no lookup waits for one that hangs."""

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from twisted.internet import address, reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.task import Clock
from zope.interface import implementer

from evenrack.errors import BmcUnreachable
from evenrack.model.bmc_host import HostName
from evenrack.rack.power.names import (
    KEPT_SECONDS,
    MOST_ADDRESSES,
    MOST_AT_ONCE,
    Names,
    host_resolver,
)

BMC = HostName("bmc7.example.com")


@implementer(IHostnameResolver)
class Book:
    """A resolver that knows what a test wrote down; `held` names are answered by `let_go`."""

    def __init__(self, **known):
        self.known = {HostName(name): addresses for name, addresses in known.items()}
        self.held = set()
        self.asked = []
        self._open = {}

    def resolveHostName(self, receiver, name, *_more, **_options):  # noqa: N802  Twisted's name
        self.asked.append(name)
        receiver.resolutionBegan(None)
        if name in self.held:
            self._open[name] = receiver
        else:
            self._answer(receiver, name)

    def let_go(self, name):
        self.held.discard(name)
        self._answer(self._open.pop(name), name)

    def _answer(self, receiver, name):
        for each in self.known.get(name, ()):
            kind = address.IPv6Address if ":" in each else address.IPv4Address
            receiver.addressResolved(kind("TCP", each, 0))
        receiver.resolutionComplete()


class Looking:
    def __init__(self):
        self.clock = Clock()
        self.book = Book()
        self.names = Names(self.book, self.clock)

    def ask(self, name=BMC):
        return Deferred.fromCoroutine(self.names.addresses_of(HostName(name)))

    def found(self, name=BMC):
        return [str(each) for each in result_of(self.ask(name))]


def result_of(deferred):
    found = []
    deferred.addBoth(found.append)
    (result,) = found
    return result


@pytest.fixture
def looking():
    return Looking()


def test_every_address_is_given_once_in_the_order_of_the_host_without_those_of_one_link(looking):
    looking.book.known[BMC] = ["fe80::1%eth0", "2001:db8::7", "10.0.0.7", "2001:db8::7"]
    assert looking.found() == ["2001:db8::7", "10.0.0.7"]


def test_of_a_huge_answer_only_the_first_addresses_are_taken(looking):
    huge = [f"2001:db8::{number + 1:x}" for number in range(3 * MOST_ADDRESSES)]
    looking.book.known[BMC] = huge
    assert looking.found() == huge[:MOST_ADDRESSES]


def test_what_was_found_is_kept_for_a_short_while(looking):
    looking.book.known[BMC] = ["10.0.0.7"]
    assert looking.found() == ["10.0.0.7"]
    looking.book.known[BMC] = ["10.0.0.8"]
    looking.clock.advance(KEPT_SECONDS - 1)
    assert looking.found() == ["10.0.0.7"]
    looking.clock.advance(1)
    assert looking.found() == ["10.0.0.8"]
    assert looking.book.asked == [BMC, BMC]


def test_a_name_without_an_address_says_what_to_do_and_is_looked_up_anew_each_time(looking):
    failure = result_of(looking.ask())
    assert failure.type is BmcUnreachable
    assert "no address for the name bmc7.example.com" in str(failure.value)
    assert "getent ahosts bmc7.example.com" in str(failure.value)
    looking.book.known[BMC] = ["10.0.0.7"]
    assert looking.found() == ["10.0.0.7"]


def test_many_who_ask_at_once_share_one_lookup(looking):
    looking.book.known[BMC] = ["10.0.0.7"]
    looking.book.held.add(BMC)
    several = [looking.ask() for _ in range(5)]
    looking.book.let_go(BMC)
    assert {result_of(each) for each in several} == {(IPv4Address("10.0.0.7"),)}
    assert looking.book.asked == [BMC]


def test_who_gives_up_takes_nothing_from_the_others_and_the_answer_is_kept(looking):
    looking.book.known[BMC] = ["10.0.0.7"]
    looking.book.held.add(BMC)
    gives_up, stays = looking.ask(), looking.ask()
    gives_up.cancel()
    assert result_of(gives_up).type is CancelledError
    looking.book.let_go(BMC)
    assert result_of(stays) == (IPv4Address("10.0.0.7"),)
    assert looking.found() == ["10.0.0.7"]
    assert looking.book.asked == [BMC]


def test_only_a_few_are_looked_up_at_once_and_none_for_nobody(looking):
    hanging = [HostName(f"h{number}") for number in range(MOST_AT_ONCE)]
    looking.book.held.update(hanging)
    for name in hanging:
        looking.ask(name).addErrback(lambda _: None)
    left, waiting = looking.ask("left"), looking.ask("waiting")
    looking.book.known[HostName("waiting")] = ["10.0.0.9"]
    left.addErrback(lambda cancelled: cancelled.trap(CancelledError)).cancel()
    assert looking.book.asked == hanging
    looking.book.let_go(hanging[0])
    assert result_of(waiting) == (IPv4Address("10.0.0.9"),)
    assert looking.book.asked == [*hanging, "waiting"]


async def test_the_host_is_asked_as_any_other_program_asks_it():
    names = Names(host_resolver(reactor), reactor)
    found = await names.addresses_of(HostName("localhost"))
    assert set(found) <= {ip_address("127.0.0.1"), IPv6Address("::1")}
    assert found


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.EMFILE, "Too many open files"),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        UnicodeError("label too long"),
        MemoryError(),
    ],
    ids=lambda problem: type(problem).__name__,
)
async def test_a_lookup_that_fails_in_any_way_ends_and_takes_no_place_of_another(problem):
    left = [problem] * (MOST_AT_ONCE + 1)

    def getaddrinfo(*_arguments):
        if left:
            raise left.pop()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 0))]

    names = Names(host_resolver(reactor, getaddrinfo), reactor)
    for _ in range(MOST_AT_ONCE + 1):
        with pytest.raises(BmcUnreachable, match="no address for the name"):
            await Deferred.fromCoroutine(names.addresses_of(BMC)).addTimeout(5, reactor)
    assert await names.addresses_of(BMC) == (IPv4Address("10.0.0.7"),)
