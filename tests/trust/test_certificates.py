"""Certificates: what is issued reads back, each is good for its own end only, and for its time."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from evenrack.errors import NotTrusted
from evenrack.model.identifiers import RackId
from evenrack.trust.certificates import (
    AUTHORITY_LIFE,
    BACKDATED,
    LEAF_LIFE,
    RACK_URI,
    REGION_NAME,
    Identity,
    certificate_der,
    certificate_from_der,
    certificate_pem,
    certificates_from_pem,
    fingerprint_of,
    identity_from_pem,
    is_issued_by,
    issue_for_rack,
    issue_for_region,
    key_of_request,
    key_pem,
    new_authority,
    new_key,
    new_request,
    pin_of,
    rack_of,
    refuse_other_region,
    refuse_wrong_time,
    renewal_time,
    serial_of,
)
from tests.strategies import rack_ids, region_ids
from tests.trusted import RACK, authority, handmade, rack_identity, region_identity

NOW = datetime(2030, 5, 17, 12, 0, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2049, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)
KEY = new_key()
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def usages(certificate):
    return [*certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value]


def names(certificate):
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


@given(rack_ids, MOMENTS)
def test_a_rack_s_certificate_reads_back(rack, now):
    issued = issue_for_rack(authority(), KEY.public_key(), rack, now)
    read = certificate_from_der(certificate_der(issued))
    assert rack_of(read) == rack
    assert read.public_key() == KEY.public_key()
    assert is_issued_by(read, authority().certificate)
    assert (read.not_valid_before_utc, read.not_valid_after_utc) == (
        now - BACKDATED,
        now + LEAF_LIFE,
    )
    assert certificates_from_pem(certificate_pem(issued)) == (issued,)
    assert int(serial_of(read), 16) == read.serial_number


@given(region_ids, MOMENTS)
def test_a_region_s_certificate_has_the_one_name_of_all_regions(region, now):
    issued = issue_for_region(authority(), KEY.public_key(), region, now)
    refuse_other_region(issued, authority().certificate, now)
    assert names(issued).get_values_for_type(x509.DNSName) == [REGION_NAME]
    assert (issued.not_valid_before_utc, issued.not_valid_after_utc) == (
        now - BACKDATED,
        now + LEAF_LIFE,
    )


def test_a_rack_s_certificate_is_good_for_a_client_and_a_region_s_for_a_server_only():
    rack, region = rack_identity().certificate, region_identity().certificate
    assert usages(rack) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert usages(region) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert rack_of(region) is None
    with pytest.raises(NotTrusted, match="not a region's"):
        refuse_other_region(rack, authority().certificate, NOW)


def test_the_authority_s_own_certificate_is_neither_a_rack_s_nor_a_region_s():
    own = authority().certificate
    assert rack_of(own) is None
    with pytest.raises(NotTrusted, match="not a region's"):
        refuse_other_region(own, own, NOW)


@pytest.mark.parametrize("of", [rack_identity, region_identity])
def test_nobody_but_the_authority_can_sign(of):
    leaf = of().certificate
    basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert basic.critical
    assert not basic.value.ca
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not usage.value.crl_sign


def test_an_authority_signs_leaves_and_no_other_authority():
    own = new_authority(NOW).certificate
    basic = own.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)
    assert is_issued_by(own, own)
    assert own.not_valid_after_utc == NOW + AUTHORITY_LIFE


def test_two_authorities_have_the_same_name_and_are_told_apart_by_their_keys():
    one, other = new_authority(NOW), new_authority(NOW)
    assert one.certificate.subject == other.certificate.subject
    leaf = issue_for_rack(one, KEY.public_key(), RACK, NOW)
    assert is_issued_by(leaf, one.certificate)
    assert not is_issued_by(leaf, other.certificate)
    assert pin_of(one.certificate) != pin_of(other.certificate)


def test_a_region_of_another_authority_is_refused():
    stranger = region_identity(by=authority("another")).certificate
    with pytest.raises(NotTrusted, match="not signed by its authority"):
        refuse_other_region(stranger, authority().certificate, NOW)


def test_a_pin_is_of_the_key_and_stays_when_the_authority_is_signed_anew():
    own = authority()
    again = own.certificate.public_key()
    assert len(pin_of(own.certificate)) == 64
    leaf = issue_for_rack(own, again, RACK, NOW)  # another certificate, the same key
    assert pin_of(leaf) == pin_of(own.certificate)


def test_a_fingerprint_is_of_the_whole_list_and_its_order_since_the_first_signs():
    one, two = authority().certificate, authority("another").certificate
    lists = [(), (one,), (two,), (one, two), (two, one), (one, one)]
    assert len({fingerprint_of(each) for each in lists}) == len(lists)
    assert fingerprint_of([one, two]) == fingerprint_of(iter([one, two]))


def test_certificates_have_serial_numbers_of_their_own():
    serials = {serial_of(issue_for_rack(authority(), KEY.public_key(), RACK, NOW)) for _ in "12345"}
    assert len(serials) == 5


LEAF = issue_for_rack(authority(), KEY.public_key(), RACK, NOW)
FIRST, LAST = NOW - BACKDATED, NOW + LEAF_LIFE


@pytest.mark.parametrize("moment", [FIRST, NOW, NOW + timedelta(days=29), LAST])
def test_a_certificate_is_good_from_hours_before_it_was_made_to_its_end(moment):
    refuse_wrong_time(LEAF, moment)


@pytest.mark.parametrize(
    "moment", [FIRST - timedelta(seconds=1), NOW - timedelta(days=1), LAST + timedelta(seconds=1)]
)
def test_at_any_other_time_it_is_refused_with_all_three_times(moment):
    with pytest.raises(NotTrusted, match="is the clock right") as refusal:
        refuse_wrong_time(LEAF, moment)
    for time in (FIRST, LAST, moment):
        assert f"{time:%Y-%m-%d %H:%M}" in str(refusal.value)


def test_a_region_s_certificate_is_refused_at_the_wrong_time_too():
    region = region_identity(at=NOW).certificate
    with pytest.raises(NotTrusted, match="is the clock right"):
        refuse_other_region(region, authority().certificate, LAST + timedelta(days=1))


@given(st.floats(0, 1))
def test_a_renewal_is_due_after_two_thirds_of_the_life_a_twentieth_sooner_or_later(jitter):
    share = (renewal_time(LEAF, jitter) - FIRST) / (LAST - FIRST)
    assert 2 / 3 - 1 / 20 - 1e-9 <= share <= 2 / 3 + 1 / 20 + 1e-9


def test_racks_renew_spread_over_a_tenth_of_the_life():
    assert renewal_time(LEAF, 1.0) - renewal_time(LEAF, 0.0) >= (LAST - FIRST) / 10.001
    assert renewal_time(LEAF, 0.2) < renewal_time(LEAF, 0.8)


# Signing requests


def request_for(key, algorithm=None):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signing = hashes.SHA256() if algorithm is None else algorithm
    return builder.sign(key, signing).public_bytes(Encoding.DER)


def test_a_request_tells_the_key_that_it_is_for_and_nothing_else():
    request = new_request(KEY)
    assert key_of_request(request) == KEY.public_key()
    read = x509.load_der_x509_csr(request)
    assert (len(read.subject), len(read.extensions)) == (0, 0)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        RSA_KEY,
    ],
    ids=["P-384", "P-521", "secp256k1", "RSA"],
)
def test_a_request_for_any_other_kind_of_key_is_refused(key):
    with pytest.raises(NotTrusted, match="P-256"):
        key_of_request(request_for(key))


def test_a_request_for_an_ed25519_key_is_refused():
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    with pytest.raises(NotTrusted, match="P-256"):
        key_of_request(builder.sign(key, None).public_bytes(Encoding.DER))


def test_a_request_that_is_not_signed_with_its_own_key_is_refused():
    # Somebody asks for a certificate for a key that is not theirs.
    other = new_key()
    spki = [
        key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        for key in (KEY, other)
    ]
    request = new_request(other)
    assert spki[1] in request
    with pytest.raises(NotTrusted, match="signed with that key"):
        key_of_request(request.replace(spki[1], spki[0]))


REQUEST = new_request(KEY)


@given(st.integers(0, len(REQUEST) - 1), st.integers(1, 255))
def test_a_request_that_was_changed_anywhere_is_refused_or_is_still_for_the_same_key(place, change):
    changed = bytearray(REQUEST)
    changed[place] ^= change
    try:
        key = key_of_request(bytes(changed))
    except NotTrusted:
        return
    assert key == KEY.public_key()


@given(st.binary(max_size=500) | st.integers(0, len(REQUEST) - 1).map(lambda cut: REQUEST[:cut]))
def test_any_other_bytes_are_no_request(content):
    with pytest.raises(NotTrusted, match="no signing request"):
        key_of_request(content)


def test_what_a_refusal_says_does_not_show_the_bytes():
    with pytest.raises(NotTrusted) as refusal:
        key_of_request(b"secret in the wrong field")
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


# Whose certificate it is


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


# Keys with their certificates


IDENTITY = Identity(key=KEY, certificate=LEAF)


def test_an_identity_reads_back_and_shows_neither_key_nor_certificate():
    read = identity_from_pem(IDENTITY.pem)
    assert read.pem == IDENTITY.pem
    assert repr(read) == "Identity()"
    assert b"PRIVATE KEY" in read.pem


def test_the_order_of_key_and_certificate_in_a_file_does_not_matter():
    swapped = certificate_pem(LEAF) + key_pem(KEY)
    assert identity_from_pem(swapped).pem == IDENTITY.pem


def encrypted(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))


def pem_of(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        key_pem(KEY),
        certificate_pem(LEAF),
        key_pem(new_key()) + certificate_pem(LEAF),
        key_pem(KEY) + certificate_pem(authority().certificate),
        pem_of(ec.generate_private_key(ec.SECP384R1())) + certificate_pem(LEAF),
        pem_of(RSA_KEY) + certificate_pem(LEAF),
        pem_of(ed25519.Ed25519PrivateKey.generate()) + certificate_pem(LEAF),
        encrypted(KEY) + certificate_pem(LEAF),
        IDENTITY.pem[: len(IDENTITY.pem) // 2],
        IDENTITY.pem[:-40],
    ],
    ids=[
        "nothing",
        "nonsense",
        "no certificate",
        "no key",
        "another key",
        "another certificate",
        "P-384",
        "RSA",
        "Ed25519",
        "encrypted key",
        "half",
        "cut",
    ],
)
def test_a_damaged_identity_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011  which of the many, who reads it adds
        identity_from_pem(text)


@given(st.integers(0, len(IDENTITY.pem) - 1), st.integers(1, 255))
def test_an_identity_that_was_changed_anywhere_is_a_value_error_or_of_the_same_key(place, change):
    changed = bytearray(IDENTITY.pem)
    changed[place] ^= change
    try:
        read = identity_from_pem(bytes(changed))
    except ValueError:
        return
    assert read.certificate.public_key() == KEY.public_key() == read.key.public_key()


READERS = {
    "DER": (certificate_der(LEAF), certificate_from_der),
    "PEM": (certificate_pem(LEAF), lambda text: certificates_from_pem(text)[0]),
}


@given(st.sampled_from([*READERS]), st.integers(0, 5_000), st.integers(1, 255))
def test_a_certificate_that_was_changed_anywhere_is_a_value_error_or_its_key_can_be_read(
    form, place, change
):
    content, read = READERS[form]
    changed = bytearray(content)
    changed[place % len(content)] ^= change
    try:
        certificate = read(bytes(changed))
    except ValueError:
        return
    assert len(pin_of(certificate)) == 64
    if is_issued_by(certificate, authority().certificate):  # its signature can be written otherwise
        assert certificate.tbs_certificate_bytes == LEAF.tbs_certificate_bytes


@given(st.binary(max_size=300))
def test_any_bytes_are_no_certificates(content):
    for read in (certificates_from_pem, certificate_from_der, identity_from_pem):
        with pytest.raises(ValueError):  # noqa: PT011
            read(content)
