"""The keys that encrypt secrets in the database, and the file they are in.

One key a line, `id:base64` of 32 bytes; the newest stands last. All decrypt; which one encrypts is
written in the database, and before that it is the first. So a key is replaced by adding a new one
below it on every region host (`evenrack-regiond add-key`), encrypting everything anew
(`evenrack key rotate`), and taking the old one away when nothing needs it any more. Empty lines and
lines that begin with "#" do not count.
"""

import base64
import hashlib
import re
from pathlib import Path

from attrs import frozen

from evenrack.config.private_files import read_private_text
from evenrack.config.secret_file import Secret
from evenrack.errors import ConfigurationRefused

KEY_BYTES = 32
"""AES-256."""

KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
MOST_BYTES = 65536
ID_BYTES = 4

_CURE = (
    "run `evenrack-regiond init` on the first region host and copy its file to all other region "
    "hosts"
)


@frozen(kw_only=True)
class Key:
    """One key; what it is shows only to who asks for it with `content.reveal`."""

    id: str
    content: Secret

    @property
    def fingerprint(self) -> str:
        """Name the key without giving it away: it has 256 random bits, so a plain hash will do."""
        named = b"evenrack key fingerprint %b:%b" % (self.id.encode(), self.content.reveal())
        return hashlib.sha256(named).hexdigest()[:32]


@frozen(kw_only=True)
class Keys:
    """The keys of one host, in the order of its file."""

    all: tuple[Key, ...]

    @property
    def first(self) -> Key | None:
        """Give the key that encrypts unless the database names another; None without any."""
        return self.all[0] if self.all else None

    def find(self, key_id: str) -> Key | None:
        """Give the key with this id."""
        return next((key for key in self.all if key.id == key_id), None)


NO_KEYS = Keys(all=())
"""What a host has that was given no key file yet."""


def load_keys(path: Path, *, user: int | None = None) -> Keys:
    """Read the key file; raise ConfigurationRefused when it is missing, open, or holds no keys.

    `user` is the number of the user who must own it, if not root does: this process's.
    """
    text, problems = read_private_text(path, most_bytes=MOST_BYTES, cure=_CURE, user=user)
    keys, wrong_lines = _read_lines(text)
    problems += wrong_lines
    if not keys and not wrong_lines:
        problems.append(f"holds no key; {_CURE}")
    if problems:
        raise ConfigurationRefused(path, problems)
    return Keys(all=tuple(keys))


def keys_of_host(path: Path) -> Keys:
    """Read the key file if there is one; ConfigurationRefused when it is not as it should be."""
    try:
        path.lstat()
    except FileNotFoundError:
        return NO_KEYS
    except OSError:
        pass  # reading it says what is wrong
    return load_keys(path)


def new_key_line(random: bytes) -> str:
    """Write one key as a line of the file; `random` has `ID_BYTES` for its id, then the key."""
    key_id, content = random[:ID_BYTES].hex(), random[ID_BYTES:]
    return f"{key_id}:{base64.b64encode(content).decode()}\n"


def _read_lines(text: str) -> tuple[tuple[Key, ...], list[str]]:
    """Give the keys, and what is wrong with which line; no sentence shows what is in it."""
    keys: dict[str, Key] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        key = _key_from(written)
        if isinstance(key, Key) and key.id in keys:
            key = "has the id of a line above; remove one of the two"
        if isinstance(key, Key):
            keys[key.id] = key
        else:
            problems.append(f"line {number}: {key}")
    return tuple(keys.values()), problems


def _key_from(written: str) -> Key | str:
    """Read a key, or say what is wrong with it."""
    key_id, _, encoded = written.partition(":")
    if KEY_ID.fullmatch(key_id) is None:
        return "is not id:base64, where the id has 1 to 32 letters, digits, dashes or underscores"
    try:
        content = base64.b64decode(encoded, validate=True)
    except ValueError:
        return "has no base64 after the colon"
    if len(content) != KEY_BYTES:
        return f"holds {len(content)} bytes, and a key has {KEY_BYTES}"
    return Key(id=key_id, content=Secret(content))
