"""Makes a cluster: the schema, and the secret that all its hosts share; safe to repeat."""

import hashlib
from collections.abc import Callable
from pathlib import Path

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
from evenrack.runtime.safe_write import safe_write

SECRET_BYTES = 32


def initialise(
    config: RegionConfig, *, hostname: str, token_bytes: Callable[[int], bytes]
) -> list[str]:
    """Do what is missing; give one sentence for each thing that was done or found done.

    ConfigurationRefused when the cluster has a secret and this host has none, or another.
    """
    schema.upgrade(config.database)
    engine = open_engine(config.database, "evenrack init", sessions=0)
    try:
        told = attempt(engine, lambda c: _agree_on_secret(c, config, hostname, token_bytes))
    finally:
        engine.dispose()
    return [f"the database has schema {schema.SCHEMA}", told]


def _agree_on_secret(
    connection: Connection,
    config: RegionConfig,
    hostname: str,
    token_bytes: Callable[[int], bytes],
) -> str:
    """Make the secret or compare it, while no other host can do the same."""
    path = config.secret_file
    origin = lock_secret_origin(connection)
    if path.exists():
        mine = _fingerprint(load_secret(path).reveal())
        if origin is not None and origin.fingerprint != mine:
            raise ConfigurationRefused(
                path, [f"this is not the cluster's secret: copy the file from host {origin.host}"]
            )
        told = f"{path} is there already"
    else:
        if origin is not None:
            raise ConfigurationRefused(
                path, [f"the cluster has a secret: copy the file from host {origin.host}"]
            )
        mine = _make_secret(path, token_bytes)
        told = f"made {path}: copy it to every other region host and rack"
    write_secret_origin(connection, SecretOrigin(fingerprint=mine, host=hostname))
    return told


def _make_secret(path: Path, token_bytes: Callable[[int], bytes]) -> str:
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700)
    secret = token_bytes(SECRET_BYTES).hex().encode()
    safe_write(path, secret + b"\n", mode=0o600)
    return _fingerprint(secret)


def _fingerprint(secret: bytes) -> str:
    """Name a secret without giving it away: it has 256 random bits, so a plain hash will do."""
    return hashlib.sha256(b"evenrack secret fingerprint" + secret).hexdigest()[:32]
