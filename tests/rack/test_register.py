"""A rack enrols over real TLS: with a region of its cluster that takes it and that it believes."""

import pytest
from twisted.internet.task import Clock

from evenrack.config.secret_file import Secret
from evenrack.errors import EnrolmentRefused, NotTrusted
from evenrack.rack.register import register
from evenrack.rack.state_folder import StateFolder
from evenrack.rack.trust_keeper import TrustKeeper
from evenrack.trust.certificates import (
    certificate_pem,
    is_issued_by,
    issue_for_rack,
    issue_for_region,
    new_key,
    pin_of,
    rack_of,
)
from tests.rack.enrolment_desk import NEW_RACK, EnrolmentDesk, newcomer, region_end, secret, signer
from tests.rack.enrolment_refusal import refusal
from tests.trusted import authority, now

# A region of the cluster


async def test_a_rack_enrols_and_has_all_that_it_needs():
    async with region_end() as region:
        joined = await register(region.endpoint, newcomer())
    assert joined.rack == rack_of(joined.identity.certificate) == NEW_RACK
    assert joined.identity.key.public_key() == joined.identity.certificate.public_key()
    assert is_issued_by(joined.identity.certificate, signer().certificate)
    assert joined.authorities == (signer().certificate,)


async def test_the_region_hears_the_host_s_name_and_neither_key_nor_secret():
    async with region_end() as region:
        joined = await register(region.endpoint, newcomer())
        (application,) = region.door.told
        assert (application.hostname, application.lookup) == ("rack7", "look4321")
        assert secret().secret.reveal() not in region.heard
        number = joined.identity.key.private_numbers().private_value
        assert number.to_bytes(32, "big") not in region.heard


async def test_each_try_makes_a_key_of_its_own():
    async with region_end(EnrolmentDesk(uses=2)) as region:
        keys = [
            (await register(region.endpoint, newcomer())).identity.key.public_key() for _ in "12"
        ]
    assert keys[0] != keys[1]


async def test_the_authority_of_the_pin_may_be_any_of_those_that_the_region_shows():
    shown = [authority("another").certificate, signer().certificate]
    async with region_end(trusted=shown) as region:
        assert (await register(region.endpoint, newcomer())).rack == NEW_RACK


async def test_whom_the_region_names_is_kept_in_that_order():
    named = certificate_pem(signer().certificate) + certificate_pem(authority("new").certificate)
    async with region_end(EnrolmentDesk(trusted=named)) as region:
        joined = await register(region.endpoint, newcomer())
    assert joined.authorities == (signer().certificate, authority("new").certificate)


async def test_what_was_joined_shows_no_key():
    async with region_end() as region:
        joined = await register(region.endpoint, newcomer())
    assert repr(joined) == f"Joined(rack='{NEW_RACK}')"


async def test_the_state_folder_is_that_of_an_enrolled_rack_afterwards(tmp_path):
    state = StateFolder(tmp_path / "state")
    async with region_end() as region:
        joined = await register(region.endpoint, newcomer())
    joined.keep(state)
    state.make_private()  # nobody else may read it
    assert state.rack_id() == NEW_RACK
    assert state.trust.identity().pem == joined.identity.pem
    assert state.trust.authorities() == joined.authorities
    TrustKeeper(state.trust, state.rack_id(), list, Clock(), now, lambda: 0.5)


async def test_without_the_certificate_a_folder_counts_as_not_enrolled(tmp_path):
    state = StateFolder(tmp_path / "state")
    async with region_end() as region:
        joined = await register(region.endpoint, newcomer())
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "identity.pem").mkdir()  # the last thing that is written fails
    with pytest.raises(OSError):  # noqa: PT011
        joined.keep(state)
    assert state.rack_id() == NEW_RACK
    (tmp_path / "state" / "identity.pem").rmdir()
    assert not state.trust.are_there


# A region that does not take the rack


async def test_a_wrong_secret_is_refused_with_the_reason():
    async with region_end() as region:
        wrong = newcomer(secret(secret=Secret(b"w" * 16)))
        assert "unknown or wrong" in await refusal(region, EnrolmentRefused, wrong)


@pytest.mark.parametrize("reason", ["used up", "expired", "revoked"])
async def test_a_secret_that_is_good_no_more_is_refused_with_the_reason(reason):
    async with region_end(EnrolmentDesk(uses=0, reason=reason)) as region:
        assert reason in await refusal(region, EnrolmentRefused)


async def test_a_secret_that_was_used_by_another_rack_is_used_up():
    async with region_end() as region:
        await register(region.endpoint, newcomer())
        assert "used up" in await refusal(region, EnrolmentRefused)


# A region that is not believed


async def test_a_region_that_does_not_know_the_secret_is_not_believed():
    async with region_end(EnrolmentDesk(proof=b"p" * 32)) as region:
        assert "did not prove" in await refusal(region, NotTrusted)


async def test_a_region_that_sends_the_rack_s_own_proof_back_is_not_believed():
    class Mirror(EnrolmentDesk):
        async def enrol(self, application, transport):
            self.proof = application.proof
            return await super().enrol(application, transport)

    async with region_end(Mirror()) as region:
        assert "did not prove" in await refusal(region, NotTrusted)


async def test_an_answer_for_another_key_is_refused():
    def issue(_key):
        return issue_for_rack(signer(), new_key().public_key(), NEW_RACK, now())

    async with region_end(EnrolmentDesk(issue=issue)) as region:
        assert "another certificate than was asked for" in await refusal(region, NotTrusted)


async def test_an_answer_that_names_no_rack_is_refused():
    def issue(key):
        return issue_for_region(signer(), key, "region1", now())

    async with region_end(EnrolmentDesk(issue=issue)) as region:
        assert "another certificate than was asked for" in await refusal(region, NotTrusted)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"certificate": b"nonsense"},
        {"trusted": b"nonsense"},
        {"trusted": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
    ],
    ids=["certificate", "authorities", "damaged authorities"],
)
async def test_an_answer_that_cannot_be_read_is_refused(spoilt):
    async with region_end(EnrolmentDesk(**spoilt)) as region:
        assert "cannot be read" in await refusal(region, NotTrusted)


def test_the_pin_of_these_tests_is_of_the_authority():
    assert secret().pin == pin_of(signer().certificate)
