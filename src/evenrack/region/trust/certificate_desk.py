"""Says who is at the other end of each link, lets new racks join, and signs certificates.

Whom to trust and what is revoked is read from the database at each change and once a second, and
kept on disk, so that a process that starts without a database still knows whom to let in.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen
from cryptography import x509
from cryptography.x509 import Certificate
from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from evenrack.config.region_config import RegionConfig
from evenrack.config.secret_file import Secret
from evenrack.errors import (
    ConfigurationRefused,
    Damaged,
    DatabaseUnreachable,
    EnrolmentRefused,
    KeyMissing,
    NotTrusted,
    SchemaMismatch,
)
from evenrack.model.identifiers import ProcessId, RackId, new_rack_id
from evenrack.region.database.engine import Connection, Database
from evenrack.region.database.enrolment_store import find_enrolment, secret_cell, use_enrolment
from evenrack.region.database.trust_store import (
    Issued,
    StoredAuthority,
    TrustPicture,
    active_authority,
    is_newly_certified,
    is_rack_known,
    is_rack_revoked,
    note_process_trusts,
    note_rack_trusts,
    racks_certified,
    read_trust,
    record_certificate,
    revoked_since,
)
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.links.doorkeeper import Application, Enrolled
from evenrack.region.links.link_guard import LinkGuard
from evenrack.region.sealing import Sealer
from evenrack.region.trust.renewal_pace import RENEWAL_SECONDS, RenewalPace, too_often
from evenrack.runtime.look_again import LookAgain
from evenrack.runtime.safe_write import safe_write
from evenrack.trust.certificates import (
    Identity,
    certificate_der,
    certificate_pem,
    certificates_from_pem,
    fingerprint_of,
    identity_from_pem,
    is_issued_by,
    issue_for_rack,
    issue_for_region,
    key_of_request,
    new_key,
    renewal_time,
    serial_of,
)
from evenrack.trust.enrolment import Channel
from evenrack.trust.files import TrustFiles
from evenrack.trust.revocations import Revocations, revocations_from_text
from evenrack.trust.tls import Peer, RegionTls, channel_of, own_certificate, peer_of, why_tls_failed

REVOKED_FILE = "revoked"
"""In the state folder: what was read last of revocations."""

SIGN_AGAIN_SECONDS = 60.0
"""After a new certificate could not be kept on disk."""

Result = TypeVar("Result")


@frozen(kw_only=True)
class DeskSurroundings:
    """What the desk lives on."""

    database: Database
    clock: IReactorTime
    read_clock: Callable[[Connection], datetime]
    """The database's clock: certificates are good between two times of it, whoever signs them."""
    token_bytes: Callable[[int], bytes]
    jitter: Callable[[], float]
    sealer: Sealer
    files: TrustFiles
    process: ProcessId
    region: str


class CertificateDesk(MultiService):
    """`Doorkeeper` with real certificates."""

    log = Logger()

    def __init__(self, around: DeskSurroundings) -> None:
        super().__init__()
        self._around = around
        self._identity = around.files.identity()
        self._trusted = around.files.authorities()
        self._guard = LinkGuard(around.clock, _kept_revocations(around.files.folder))
        self._kept = (self._trusted, self._guard.revocations)
        self._pace = RenewalPace(around.clock)
        self._sign_again_at = 0.0
        self._jitter = around.jitter()
        self._told_problem = ""
        self.tls = RegionTls(self._identity, self._trusted)
        self._looking = LookAgain(self._look, around.clock, gather_seconds=0.02, at_least_every=1.0)
        self._looking.setServiceParent(self)

    def watch(self, connected: ConnectedRacks) -> None:
        """Cut those of these links whose certificate is revoked, or ran out."""
        self._guard.watch(connected)

    def trigger(self) -> None:
        """Look soon: something may be revoked."""
        self._looking.trigger()

    @property
    def fingerprint(self) -> str:
        """Name whom racks are to trust (`Doorkeeper`)."""
        return fingerprint_of(self._trusted)

    def peer(self, transport: Any) -> Peer:
        """Tell who is at the other end (`Doorkeeper`)."""
        return peer_of(transport)

    def why_ended(self, transport: Any, failure: Failure) -> str | None:
        """Say what was wrong with a handshake (`Doorkeeper`)."""
        return why_tls_failed(transport, failure)

    def is_revoked(self, peer: Peer) -> bool:
        """Tell whether a certificate is worth nothing any more (`Doorkeeper`)."""
        return self._guard.revocations.shut_out(peer)

    async def enrol(self, application: Application, transport: Any) -> Enrolled:
        """Take a new rack in (`Doorkeeper`)."""
        channel = channel_of(transport, own_certificate(transport))
        secret, number = await self._secret_of(application, channel)
        key = _asked_key(application.request)

        def let_in(connection: Connection) -> tuple[RackId, Certificate, TrustPicture]:
            used = use_enrolment(connection, number)
            rack = used.rack or self._free_id(connection)
            certificate = self._sign(
                connection,
                lambda authority, now: issue_for_rack(authority, key, rack, now),
                rack=rack,
            )
            return rack, certificate, read_trust(connection, self._around.process)

        rack, certificate, picture = await self._signing(self._around.database.run(let_in))
        self.log.info(
            "rack {rack} enrolled from {peer}, host {hostname}",
            rack=rack,
            peer=application.peer_address,
            hostname=application.hostname,
        )
        self._follow(picture)  # or the newcomer would be told of fewer than it needs
        said = (certificate_der(certificate), self._bundle())
        proof = channel.proof(secret, "region", application.request, *said)
        return Enrolled(certificate=said[0], authorities=said[1], proof=proof)

    async def renew(self, peer: Peer, request: bytes) -> bytes:
        """Sign a new certificate for a rack (`Doorkeeper`)."""
        rack = peer.rack
        if rack is None:
            raise EnrolmentRefused("only a rack's certificate can be renewed")

        def sign_again(connection: Connection, key: Any) -> Certificate | None:
            if is_rack_revoked(connection, rack, peer):  # its link is cut in a moment
                raise EnrolmentRefused(f"the certificate of rack {rack} was revoked")
            if is_newly_certified(connection, rack, RENEWAL_SECONDS):
                return None
            return self._sign(
                connection,
                lambda authority, now: issue_for_rack(authority, key, rack, now),
                rack=rack,
            )

        self._pace.begin(rack)  # before the request is read, which takes longer
        try:
            key = _asked_key(request)
            certificate = await self._signing(
                self._around.database.run(lambda c: sign_again(c, key))
            )
        except BaseException:
            self._pace.came_to_nothing(rack)
            raise
        if certificate is None:  # another process gave it one
            raise too_often(rack)
        self.log.info("rack {rack} has a new certificate", rack=rack)
        return certificate_der(certificate)

    async def authorities(self, rack: RackId, known: str) -> bytes:
        """Tell whom to trust, and note whom the rack trusts already (`Doorkeeper`)."""
        await self._around.database.run(lambda c: note_rack_trusts(c, rack, known))
        return self._bundle()

    async def _secret_of(self, application: Application, channel: Channel) -> tuple[Secret, int]:
        """Find the secret that the rack has proved to know; no other learns anything."""
        found = await self._around.database.read(
            lambda c: find_enrolment(c, lookup=application.lookup)
        )
        refusal = EnrolmentRefused(
            "the enrolment secret is unknown or wrong: was it made by this cluster? "
            "`evenrack enrolment list` shows those that are open"
        )
        if found is None:
            raise refusal
        try:
            secret = self._around.sealer.open(found.sealed_secret, secret_cell(found.id))
        except (KeyMissing, Damaged) as problem:
            raise EnrolmentRefused(f"this region cannot check the secret: {problem}") from None
        if not channel.proves(application.proof, secret, "rack", application.request):
            raise refusal
        return secret, found.id

    def _free_id(self, connection: Connection) -> RackId:
        while True:
            rack = new_rack_id(self._around.token_bytes)
            if not is_rack_known(connection, rack):
                return rack

    def _sign(
        self,
        connection: Connection,
        issue: Callable[[Identity, datetime], Certificate],
        *,
        rack: RackId | None = None,
        region: str | None = None,
    ) -> Certificate:
        """Sign with the active authority, and write down that it was done."""
        stored = active_authority(connection)
        if stored is None:
            raise EnrolmentRefused("the cluster has no authority: run `evenrack-regiond init`")
        now = self._around.read_clock(connection)
        if rack is not None:  # the clock may have been ahead when it was revoked
            now = max(now, revoked_since(connection, rack) or now)
        certificate = issue(open_authority(stored, self._around.sealer), now)
        record_certificate(
            connection,
            Issued(
                serial=serial_of(certificate),
                authority=stored.id,
                not_after=certificate.not_valid_after_utc,
                rack=rack,
                region=region,
            ),
        )
        return certificate

    async def _signing(self, work: Awaitable[Result]) -> Result:
        try:
            return await work
        except (KeyMissing, Damaged) as problem:
            self.log.warn("cannot sign a certificate: {problem}", problem=str(problem))
            raise EnrolmentRefused(f"this region cannot sign: {problem}") from None

    async def _look(self) -> None:
        try:
            picture, now = await self._around.database.read(
                lambda c: (read_trust(c, self._around.process), self._around.read_clock(c))
            )
            self._follow(picture)
            await self._follow_run_out(now)
            await self._note(picture)
            self._keep()
            await self._renew_own(now)
        except (DatabaseUnreachable, SchemaMismatch):
            self._guard.start_over()  # what was read last counts
        except (ConfigurationRefused, EnrolmentRefused, KeyMissing, Damaged, OSError) as problem:
            if str(problem) != self._told_problem:
                self._told_problem = str(problem)
                self.log.warn("certificates: {problem}", problem=str(problem))
        else:
            self._told_problem = ""

    def _follow(self, picture: TrustPicture) -> None:
        """Do as the tables say."""
        self._guard.follow(picture.revoked)
        found = _certificates(picture.authorities)
        if found and fingerprint_of(found) != self.fingerprint:
            self._trusted = found
            self._use()
            self.log.info("trusts {count} authorities", count=len(found))

    async def _note(self, picture: TrustPicture) -> None:
        """Write down whom this process trusts."""
        if picture.noted not in {None, self.fingerprint}:
            trusts = self.fingerprint
            await self._around.database.run(
                lambda c: note_process_trusts(c, self._around.process, trusts)
            )

    def _keep(self) -> None:
        """Bring to the disk what a start without a database needs; OSError."""
        now = (self._trusted, self._guard.revocations)
        if now != self._kept:
            self._around.files.keep_authorities(self._trusted)
            revoked = self._guard.revocations.as_text()
            safe_write(self._around.files.folder / REVOKED_FILE, revoked.encode())
            self._kept = now

    async def _follow_run_out(self, now: datetime) -> None:
        """See to links that outlived their certificates; mostly there are none, and no question."""
        racks = self._guard.racks_run_out(now)
        read = self._around.database.read
        renewed = await read(lambda c: racks_certified(c, racks)) if racks else frozenset()
        self._guard.follow_run_out(now, renewed)

    async def _renew_own(self, now: datetime) -> None:
        """Take over what another process of this host renewed, or renew it."""
        kept = self._around.files.identity()
        if kept.certificate != self._identity.certificate:
            self._identity = kept
            self._use()
        certificate = self._identity.certificate
        if now < renewal_time(certificate, self._jitter) and is_issued_by(
            certificate,
            self._trusted[0],  # the one that signs now
        ):
            return
        if self._around.clock.seconds() < self._sign_again_at:
            return
        key = new_key()
        certificate = await self._around.database.run(
            lambda c: self._sign(
                c,
                lambda authority, now: issue_for_region(
                    authority, key.public_key(), self._around.region, now
                ),
                region=self._around.region,
            )
        )
        renewed = Identity(key=key, certificate=certificate)
        try:
            self._around.files.keep_identity(renewed)
        except OSError:
            self._sign_again_at = self._around.clock.seconds() + SIGN_AGAIN_SECONDS
            raise
        self._identity = renewed
        self._use()
        self.log.info("this region host has a new certificate")

    def _use(self) -> None:
        self.tls.use(self._identity, self._trusted)

    def _bundle(self) -> bytes:
        return b"".join(certificate_pem(each) for each in self._trusted)


def region_files(config: RegionConfig) -> TrustFiles:
    """Give the place of a region host's certificate."""
    return TrustFiles(config.state_dir, cure="run `evenrack-regiond init` on this host")


def open_authority(stored: StoredAuthority, sealer: Sealer) -> Identity:
    """Give an authority with its key; KeyMissing, Damaged."""
    key = sealer.open(stored.sealed_key, stored.cell)
    return identity_from_pem(key.reveal() + stored.certificate.encode())


def _certificates(stored: Sequence[StoredAuthority]) -> tuple[x509.Certificate, ...]:
    return tuple(certificates_from_pem(each.certificate.encode())[0] for each in stored)


def _kept_revocations(folder: Path) -> Revocations:
    try:
        return revocations_from_text((folder / REVOKED_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return Revocations()  # not there yet; the first look reads them


def _asked_key(request: bytes) -> Any:
    try:
        return key_of_request(request)
    except NotTrusted as problem:
        raise EnrolmentRefused(str(problem)) from None
