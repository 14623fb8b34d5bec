"""Which certificate a Redfish BMC has to have: one of an authority, or the pinned one."""

import pytest
from twisted.internet import reactor, ssl

from evenrack.errors import BmcNotTrusted
from evenrack.rack.power.redfish import RedfishDriver
from evenrack.trust.certificates import certificate_pem as pem_of
from tests.rack.power.redfish_farm import (
    failure,
    fingerprint,
    own_certificate,
    unreadable_certificate,
)
from tests.rack.power.small_redfish import ROOT, SmallRedfish, form
from tests.trusted import authority, expired

pytestmark = pytest.mark.deadline(120)


@pytest.fixture
def driver():
    return RedfishDriver(reactor)


@pytest.mark.parametrize("name", ["bmc.test", "other.test"])
async def test_the_name_in_a_certificate_of_an_authority_has_to_be_the_right_one(name):
    root = ssl.Certificate.loadPEM(pem_of(authority("of BMCs").certificate))
    driver = RedfishDriver(reactor, authorities=ssl.trustRootFromCertificates([root]))
    service = SmallRedfish(
        clock=reactor, identity=own_certificate(authority("of BMCs"), name="bmc.test")
    ).listen()
    access = service.access(certificate_sha256="", certificate_name=name)
    try:
        if name == "bmc.test":
            assert await driver.query(access) == "off"
        else:
            words = await failure(BmcNotTrusted, driver.query(access))
            assert "it is not for other.test" in words
            assert service.heard == []
    finally:
        service.end()


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".test", "\xfc" * 60 + ".test"])
async def test_a_name_that_no_certificate_can_have_is_said_to_be_that(driver, service, name):
    access = service.access(certificate_sha256="", certificate_name=name)
    words = await failure(BmcNotTrusted, driver.query(access), seconds=1.0)
    assert words.startswith(
        f"no certificate can be for {name[:80]!r}, which is no name of a host ("
    )
    assert "set another --certificate-name" in words
    assert service.connections == 0


async def test_a_certificate_that_has_expired_is_not_trusted():
    root = ssl.Certificate.loadPEM(pem_of(authority("of BMCs").certificate))
    driver = RedfishDriver(reactor, authorities=ssl.trustRootFromCertificates([root]))
    service = SmallRedfish(
        clock=reactor, identity=own_certificate(authority("of BMCs"), at=expired())
    ).listen()
    try:
        words = await failure(BmcNotTrusted, driver.query(service.access(certificate_sha256="")))
        assert "it has expired" in words
        assert service.heard == []
    finally:
        service.end()


@pytest.fixture
def served_with():
    """Give a way to start services with a certificate and its chain; they end with the test."""
    services = []

    def start(identity, *chain):
        service = SmallRedfish(clock=reactor, identity=identity, chain=chain).listen()
        services.append(service)
        return service

    yield start
    for service in services:
        service.end()


async def test_only_the_bmc_s_own_certificate_has_the_pinned_fingerprint(driver, served_with):
    signer = authority("of BMCs")
    service = served_with(own_certificate(signer), signer.certificate)
    assert await driver.query(service.access()) == "off"
    del service.heard[:]
    stranger = own_certificate(signer)
    for certificate in (signer.certificate, stranger.certificate):
        access = service.access(certificate_sha256=fingerprint(certificate))
        await failure(BmcNotTrusted, driver.query(access))
    assert service.heard == []


async def test_a_certificate_that_cannot_be_read_is_not_trusted(served_with):
    signer = authority("of BMCs")
    root = ssl.Certificate.loadPEM(pem_of(signer.certificate))
    driver = RedfishDriver(reactor, authorities=ssl.trustRootFromCertificates([root]))
    three_bytes = bytes.fromhex("30058703010203")  # an address of three bytes
    service = served_with(unreadable_certificate(signer, three_bytes))
    words = await failure(BmcNotTrusted, driver.query(service.access(certificate_sha256="")))
    assert "another certificate: it " in words
    assert service.heard == []


async def test_another_certificate_while_a_conversation_runs_gets_no_token(driver, service):
    access = service.access()  # another host is at its address from the second connection on

    def close(request):
        request.setHeader("connection", "close")
        service.show(own_certificate())
        return form(service._root())

    service.says[f"GET {ROOT}"] = close
    words = await failure(BmcNotTrusted, driver.turn_on(access))
    assert "another certificate" in words
    assert service.heard == [f"GET {ROOT}"]
