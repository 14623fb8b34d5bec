"""Keeps this rack's certificate new, and knows whom it trusts."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from evenrack.errors import ConfigurationRefused, NotTrusted
from evenrack.model.identifiers import RackId
from evenrack.rack.region_session import RegionSession
from evenrack.runtime.look_again import LookAgain
from evenrack.trust.certificates import (
    Identity,
    Key,
    certificate_from_der,
    certificates_from_pem,
    fingerprint_of,
    is_issued_by,
    new_key,
    new_request,
    rack_of,
    renewal_time,
)
from evenrack.trust.files import IDENTITY_FILE, TrustFiles
from evenrack.trust.tls import RackTls, why_tls_failed

LOOK_SECONDS = 10.0
"""Between two looks at how old the certificate is."""

AGAIN_SECONDS = 3600.0
"""Between two renewals because of age: a clock that is far ahead finds each new one old."""


class TrustKeeper(MultiService):
    """Renews at two thirds of a certificate's life, or when another authority signs now."""

    log = Logger()

    def __init__(
        self,
        files: TrustFiles,
        rack: RackId,
        sessions: Callable[[], Sequence[RegionSession]],
        clock: IReactorTime,
        wall_clock: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        super().__init__()
        self._files = files
        self._rack = rack
        self._sessions = sessions
        self._wall_clock = wall_clock
        self._jitter = jitter()
        self._identity = files.identity()
        self._authorities = files.authorities()
        self._refuse_another_s()
        self.tls = RackTls(self._identity, self._authorities)
        self._clock = clock
        self._renewed_at = float("-inf")
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.02, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    def _refuse_another_s(self) -> None:
        named = rack_of(self._identity.certificate)
        if named != self._rack:
            path = self._files.folder / IDENTITY_FILE
            raise ConfigurationRefused(
                path,
                [
                    f"is the certificate of rack {named or 'nobody'}, and this is rack "
                    f"{self._rack} by the file rack_id beside it: one of the two was copied from "
                    "elsewhere; bring back its own, or enrol this rack anew"
                ],
            )

    def trusted(self) -> str:
        """Name whom this rack trusts."""
        return fingerprint_of(self._authorities)

    def trust(self, told: bytes) -> None:
        """Trust those whom a region names (PEM), on disk first; nobody at all is not believed."""
        try:
            named = certificates_from_pem(told)
        except ValueError as problem:
            self.log.warn("a region named no authorities: {problem}", problem=str(problem))
            return
        if named != self._authorities:
            self._files.keep_authorities(named)
            self._authorities = named
            self.tls.use(self._identity, named)
            self.log.info("trusts {count} authorities", count=len(named))
            self._looking.trigger()

    def why_ended(self, transport: Any, failure: Failure) -> str | None:
        """Say why TLS ended a link, with the times that matter when one is wrong.

        In the same words at every try: they are logged once. The line itself says what time it is.
        """
        why = why_tls_failed(transport, failure)
        if why is None or not any(word in why for word in ("expired", "not valid")):
            return why
        now, own = self._wall_clock(), self._identity.certificate
        told = (
            f"{why}; this rack's own certificate is good from "
            f"{own.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, by this host's clock, "
            "which dated this line: is the clock right?"
        )
        return told if now <= own.not_valid_after_utc else f"{told} {self._how_to_come_back()}"

    def _how_to_come_back(self) -> str:
        return (
            "If it is, this rack has been away for too long to renew it: on a region run "
            f"`evenrack enrolment create NAME --rack {self._rack}`, then here, with this daemon "
            "stopped, `evenrack-rackd register --again`"
        )

    async def _look(self) -> None:
        if not self._is_due():
            return
        key = new_key()
        for session in self._sessions():
            try:
                answer = await session.renew_certificate(new_request(key))
                self._take(self._checked(key, answer))
            except Exception as problem:  # noqa: BLE001  whatever it is, the next look asks again
                self.log.warn("certificate not renewed: {problem}", problem=str(problem))
            else:
                return

    def _is_due(self) -> bool:
        certificate = self._identity.certificate
        # the first of them signs now: regions name it first
        if not is_issued_by(certificate, self._authorities[0]):
            return True
        is_old = self._wall_clock() >= renewal_time(certificate, self._jitter)
        return is_old and self._clock.seconds() - self._renewed_at >= AGAIN_SECONDS

    def _checked(self, key: Key, answer: bytes) -> Identity:
        """See that a region signed what was asked for; the old one stays when it did not."""
        certificate = certificate_from_der(answer)
        if rack_of(certificate) != self._rack:
            raise NotTrusted("a region signed a certificate for another rack; it is not used")
        if certificate.public_key() != key.public_key():
            raise NotTrusted("a region signed a certificate for another key; it is not used")
        return Identity(key=key, certificate=certificate)

    def _take(self, identity: Identity) -> None:
        self._files.keep_identity(identity)
        self._identity = identity
        self._renewed_at = self._clock.seconds()
        self.tls.use(identity, self._authorities)
        self.log.info(
            "has a new certificate, good to {last}",
            last=f"{identity.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        )
