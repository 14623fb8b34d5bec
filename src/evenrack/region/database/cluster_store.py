"""What the cluster knows of its own secret: a fingerprint and where it was made."""

from attrs import frozen
from sqlalchemy import Connection, text


@frozen(kw_only=True)
class SecretOrigin:
    """Which secret the cluster uses (never the secret itself) and the host that made it."""

    fingerprint: str
    host: str


def lock_secret_origin(connection: Connection) -> SecretOrigin | None:
    """Read it, and let nobody else do so before this transaction ends; None without a secret."""
    row = connection.execute(
        text("SELECT secret_fingerprint, secret_host FROM cluster FOR UPDATE")
    ).one()
    if row.secret_fingerprint is None:
        return None
    return SecretOrigin(fingerprint=row.secret_fingerprint, host=row.secret_host)


def write_secret_origin(connection: Connection, origin: SecretOrigin) -> None:
    """Remember it, once a cluster."""
    connection.execute(
        text(
            "UPDATE cluster SET secret_fingerprint = :fingerprint, secret_host = :host "
            "WHERE secret_fingerprint IS NULL"
        ),
        {"fingerprint": origin.fingerprint, "host": origin.host},
    )
