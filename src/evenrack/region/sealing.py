"""Encrypts secrets for the database, each for one place in it (AES-256-GCM, NIST SP 800-38D).

A sealed secret is, one after the other: the length of the key's id (one byte), the id, the nonce
(12 bytes), the encrypted text with its tag (16 bytes). The place - table, column, row - is not in
it but authenticated with it: copied to another row it does not open.
"""

from collections.abc import Callable
from typing import Protocol

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evenrack.config.key_file import KEY_ID, Key
from evenrack.config.secret_file import Secret
from evenrack.errors import Damaged, KeyMissing

NONCE_BYTES = 12
"""As the standard recommends; random, so one key serves for 2**32 secrets."""

TAG_BYTES = 16


@frozen(kw_only=True)
class Cell:
    """One place in the database."""

    table: str
    column: str
    row: int

    def __str__(self) -> str:
        return f"{self.table} {self.row}, {self.column}"

    @property
    def associated_data(self) -> bytes:
        """Name the place in bytes; no two places have the same."""
        return f"{self.table}\0{self.column}\0{self.row}".encode()


class KeySource(Protocol):
    """The keys of a host: `Keys` as they were read once, `KeyRing` as they are now."""

    @property
    def all(self) -> tuple[Key, ...]:
        """Give all of them, in the order of the file."""

    @property
    def first(self) -> Key | None:
        """Give the key that encrypts; None where there is none."""

    def find(self, key_id: str) -> Key | None:
        """Give the key with this id."""


@frozen(kw_only=True)
class Sealer:
    """Seals with the key that encrypts, and opens with any."""

    keys: KeySource
    token_bytes: Callable[[int], bytes] = field(repr=False)

    def seal(self, clear: Secret, cell: Cell) -> bytes:
        """Encrypt a secret for its place; KeyMissing when there is no key to encrypt with."""
        key = self.keys.first
        if key is None:
            raise KeyMissing(None)
        nonce = self.token_bytes(NONCE_BYTES)
        locked = _cipher(key).encrypt(nonce, clear.reveal(), cell.associated_data)
        return id_prefix(key) + nonce + locked

    def open(self, sealed: bytes, cell: Cell) -> Secret:
        """Decrypt a secret from its place.

        KeyMissing names the key that this host does not have. Damaged when the secret was changed,
        or was sealed for another place, or with another key of the same id.
        """
        key_id, nonce, locked = _parts(sealed, cell)
        key = self.keys.find(key_id)
        if key is None:
            raise KeyMissing(key_id)
        try:
            return Secret(_cipher(key).decrypt(nonce, locked, cell.associated_data))
        except InvalidTag:
            raise _damaged(cell) from None


def key_id_of(sealed: bytes, cell: Cell) -> str:
    """Tell with which key a secret was sealed; Damaged when that cannot be read."""
    return _parts(sealed, cell)[0]


def id_prefix(key: Key) -> bytes:
    """Give what every secret begins with that was sealed with this key."""
    return bytes([len(key.id)]) + key.id.encode()


def _parts(sealed: bytes, cell: Cell) -> tuple[str, bytes, bytes]:
    nonce_at = 1 + sealed[0] if sealed else 0
    text_at = nonce_at + NONCE_BYTES
    key_id = sealed[1:nonce_at].decode("ascii", "replace")
    if len(sealed) < text_at + TAG_BYTES or KEY_ID.fullmatch(key_id) is None:
        raise _damaged(cell)
    return key_id, sealed[nonce_at:text_at], sealed[text_at:]


def _cipher(key: Key) -> AESGCM:
    return AESGCM(key.content.reveal())


def _damaged(cell: Cell) -> Damaged:
    return Damaged(
        f"what is stored for {cell} does not open: it was changed, or copied from another row; "
        "set it anew"
    )
