"""Makes a cluster and its hosts: schema, keys, authority, certificates; safe to repeat."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from attrs import frozen

from evenrack.config.key_file import ID_BYTES, KEY_BYTES, Keys, load_keys, new_key_line
from evenrack.config.private_files import act_as_owner
from evenrack.config.region_config import RegionConfig
from evenrack.errors import ConfigurationRefused
from evenrack.region.database import schema, server_clock
from evenrack.region.database.engine import Connection, attempt, open_engine
from evenrack.region.database.key_store import (
    KeyOrigin,
    lock_key_origin,
    read_key_origin,
    write_key_origin,
)
from evenrack.region.database.trust_store import (
    Issued,
    active_authority,
    lock_authorities,
    read_authorities,
    record_certificate,
    store_authority,
)
from evenrack.region.sealing import Sealer
from evenrack.region.trust.certificate_desk import open_authority, region_files
from evenrack.region.trust.key_ring import KeyRing
from evenrack.runtime.safe_write import safe_write
from evenrack.trust.certificates import (
    Identity,
    certificates_from_pem,
    issue_for_region,
    new_authority,
    new_key,
    pin_of,
    serial_of,
)

TokenBytes = Callable[[int], bytes]


@frozen(kw_only=True)
class Chance:
    """What making secrets needs from outside."""

    token_bytes: TokenBytes
    read_clock: Callable[[Connection], datetime] = server_clock.read_clock
    """Certificates are good from now on by the database's clock."""


def initialise(config: RegionConfig, *, hostname: str, chance: Chance) -> list[str]:
    """Do what is missing; give one sentence for each thing that was done or found done.

    ConfigurationRefused, and nothing is made, when the cluster has keys and this host has none, or
    others.
    """
    schema.upgrade(config.database)
    engine = open_engine(config.database, "evenrack init", sessions=0)
    try:
        told = [attempt(engine, lambda c: _see_to_keys(c, config.key_file, hostname, chance))]
        ring = KeyRing(config.key_file)
        ring.follow(attempt(engine, read_key_origin))
        sealer = Sealer(keys=ring, token_bytes=chance.token_bytes)
        act_as_owner(config.state_dir)  # what root makes there the daemon cannot read
        told.append(attempt(engine, lambda c: _see_to_authority(c, sealer, chance)))
        told.append(attempt(engine, lambda c: _see_to_certificate(c, config, sealer, chance)))
    finally:
        engine.dispose()
    return [f"the database has schema {schema.SCHEMA}", *told]


def _see_to_keys(connection: Connection, path: Path, hostname: str, chance: Chance) -> str:
    """Make the key file, once a cluster; no other host can do so at the same time."""
    known = lock_key_origin(connection)
    if path.exists():
        _refuse_other_keys(path, load_keys(path), known)
        told = f"{path} is there already"
    elif known is not None:
        raise ConfigurationRefused(
            path, [f"the cluster has keys: copy the file from host {known.host}"]
        )
    else:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        line = new_key_line(chance.token_bytes(ID_BYTES + KEY_BYTES))
        safe_write(path, line.encode(), mode=0o600)
        told = f"made {path}: copy it to every other region host, and keep a copy"
    if known is None:
        fingerprint = load_keys(path).all[0].fingerprint
        write_key_origin(connection, KeyOrigin(fingerprint=fingerprint, host=hostname))
    return told


def _refuse_other_keys(path: Path, keys: Keys, known: KeyOrigin | None) -> None:
    if known is not None and known.fingerprint not in [key.fingerprint for key in keys.all]:
        raise ConfigurationRefused(
            path, [f"the cluster's key is not among these: copy the file from host {known.host}"]
        )


def _see_to_authority(connection: Connection, sealer: Sealer, chance: Chance) -> str:
    """Make the cluster's authority, once."""
    lock_authorities(connection)
    found = active_authority(connection)
    if found is not None:
        pin = pin_of(certificates_from_pem(found.certificate.encode())[0])
        return f"the cluster has authority {pin[:16]}"
    made = new_authority(chance.read_clock(connection))
    store_authority(connection, sealer, made, state="active")
    return f"made authority {pin_of(made.certificate)[:16]}; its key is sealed in the database"


def _see_to_certificate(
    connection: Connection, config: RegionConfig, sealer: Sealer, chance: Chance
) -> str:
    """Give this host a certificate, if it has none that is good for some time."""
    files, now = region_files(config), chance.read_clock(connection)
    if files.are_there and files.identity().certificate.not_valid_after_utc > now:
        return f"{files.folder} has this host's certificate"
    stored = active_authority(connection)
    if stored is None:  # pragma: no cover  made a moment ago, and never taken away
        raise ConfigurationRefused(files.folder, ["the cluster has no authority"])
    key, authority = new_key(), open_authority(stored, sealer)
    certificate = issue_for_region(authority, key.public_key(), config.region_name, now)
    record_certificate(
        connection,
        Issued(
            serial=serial_of(certificate),
            authority=stored.id,
            not_after=certificate.not_valid_after_utc,
            region=config.region_name,
        ),
    )
    trusted = [
        certificates_from_pem(each.certificate.encode())[0] for each in read_authorities(connection)
    ]
    files.keep_authorities(trusted)
    files.keep_identity(Identity(key=key, certificate=certificate))
    return f"made this host's certificate in {files.folder}"
