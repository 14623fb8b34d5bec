"""Certificates of two racks in PostgreSQL, and what seals the keys of authorities there."""

import secrets
from datetime import timedelta

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.trust_store import Issued, record_certificate
from evenrack.region.sealing import Sealer
from tests.trusted import now

PROCESS = ProcessId("region1/1")
RACK, OTHER_RACK = RackId("aaaaaaaa"), RackId("bbbbbbbb")
SEALER = Sealer(
    keys=Keys(all=(Key(id="k", content=Secret(b"k" * 32)),)), token_bytes=secrets.token_bytes
)


def issued(sessions, serial, rack=RACK, *, authority=1, days=30.0, region=None):
    certificate = Issued(
        serial=serial,
        authority=authority,
        not_after=now() + timedelta(days=days),
        rack=None if region else rack,
        region=region,
    )
    sessions.run(lambda c: record_certificate(c, certificate))
