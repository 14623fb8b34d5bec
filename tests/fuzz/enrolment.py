"""What a stranger shows before it is known: certificates, signing requests, damaged identities.

The first byte says what the rest is.
"""

from evenrack.errors import NotTrusted
from evenrack.trust.certificates import (
    certificate_der,
    certificate_from_der,
    certificate_pem,
    certificates_from_pem,
    fingerprint_of,
    identity_from_pem,
    is_issued_by,
    key_of_request,
    key_pem,
    new_key,
    new_request,
    pin_of,
    rack_of,
    refuse_other_region,
    refuse_wrong_time,
    serial_of,
)
from tests.trusted import authority, now, rack_identity, region_identity

RACK, REGION = rack_identity(), region_identity()
NOW = now()

SEEDS = (
    b"\x00" + certificate_der(RACK.certificate),
    b"\x00" + certificate_der(REGION.certificate),
    b"\x01" + certificate_pem(RACK.certificate) + certificate_pem(authority().certificate),
    b"\x02" + new_request(new_key()),
    b"\x03" + key_pem(RACK.key) + certificate_pem(RACK.certificate),
)
WORDS = [b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"evenrack://rack/"]


def run(data):
    """What is documented, and nothing else."""
    (_a_certificate, _some_certificates, _a_request, _an_identity)[(data[:1] or b"\0")[0] % 4](
        data[1:]
    )


def _a_certificate(data):
    try:
        certificate = certificate_from_der(data)
    except ValueError:
        return
    _look_at(certificate)


def _some_certificates(data):
    try:
        certificates = certificates_from_pem(data)
    except ValueError:
        return
    fingerprint_of(certificates)
    for each in certificates:
        _look_at(each)


def _a_request(data):
    try:
        key_of_request(data)
    except NotTrusted:
        return


def _an_identity(data):
    try:
        identity_from_pem(data)
    except ValueError:
        return


def _look_at(certificate):
    rack_of(certificate)
    serial_of(certificate)
    pin_of(certificate)
    if is_issued_by(certificate, authority().certificate) and certificate not in {
        RACK.certificate,
        REGION.certificate,
        authority().certificate,
    }:
        raise AssertionError("a certificate that our authority never signed counts as its own")
    for refuse in (
        lambda: refuse_other_region(certificate, authority().certificate, NOW),
        lambda: refuse_wrong_time(certificate, NOW),
    ):
        try:
            refuse()
        except NotTrusted:
            continue
