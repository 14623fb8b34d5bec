"""Secrets in memory, and files that hold one."""

import hmac
from pathlib import Path

from evenrack.config.private_files import read_private_text
from evenrack.errors import ConfigurationRefused

SHORTEST_SECRET = 32
"""Characters; those that regions make are longer."""

MOST_BYTES = 4096

_CURE = "make a secret with `evenrack enrolment create` on a region, and write it there"


class Secret:
    """A secret that shows itself only to who asks for it with `reveal`."""

    __slots__ = ("_content",)
    __hash__ = None  # type: ignore[assignment]  # no table shall find a secret by its hash

    def __init__(self, content: bytes) -> None:
        self._content = content

    def reveal(self) -> bytes:
        """Give the secret itself; never keep or show what this returns."""
        return self._content

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __format__(self, format_spec: str) -> str:
        return format(repr(self), format_spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._content, other._content)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


def load_secret(path: Path) -> Secret:
    """Read the secret file; raise ConfigurationRefused when it is missing, open or too short."""
    text, problems = read_private_text(path, most_bytes=MOST_BYTES, cure=_CURE)
    secret = text.strip()
    if len(secret) < SHORTEST_SECRET:
        problems.append(
            f"holds {len(secret)} characters, and a secret needs {SHORTEST_SECRET}; {_CURE}"
        )
    if problems:
        raise ConfigurationRefused(path, problems)
    return Secret(secret.encode())
