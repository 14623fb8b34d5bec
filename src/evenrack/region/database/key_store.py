"""What the cluster knows of its keys: the fingerprint of one, and where it was made."""

from attrs import frozen
from sqlalchemy import Connection, text


@frozen(kw_only=True)
class KeyOrigin:
    """A key that every region host must have (never the key itself), and a host that has it."""

    fingerprint: str
    host: str


def lock_key_origin(connection: Connection) -> KeyOrigin | None:
    """Read it, and let nobody else do so before this transaction ends; None without keys."""
    row = connection.execute(text("SELECT key_fingerprint, key_host FROM cluster FOR UPDATE")).one()
    if row.key_fingerprint is None:
        return None
    return KeyOrigin(fingerprint=row.key_fingerprint, host=row.key_host)


def write_key_origin(connection: Connection, origin: KeyOrigin) -> None:
    """Remember it, in the place of one that was remembered before."""
    connection.execute(
        text("UPDATE cluster SET key_fingerprint = :fingerprint, key_host = :host"),
        {"fingerprint": origin.fingerprint, "host": origin.host},
    )
