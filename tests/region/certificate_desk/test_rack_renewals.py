"""What racks ask a region process for: their next certificate, whom to trust, and a new id."""

from datetime import timedelta

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred, DeferredList

from evenrack.config.key_file import NO_KEYS
from evenrack.errors import EnrolmentRefused
from evenrack.region.database.trust_store import revoke_rack
from evenrack.trust.certificates import (
    BACKDATED,
    certificate_from_der,
    certificate_pem,
    is_issued_by,
    new_key,
    new_request,
    rack_of,
    serial_of,
)
from evenrack.trust.tls import Peer
from tests.region.certificate_desk.desk_host import HOST, OTHER_RACK, RACK
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres


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
