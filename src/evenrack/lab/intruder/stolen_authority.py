"""The cluster's authority, as whoever has a region host's key file and the database can take it."""

import json
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evenrack.config.key_file import load_keys
from evenrack.postgres.binaries import locate_binaries
from evenrack.runtime.child_process import run_program
from evenrack.trust.certificates import Identity, identity_from_pem

_NONCE_BYTES = 12
_SECONDS = 10.0
_ACTIVE = (
    "SELECT json_build_object('id', id, 'certificate', certificate, "
    "'sealed', encode(sealed_key, 'hex')) FROM authority WHERE state = 'active'"
)


def steal_authority(dsn: str, key_file: Path) -> Identity:
    """Read who signs certificates from the database, and open its key."""
    program = str(locate_binaries().folder / "psql")
    row = json.loads(run_program([program, "-AtX", "-c", _ACTIVE, dsn], seconds=_SECONDS))
    key = _opened(bytes.fromhex(row["sealed"]), row["id"], key_file)
    return identity_from_pem(key + row["certificate"].encode())


def _opened(sealed: bytes, authority: int, key_file: Path) -> bytes:
    """Open a sealed secret: the length of the key's id, the id, the nonce, the encrypted text."""
    nonce_at = 1 + sealed[0]
    text_at = nonce_at + _NONCE_BYTES
    key = load_keys(key_file).find(sealed[1:nonce_at].decode())
    if key is None:
        raise ValueError(f"{key_file} has no key {sealed[1:nonce_at].decode()}")
    place = f"authority\0sealed_key\0{authority}".encode()
    cipher = AESGCM(key.content.reveal())
    return cipher.decrypt(sealed[nonce_at:text_at], sealed[text_at:], place)
