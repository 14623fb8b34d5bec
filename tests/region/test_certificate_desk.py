"""The desk of one process: what it trusts, presents, signs and refuses, by a clock that we move.

The database and the files are real; links, and what racks see, are in `test_trust_on_links`.
"""

import errno
import secrets
from datetime import timedelta

import pytest
import pytest_twisted
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from evenrack.config.key_file import NO_KEYS, load_keys
from evenrack.config.region_config import RegionConfig
from evenrack.errors import DatabaseUnreachable, EnrolmentRefused
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.trust_store import (
    Issued,
    active_authority,
    note_process_trusts,
    record_certificate,
    revoke_rack,
    set_state,
    store_authority,
)
from evenrack.region.initialise import Chance, initialise
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.links.link_guard import GRACE_SECONDS
from evenrack.region.sealing import Sealer
from evenrack.region.trust.certificate_desk import CertificateDesk, DeskSurroundings, region_files
from evenrack.trust.certificates import (
    BACKDATED,
    certificate_from_der,
    certificate_pem,
    certificates_from_pem,
    fingerprint_of,
    is_issued_by,
    issue_for_rack,
    issued_at,
    new_authority,
    new_key,
    new_request,
    rack_of,
    serial_of,
)
from evenrack.trust.files import TrustFiles
from evenrack.trust.tls import Peer
from tests.region.database.sessions import facts, joined, recorded
from tests.region.processes import eventually
from tests.trusted import now

pytestmark = pytest.mark.postgres

HOST = "region1"
RACK, OTHER_RACK = RackId("aaaaaaaa"), RackId("bbbbbbbb")
STOLEN = Peer(rack=RACK, serial="stolen")
OLD = Peer(rack=RACK, serial="", issued_at=now() - timedelta(days=31))
LONG = timedelta(days=1000)
LATE, EARLY = 1.0, 0.0
"""Jitter of a process that renews a twentieth after two thirds of the time, or before."""


class Unreachable:
    """A database that is away."""

    async def read(self, _work):
        raise DatabaseUnreachable("away")


class ChangingKeys:
    """The keys of a host, which come and go."""

    def __init__(self, keys):
        self.now = keys

    all = property(lambda self: self.now.all)
    first = property(lambda self: self.now.first)

    def find(self, key_id):
        return self.now.find(key_id)


class DiskThatFills(TrustFiles):
    """The files of a host, on a disk that can be full."""

    is_full = False

    def _write(self, name, content):
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write(name, content)


class Host:
    """One region host: files, keys, the clock by which it signs, and the desks of its processes."""

    def __init__(self, dsn, sessions, folder):
        self.dsn = dsn
        self.sessions = sessions
        self.now = self.began = now()
        self.config = RegionConfig(
            database=dsn, region_name=HOST, key_file=folder / "keys", state_dir=folder / "state"
        )
        chance = Chance(token_bytes=secrets.token_bytes, read_clock=self.read_clock)
        initialise(self.config, hostname=HOST, chance=chance)
        self.keys = ChangingKeys(load_keys(self.config.key_file))
        self.sealer = Sealer(keys=self.keys, token_bytes=secrets.token_bytes)
        self.files = region_files(self.config)
        self.desks = []

    def read_clock(self, _connection):
        """The database's clock, which the test moves."""
        return self.now

    def start(self, number=1, *, jitter=0.5, dsn=None, files=None):
        database = PooledDatabase(dsn or self.dsn, reactor, name=f"{HOST}/{number}")
        desk = CertificateDesk(
            DeskSurroundings(
                database=database,
                clock=Clock(),
                read_clock=self.read_clock,
                token_bytes=secrets.token_bytes,
                jitter=lambda: jitter,
                sealer=self.sealer,
                files=files or self.files,
                process=ProcessId(f"{HOST}/{number}"),
                region=HOST,
            )
        )
        desk.startService()
        self.desks.append((desk, database))
        return desk

    async def look(self, desk, seconds=1.0):
        """Let the desk look once."""
        desk._around.clock.advance(seconds)
        await eventually(lambda: not desk._looking._busy)

    async def stop(self):
        for desk, database in self.desks:
            await eventually(lambda desk=desk: not desk._looking._busy)
            await desk.stopService()
            database.close()

    def own(self):
        """The serial numbers that were signed for this host, the oldest first."""
        rows = self.sessions.rows(
            "SELECT serial FROM certificate WHERE region = 'region1' ORDER BY at"
        )
        return [serial for (serial,) in rows]

    def authority(self):
        return certificates_from_pem(self.sessions.run(active_authority).certificate.encode())[0]

    def store(self, state="next"):
        """Another authority; give its number and certificate."""
        made = new_authority(self.now)
        number = self.sessions.run(lambda c: store_authority(c, self.sealer, made, state=state))
        return number, made.certificate

    def activate(self, number):
        def work(connection):
            set_state(connection, active_authority(connection).id, "retiring")
            set_state(connection, number, "active")

        self.sessions.run(work)

    def pass_a_minute(self):
        """After it racks may renew again."""
        self.sessions.change("UPDATE certificate SET at = at - interval '61 seconds'")
        for desk, _ in self.desks:
            desk._around.clock.advance(61)

    def issued(self, serial, rack=RACK):
        certificate = Issued(
            serial=serial, authority=1, not_after=now() + timedelta(days=30), rack=rack
        )
        self.sessions.run(lambda c: record_certificate(c, certificate))


@pytest.fixture
def host(database_dsn, sessions, tmp_path):
    host = Host(database_dsn, sessions, tmp_path)
    yield host
    pytest_twisted.blockon(Deferred.fromCoroutine(host.stop()))


def presented(desk):
    """What the next rack that connects is shown."""
    connection = desk.tls.serverConnectionForTLS(Protocol())
    return connection.get_certificate().to_cryptography()


def two_thirds(certificate):
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return first + (last - first) * 2 / 3


# The certificate of this host


async def test_a_certificate_is_renewed_after_two_thirds_of_its_life_and_not_before(host):
    desk = host.start()
    old = host.files.identity().certificate
    host.now = two_thirds(old) - timedelta(minutes=1)
    await host.look(desk)
    assert (presented(desk), host.own()) == (old, [serial_of(old)])
    host.now = two_thirds(old) + timedelta(minutes=1)
    await host.look(desk)
    new = presented(desk)
    assert host.own() == [serial_of(old), serial_of(new)]
    assert host.files.identity().certificate == new
    assert is_issued_by(new, host.authority())
    assert new.not_valid_after_utc > host.now + timedelta(days=29)
    await host.look(desk)
    assert len(host.own()) == 2, "once is enough"


async def test_processes_of_one_host_renew_at_different_times_and_the_later_takes_over(host):
    early, late = host.start(1, jitter=EARLY), host.start(2, jitter=LATE)
    old = host.files.identity().certificate
    host.now = two_thirds(old)
    await host.look(late)
    assert presented(late) == old
    await host.look(early)
    new = presented(early)
    assert new != old
    await host.look(late)
    assert presented(late) == new
    assert len(host.own()) == 2


async def test_without_its_key_a_host_says_once_that_it_cannot_renew_and_does_when_it_can(
    host, log
):
    desk = host.start()
    old = host.files.identity().certificate
    keys, host.keys.now = host.keys.now, NO_KEYS
    host.now = two_thirds(old) + timedelta(minutes=1)
    for _ in range(3):
        await host.look(desk)
    assert presented(desk) == old
    assert len(log.about("certificates: ", level="warn")) == 1
    host.keys.now = keys
    await host.look(desk)
    assert presented(desk) != old


async def test_a_new_certificate_that_finds_no_place_on_the_disk_is_not_used_nor_made_each_second(
    host, log
):
    files = DiskThatFills(host.config.state_dir, cure="")
    desk = host.start(files=files)
    old = host.files.identity().certificate
    host.now = two_thirds(old) + timedelta(minutes=1)
    files.is_full = True
    for _ in range(5):
        await host.look(desk)
    assert presented(desk) == old
    assert len(host.own()) == 2, "one was signed, and lost"
    assert len(log.about("No space left")) == 1
    files.is_full = False
    await host.look(desk, 60)
    assert presented(desk) == host.files.identity().certificate != old
    assert len(host.own()) == 3


async def test_a_certificate_that_is_gone_from_the_disk_is_told_of_once_and_presented_on(host, log):
    desk = host.start()
    old = presented(desk)
    (host.config.state_dir / "identity.pem").unlink()
    for _ in range(3):
        await host.look(desk)
    assert presented(desk) == old
    (told,) = log.about("certificates: ", "identity.pem", level="warn")
    assert "evenrack-regiond init" in told


# Whom to trust


async def test_another_authority_is_trusted_at_once_and_signs_when_it_is_its_turn(host):
    desk = host.start()
    await host.look(desk)
    first = host.authority()
    assert desk.fingerprint == fingerprint_of([first])
    number, second = host.store()
    await host.look(desk)
    assert desk.fingerprint == fingerprint_of([first, second])
    assert host.files.authorities() == (first, second)
    assert is_issued_by(presented(desk), first)
    host.activate(number)
    await host.look(desk)
    assert desk.fingerprint == fingerprint_of([second, first])
    assert is_issued_by(presented(desk), second)
    assert len(host.own()) == 2


async def test_whom_a_process_trusts_is_in_its_row_for_others_to_see(host):
    def noted():
        return host.sessions.value("SELECT trusts FROM process")

    joined(host.sessions, f"{HOST}/1")
    desk = host.start()
    await host.look(desk)
    assert noted() == desk.fingerprint
    host.store()
    await host.look(desk)
    assert noted() == desk.fingerprint
    host.sessions.run(lambda c: note_process_trusts(c, ProcessId(f"{HOST}/1"), "older"))
    await host.look(desk)
    assert noted() == desk.fingerprint, "also after the tables were set back"


async def test_without_a_database_a_process_trusts_and_refuses_as_it_did_before_it_started(
    host, tmp_path, log
):
    desk = host.start()
    host.issued("stolen")
    host.store()
    host.sessions.run(lambda c: revoke_rack(c, RACK))
    await host.look(desk)
    assert desk.is_revoked(STOLEN)
    assert desk.is_revoked(OLD)
    alone = host.start(2, dsn=f"host={tmp_path} dbname=nowhere")
    await host.look(alone)
    assert alone.fingerprint == desk.fingerprint
    assert alone.is_revoked(STOLEN)
    assert alone.is_revoked(OLD)
    assert not alone.is_revoked(Peer(rack=RACK, serial="another"))
    assert presented(alone) == presented(desk)
    assert log.about("certificates: ") == []


async def test_an_empty_database_does_not_take_the_authorities_away(host):
    desk = host.start()
    before = desk.fingerprint
    host.sessions.change("DELETE FROM authority")
    await host.look(desk)
    assert desk.fingerprint == before
    assert host.files.authorities()


# What racks ask for


async def test_a_rack_renews_its_certificate_under_its_own_id(host):
    desk = host.start()
    key = new_key()
    renewed = certificate_from_der(await desk.renew(Peer(rack=RACK), new_request(key)))
    assert rack_of(renewed) == RACK
    assert renewed.public_key() == key.public_key()
    assert is_issued_by(renewed, host.authority())
    rows = host.sessions.rows("SELECT serial FROM certificate WHERE rack_id = :rack", rack=RACK)
    assert rows == [(serial_of(renewed),)]


async def test_a_certificate_is_dated_by_the_database_s_clock_whatever_the_host_s_says(host):
    desk = host.start()
    host.now += timedelta(days=100)
    signed = certificate_from_der(await desk.renew(Peer(rack=RACK), new_request(new_key())))
    assert signed.not_valid_before_utc == (host.now - BACKDATED).replace(microsecond=0)


async def test_a_revoked_rack_cannot_renew_and_may_again_with_a_new_certificate(host):
    desk = host.start()
    host.issued("stolen")
    host.issued("other's", OTHER_RACK)
    host.sessions.run(lambda c: revoke_rack(c, RACK))
    with pytest.raises(EnrolmentRefused, match="was revoked"):
        await desk.renew(Peer(rack=RACK), new_request(new_key()))
    host.pass_a_minute()
    assert await desk.renew(Peer(rack=OTHER_RACK), new_request(new_key()))
    host.issued("fresh")
    host.pass_a_minute()
    assert await desk.renew(Peer(rack=RACK, serial="fresh"), new_request(new_key()))
    host.pass_a_minute()
    with pytest.raises(EnrolmentRefused, match="was revoked"):  # a link of before, still open
        await desk.renew(Peer(rack=RACK, serial="stolen"), new_request(new_key()))


async def test_a_rack_is_given_one_certificate_a_minute_whichever_process_it_asks(host):
    desk, another = host.start(1), host.start(2)
    made = "SELECT count(*) FROM certificate WHERE rack_id IS NOT NULL"

    def renew(desk, rack=RACK):
        return desk.renew(Peer(rack=rack), new_request(new_key()))

    assert await renew(desk)
    for each in (desk, another, another):
        with pytest.raises(EnrolmentRefused, match="one renewal a minute"):
            await renew(each)
    assert host.sessions.value(made) == 1
    assert await renew(desk, OTHER_RACK)
    host.pass_a_minute()
    assert await renew(another)


async def test_a_rack_that_floods_with_renewals_costs_one_signature_and_no_more_questions(host):
    desk = host.start()
    await host.look(desk)
    asked = []
    run = desk._around.database.run
    desk._around.database.run = lambda work: asked.append(work) or run(work)
    requests = [
        Deferred.fromCoroutine(desk.renew(Peer(rack=RACK), new_request(new_key())))
        for _ in range(21)
    ]
    done = await DeferredList(requests, consumeErrors=True)
    assert [is_given for is_given, _ in done] == [True] + [False] * 20
    assert len(asked) == 1


async def test_a_new_authority_s_certificate_is_given_also_right_after_the_enrolment(host):
    desk = host.start()
    host.issued("enrolled")
    number, second = host.store()
    host.activate(number)
    await host.look(desk)
    renewed = await desk.renew(Peer(rack=RACK), new_request(new_key()))
    assert is_issued_by(certificate_from_der(renewed), second)


async def test_a_renewal_that_failed_may_be_asked_for_again_at_once(host):
    desk = host.start()
    keys, host.keys.now = host.keys.now, NO_KEYS
    for _ in range(2):
        with pytest.raises(EnrolmentRefused, match="this region cannot sign"):
            await desk.renew(Peer(rack=RACK), new_request(new_key()))
    host.keys.now = keys
    assert await desk.renew(Peer(rack=RACK), new_request(new_key()))


@pytest.mark.parametrize(
    "request_of",
    [
        lambda: b"",
        lambda: b"\x30\x82",
        lambda: new_request(ec.generate_private_key(ec.SECP384R1())),
    ],
    ids=["nothing", "garbage", "another curve"],
)
async def test_what_is_no_request_for_a_p256_key_is_refused_and_nothing_is_signed(host, request_of):
    desk = host.start()
    with pytest.raises(EnrolmentRefused, match="no signing request for a P-256 key"):
        await desk.renew(Peer(rack=RACK), request_of())
    assert host.sessions.rows("SELECT 1 FROM certificate WHERE rack_id IS NOT NULL") == []


async def test_a_host_without_the_key_signs_nothing_and_says_why(host):
    desk = host.start()
    host.keys.now = NO_KEYS
    with pytest.raises(EnrolmentRefused, match="this region cannot sign"):
        await desk.renew(Peer(rack=RACK), new_request(new_key()))


async def test_a_rack_is_told_whom_to_trust_and_whom_it_trusts_is_noted(host):
    recorded(host.sessions, joined(host.sessions, f"{HOST}/1"), facts(RACK, "link1"))
    desk = host.start()
    _, second = host.store()
    await host.look(desk)
    told = await desk.authorities(RACK, "what it knows")
    assert told == certificate_pem(host.authority()) + certificate_pem(second)
    assert host.sessions.value("SELECT trusts FROM rack") == "what it knows"


async def test_a_new_rack_gets_an_id_that_no_rack_has_or_had(host):
    ids = iter([b"\x00" * 8, b"\x00" * 8, b"\x01" * 8])
    desk = host.start()
    desk._around = evolve(desk._around, token_bytes=lambda count: next(ids)[:count])
    first = host.sessions.run(desk._free_id)
    host.issued("5e1a", first)
    second = host.sessions.run(desk._free_id)
    assert first != second
    assert next(ids, None) is None, "the taken one was drawn again, and left"


# Revoked links


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
