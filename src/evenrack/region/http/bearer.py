"""What a token looks like: how it is made, hashed, and found in a request (RFC 6750). Pure.

A token has 256 random bits, so a plain hash keeps it: nobody can try them all.
"""

import base64
import hashlib
import re
from urllib.parse import unquote

from evenrack.config.secret_file import Secret

PREFIX = "evr_"
"""By which a token is known for one, to people and to programs that look for leaked ones."""

RANDOM_BYTES = 32
HIDDEN = "(hidden)"
MOST_DECODINGS = 4

_HEADER = re.compile(r"bearer +(evr_[A-Za-z0-9_-]{43})", re.IGNORECASE)
_LOOKS_LIKE_ONE = re.compile(r"evr_[A-Za-z0-9_-]{16,}", re.IGNORECASE)


def new_token(random: bytes) -> Secret:
    """Write a new token from `RANDOM_BYTES` of chance."""
    written = base64.urlsafe_b64encode(random).rstrip(b"=")
    return Secret(PREFIX.encode() + written)


def hash_of(token: Secret) -> bytes:
    """Give what is kept of a token: its SHA-256."""
    return hashlib.sha256(token.reveal()).digest()


def token_from(header: str | None) -> Secret | None:
    """Read the header Authorization; None when it holds no token as they are made here."""
    found = _HEADER.fullmatch((header or "").strip())
    return None if found is None else Secret(found[1].encode())


def holds_token(text: str) -> bool:
    """Tell whether something in a text looks like a token, or like most of one."""
    return _LOOKS_LIKE_ONE.search(text) is not None or _is_hidden_in(text)


def without_tokens(text: str) -> str:
    """Hide whatever looks like a token."""
    readable = _decoded(text) if _is_hidden_in(text) else text
    return _LOOKS_LIKE_ONE.sub(PREFIX + HIDDEN, readable)


def _is_hidden_in(text: str) -> bool:
    return "%" in text and _LOOKS_LIKE_ONE.search(_decoded(text)) is not None


def _decoded(text: str) -> str:
    """Read what is written as in an address (`%5F`), and written so again."""
    for _ in range(MOST_DECODINGS):
        text = unquote(text)
    return text
