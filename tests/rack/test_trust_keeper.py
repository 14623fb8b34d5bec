"""A rack keeps its certificate new, and its own; and it knows whom it trusts."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from evenrack.errors import ConfigurationRefused, DatabaseUnreachable, EnrolmentRefused
from evenrack.model.identifiers import RackId
from evenrack.rack.trust_keeper import AGAIN_SECONDS, LOOK_SECONDS, TrustKeeper
from evenrack.trust.certificates import (
    certificate_der,
    certificate_pem,
    fingerprint_of,
    identity_from_pem,
    is_issued_by,
    issue_for_rack,
    key_of_request,
    new_key,
    renewal_time,
    serial_of,
)
from tests.trust.tls_ends import listening, region_tls
from tests.trusted import RACK, authority, enrol, now, region_identity
from tests.wire.both_ends import Desk, Link, World

SOON = 0.1
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class Kept:
    """The keeper of an enrolled rack, linked to two regions that sign what they are asked to."""

    def __init__(self, folder, *, regions=2, jitter=0.5):
        self.state = enrol(folder, RACK)
        self.first = self.state.trust.identity().certificate
        self.world = World()
        self.now = now()
        self.signer = authority()
        self.asked = []
        self.links = [self.region(number) for number in range(regions)]
        self.keeper = TrustKeeper(
            self.state.trust,
            RACK,
            self.sessions,
            self.world.clock,
            lambda: self.now,
            lambda: jitter,
        )
        self.keeper.startService()
        self.world.advance(SOON)

    def region(self, number):
        link = Link(desk=Desk(world=self.world))

        async def renew(peer, request):
            self.asked.append((number, peer.rack))
            return certificate_der(self.issued(key_of_request(request)))

        link.desk.door.renew = renew
        return link.introduce()

    def issued(self, key, rack=RACK):
        return issue_for_rack(self.signer, key, rack, now())

    def sessions(self):
        return [link.rack for link in self.links if link.rack.is_open]

    def answers(self, number, answer):
        """Let one region answer this, or fail so."""

        async def renew(peer, request):
            self.asked.append((number, peer.rack))
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.links[number].desk.door.renew = renew

    def grow_old(self):
        self.now = renewal_time(self.first, 0.5) + timedelta(seconds=1)
        self.look()

    def look(self):
        self.world.advance(LOOK_SECONDS + SOON)

    @property
    def certificate(self):
        return self.state.trust.identity().certificate

    @property
    def is_renewed(self):
        return self.certificate != self.first


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "state")


def test_a_young_certificate_is_left_alone(kept):
    kept.world.advance(60.0)
    assert kept.asked == []
    assert not kept.is_renewed


def test_it_is_renewed_when_two_thirds_of_its_life_are_over_and_not_before(kept):
    due = renewal_time(kept.first, 0.5)
    kept.now = due - timedelta(seconds=1)
    kept.look()
    assert kept.asked == []
    kept.now = due
    kept.look()
    assert kept.asked == [(0, RACK)]
    assert kept.is_renewed


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_each_rack_has_a_moment_of_its_own(tmp_path, jitter):
    kept = Kept(tmp_path / "state", jitter=jitter)
    kept.now = renewal_time(kept.first, 0.5)
    kept.look()
    assert kept.is_renewed is (jitter == 0.0)


def test_a_new_certificate_has_a_key_of_its_own_and_both_are_kept(kept):
    kept.grow_old()
    identity = kept.state.trust.identity()
    assert identity.certificate.public_key() == identity.key.public_key()
    assert identity.certificate.public_key() != kept.first.public_key()


async def test_new_connections_show_the_new_certificate(kept):
    async with listening(region_tls()) as region:
        before, _ = await region.dial(kept.keeper.tls)
        await before.shaken
        kept.grow_old()
        after, _ = await region.dial(kept.keeper.tls)
        await after.shaken
        assert before.own() == kept.first
        assert serial_of(after.own()) == serial_of(kept.certificate)


def test_one_that_was_renewed_is_not_renewed_again(kept):
    kept.grow_old()
    kept.now = now()  # the new one is young
    kept.world.advance(60.0)
    assert len(kept.asked) == 1


@pytest.mark.parametrize(
    "problem", [DatabaseUnreachable("no answer"), EnrolmentRefused("this region cannot sign")]
)
def test_when_one_region_cannot_sign_the_next_is_asked(kept, problem):
    kept.answers(0, problem)
    kept.grow_old()
    assert kept.asked == [(0, RACK), (1, RACK)]
    assert kept.is_renewed


def test_any_link_that_is_up_will_do(kept):
    kept.links[0].rack.close()
    kept.world.settle()
    kept.grow_old()
    assert kept.asked == [(1, RACK)]


def test_without_any_link_it_waits_until_there_is_one(tmp_path):
    kept = Kept(tmp_path / "state", regions=0)
    kept.grow_old()
    assert not kept.is_renewed
    kept.links.append(kept.region(0))
    kept.look()
    assert kept.is_renewed


def test_when_no_region_can_sign_it_is_told_and_tried_again_with_each_look(kept, logged):
    for number in (0, 1):
        kept.answers(number, EnrolmentRefused("this region cannot sign"))
    kept.grow_old()
    kept.look()
    assert len(kept.asked) == 4
    assert not kept.is_renewed
    assert any("cannot sign" in line for line in logged())


def test_a_link_that_ends_meanwhile_is_no_failure_that_lasts(kept):
    kept.links[0].wire.cut()
    kept.now = renewal_time(kept.first, 0.5)
    kept.world.advance(LOOK_SECONDS + 5.0)
    assert kept.is_renewed


# What a region answers is looked at


def is_refused(kept, answer, logged, why):
    """See that an answer of one region is not taken, the next one is asked, and nothing is lost."""
    kept.answers(0, answer)
    kept.grow_old()
    assert kept.asked == [(0, RACK), (1, RACK)]
    assert kept.is_renewed
    assert kept.state.trust.identity()  # key and certificate belong together
    assert any(why in line for line in logged())


def test_a_certificate_of_another_rack_is_not_taken(kept, logged):
    other = certificate_der(kept.issued(new_key().public_key(), RackId("rack0002")))
    is_refused(kept, other, logged, "for another rack")


def test_a_certificate_for_another_key_is_not_taken(kept, logged):
    other = certificate_der(kept.issued(new_key().public_key()))
    is_refused(kept, other, logged, "for another key")


def test_a_region_s_certificate_is_not_taken(kept, logged):
    is_refused(kept, certificate_der(region_identity().certificate), logged, "for another rack")


def test_an_answer_that_is_no_certificate_is_not_taken(kept, logged):
    is_refused(kept, b"nonsense", logged, "not renewed")


def test_when_every_answer_is_wrong_the_old_certificate_stays_on_disk_and_in_use(kept):
    for number in (0, 1):
        kept.answers(number, certificate_der(kept.issued(new_key().public_key())))
    before = kept.state.trust.identity().pem
    kept.grow_old()
    assert kept.state.trust.identity().pem == before


def test_a_clock_that_is_far_ahead_renews_once_an_hour_and_not_with_each_look(kept):
    kept.now = now() + timedelta(days=400)  # every new certificate is old by it
    kept.world.advance(60.0)
    assert len(kept.asked) == 1
    kept.world.clock.advance(AGAIN_SECONDS)  # at one stroke; the links find it silent
    kept.links = [kept.region(0)]
    kept.look()
    assert len(kept.asked) == 2


# Whom it trusts

BOTH = [authority("new").certificate, authority().certificate]
TOLD = b"".join(certificate_pem(each) for each in BOTH)


def test_whom_a_region_names_is_trusted_and_kept(kept):
    assert kept.keeper.trusted() == fingerprint_of([authority().certificate])
    kept.keeper.trust(TOLD)
    assert kept.keeper.trusted() == fingerprint_of(BOTH)
    assert [*kept.state.trust.authorities()] == BOTH


def test_when_another_authority_signs_now_a_new_certificate_is_asked_for_at_once(kept):
    kept.signer = authority("new")
    kept.keeper.trust(TOLD)
    kept.world.advance(SOON)
    assert kept.asked == [(0, RACK)]
    assert is_issued_by(kept.certificate, authority("new").certificate)
    kept.world.advance(60.0)
    assert len(kept.asked) == 1


def test_an_authority_that_does_not_sign_yet_changes_no_certificate(kept):
    kept.keeper.trust(b"".join(certificate_pem(each) for each in BOTH[::-1]))
    kept.world.advance(60.0)
    assert kept.asked == []


async def test_new_connections_believe_whom_was_named(kept):
    async with listening(region_tls(region_identity(by=authority("new")), *BOTH)) as region:
        stranger, _ = await region.dial(kept.keeper.tls)
        await stranger.ended
        assert "another cluster" in stranger.why
        kept.keeper.trust(TOLD)
        known, _ = await region.dial(kept.keeper.tls)
        await known.shaken


def test_the_same_list_again_writes_nothing(kept):
    path = kept.state.trust.folder / "authorities.pem"
    kept.keeper.trust(TOLD)
    before = path.stat().st_ino
    kept.keeper.trust(TOLD)
    assert path.stat().st_ino == before


def changes_nothing(kept, told):
    path = kept.state.trust.folder / "authorities.pem"
    before = kept.keeper.trusted(), path.read_bytes()
    kept.keeper.trust(told)
    assert (kept.keeper.trusted(), path.read_bytes()) == before


@pytest.mark.parametrize(
    "told", [b"", b"nonsense", TOLD[:-60], certificate_der(BOTH[0])], ids=["", "text", "cut", "DER"]
)
def test_garbage_changes_nothing_and_is_told(kept, told, logged):
    changes_nothing(kept, told)
    assert any("named no authorities" in line for line in logged())


@one_folder
@given(st.binary(max_size=200))
def test_any_bytes_change_nothing(tmp_path, told):
    state = enrol(tmp_path / "state", RACK)
    keeper = TrustKeeper(state.trust, RACK, list, Clock(), now, lambda: 0.5)
    before = keeper.trusted()
    keeper.trust(told)
    assert keeper.trusted() == before == fingerprint_of(state.trust.authorities())


# A folder that is not its own


def test_the_certificate_of_another_rack_is_refused_with_what_to_do(tmp_path):
    state = enrol(tmp_path / "state", "rack0002")
    with pytest.raises(ConfigurationRefused, match=r"identity\.pem: 1 problem") as refusal:
        TrustKeeper(state.trust, RACK, list, Clock(), now, lambda: 0.5)
    told = str(refusal.value)
    assert "of rack rack0002" in told
    assert "this is rack rack0001" in told
    assert "enrol this rack anew" in told


def test_a_region_s_certificate_is_refused_as_nobody_s(tmp_path):
    state = enrol(tmp_path / "state", RACK)
    state.trust.keep_identity(region_identity())
    with pytest.raises(ConfigurationRefused, match="of rack nobody"):
        TrustKeeper(state.trust, RACK, list, Clock(), now, lambda: 0.5)


@pytest.mark.parametrize("name", ["identity.pem", "authorities.pem"])
def test_a_folder_without_one_of_the_files_is_refused_with_what_to_do(tmp_path, name):
    state = enrol(tmp_path / "state", RACK)
    (tmp_path / "state" / name).unlink()
    with pytest.raises(ConfigurationRefused, match="evenrack-rackd register"):
        TrustKeeper(state.trust, RACK, list, Clock(), now, lambda: 0.5)


# Why TLS ended a link


class Transport:
    """What a failure is asked about; a dictionary of weak references holds it."""


def why(kept, *words):
    return kept.keeper.why_ended(Transport(), Failure(SSL.Error([("SSL", "", *words)])))


@pytest.mark.parametrize("words", ["tls alert certificate expired", "tls alert bad certificate"])
def test_a_wrong_time_is_told_in_the_same_words_a_minute_later(kept, words):
    kept.now = now() + timedelta(days=31)
    told = why(kept, words)
    assert told.startswith("the other end says that this end's certificate")
    for time in (kept.first.not_valid_before_utc, kept.first.not_valid_after_utc):
        assert f"{time:%Y-%m-%d %H:%M}" in told
    assert "is the clock right?" in told
    kept.now += timedelta(minutes=1)
    assert why(kept, words) == told, "what is told in the same words is logged once"


def test_who_was_away_for_too_long_is_told_how_to_come_back_and_others_are_not(kept):
    words = "tls alert certificate expired"
    cure = (
        "on a region run `evenrack enrolment create NAME --rack rack0001`, then here, with this "
        "daemon stopped, `evenrack-rackd register --again`"
    )
    kept.now = now() + timedelta(days=29)
    assert why(kept, words).endswith("is the clock right?")
    kept.now = now() + timedelta(days=31)
    assert why(kept, words).endswith(cure)


def test_any_other_reason_is_told_without_the_clock(kept):
    assert why(kept, "tlsv1 alert unknown ca").endswith("of another cluster")
    assert kept.keeper.why_ended(Transport(), Failure(ConnectionError())) is None


def test_a_certificate_and_key_that_were_kept_are_what_is_read_at_the_next_start(kept):
    kept.grow_old()
    again = TrustKeeper(kept.state.trust, RACK, list, Clock(), now, lambda: 0.5)
    assert again.trusted() == kept.keeper.trusted()
    text = (kept.state.trust.folder / "identity.pem").read_bytes()
    assert identity_from_pem(text).certificate == kept.certificate
