"""Links of revoked racks are cut at the next look, and no others."""

from datetime import timedelta

import pytest
from attrs import evolve

from evenrack.errors import DatabaseUnreachable, EnrolmentRefused
from evenrack.region.database.trust_store import revoke_rack
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.links.link_guard import GRACE_SECONDS
from evenrack.trust.certificates import issue_for_rack, issued_at, new_key, new_request
from evenrack.trust.tls import Peer
from tests.region.certificate_desk.desk_host import OTHER_RACK, RACK

pytestmark = pytest.mark.postgres

LONG = timedelta(days=1000)


class Unreachable:
    """A database that is away."""

    async def read(self, _work):
        raise DatabaseUnreachable("away")


class SmallLink:
    """A link by what the desk looks at."""

    hostname = "rack1"

    def __init__(self, link, rack, serial, **dates):
        self.link, self.rack = link, rack
        self.peer = Peer(rack=rack, serial=serial, **dates)
        self.cuts = []

    def cut(self, reason):
        self.cuts.append(reason)


async def test_links_with_a_revoked_certificate_are_cut_at_the_next_look_and_no_others(host):
    desk = host.start()
    connected = ConnectedRacks()
    desk.watch(connected)
    stolen, fresh = SmallLink("1", RACK, "stolen"), SmallLink("2", RACK, "fresh")
    other = SmallLink("3", OTHER_RACK, "other's")
    for link in (stolen, fresh, other):
        connected.add(link)
    host.issued("stolen")
    await host.look(desk)
    assert stolen.cuts == []
    host.sessions.run(lambda c: revoke_rack(c, RACK))
    host.issued("fresh")
    await host.look(desk)
    assert stolen.cuts == [f"the certificate of rack {RACK} was revoked"]
    assert (fresh.cuts, other.cuts) == ([], [])
    assert [desk.is_revoked(link.peer) for link in (stolen, fresh, other)] == [True, False, False]


def guarded(desk, *links):
    """Let a desk guard these links."""
    connected = ConnectedRacks()
    for link in links:
        connected.add(link)
    desk.watch(connected)


def old_link(host, name="1", rack=RACK):
    """A link that is older than its certificate's life, by the clock of the database."""
    return SmallLink(
        name,
        rack,
        f"{name}-long-ago",
        issued_at=host.now - timedelta(days=30, hours=1),
        expires_at=host.now - timedelta(hours=1),
    )


async def test_links_that_are_older_than_their_certificate_are_cut_when_the_rack_is_revoked(host):
    desk = host.start()
    stolen, other = old_link(host), old_link(host, "2", OTHER_RACK)
    guarded(desk, stolen, other)
    host.issued("renewed")
    host.issued("other's", OTHER_RACK)
    await host.look(desk)
    host.sessions.run(lambda c: revoke_rack(c, RACK))
    await host.look(desk)
    assert stolen.cuts == [f"the certificate of rack {RACK} was revoked"]
    assert other.cuts == []
    assert [desk.is_revoked(link.peer) for link in (stolen, other)] == [True, False]
    for peer in (stolen.peer, evolve(stolen.peer, expires_at=host.now + timedelta(days=1))):
        with pytest.raises(EnrolmentRefused, match="was revoked"):
            await desk.renew(peer, new_request(new_key()))


async def test_a_link_outlives_its_certificate_for_as_long_as_its_rack_has_another(host, log):
    desk = host.start()
    link = old_link(host)
    guarded(desk, link)
    host.issued("renewed")
    for _ in range(3):
        await host.look(desk, GRACE_SECONDS)
    assert link.cuts == []
    assert log.about("ran out") == []


async def test_a_link_whose_rack_has_no_certificate_any_more_is_cut_after_a_day(host, log):
    desk = host.start()
    link, young = old_link(host), SmallLink("2", OTHER_RACK, "", expires_at=host.now + LONG)
    guarded(desk, link, young)
    await host.look(desk)
    await host.look(desk, GRACE_SECONDS - 2)
    assert link.cuts == []
    (told,) = log.about("ran out on", "unless it renews", level="warn")
    assert RACK in told
    assert "cut in 24 h" in told
    await host.look(desk, 3)
    assert link.cuts == [f"the certificate of rack {RACK} ran out, and it has no other"]
    assert young.cuts == []


async def test_after_a_long_outage_racks_have_that_day_and_may_renew(host):
    desk = host.start()
    link = old_link(host)
    guarded(desk, link)
    await host.look(desk)
    there = desk._around.database
    desk._around = evolve(desk._around, database=Unreachable())
    await host.look(desk, 10 * GRACE_SECONDS)
    desk._around = evolve(desk._around, database=there)
    await host.look(desk)
    assert link.cuts == []
    assert await desk.renew(link.peer, new_request(new_key()))
    await host.look(desk, 2 * GRACE_SECONDS)
    assert link.cuts == []


async def test_what_is_signed_after_a_revocation_is_good_although_the_clock_went_back(host):
    desk = host.start()
    host.sessions.run(lambda c: revoke_rack(c, RACK))
    host.now -= timedelta(hours=2)
    await host.look(desk)
    signed = host.sessions.run(
        lambda c: desk._sign(
            c,
            lambda by, at: issue_for_rack(by, new_key().public_key(), RACK, at),
            rack=RACK,
        )
    )
    await host.look(desk)
    assert not desk.is_revoked(Peer(rack=RACK, serial="", issued_at=issued_at(signed)))
