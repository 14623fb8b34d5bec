"""Makes a cluster: the schema, and the two files that its hosts share; safe to repeat."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from evenrack.config.key_file import ID_BYTES, KEY_BYTES, load_keys, new_key_line
from evenrack.config.region_config import RegionConfig
from evenrack.config.secret_file import load_secret
from evenrack.errors import ConfigurationRefused
from evenrack.region.database import schema
from evenrack.region.database.cluster_store import (
    SecretOrigin,
    lock_secret_origin,
    write_secret_origin,
)
from evenrack.region.database.engine import Connection, attempt, open_engine
from evenrack.region.database.key_store import KeyOrigin, lock_key_origin, write_key_origin
from evenrack.runtime.safe_write import safe_write

SECRET_BYTES = 32

TokenBytes = Callable[[int], bytes]


@frozen(kw_only=True)
class _Shared:
    """A file that is made once a cluster and copied to every other host."""

    path: Path
    known: SecretOrigin | KeyOrigin | None
    """What the database knows of it."""
    another: str
    """What to say when the file is another than the cluster's."""
    missing: str
    copy_to: str
    fingerprints: Callable[[Path], Sequence[str]]
    """Read the file: the first fingerprint is the one to remember, any may be the known one."""
    content: Callable[[TokenBytes], str]
    """Make what is to be in the file."""
    remember: Callable[[str], None]


def initialise(config: RegionConfig, *, hostname: str, token_bytes: TokenBytes) -> list[str]:
    """Do what is missing; give one sentence for each thing that was done or found done.

    ConfigurationRefused, and no file is made, when the cluster has a secret or keys and this host
    has none, or others.
    """
    schema.upgrade(config.database)
    engine = open_engine(config.database, "evenrack init", sessions=0)
    try:
        told = attempt(engine, lambda c: _agree(_shared_files(c, config, hostname), token_bytes))
    finally:
        engine.dispose()
    return [f"the database has schema {schema.SCHEMA}", *told]


def _shared_files(
    connection: Connection, config: RegionConfig, hostname: str
) -> tuple[_Shared, ...]:
    """Give both files with what the database knows of them, while no other host can do the same."""
    return (
        _Shared(
            path=config.secret_file,
            known=lock_secret_origin(connection),
            another="this is not the cluster's secret",
            missing="the cluster has a secret",
            copy_to="every other region host and rack",
            fingerprints=lambda path: [_fingerprint(load_secret(path).reveal())],
            content=lambda token_bytes: f"{token_bytes(SECRET_BYTES).hex()}\n",
            remember=lambda fingerprint: write_secret_origin(
                connection, SecretOrigin(fingerprint=fingerprint, host=hostname)
            ),
        ),
        _Shared(
            path=config.key_file,
            known=lock_key_origin(connection),
            another="the cluster's key is not among these",
            missing="the cluster has keys",
            copy_to="every other region host, and keep a copy",
            fingerprints=lambda path: [key.fingerprint for key in load_keys(path).all],
            content=lambda token_bytes: new_key_line(token_bytes(ID_BYTES + KEY_BYTES)),
            remember=lambda fingerprint: write_key_origin(
                connection, KeyOrigin(fingerprint=fingerprint, host=hostname)
            ),
        ),
    )


def _agree(files: Sequence[_Shared], token_bytes: TokenBytes) -> list[str]:
    """Compare what is there with what the cluster knows; make what is missing everywhere."""
    refusals = [refusal for shared in files for refusal in _refusals(shared)]
    if refusals:
        raise _together(refusals)
    return [_see_to(shared, token_bytes) for shared in files]


def _refusals(shared: _Shared) -> Iterator[ConfigurationRefused]:
    known = shared.known
    complaint = shared.missing
    if shared.path.exists():
        try:
            fingerprints = shared.fingerprints(shared.path)
        except ConfigurationRefused as refusal:
            yield refusal
            return
        if known is None or known.fingerprint in fingerprints:
            return
        complaint = shared.another
    if known is not None:
        yield ConfigurationRefused(
            shared.path, [f"{complaint}: copy the file from host {known.host}"]
        )


def _together(refusals: Sequence[ConfigurationRefused]) -> ConfigurationRefused:
    first, *others = refusals
    more = [f"{other.path}: {problem}" for other in others for problem in other.problems]
    return ConfigurationRefused(first.path, [*first.problems, *more])


def _see_to(shared: _Shared, token_bytes: TokenBytes) -> str:
    """Make the file if it is missing, and remember which it is."""
    path = shared.path
    told = f"{path} is there already"
    if not path.exists():
        if not path.parent.exists():
            path.parent.mkdir(parents=True, mode=0o700)
        safe_write(path, shared.content(token_bytes).encode(), mode=0o600)
        told = f"made {path}: copy it to {shared.copy_to}"
    if shared.known is None:
        shared.remember(shared.fingerprints(path)[0])
    return told


def _fingerprint(secret: bytes) -> str:
    """Name a secret without giving it away: it has 256 random bits, so a plain hash will do."""
    return hashlib.sha256(b"evenrack secret fingerprint" + secret).hexdigest()[:32]
