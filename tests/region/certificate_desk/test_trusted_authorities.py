"""Whom a region process trusts: what the tables say, and without them what it knew."""

from datetime import timedelta

import pytest

from evenrack.model.identifiers import ProcessId
from evenrack.region.database.trust_store import note_process_trusts, revoke_rack
from evenrack.trust.certificates import fingerprint_of, is_issued_by
from evenrack.trust.tls import Peer
from tests.region.certificate_desk.desk_host import HOST, RACK, presented
from tests.region.database.sessions import joined
from tests.trusted import now

pytestmark = pytest.mark.postgres

STOLEN = Peer(rack=RACK, serial="stolen")
OLD = Peer(rack=RACK, serial="", issued_at=now() - timedelta(days=31))


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
