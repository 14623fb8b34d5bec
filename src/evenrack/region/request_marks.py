"""Marks of requests, by which the database recognises one that comes again. Pure.

A plain hash of a request with a password would let whoever has a copy of the database try passwords
against it, so such a request is marked under one of the cluster's keys.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

_PLAIN = "plain"
_KEYED = "keyed"
_PURPOSE = b"evenrack mark of a request"
"""The cluster's keys encrypt: what is made of one for marks is of no use for that."""


@frozen(kw_only=True)
class AskedRequest:
    """All by which one request differs from another."""

    asker_kind: str
    """A token and a user may have the same name, and neither is told what the other was."""
    method: str
    path: str
    arguments: Mapping[str, Sequence[str]]
    if_match: str | None
    json: bytes = field(default=b"", repr=False)
    """Its body, where that is JSON."""
    file: bytes = field(default=b"", repr=False)
    """Its body, where that is none."""

    def plain_mark(self) -> str:
        """Mark a request that holds nothing secret."""
        return f"{_PLAIN}:{hashlib.sha256(self._content()).hexdigest()}"

    def keyed_mark(self, key_id: str, key: bytes) -> str:
        """Mark a request that holds a secret."""
        own = hmac.digest(key, _PURPOSE, "sha256")
        return f"{_KEYED}:{key_id}:{hmac.digest(own, self._content(), 'sha256').hex()}"

    def _content(self) -> bytes:
        """Write it so that no two requests are written alike; blanks in JSON mean nothing."""
        parts: Sequence[Any] = (
            self.asker_kind,
            self.method,
            self.path,
            sorted((name, list(values)) for name, values in self.arguments.items()),
            self.if_match,
            json.loads(self.json) if self.json else None,
            hashlib.sha256(self.file).hexdigest(),
        )
        return json.dumps(parts, sort_keys=True).encode()


def key_id_of(mark: str) -> str | None:
    """Tell under which key a request was marked; None for a plain mark."""
    kind, _, rest = mark.partition(":")
    return rest.partition(":")[0] if kind == _KEYED else None
