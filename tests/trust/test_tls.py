"""Real TLS over loopback: who gets in, what both ends see of it, and what a proof is bound to."""

from datetime import timedelta

import pytest

from evenrack.model.identifiers import RackId
from evenrack.trust.certificates import issued_at, pin_of, serial_of
from evenrack.trust.enrolment import EXPORTER_BYTES
from evenrack.trust.tls import NewcomerTls, Peer
from tests.trust.tls_ends import listening, rack_tls, region_tls
from tests.trust.tls_words import say
from tests.trusted import RACK, authority, now, rack_identity, region_identity

# Who gets in


async def test_a_rack_and_a_region_of_one_cluster_talk_and_the_region_knows_which_rack_it_is():
    identity = rack_identity(RackId("rack0007"))
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(rack_tls(identity))
        await say(mine, theirs)
        await say(theirs, mine, b"hello rack")
        assert (theirs.heard, mine.heard) == (b"hello", b"hello rack")
        assert theirs.peer == Peer(
            rack="rack0007",
            serial=serial_of(identity.certificate),
            issued_at=issued_at(identity.certificate),
            expires_at=identity.certificate.not_valid_after_utc,
        )


async def test_it_is_tls_1_3_and_nothing_that_is_said_is_readable():
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(rack_tls())
        await say(mine, theirs)
        for end in (mine, theirs):
            connection = end.transport._tlsConnection
            assert connection.get_protocol_version_name() == "TLSv1.3"


@pytest.mark.parametrize("signer", [(), ("another",)], ids=["old", "new"])
async def test_while_an_authority_is_replaced_certificates_of_both_get_in(signer):
    both = [authority().certificate, authority("another").certificate]
    async with listening(region_tls(region_identity(by=authority(*signer)), *both)) as region:
        for rack_s in ((), ("another",)):
            identity = rack_identity(by=authority(*rack_s))
            mine, theirs = await region.dial(rack_tls(identity, *both[::-1]))
            await say(mine, theirs)
            assert theirs.peer.rack == RACK


async def test_who_shows_no_certificate_gets_in_and_is_known_as_nobody():
    async with listening(region_tls()) as region:
        mine, theirs = await region.dial(NewcomerTls())
        await say(mine, theirs)
        assert theirs.peer == Peer(rack=None)


async def test_a_newcomer_sees_the_region_s_certificate_and_its_authorities():
    identity, other = region_identity(), authority("another").certificate
    trusted = [authority().certificate, other]
    async with listening(region_tls(identity, *trusted)) as region:
        mine, theirs = await region.dial(NewcomerTls())
        await mine.shaken
        assert mine.shown() == [identity.certificate, *trusted]
        assert pin_of(authority().certificate) in map(pin_of, mine.shown()[1:])
        await say(mine, theirs)
        assert theirs.own() == identity.certificate
        assert theirs.shown() == []


async def test_a_rack_has_its_own_certificate_and_a_newcomer_has_none():
    identity = rack_identity()
    async with listening(region_tls()) as region:
        mine, _ = await region.dial(rack_tls(identity))
        await mine.shaken
        assert mine.own() == identity.certificate
        newcomer, _ = await region.dial(NewcomerTls())
        await newcomer.shaken
        with pytest.raises(ValueError, match="showed no certificate"):
            newcomer.own()


async def test_ends_whose_clocks_are_hours_behind_the_one_that_signed_take_each_other():
    signed_at = now() + timedelta(hours=14)  # as far as two time zones can be apart
    async with listening(region_tls(region_identity(at=signed_at))) as region:
        mine, theirs = await region.dial(rack_tls(rack_identity(at=signed_at)))
        await say(mine, theirs)
        await say(theirs, mine)


# What an enrolment proof is bound to


async def test_both_ends_of_a_connection_have_the_same_channel_and_no_other_has():
    certificate = region_identity().certificate
    channels = []
    async with listening(region_tls()) as region:
        for _ in range(3):
            mine, theirs = await region.dial(NewcomerTls())
            await say(mine, theirs)
            assert mine.channel(certificate) == theirs.channel(certificate)
            channels.append(mine.channel(certificate))
    assert len({channel.exporter for channel in channels}) == 3
    assert {len(channel.exporter) for channel in channels} == {EXPORTER_BYTES}


async def test_a_host_in_the_middle_has_another_channel_with_each_side():
    # It ends TLS with a certificate of its own, and begins it anew to the region.
    relay_s = region_identity(by=authority("the relay's"))
    async with listening(region_tls()) as region, listening(region_tls(relay_s)) as relay:
        rack, at_relay = await relay.dial(NewcomerTls())
        onwards, at_region = await region.dial(NewcomerTls())
        await say(rack, at_relay)
        await say(onwards, at_region)
        rack_s = rack.channel(rack.shown()[0])
        region_s = at_region.channel(at_region.own())
        assert rack_s.exporter != region_s.exporter
        assert rack_s.region_certificate != region_s.region_certificate
        assert rack_s == at_relay.channel(at_relay.own())
