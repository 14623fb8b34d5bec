"""Where the command line finds its token and the cluster's authority: in files, never in argv."""

import os
from collections.abc import Sequence
from pathlib import Path
from ssl import SSLContext

from attrs import field, frozen

from evenrack.client import Credentials, trusting
from evenrack.config.file_text import read_file_text
from evenrack.config.secret_file import Secret
from evenrack.errors import CannotEverWork

OWN_FOLDER = Path(".config/evenrack")
"""Below the user's home."""

HOST_AUTHORITY = Path("/etc/evenrack/authority.pem")
MOST_TOKEN_BYTES = 4096
MOST_AUTHORITY_BYTES = 1 << 20
_OPEN_TO_OTHERS = 0o077

REFUSED_VALUE = (
    "--token: a token is not taken from the command line: every user of this machine can read it "
    "there while the command runs, and it stays in the shell's history. Put it into a file that "
    "only you can read (chmod 600) and give --token-file FILE, or an open file with --token-fd N; "
    "~/.config/evenrack/token is read by itself"
)


class CredentialsRefused(CannotEverWork):
    """A file with a token or an authority is not as it must be; nothing was asked."""

    wire_code = b"CREDENTIALS_REFUSED"


@frozen(kw_only=True)
class CredentialSources:
    """What the options say, and where to look without them."""

    home: Path | None = None
    token_file: Path | None = None
    token_fd: int | None = None
    authority: Path | None = None
    host_authority: Path = HOST_AUTHORITY
    _read: list[Credentials] = field(factory=list, repr=False, init=False)

    def load(self) -> Credentials:
        """Read them once: a descriptor gives its token only once. CredentialsRefused."""
        if not self._read:
            self._read.append(Credentials(token=self._token(), authority=self._authority()))
        return self._read[0]

    def _token(self) -> Secret | None:
        if self.token_fd is not None:
            return _token_from(_text_of_descriptor(self.token_fd), f"descriptor {self.token_fd}")
        path = self.token_file or _first_of(self._own("token"))
        return None if path is None else _token_of_file(path)

    def _authority(self) -> SSLContext | None:
        path = self.authority or _first_of([*self._own("authority.pem"), self.host_authority])
        if path is None:
            return None
        file = read_file_text(path, most_bytes=MOST_AUTHORITY_BYTES)
        if file.problem:
            raise CredentialsRefused(f"authority file {path}: {file.problem}")
        try:
            return trusting(file.text)
        except ValueError as problem:
            raise CredentialsRefused(f"authority file {path}: {problem}") from None

    def _own(self, name: str) -> Sequence[Path]:
        return [] if self.home is None else [self.home / OWN_FOLDER / name]


def _first_of(paths: Sequence[Path]) -> Path | None:
    return next((path for path in paths if path.exists()), None)


def _token_of_file(path: Path) -> Secret:
    file = read_file_text(path, most_bytes=MOST_TOKEN_BYTES)
    if file.problem:
        raise CredentialsRefused(f"token file {path}: {file.problem}")
    if file.permissions & _OPEN_TO_OTHERS:
        raise CredentialsRefused(
            f"token file {path}: group or others may use it (mode {file.permissions:04o}), so it "
            f"is not used: run `chmod 600 {path}`; if others have read it, revoke that token"
        )
    return _token_from(file.text, f"token file {path}")


def _text_of_descriptor(number: int) -> str:
    try:
        with os.fdopen(os.dup(number), "rb") as file:
            content = file.read(MOST_TOKEN_BYTES + 1)
        return content.decode()
    except (OSError, ValueError):
        raise CredentialsRefused(f"descriptor {number}: no token can be read from it") from None


def _token_from(text: str, where: str) -> Secret:
    """Take a token without showing it: whatever a header can hold."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialsRefused(f"{where}: holds no token: one word, as it was shown when made")
    return Secret(token.encode())
