"""Whose certificate it is: the rack that its URI names, or a region, or nobody."""

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from evenrack.errors import NotTrusted
from evenrack.model.identifiers import RackId
from evenrack.trust.certificates import RACK_URI, REGION_NAME, rack_of, refuse_other_region
from tests.trust.one_certificate import KEY, NOW
from tests.trusted import authority, handmade


def certificate_with(*names, usage=ExtendedKeyUsageOID.CLIENT_AUTH):
    """A certificate of the authority with these names."""
    return handmade(*names, usage=usage, by=authority(), key=KEY, at=NOW).certificate


def uri(text):
    return x509.UniformResourceIdentifier(text)


ODD_URIS = [
    "evenrack://rack/",
    "evenrack://rack/rack001",
    "evenrack://rack/rack00012",
    "evenrack://rack/RACK0001",
    "evenrack://rack/rack0001/",
    "evenrack://rack/rack0001?a=b",
    "evenrack://rack/rack0001#a",
    "evenrack://rack//rack0001",
    "evenrack://rack/../rack0001",
    "evenrack://rack/rack%30001",
    "evenrack://rack/rack0001\n",
    "evenrack://rack/rack0001\x00",
    " evenrack://rack/rack0001",
    "EVENRACK://rack/rack0001",
    "evenrack://region/rack0001",
    "https://rack/rack0001",
    "rack0001",
    "",
]


@pytest.mark.parametrize("text", ODD_URIS, ids=repr)
def test_an_odd_uri_names_no_rack(text):
    assert rack_of(certificate_with(uri(text))) is None


@given(st.text(st.characters(max_codepoint=127)))
def test_a_uri_of_any_text_names_the_rack_of_that_very_id_or_none(text):
    found = rack_of(certificate_with(uri(RACK_URI + text)))
    assert found in (None, text)


def test_a_certificate_without_a_uri_or_with_two_names_no_rack():
    right, other = uri(f"{RACK_URI}rack0001"), uri(f"{RACK_URI}rack0002")
    assert rack_of(certificate_with(right)) == "rack0001"
    assert rack_of(certificate_with()) is None
    assert rack_of(certificate_with(x509.DNSName("rack0001"))) is None
    assert rack_of(certificate_with(right, other)) is None
    assert rack_of(certificate_with(right, right)) is None


def test_a_name_beside_the_uri_makes_no_other_rack():
    found = rack_of(certificate_with(uri(f"{RACK_URI}rack0001"), x509.DNSName(REGION_NAME)))
    assert found == RackId("rack0001")


@pytest.mark.parametrize(
    "certificate",
    [
        certificate_with(x509.DNSName(REGION_NAME)),
        certificate_with(x509.DNSName(REGION_NAME), usage=None),
        certificate_with(usage=ExtendedKeyUsageOID.SERVER_AUTH),
        certificate_with(x509.DNSName("region.example.com"), usage=ExtendedKeyUsageOID.SERVER_AUTH),
        certificate_with(x509.DNSName(f"a.{REGION_NAME}"), usage=ExtendedKeyUsageOID.SERVER_AUTH),
        certificate_with(uri(REGION_NAME), usage=ExtendedKeyUsageOID.SERVER_AUTH),
    ],
    ids=["for a client", "for nothing", "no name", "another name", "a name below", "a uri"],
)
def test_only_the_name_and_the_usage_together_make_a_region(certificate):
    with pytest.raises(NotTrusted, match="not a region's"):
        refuse_other_region(certificate, authority().certificate, NOW)
