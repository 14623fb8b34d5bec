"""Writes a new key into this host's key file, where it waits for `evenrack key rotate`."""

import os
from collections.abc import Callable
from pathlib import Path

from evenrack.config.key_file import ID_BYTES, KEY_BYTES, Keys, load_keys, new_key_line
from evenrack.config.region_config import RegionConfig
from evenrack.errors import ConfigurationRefused
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.database.key_store import KeyOrigin, read_key_origin
from evenrack.runtime.safe_write import safe_write


def add_key(config: RegionConfig, *, token_bytes: Callable[[int], bytes]) -> list[str]:
    """Add a key below the others, unless one waits there already; give what to say.

    ConfigurationRefused, and nothing is written, when the file is not as it should be or lacks the
    key that encrypts now.
    """
    path = config.key_file
    engine = open_engine(config.database, "evenrack add-key", sessions=0)
    try:
        origin = attempt(engine, read_key_origin)
    finally:
        engine.dispose()
    waiting = _newer_key(path, _keys_as_owner(path), origin)
    told = []
    if waiting is None:
        line = new_key_line(token_bytes(ID_BYTES + KEY_BYTES))
        _append(path, line)
        waiting = line.partition(":")[0]
        told.append(f"added key {waiting} to {path}; it does not encrypt yet")
    else:
        told.append(f"{path} has key {waiting} already, which does not encrypt yet")
    return [*told, f"next: copy {path} to every other region host, then: evenrack key rotate"]


def _newer_key(path: Path, keys: Keys, origin: KeyOrigin | None) -> str | None:
    """Give the id of a key that is newer than the one that encrypts."""
    if origin is None:
        raise ConfigurationRefused(
            path, ["the cluster has no key yet: run `evenrack-regiond init` first"]
        )
    prints = [key.fingerprint for key in keys.all]
    if origin.fingerprint not in prints:
        raise ConfigurationRefused(
            path, [f"the cluster's key is not among these: copy the file from host {origin.host}"]
        )
    newest = keys.all[-1]
    return None if newest.fingerprint == origin.fingerprint else newest.id


def _keys_as_owner(path: Path) -> Keys:
    """Read the file on behalf of its owner: root may run this, and the daemon reads it later."""
    return load_keys(path, user=path.stat().st_uid if path.exists() else None)


def _append(path: Path, line: str) -> None:
    """Replace the file whole by one with a line more, its owner the same."""
    before, owner = path.read_text(), path.stat()
    ended = before if before.endswith("\n") or not before else f"{before}\n"
    beside = path.with_name(f".{path.name}.new")
    safe_write(beside, f"{ended}{line}".encode(), mode=0o600)
    os.chown(beside, owner.st_uid, owner.st_gid)
    beside.replace(path)
