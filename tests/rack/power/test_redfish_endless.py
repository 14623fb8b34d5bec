"""What is at the address of a Redfish BMC and never ends its answer, or never begins one."""

import pytest
from twisted.internet import reactor, ssl
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from evenrack.errors import BmcUnreachable
from evenrack.model.power import BmcAccess
from evenrack.rack.power.redfish import RedfishDriver
from tests.rack.power.redfish_farm import (
    ADDRESS,
    PASSWORD,
    USER,
    failure,
    fingerprint,
    own_certificate,
)

pytestmark = pytest.mark.deadline(120)


@pytest.fixture
def driver():
    return RedfishDriver(reactor)


class Raw(Protocol):
    """Says something to everybody, again and again."""

    def connectionMade(self):
        self.factory.lines.add(self)
        self.say()

    def say(self):
        if self in self.factory.lines:
            self.transport.write(self.factory.words)
            reactor.callLater(0, self.say)

    def connectionLost(self, reason):
        self.factory.lines.discard(self)


@pytest.fixture
def raw():
    """Give a way to start what says these bytes without end, over TLS or not."""
    ports = []

    def start(words, *, over_tls=True):
        factory = Factory.forProtocol(Raw)
        factory.noisy, factory.words, factory.lines = False, words, set()
        identity = own_certificate()
        if over_tls:
            own = ssl.CertificateOptions(privateKey=identity.key, certificate=identity.certificate)
            port = reactor.listenSSL(0, factory, own, interface=str(ADDRESS))
        else:
            port = reactor.listenTCP(0, factory, interface=str(ADDRESS))
        ports.append(port)
        return factory, BmcAccess(
            address=ADDRESS,
            port=port.getHost().port,
            user=USER,
            password=PASSWORD,
            driver="redfish",
            certificate_sha256=fingerprint(identity.certificate),
        )

    yield start
    for port in ports:
        port.stopListening()


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 1000,
        b"X-More: and more\r\n" * 1000,
        b"x" * 60_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b" " * 65535,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    ],
    ids=["headers", "no status", "one line", "chunks", "to be continued"],
)
async def test_what_never_comes_to_an_end_is_left(driver, raw, words):
    factory, access = raw(words)
    await failure(BmcUnreachable, driver.query(access))
    while factory.lines:
        await deferLater(reactor, 0.01)


async def test_what_speaks_no_tls_is_told_nothing(driver, raw):
    _, access = raw(b"HTTP/1.1 200 OK\r\n\r\n{}", over_tls=False)
    words = await failure(BmcUnreachable, driver.turn_on(access))
    assert "no TLS" in words


async def test_a_host_that_takes_connections_and_says_nothing_is_left_in_time(driver):
    port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface=str(ADDRESS))
    access = BmcAccess(
        address=ADDRESS,
        port=port.getHost().port,
        user=USER,
        password=PASSWORD,
        driver="redfish",
    )
    try:
        words = await failure(BmcUnreachable, driver.turn_on(access))
        assert "within 6.0 s" in words
    finally:
        port.stopListening()
