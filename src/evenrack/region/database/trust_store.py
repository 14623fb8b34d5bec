"""Authorities, the certificates they signed, and which of those are worth nothing any more."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from attrs import field, frozen
from sqlalchemy import Connection, text

from evenrack.config.secret_file import Secret
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.enrolment_store import end_enrolments_of
from evenrack.region.database.notify import notify
from evenrack.region.sealing import Cell, Sealer
from evenrack.trust.certificates import Identity, certificate_pem, key_pem
from evenrack.trust.revocations import Revocations
from evenrack.trust.tls import Peer

SENDER: Final = "trust"

CERTIFICATES_LOCK: Final = 0x65766E03
"""The first number of the advisory locks that racks have; the second one is of the rack."""

State = Literal["next", "active", "retiring"]


@frozen(kw_only=True)
class StoredAuthority:
    """An authority as it is kept: whoever has the cluster's keys can sign with it."""

    id: int
    state: State
    certificate: str
    """PEM."""
    sealed_key: bytes = field(repr=False)

    @property
    def cell(self) -> Cell:
        """Give the place that its key is sealed for."""
        return key_cell(self.id)


@frozen(kw_only=True)
class Issued:
    """What is written down of a certificate when it is signed."""

    serial: str
    authority: int
    not_after: datetime
    rack: RackId | None = None
    region: str | None = None


@frozen(kw_only=True)
class TrustPicture:
    """Whom to trust, and which certificates not to."""

    authorities: tuple[StoredAuthority, ...]
    revoked: Revocations
    """Serial numbers of what is not expired; racks and times for links that are older."""
    noted: str | None
    """Whom the asking process trusts by its row; None without a row."""


def key_cell(authority: int) -> Cell:
    """Give the place that the key of an authority is sealed for."""
    return Cell(table="authority", column="sealed_key", row=authority)


def read_trust(connection: Connection, process: ProcessId) -> TrustPicture:
    """Read whom to trust, what is revoked, and whom this process trusts by its row."""
    revoked = connection.execute(
        text("SELECT serial FROM certificate WHERE revoked_at IS NOT NULL AND not_after > now()")
    )
    noted = connection.execute(
        text("SELECT trusts FROM process WHERE id = :process"), {"process": process}
    )
    return TrustPicture(
        authorities=read_authorities(connection),
        revoked=Revocations(serials=frozenset(revoked.scalars()), racks=_racks_revoked(connection)),
        noted=noted.scalar_one_or_none(),
    )


def read_authorities(connection: Connection) -> tuple[StoredAuthority, ...]:
    """Read all authorities, the active one first, then the newest."""
    rows = connection.execute(
        text(
            "SELECT id, state, certificate, sealed_key FROM authority "
            "ORDER BY state <> 'active', id DESC"
        )
    )
    return tuple(
        StoredAuthority(
            id=row.id,
            state=row.state,
            certificate=row.certificate,
            sealed_key=bytes(row.sealed_key),
        )
        for row in rows
    )


def active_authority(connection: Connection) -> StoredAuthority | None:
    """Give the one that signs; None before `evenrack-regiond init`."""
    found = read_authorities(connection)
    return next((each for each in found if each.state == "active"), None)


def store_authority(connection: Connection, sealer: Sealer, made: Identity, *, state: State) -> int:
    """Keep a new authority, its key sealed for the row that it gets; KeyMissing."""
    number: int = connection.execute(
        text(
            "INSERT INTO authority (state, certificate, sealed_key) "
            "VALUES (:state, :certificate, '') RETURNING id"
        ),
        {"state": state, "certificate": certificate_pem(made.certificate).decode()},
    ).scalar_one()
    connection.execute(
        text("UPDATE authority SET sealed_key = :sealed WHERE id = :id"),
        {"sealed": sealer.seal(Secret(key_pem(made.key)), key_cell(number)), "id": number},
    )
    notify(connection, SENDER)
    return number


def lock_authorities(connection: Connection) -> None:
    """Let nobody else make or change authorities before this transaction ends."""
    connection.execute(text("LOCK TABLE authority IN SHARE ROW EXCLUSIVE MODE"))


def set_state(connection: Connection, authority: int, state: State) -> None:
    """Change what an authority is for."""
    connection.execute(
        text("UPDATE authority SET state = :state WHERE id = :id"),
        {"state": state, "id": authority},
    )
    notify(connection, SENDER)


def drop_authority(connection: Connection, authority: int) -> None:
    """Trust an authority no more."""
    connection.execute(text("DELETE FROM authority WHERE id = :id"), {"id": authority})
    notify(connection, SENDER)


def record_certificate(connection: Connection, issued: Issued) -> None:
    """Write down that a certificate was signed."""
    connection.execute(
        text(
            "INSERT INTO certificate (serial, rack_id, region, authority_id, not_after) "
            "VALUES (:serial, :rack, :region, :authority, :not_after)"
        ),
        {
            "serial": issued.serial,
            "rack": issued.rack,
            "region": issued.region,
            "authority": issued.authority,
            "not_after": issued.not_after,
        },
    )
    connection.execute(text("DELETE FROM certificate WHERE not_after < now() - interval '1 day'"))


def is_rack_revoked(connection: Connection, rack: RackId, peer: Peer) -> bool:
    """Tell whether this certificate of a rack is revoked, or all; until the end no more are.

    Another one may be good: the rack was let back while a link of before is still open. Where no
    certificate of it is known it is as good as it says: a database that was restored may be older,
    and a link may be from before an outage in which nobody could renew.
    """
    found = _lock_certificates(connection, rack)
    serials = frozenset(serial for serial, is_revoked in found.items() if is_revoked)
    revoked = Revocations(serials=serials, racks=_racks_revoked(connection, rack))
    return revoked.shut_out(peer) or (bool(found) and all(found.values()))


def racks_shut_out(connection: Connection, racks: Sequence[RackId]) -> set[RackId]:
    """Give those of the racks that were revoked and have no certificate that is good."""
    found = connection.execute(
        text(
            "SELECT id FROM unnest(CAST(:racks AS text[])) AS asked (id) WHERE "
            "(EXISTS (SELECT FROM rack_revoked WHERE rack_id = id) OR EXISTS (SELECT FROM "
            "certificate WHERE rack_id = id AND not_after > now() AND revoked_at IS NOT NULL)) "
            "AND NOT EXISTS (SELECT FROM certificate "
            "WHERE rack_id = id AND not_after > now() AND revoked_at IS NULL)"
        ),
        {"racks": list(racks)},
    )
    return {RackId(rack) for rack in found.scalars()}


def racks_certified(connection: Connection, racks: Collection[RackId]) -> set[RackId]:
    """Give those of the racks that have a good certificate, whatever their links were made with."""
    found = connection.execute(
        text(
            "SELECT DISTINCT rack_id FROM certificate "
            "WHERE rack_id = ANY(:racks) AND revoked_at IS NULL AND not_after > now()"
        ),
        {"racks": sorted(racks)},
    )
    return {RackId(rack) for rack in found.scalars()}


def is_newly_certified(connection: Connection, rack: RackId, seconds: float) -> bool:
    """Tell whether the authority that signs now gave a rack a certificate so lately."""
    found = connection.execute(
        text(
            "SELECT EXISTS (SELECT FROM certificate JOIN authority ON authority.id = authority_id "
            "AND state = 'active' WHERE rack_id = :rack AND revoked_at IS NULL "
            "AND certificate.at > now() - make_interval(secs => :seconds))"
        ),
        {"rack": rack, "seconds": seconds},
    ).scalar_one()
    return bool(found)


def _racks_revoked(connection: Connection, rack: RackId | None = None) -> dict[RackId, datetime]:
    found = connection.execute(
        text(
            "SELECT rack_id, revoked_at FROM rack_revoked "
            "WHERE CAST(:rack AS text) IS NULL OR rack_id = :rack"
        ),
        {"rack": rack},
    )
    return {RackId(row.rack_id): row.revoked_at for row in found}


def revoked_since(connection: Connection, rack: RackId) -> datetime | None:
    """Tell when a rack was revoked last; None for never."""
    return _racks_revoked(connection, rack).get(rack)


def _lock_certificates(connection: Connection, rack: RackId) -> dict[str, bool]:
    """Let renewals and revocations of a rack wait for each other; give which are revoked.

    A statement after this one sees what was written meanwhile; the same statement would not. The
    rack's own lock serves where it has no certificate any more, or none that is not expired.
    """
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:kind, hashtext(:rack))"),
        {"kind": CERTIFICATES_LOCK, "rack": rack},
    )
    found = connection.execute(
        text(
            "SELECT serial, revoked_at IS NOT NULL AS revoked FROM certificate "
            "WHERE rack_id = :rack AND not_after > now() ORDER BY serial FOR UPDATE"
        ),
        {"rack": rack},
    )
    return {row.serial: row.revoked for row in found}


def revoke_rack(connection: Connection, rack: RackId) -> int:
    """Make all that was issued to a rack worth nothing; give how many certificates were good.

    So are the enrolment secrets that would let it in again.
    """
    end_enrolments_of(connection, rack)  # first: who enrols with one just now has signed by then
    _lock_certificates(connection, rack)
    connection.execute(
        text(
            "INSERT INTO rack_revoked (rack_id, revoked_at) VALUES (:rack, clock_timestamp()) "
            "ON CONFLICT (rack_id) DO UPDATE "
            "SET revoked_at = greatest(rack_revoked.revoked_at, excluded.revoked_at)"
        ),
        {"rack": rack},
    )
    changed: int = connection.execute(
        text(
            "UPDATE certificate SET revoked_at = now() "
            "WHERE rack_id = :rack AND revoked_at IS NULL AND not_after > now()"
        ),
        {"rack": rack},
    ).rowcount
    notify(connection, SENDER)
    return changed


def count_certificates(connection: Connection, rack: RackId) -> int:
    """Count the certificates of a rack that are good."""
    counted: int = connection.execute(
        text(
            "SELECT count(*) FROM certificate "
            "WHERE rack_id = :rack AND revoked_at IS NULL AND not_after > now()"
        ),
        {"rack": rack},
    ).scalar_one()
    return counted


def read_certificates(connection: Connection) -> list[dict[str, Any]]:
    """List the certificates of racks that are not expired, the newest first."""
    rows = connection.execute(
        text(
            "SELECT c.serial, c.rack_id AS rack, r.hostname, c.at, c.not_after, c.revoked_at "
            "FROM certificate c LEFT JOIN rack r ON r.id = c.rack_id "
            "WHERE c.rack_id IS NOT NULL AND c.not_after > now() ORDER BY c.at DESC, c.serial"
        )
    ).mappings()
    return [
        {
            "serial": row["serial"],
            "rack": row["rack"],
            "hostname": row["hostname"],
            **{key: _time(row[key]) for key in ("at", "not_after", "revoked_at")},
        }
        for row in rows
    ]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def is_rack_known(connection: Connection, rack: RackId) -> bool:
    """Tell whether this id is or was a rack's."""
    found = connection.execute(
        text(
            "SELECT EXISTS (SELECT FROM rack WHERE id = :rack) "
            "OR EXISTS (SELECT FROM certificate WHERE rack_id = :rack) "
            "OR EXISTS (SELECT FROM rack_revoked WHERE rack_id = :rack)"
        ),
        {"rack": rack},
    ).scalar_one()
    return bool(found)


def note_rack_trusts(connection: Connection, rack: RackId, fingerprint: str) -> None:
    """Remember whom a rack trusts."""
    connection.execute(
        text("UPDATE rack SET trusts = :trusts WHERE id = :rack AND trusts <> :trusts"),
        {"rack": rack, "trusts": fingerprint},
    )


def note_process_trusts(connection: Connection, process: ProcessId, fingerprint: str) -> None:
    """Remember whom a region process trusts."""
    connection.execute(
        text("UPDATE process SET trusts = :trusts WHERE id = :process AND trusts <> :trusts"),
        {"process": process, "trusts": fingerprint},
    )


def who_does_not_trust(connection: Connection, fingerprint: str) -> Sequence[str]:
    """Name the racks and region processes that do not trust exactly these authorities yet.

    Racks count while one of their certificates is good, whether they are connected or not.
    """
    racks = connection.execute(
        text(
            "SELECT 'rack ' || hostname FROM rack WHERE trusts <> :trusts AND EXISTS ("
            "SELECT FROM certificate WHERE rack_id = rack.id AND revoked_at IS NULL "
            "AND not_after > now()) ORDER BY hostname"
        ),
        {"trusts": fingerprint},
    )
    processes = connection.execute(
        text(
            "SELECT 'region process ' || id FROM process "
            "WHERE state = 'running' AND trusts <> :trusts ORDER BY id"
        ),
        {"trusts": fingerprint},
    )
    return [*processes.scalars(), *racks.scalars()]


def certificates_of(connection: Connection, authority: int) -> int:
    """Count the certificates of an authority that are still in use: the newest of each holder."""
    counted: int = connection.execute(
        text(
            "SELECT count(*) FROM (SELECT DISTINCT ON (rack_id, region) authority_id "
            "FROM certificate WHERE revoked_at IS NULL AND not_after > now() "
            "ORDER BY rack_id, region, at DESC) newest WHERE authority_id = :authority"
        ),
        {"authority": authority},
    ).scalar_one()
    return counted
