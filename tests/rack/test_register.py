"""A rack enrols over real TLS: with a region of its cluster, and with nobody else."""

from datetime import timedelta

import pytest
from attrs import define
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from evenrack.config.secret_file import Secret
from evenrack.errors import EnrolmentRefused, NotTrusted, RegionUnreachable
from evenrack.rack.register import (
    ANSWER_SECONDS,
    EnrolmentSession,
    register,
    register_anywhere,
)
from evenrack.rack.state_folder import StateFolder
from evenrack.rack.trust_keeper import TrustKeeper
from evenrack.region.links.doorkeeper import Enrolled
from evenrack.trust.certificates import (
    certificate_pem,
    is_issued_by,
    issue_for_rack,
    issue_for_region,
    new_key,
    pin_of,
    rack_of,
)
from evenrack.trust.tls import NewcomerTls
from evenrack.wire.region_commands import Enrol
from tests.rack.enrolment_desk import (
    HERE,
    NEW_RACK,
    EnrolmentDesk,
    endpoint_of_port,
    newcomer,
    region_end,
    secret,
    signer,
    turn,
)
from tests.trusted import authority, expired, handmade, now, rack_identity, region_identity


async def refusal(region, kind, who=None):
    """See that one cannot join there, and give what it is told."""
    with pytest.raises(kind) as refused:
        await register(region.endpoint, who or newcomer())
    return str(refused.value)


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


# Who is no region of the cluster hears nothing


async def test_with_a_wrong_pin_nothing_is_sent():
    async with region_end() as region:
        told = await refusal(region, NotTrusted, newcomer(secret(pin="0" * 64)))
        assert "nothing was told" in told
        assert region.heard == b""
        assert region.door.told == []


IMPOSTORS = {
    "with a certificate of its own": (
        lambda: region_identity(by=authority("the relay's")),
        lambda: [authority("the relay's").certificate],
        "not of the cluster that made the enrolment secret",
    ),
    "that shows the right authority beside its own certificate": (
        lambda: region_identity(by=authority("the relay's")),
        lambda: [signer().certificate],
        "not signed by its authority",
    ),
    "with the certificate of a rack": (
        rack_identity,
        lambda: [signer().certificate],
        "not a region's",
    ),
    "with a certificate for no use": (
        lambda: handmade(by=authority()),
        lambda: [signer().certificate],
        "not a region's",
    ),
    "that shows no authority": (
        signer,
        lambda: [authority("another").certificate],
        "not of the cluster that made the enrolment secret",
    ),
    "with an expired certificate of a region": (
        lambda: region_identity(at=expired()),
        lambda: [signer().certificate],
        "is the clock right",
    ),
}


@pytest.mark.parametrize(("identity", "shown", "why"), IMPOSTORS.values(), ids=[*IMPOSTORS])
async def test_nothing_is_sent_to_a_host(identity, shown, why):
    async with region_end(identity=identity(), trusted=shown()) as region:
        assert why in await refusal(region, NotTrusted)
        assert region.heard == b""
        assert region.door.told == []


@pytest.mark.parametrize("days", [-1, -400, 31, 400])
async def test_a_clock_that_is_wrong_is_told_with_the_times_and_nothing_is_sent(days):
    at = now() + timedelta(days=days)
    async with region_end() as region:
        told = await refusal(region, NotTrusted, newcomer(at=at))
        assert f"this host's clock says {at:%Y-%m-%d %H:%M}" in told
        assert "is the clock right" in told
        assert region.heard == b""


@define
class Relay:
    """A region of the cluster that was taken over: passes on what it hears to another one."""

    onwards: object
    told: list
    fingerprint: str = ""

    def peer(self, transport):
        return EnrolmentDesk().peer(transport)

    def why_ended(self, transport, failure):
        return None

    async def enrol(self, application, transport):
        factory = Factory.forProtocol(lambda: EnrolmentSession(Clock()))
        factory.noisy = False
        session = await wrapClientTLS(NewcomerTls(), self.onwards).connect(factory)
        await session.shaken
        try:
            answer = await session.callRemote(
                Enrol,
                lookup=application.lookup,
                request=application.request,
                proof=application.proof,
                hostname=application.hostname,
            )
        except EnrolmentRefused as problem:
            self.told.append(problem)
            raise
        finally:
            session.close()
        return Enrolled(**answer)


@pytest.mark.parametrize("shown", ["another region's", "the region's own"])
async def test_a_relay_passes_nothing_on_not_even_with_a_region_s_certificate(shown):
    own = region_identity()
    async with region_end(identity=own) as region:
        relay = Relay(region.endpoint, [])
        stolen = own if shown == "the region's own" else region_identity("region2")
        async with region_end(relay, identity=stolen) as between:
            await refusal(between, EnrolmentRefused)
            assert len(region.door.told) == 1
            assert len(relay.told) == 1
        assert region.door.uses == 1  # nobody was let in
        assert (await register(region.endpoint, newcomer())).rack == NEW_RACK


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


# Nobody answers


class Says(Protocol):
    """A server that is no region."""

    said = b""
    is_open = False

    def connectionMade(self):
        self.is_open = True
        self.transport.write(self.said)

    def connectionLost(self, reason=None):
        self.is_open = False


async def with_server(protocol, work):
    """Do something while such a server listens on loopback; give what came of it."""
    made = []

    def make():
        made.append(protocol())
        return made[-1]

    factory = Factory.forProtocol(make)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface=HERE)
    try:
        return await work(endpoint_of_port(port.getHost().port), made)
    finally:
        await port.stopListening()
        for each in made:
            each.transport.abortConnection()
        while any(each.is_open for each in made):
            await turn()


async def test_a_server_that_speaks_no_tls_is_told_as_such():
    class Plain(Says):
        said = b"SSH-2.0-OpenSSH_9.6\r\n" * 10

    async def work(endpoint, _made):
        with pytest.raises(RegionUnreachable, match="does not speak TLS"):
            await register(endpoint, newcomer())

    await with_server(Plain, work)


async def test_a_server_that_hangs_up_is_told_as_such():
    class Leaves(Says):
        def connectionMade(self):
            super().connectionMade()
            self.transport.loseConnection()

    async def work(endpoint, _made):
        with pytest.raises(RegionUnreachable, match="ended in the handshake"):
            await register(endpoint, newcomer())

    await with_server(Leaves, work)


async def test_a_server_that_says_nothing_is_given_up_after_10_seconds_and_left_alone():
    clock = Clock()

    async def work(endpoint, made):
        joining = Deferred.fromCoroutine(register(endpoint, newcomer(clock=clock)))
        while not made or not clock.getDelayedCalls():
            await turn()
        clock.advance(ANSWER_SECONDS + 0.1)
        with pytest.raises(RegionUnreachable):
            await joining
        while made[0].is_open:
            await turn()
        assert clock.getDelayedCalls() == []

    await with_server(Says, work)


async def test_a_region_that_does_not_answer_is_given_up_after_10_seconds():
    clock = Clock()
    async with region_end(EnrolmentDesk(silent=True)) as region:
        joining = Deferred.fromCoroutine(register(region.endpoint, newcomer(clock=clock)))
        while not region.door.told:
            await turn()
        clock.advance(ANSWER_SECONDS + 0.1)
        with pytest.raises(RegionUnreachable, match="gave no answer"):
            await joining
        while region.sessions[0].is_open:
            await turn()
        assert clock.getDelayedCalls() == []


async def test_a_region_that_dies_meanwhile_is_told_as_unreachable():
    async with region_end(EnrolmentDesk(silent=True)) as region:
        joining = Deferred.fromCoroutine(register(region.endpoint, newcomer()))
        while not region.door.told:
            await turn()
        region.sessions[0].abort()
        with pytest.raises(RegionUnreachable, match="gave no answer"):
            await joining


async def nobody():
    """An endpoint where nobody listens."""
    port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface=HERE)
    number = port.getHost().port
    await port.stopListening()
    return endpoint_of_port(number)


async def test_nobody_at_the_address_is_told_as_unreachable():
    with pytest.raises(RegionUnreachable):
        await register(await nobody(), newcomer())


# Several regions


async def test_the_first_region_that_answers_is_enough_and_it_is_told_why_others_did_not():
    told = []
    async with region_end() as region:
        endpoints = [("gone:1", await nobody()), ("here:2", region.endpoint)]
        joined = await register_anywhere(endpoints, newcomer(), told.append)
    assert joined.rack == NEW_RACK
    (line,) = told
    assert line.startswith("gone:1: ")


async def test_when_nobody_answers_all_are_named():
    told = []
    with pytest.raises(RegionUnreachable, match=r"a:1: .*; b:2: "):
        await register_anywhere(
            [("a:1", await nobody()), ("b:2", await nobody())], newcomer(), told.append
        )
    assert len(told) == 2


async def test_where_a_stranger_answers_no_other_region_is_asked():
    async with region_end() as first, region_end() as second:
        endpoints = [("first", first.endpoint), ("second", second.endpoint)]
        with pytest.raises(NotTrusted):
            await register_anywhere(endpoints, newcomer(secret(pin="0" * 64)), print)
        assert second.sessions == []


async def test_a_region_that_refuses_is_not_the_last_one_asked():
    # One whose host lacks the key cannot check the secret; another can.
    told = []
    wrong = secret(secret=Secret(b"w" * 16))
    async with region_end() as first, region_end() as second:
        endpoints = [("first", first.endpoint), ("second", second.endpoint)]
        with pytest.raises(EnrolmentRefused):
            await register_anywhere(endpoints, newcomer(wrong), told.append)
        assert len(second.sessions) == 1
    assert [line.partition(":")[0] for line in told] == ["first", "second"]


def test_the_pin_of_these_tests_is_of_the_authority():
    assert secret().pin == pin_of(signer().certificate)
