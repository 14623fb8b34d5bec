"""What the audit log keeps of a request: method, path, arguments, body; no secrets. Pure.

The body is whatever somebody sent: a secret may stand under a misspelt name, and PostgreSQL refuses
some of what JSON allows.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from evenrack.region.http.bearer import HIDDEN, without_tokens

MOST_BYTES = 8192
"""Of the data of one row, as JSON."""

MOST_ARGUMENT_BYTES = 1024
"""Of the arguments in an address, as JSON."""

MOST_DEED_CHARACTERS = 300
MOST_DEPTH = 8
MOST_READ = 65536
"""Bytes of a body that are looked at; no change that people make is larger."""

SHORT_BYTES = 256
"""What a field may keep when all of them together are too much."""

_SECRET = re.compile(
    "password|passwd|passphrase|secret|token|credential|private"
    "|(?:^|[^a-z])(?:key|keys|k[^a-z]?g|pin|pem|auth|authorization)(?:$|[^a-z])",
    re.IGNORECASE,
)
_MISSPELT = ("password", "passphrase", "secret", "token", "credential")
_ALIKE = 0.7


def deed_of(method: str, path: str) -> str:
    """Write what was asked, as one short line of printable ASCII."""
    written = f"{method[:16]} {path}".encode("ascii", "backslashreplace").decode()
    printable = "".join(c if c.isprintable() else f"%{ord(c):02x}" for c in written)
    return without_tokens(printable)[:MOST_DEED_CHARACTERS]


def audit_data(body: bytes) -> dict[str, Any]:
    """Give what is kept of a body: at most `MOST_BYTES`, and nothing that may be secret."""
    if not body:
        return {}
    if len(body) > MOST_READ:
        return _left_out(body)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _left_out(body)
    if not isinstance(value, dict):
        return _left_out(body)
    kept: dict[str, Any] = _kept(value, MOST_DEPTH)
    if _size(kept) > MOST_BYTES:
        kept = {key: _short(value) for key, value in kept.items()}
    return kept if _size(kept) <= MOST_BYTES else _left_out(body)


def arguments_data(arguments: Mapping[bytes, Sequence[bytes]]) -> dict[str, Any]:
    """Give what is kept of the arguments in an address, behind the question mark."""
    if not arguments:
        return {}
    values = {
        name.decode("utf-8", "backslashreplace"): each[-1].decode("utf-8", "backslashreplace")
        for name, each in arguments.items()
    }
    kept = _kept(values, MOST_DEPTH)
    size = _size(kept)
    return {"arguments": kept if size <= MOST_ARGUMENT_BYTES else f"(left out: {size} bytes)"}


def is_secret(name: str) -> bool:
    """Tell whether what stands under this name may be secret, also when it is misspelt."""
    if _SECRET.search(name):
        return True
    return bool(get_close_matches(name.lower()[:64], _MISSPELT, n=1, cutoff=_ALIKE))


def _kept(value: Any, depth: int) -> Any:
    if not depth:
        return "(left out: nested too deep)"
    match value:
        case dict():
            return {
                _text(name): HIDDEN if is_secret(name) else _kept(each, depth - 1)
                for name, each in value.items()
            }
        case list():
            return [_kept(each, depth - 1) for each in value]
        case str():
            return _text(value)
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def _text(text: str) -> str:
    """Write text that PostgreSQL takes, and without tokens."""
    clean = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return without_tokens(clean)


def _short(value: Any) -> Any:
    size = _size(value)
    return value if size <= SHORT_BYTES else f"(left out: {size} bytes)"


def _size(value: Any) -> int:
    return len(json.dumps(value).encode())


def _left_out(body: bytes) -> dict[str, Any]:
    return {"left_out": f"{len(body)} bytes"}
