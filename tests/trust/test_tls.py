"""Real TLS over loopback: who gets in, who does not, and what both ends say of it."""

import socket
import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from zope.interface import implementer

from evenrack.model.identifiers import RackId
from evenrack.trust.certificates import RACK_URI, REGION_NAME, issued_at, pin_of, serial_of
from evenrack.trust.enrolment import EXPORTER_BYTES
from evenrack.trust.tls import NewcomerTls, Peer, why_tls_failed
from tests.trust.tls_ends import HERE, listening, rack_tls, region_tls, turn
from tests.trusted import (
    RACK,
    authority,
    expired,
    handmade,
    not_yet,
    now,
    rack_identity,
    region_identity,
)

RACK_NAME = x509.UniformResourceIdentifier(f"{RACK_URI}{RACK}")
NAME = x509.DNSName(REGION_NAME)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
STRANGER = "of another cluster"


async def say(near, far, what=b"hello"):
    """Let one end say something, and wait until the other has heard it."""
    near.transport.write(what)
    await far.heard_it


async def both_ended(*ends):
    for end in ends:
        await end.ended


# Who gets in


async def test_a_rack_and_a_region_of_one_cluster_talk_and_the_region_knows_which_rack_it_is():
    identity = rack_identity(RackId("rack0007"))
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(rack_tls(identity))
        await say(mine, theirs)
        await say(theirs, mine, b"hello rack")
        assert (theirs.heard, mine.heard) == (b"hello", b"hello rack")
        assert theirs.peer == Peer(
            rack="rack0007",
            serial=serial_of(identity.certificate),
            issued_at=issued_at(identity.certificate),
            expires_at=identity.certificate.not_valid_after_utc,
        )


async def test_it_is_tls_1_3_and_nothing_that_is_said_is_readable():
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(rack_tls())
        await say(mine, theirs)
        for end in (mine, theirs):
            connection = end.transport._tlsConnection
            assert connection.get_protocol_version_name() == "TLSv1.3"


@pytest.mark.parametrize("signer", [(), ("another",)], ids=["old", "new"])
async def test_while_an_authority_is_replaced_certificates_of_both_get_in(signer):
    both = [authority().certificate, authority("another").certificate]
    async with listening(region_tls(region_identity(by=authority(*signer)), *both)) as region:
        for rack_s in ((), ("another",)):
            identity = rack_identity(by=authority(*rack_s))
            mine, theirs = await region.dial(rack_tls(identity, *both[::-1]))
            await say(mine, theirs)
            assert theirs.peer.rack == RACK


async def test_who_shows_no_certificate_gets_in_and_is_known_as_nobody():
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(NewcomerTls())
        await say(mine, theirs)
        assert theirs.peer == Peer(rack=None)


async def test_a_newcomer_sees_the_region_s_certificate_and_its_authorities():
    identity, other = region_identity(), authority("another").certificate
    trusted = [authority().certificate, other]
    async with listening(region_tls(identity, *trusted)) as region:
        mine, theirs = await region.dial(NewcomerTls())
        await mine.shaken
        assert mine.shown() == [identity.certificate, *trusted]
        assert pin_of(authority().certificate) in map(pin_of, mine.shown()[1:])
        await say(mine, theirs)
        assert theirs.own() == identity.certificate
        assert theirs.shown() == []


async def test_a_rack_has_its_own_certificate_and_a_newcomer_has_none():
    identity = rack_identity()
    async with listening(region_tls()) as region:
        mine, _ = await region.dial(rack_tls(identity))
        await mine.shaken
        assert mine.own() == identity.certificate
        newcomer, _ = await region.dial(NewcomerTls())
        await newcomer.shaken
        with pytest.raises(ValueError, match="showed no certificate"):
            newcomer.own()


async def test_ends_whose_clocks_are_hours_behind_the_one_that_signed_take_each_other():
    signed_at = now() + timedelta(hours=14)  # as far as two time zones can be apart
    async with listening(region_tls(region_identity(at=signed_at))) as region:
        mine, theirs = await region.dial(rack_tls(rack_identity(at=signed_at)))
        await say(mine, theirs)
        await say(theirs, mine)


# Racks that do not get in: what the region says, and what the rack

BAD_RACKS = {
    "expired": (
        lambda: rack_identity(at=expired()),
        "the certificate has expired",
        "the other end says that this end's certificate has expired",
    ),
    "not valid yet": (
        lambda: rack_identity(at=not_yet()),
        "the certificate is not valid yet",
        "the other end says that this end's certificate is not valid now",
    ),
    "of another cluster": (
        lambda: rack_identity(by=authority("another")),
        "the certificate is of another cluster's authority",
        "the other end says that this end's certificate is of another cluster",
    ),
    "signed by itself": (
        lambda: handmade(RACK_NAME, usage=CLIENT),
        "the certificate is signed by itself",
        "the other end says that this end's certificate is of another cluster",
    ),
    "a region's": (
        region_identity,
        "the certificate is not for this end of a link",
        "the other end says that this end's certificate is not for this",
    ),
    "the authority's own": (
        authority,
        "the certificate is not for this end of a link",
        "the other end says that this end's certificate is not for this",
    ),
    "signed by a rack": (
        lambda: handmade(RACK_NAME, usage=CLIENT, by=rack_identity()),
        "the certificate is of another cluster's authority",
        "the other end says that this end's certificate is of another cluster",
    ),
}


@pytest.mark.parametrize(
    ("identity", "region_says", "rack_says"), BAD_RACKS.values(), ids=[*BAD_RACKS]
)
async def test_a_rack_is_refused_whose_certificate_is(identity, region_says, rack_says):
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(rack_tls(identity()))
        mine.transport.write(b"hello")  # with TLS 1.3 it may, before it is judged
        await both_ended(mine, theirs)
        assert (theirs.why, mine.why) == (region_says, rack_says)
        assert theirs.heard == b""
        assert not theirs.shaken.called


# Regions that are not believed: what the region says, and what the rack

BAD_REGIONS = {
    "expired": (
        lambda: region_identity(at=expired()),
        "the other end says that this end's certificate has expired",
        "the certificate has expired",
    ),
    "not valid yet": (
        lambda: region_identity(at=not_yet()),
        "the other end says that this end's certificate is not valid now",
        "the certificate is not valid yet",
    ),
    "of another cluster": (
        lambda: region_identity(by=authority("another")),
        "the other end says that this end's certificate is of another cluster",
        "the certificate is of another cluster's authority",
    ),
    "signed by itself": (
        lambda: handmade(NAME, usage=SERVER),
        "the other end says that this end's certificate is of another cluster",
        "the certificate is signed by itself",
    ),
    "a rack's": (
        rack_identity,
        "the other end says that this end's certificate is not for this",
        "the certificate is not for this end of a link",
    ),
    "a rack's with the name of regions": (
        lambda: handmade(RACK_NAME, NAME, usage=CLIENT, by=authority()),
        "the other end says that this end's certificate is not for this",
        "the certificate is not for this end of a link",
    ),
    "without a name": (
        lambda: handmade(usage=SERVER, by=authority()),
        "the other end does not take this end's certificate, or failed itself",
        "the certificate at the other end is not a region's",
    ),
    "with another name": (
        lambda: handmade(x509.DNSName("www.example.com"), usage=SERVER, by=authority()),
        "the other end does not take this end's certificate, or failed itself",
        "the certificate at the other end is not a region's",
    ),
    "for no use": (
        lambda: handmade(NAME, by=authority()),
        "the other end does not take this end's certificate, or failed itself",
        "the certificate at the other end is not a region's",
    ),
}


@pytest.mark.parametrize(
    ("identity", "region_says", "rack_says"), BAD_REGIONS.values(), ids=[*BAD_REGIONS]
)
async def test_a_region_is_refused_whose_certificate_is(identity, region_says, rack_says):
    async with listening(region_tls(identity())) as region:
        mine, theirs = await region.dial(rack_tls())
        mine.transport.write(b"hello")
        await both_ended(mine, theirs)
        assert (theirs.why, mine.why) == (region_says, rack_says)
        assert theirs.heard == b""
        assert not mine.shaken.called
        assert theirs.peer is None


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


# What an end shows and trusts may change


async def test_a_region_shows_its_new_certificate_to_new_connections_and_old_ones_go_on():
    old, new = region_identity(), region_identity()
    tls = region_tls(old)
    async with listening(tls) as region:
        first, at_first = await region.dial(rack_tls())
        await say(first, at_first)
        tls.use(new, [authority().certificate])
        second, at_second = await region.dial(rack_tls())
        await say(second, at_second)
        assert first.shown()[0] == old.certificate
        assert second.shown()[0] == new.certificate
        await say(at_first, first, b"still there")
        assert first.heard == b"still there"


async def test_a_region_that_trusts_another_authority_too_lets_its_racks_in_from_then_on():
    tls, foreign = region_tls(), rack_identity(by=authority("another"))
    async with listening(tls) as region:
        mine, theirs = await region.dial(rack_tls(foreign))
        await both_ended(mine, theirs)
        assert STRANGER in theirs.why
        tls.use(region_identity(), [authority().certificate, authority("another").certificate])
        mine, theirs = await region.dial(rack_tls(foreign))
        await say(mine, theirs)
        assert theirs.peer.rack == RACK


async def test_an_authority_that_is_trusted_no_more_lets_nobody_in_from_then_on():
    both = [authority().certificate, authority("another").certificate]
    tls, foreign = region_tls(None, *both), rack_identity(by=authority("another"))
    async with listening(tls) as region:
        mine, theirs = await region.dial(rack_tls(foreign))
        await say(mine, theirs)
        tls.use(region_identity(), both[:1])
        mine, theirs = await region.dial(rack_tls(foreign))
        await both_ended(mine, theirs)
        assert STRANGER in theirs.why


async def test_a_rack_shows_its_new_certificate_on_new_connections():
    old, new = rack_identity(), rack_identity()
    tls = rack_tls(old)
    async with listening(region_tls()) as region:
        for identity in (old, new):
            tls.use(identity, [authority().certificate])
            mine, theirs = await region.dial(tls)
            await say(mine, theirs)
            assert theirs.peer.serial == serial_of(identity.certificate)


async def test_a_rack_that_learns_of_another_authority_believes_its_regions_from_then_on():
    tls = rack_tls()
    both = [authority().certificate, authority("another").certificate]
    async with listening(region_tls(region_identity(by=authority("another")), *both)) as region:
        mine, theirs = await region.dial(tls)
        await both_ended(mine, theirs)
        assert STRANGER in mine.why
        tls.use(rack_identity(), both)
        mine, theirs = await region.dial(tls)
        await say(mine, theirs)


# What an enrolment proof is bound to


async def test_both_ends_of_a_connection_have_the_same_channel_and_no_other_has():
    certificate = region_identity().certificate
    channels = []
    async with listening(region_tls()) as region:
        for _ in range(3):
            mine, theirs = await region.dial(NewcomerTls())
            await say(mine, theirs)
            assert mine.channel(certificate) == theirs.channel(certificate)
            channels.append(mine.channel(certificate))
    assert len({channel.exporter for channel in channels}) == 3
    assert {len(channel.exporter) for channel in channels} == {EXPORTER_BYTES}


async def test_a_host_in_the_middle_has_another_channel_with_each_side():
    # It ends TLS with a certificate of its own, and begins it anew to the region.
    relay_s = region_identity(by=authority("the relay's"))
    async with listening(region_tls()) as region, listening(region_tls(relay_s)) as relay:
        rack, at_relay = await relay.dial(NewcomerTls())
        onwards, at_region = await region.dial(NewcomerTls())
        await say(rack, at_relay)
        await say(onwards, at_region)
        rack_s = rack.channel(rack.shown()[0])
        region_s = at_region.channel(at_region.own())
        assert rack_s.exporter != region_s.exporter
        assert rack_s.region_certificate != region_s.region_certificate
        assert rack_s == at_relay.channel(at_relay.own())


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
