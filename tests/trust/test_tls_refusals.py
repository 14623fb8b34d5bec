"""Real TLS over loopback: which racks and regions do not get in, and what both ends say of it."""

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from evenrack.trust.certificates import RACK_URI, REGION_NAME
from tests.trust.tls_ends import listening, rack_tls, region_tls
from tests.trust.tls_words import both_ended
from tests.trusted import (
    RACK,
    authority,
    expired,
    handmade,
    not_yet,
    rack_identity,
    region_identity,
)

RACK_NAME = x509.UniformResourceIdentifier(f"{RACK_URI}{RACK}")
NAME = x509.DNSName(REGION_NAME)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


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
