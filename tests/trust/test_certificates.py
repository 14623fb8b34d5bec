"""Certificates: what is issued reads back, each is good for its own end only, and for its time."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from evenrack.errors import NotTrusted
from evenrack.trust.certificates import (
    AUTHORITY_LIFE,
    BACKDATED,
    LEAF_LIFE,
    REGION_NAME,
    certificate_der,
    certificate_from_der,
    certificate_pem,
    certificates_from_pem,
    fingerprint_of,
    is_issued_by,
    issue_for_rack,
    issue_for_region,
    new_authority,
    pin_of,
    rack_of,
    refuse_other_region,
    refuse_wrong_time,
    renewal_time,
    serial_of,
)
from tests.strategies import rack_ids, region_ids
from tests.trust.one_certificate import KEY, LEAF, NOW
from tests.trusted import RACK, authority, rack_identity, region_identity

MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2049, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)


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
