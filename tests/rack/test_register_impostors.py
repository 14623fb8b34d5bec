"""Who is no region of the cluster hears nothing of a rack that enrols, over real TLS."""

from datetime import timedelta

import pytest
from attrs import define
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from evenrack.errors import EnrolmentRefused, NotTrusted
from evenrack.rack.register import EnrolmentSession, register
from evenrack.region.links.doorkeeper import Enrolled
from evenrack.trust.tls import NewcomerTls
from evenrack.wire.region_commands import Enrol
from tests.rack.enrolment_desk import NEW_RACK, EnrolmentDesk, newcomer, region_end, secret, signer
from tests.rack.enrolment_refusal import refusal
from tests.trusted import authority, expired, handmade, now, rack_identity, region_identity


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
