"""The files in which an end keeps its certificate and key, and whom it trusts."""

from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from evenrack.errors import ConfigurationRefused
from evenrack.runtime.safe_write import safe_write
from evenrack.trust.certificates import (
    Identity,
    certificate_pem,
    certificates_from_pem,
    identity_from_pem,
)

IDENTITY_FILE = "identity.pem"
AUTHORITIES_FILE = "authorities.pem"


class TrustFiles:
    """Two files in a state folder: key with certificate (0600), and the authorities."""

    def __init__(self, folder: Path, *, cure: str) -> None:
        self.folder = folder
        self._cure = cure

    @property
    def are_there(self) -> bool:
        """Tell whether this end was given a certificate."""
        return (self.folder / IDENTITY_FILE).exists()

    def identity(self) -> Identity:
        """Read key and certificate; ConfigurationRefused when they are missing or damaged."""
        path = self.folder / IDENTITY_FILE
        try:
            return identity_from_pem(path.read_bytes())
        except FileNotFoundError:
            raise ConfigurationRefused(path, [f"is not there: {self._cure}"]) from None
        except (OSError, ValueError, TypeError, IndexError) as problem:
            raise ConfigurationRefused(
                path, [f"holds no key with its certificate ({problem}): {self._cure}"]
            ) from None

    def authorities(self) -> tuple[x509.Certificate, ...]:
        """Read whom to trust; ConfigurationRefused when that is missing or damaged."""
        path = self.folder / AUTHORITIES_FILE
        try:
            return certificates_from_pem(path.read_bytes())
        except (OSError, ValueError) as problem:
            raise ConfigurationRefused(
                path, [f"names no authority ({problem}): {self._cure}"]
            ) from None

    def keep_identity(self, identity: Identity) -> None:
        """Keep both in one file, so that they are never of different certificates."""
        self._write(IDENTITY_FILE, identity.pem)

    def keep_authorities(self, authorities: Iterable[x509.Certificate]) -> None:
        """Keep whom to trust."""
        self._write(AUTHORITIES_FILE, b"".join(certificate_pem(each) for each in authorities))

    def _write(self, name: str, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        safe_write(self.folder / name, content, mode=0o600)
