"""Real TLS over loopback: who does not speak TLS 1.3 is refused, and nothing is resumed."""

import socket
import ssl

import pytest
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from zope.interface import implementer

from evenrack.trust.tls import NewcomerTls, why_tls_failed
from tests.trust.tls_ends import HERE, listening, rack_tls, region_tls, turn
from tests.trust.tls_words import both_ended, say
from tests.trusted import rack_identity, region_identity

# Who does not speak TLS 1.3


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class OldTls:
    """TLS 1.2 and nothing newer, at either end."""

    def __init__(self, identity=None):
        self._identity = identity

    def _connection(self):
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        if self._identity is not None:
            context.use_certificate(self._identity.certificate)
            context.use_privatekey(self._identity.key)
        return SSL.Connection(context, None)

    def clientConnectionForTLS(self, _protocol):  # noqa: N802
        return self._connection()

    def serverConnectionForTLS(self, _protocol):  # noqa: N802
        return self._connection()


NOT_1_3 = "the other end does not speak TLS 1.3"


async def test_a_rack_that_speaks_tls_1_2_only_is_refused():
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(OldTls(rack_identity()))
        await both_ended(mine, theirs)
        assert theirs.why == mine.why == NOT_1_3


@pytest.mark.parametrize("tls", [rack_tls, NewcomerTls])
async def test_a_region_that_speaks_tls_1_2_only_is_refused(tls):
    with_old = OldTls(region_identity())
    async with listening(with_old) as region:
        mine, theirs = await region.dial(tls())
        await both_ended(mine, theirs)
        assert theirs.why == mine.why == NOT_1_3


PLAIN = {
    "AMP": (b"\x00\x08_command\x00\x05Hello\x00\x00", "the other end does not speak TLS"),
    "HTTP": (
        b"GET / HTTP/1.1\r\nHost: region1\r\n\r\n",
        "the other end speaks HTTP, and this port does not",
    ),
    "bytes": (bytes(range(1, 200)), "the other end does not speak TLS"),
}


@pytest.mark.parametrize(("said", "region_says"), PLAIN.values(), ids=[*PLAIN])
async def test_who_speaks_no_tls_at_all_is_refused(said, region_says):
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial_plain()
        mine.transport.write(said)
        await both_ended(mine, theirs)
        assert theirs.why == region_says
        assert theirs.heard == b""


async def test_who_says_nothing_and_leaves_is_no_failure_of_tls():
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial_plain()
        mine.transport.loseConnection()
        await both_ended(mine, theirs)
        assert theirs.why is None


async def test_a_link_that_was_good_and_ends_says_nothing_of_tls():
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(rack_tls())
        await say(mine, theirs)
        mine.transport.loseConnection()
        await both_ended(mine, theirs)
        assert theirs.why is mine.why is None


def test_a_failure_without_openssl_s_words_is_told_as_one_of_tls():
    class Transport:
        pass

    for problem in (SSL.Error(), SSL.Error([]), SSL.Error("text")):
        assert why_tls_failed(Transport(), Failure(problem)) == "TLS failed: no reason was given"
    strange = SSL.Error([("SSL routines", "", "a new reason")])
    assert why_tls_failed(Transport(), Failure(strange)) == "TLS failed: a new reason"
    assert why_tls_failed(Transport(), Failure(ValueError("another"))) is None


# Nothing is resumed


def visited_twice(port):
    """Connect twice, the second time with what the first left; tell whether that was taken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    left = None
    for _ in range(2):
        with (
            socket.create_connection((HERE, port), timeout=5) as plain,
            context.wrap_socket(plain, session=left) as within,
        ):
            within.sendall(b"hello")
            within.recv(1)  # whatever the region leaves comes before it
            left, is_resumed = within.session, within.session_reused
    return is_resumed


class PlainTls(OldTls):
    """OpenSSL as it is by itself."""

    def __init__(self):
        identity = region_identity()
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_session_id(b"plain")
        self._context.use_certificate(identity.certificate)
        self._context.use_privatekey(identity.key)

    def _connection(self):
        return SSL.Connection(self._context, None)


@pytest.mark.parametrize(("tls", "resumes"), [(region_tls, False), (PlainTls, True)])
async def test_no_session_is_taken_up_again_since_it_would_outlive_a_revocation(tls, resumes):
    async with listening(tls()) as region:
        visits = deferToThread(visited_twice, region.number)
        for visit in range(2):
            while len(region.ends) <= visit:
                await turn()
            await region.ends[visit].heard_it
            region.ends[visit].transport.write(b"x")
        assert await visits is resumes
