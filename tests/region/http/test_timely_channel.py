"""How long a request may take to come in: real bytes, and a clock that only the test moves."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from evenrack.region.http.timely_channel import (
    CLOSING_SECONDS,
    KNOWN_CLOSING_SECONDS,
    REQUEST_SECONDS,
    TimelyChannel,
)

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


class Slow(Resource):
    isLeaf = True

    def __init__(self):
        super().__init__()
        self.open = []

    def render(self, request):
        self.open.append(request)
        return NOT_DONE_YET

    def answer(self):
        request = self.open.pop()
        request.write(b"ok")
        request.finish()


class Wire(StringTransport):
    aborted = False

    def abortConnection(self):  # noqa: N802  Twisted calls it so
        self.aborted = True


class Connection:
    def __init__(self):
        self.clock = Clock()
        self.page = Slow()
        site = Site(self.page, reactor=self.clock, timeout=60)
        site.protocol = TimelyChannel
        self.wire = Wire(peerAddress=IPv4Address("TCP", "10.0.0.1", 4711))
        self.channel = site.buildProtocol(None)
        self.channel.makeConnection(self.wire)

    def send(self, data):
        self.channel.dataReceived(data)

    def passes(self, seconds):
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)

    @property
    def cut(self):
        return self.wire.aborted


@pytest.fixture
def connection():
    return Connection()


def test_who_says_nothing_is_cut(connection):
    connection.passes(REQUEST_SECONDS - 1)
    assert not connection.cut
    connection.passes(1.5)
    assert connection.cut


@pytest.mark.parametrize("request_bytes", [REQUEST, POST + b"0123456789"])
def test_who_sends_a_byte_a_second_is_cut(connection, request_bytes):
    for number in range(len(request_bytes)):
        connection.send(request_bytes[number : number + 1])
        connection.passes(1)
        if connection.cut:
            break
    assert connection.cut
    assert number < REQUEST_SECONDS + 1
    assert connection.page.open == []


def test_an_answer_may_take_its_time(connection):
    connection.send(REQUEST)
    connection.passes(50)
    assert not connection.cut
    connection.page.answer()
    assert b"200 OK" in connection.wire.value()


def test_between_two_requests_one_may_rest_but_not_in_the_middle_of_one(connection):
    connection.send(REQUEST)
    connection.page.answer()
    connection.passes(50)
    assert not connection.cut
    connection.send(REQUEST[:20])
    connection.passes(REQUEST_SECONDS + 1)
    assert connection.cut


def test_the_time_of_each_request_is_its_own(connection):
    for _ in range(5):
        connection.send(REQUEST[:20])
        connection.passes(REQUEST_SECONDS - 1)
        connection.send(REQUEST[20:])
        connection.page.answer()
    assert not connection.cut


def test_a_request_that_was_begun_during_the_answer_to_another_has_its_time_too(connection):
    connection.send(REQUEST + REQUEST[:20])
    connection.passes(30)
    connection.page.answer()
    connection.passes(REQUEST_SECONDS - 1)
    assert not connection.cut
    connection.passes(1.5)
    assert connection.cut


def test_several_requests_at_once_are_all_answered(connection):
    connection.send(REQUEST * 3)
    for _ in range(3):
        connection.page.answer()
    assert connection.wire.value().count(b"200 OK") == 3
    connection.passes(REQUEST_SECONDS + 1)
    assert not connection.cut


def test_who_was_recognised_may_take_a_minute_for_a_long_answer_and_nobody_else_may(connection):
    connection.channel.trust()
    unknown = Connection()
    for each in (connection, unknown):
        each.wire.loseConnection = lambda: None  # the other end does not take the rest
        each.send(LAST_REQUEST)
        each.page.answer()
        assert not each.cut
    unknown.passes(CLOSING_SECONDS + 0.2)
    assert unknown.cut
    connection.passes(KNOWN_CLOSING_SECONDS - 1)
    assert not connection.cut
    connection.passes(1.5)
    assert connection.cut


def test_a_connection_that_ends_leaves_no_call_behind(connection):
    from twisted.internet.error import ConnectionDone
    from twisted.python.failure import Failure

    connection.send(REQUEST[:20])
    connection.channel.connectionLost(Failure(ConnectionDone()))
    calls = [call for call in connection.clock.getDelayedCalls() if call.getTime() < 59]
    assert [call for call in calls if "_cut" in str(call)] == []
