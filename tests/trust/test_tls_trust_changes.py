"""Real TLS over loopback: what an end shows and trusts changes from one connection to the next."""

from evenrack.trust.certificates import serial_of
from tests.trust.tls_ends import listening, rack_tls, region_tls
from tests.trust.tls_words import both_ended, say
from tests.trusted import RACK, authority, rack_identity, region_identity

STRANGER = "of another cluster"


async def test_a_region_shows_its_new_certificate_to_new_connections_and_old_ones_go_on():
    old, new = region_identity(), region_identity()
    tls = region_tls(old)
    async with listening(tls) as region:
        first, at_first = await region.dial(rack_tls())
        await say(first, at_first)
        tls.use(new, [authority().certificate])
        second, at_second = await region.dial(rack_tls())
        await say(second, at_second)
        assert first.shown()[0] == old.certificate
        assert second.shown()[0] == new.certificate
        await say(at_first, first, b"still there")
        assert first.heard == b"still there"


async def test_a_region_that_trusts_another_authority_too_lets_its_racks_in_from_then_on():
    tls, foreign = region_tls(), rack_identity(by=authority("another"))
    async with listening(tls) as region:
        mine, theirs = await region.dial(rack_tls(foreign))
        await both_ended(mine, theirs)
        assert STRANGER in theirs.why
        tls.use(region_identity(), [authority().certificate, authority("another").certificate])
        mine, theirs = await region.dial(rack_tls(foreign))
        await say(mine, theirs)
        assert theirs.peer.rack == RACK


async def test_an_authority_that_is_trusted_no_more_lets_nobody_in_from_then_on():
    both = [authority().certificate, authority("another").certificate]
    tls, foreign = region_tls(None, *both), rack_identity(by=authority("another"))
    async with listening(tls) as region:
        mine, theirs = await region.dial(rack_tls(foreign))
        await say(mine, theirs)
        tls.use(region_identity(), both[:1])
        mine, theirs = await region.dial(rack_tls(foreign))
        await both_ended(mine, theirs)
        assert STRANGER in theirs.why


async def test_a_rack_shows_its_new_certificate_on_new_connections():
    old, new = rack_identity(), rack_identity()
    tls = rack_tls(old)
    async with listening(region_tls()) as region:
        for identity in (old, new):
            tls.use(identity, [authority().certificate])
            mine, theirs = await region.dial(tls)
            await say(mine, theirs)
            assert theirs.peer.serial == serial_of(identity.certificate)


async def test_a_rack_that_learns_of_another_authority_believes_its_regions_from_then_on():
    tls = rack_tls()
    both = [authority().certificate, authority("another").certificate]
    async with listening(region_tls(region_identity(by=authority("another")), *both)) as region:
        mine, theirs = await region.dial(tls)
        await both_ended(mine, theirs)
        assert STRANGER in mine.why
        tls.use(rack_identity(), both)
        mine, theirs = await region.dial(tls)
        await say(mine, theirs)
