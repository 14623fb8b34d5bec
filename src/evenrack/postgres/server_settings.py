"""What a server is told at its start, kept in its folder so that anyone can start it again."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from evenrack.errors import CannotEverWork

USUAL_PORT = 5432  # names the socket also when no port is open
LOOPBACK = "127.0.0.1"
ACCESS_FILE = "access.conf"
ACCESS = """\
local all all trust
host all all samenet scram-sha-256
local replication all trust
host replication all samenet scram-sha-256
"""
"""Who may connect to a server that listens beyond loopback: its own networks, with a password."""
LONGEST_SOCKET_PATH = 107  # bytes; the kernel's 108 hold a closing zero as well


@frozen(kw_only=True)
class ServerSettings:
    """The TCP port (0: none, only the unix socket), its address, and PostgreSQL's own settings."""

    port: int = 0
    listen: str = LOOPBACK
    settings: Mapping[str, str] = field(factory=dict)

    @property
    def socket_port(self) -> int:
        return self.port or USUAL_PORT

    def to_json(self) -> bytes:
        kept = {"port": self.port, "listen": self.listen, "settings": dict(self.settings)}
        return json.dumps(kept).encode() + b"\n"

    def to_conf(self, socket_folder: Path) -> bytes:
        """Write it in the language of postgresql.conf; the mapping has the last word."""
        lines = {
            "listen_addresses": self.listen if self.port else "",
            "port": str(self.socket_port),
            "unix_socket_directories": f'"{socket_folder}"',
            "unix_socket_permissions": "0700",
            # In files of the data folder, not in /dev/shm: a killed server leaves nothing behind
            # outside its folder.
            "dynamic_shared_memory_type": "mmap",
            **({} if self.listen == LOOPBACK else {"hba_file": str(socket_folder / ACCESS_FILE)}),
            **self.settings,
        }
        return "".join(f"{name} = {_quoted(value)}\n" for name, value in lines.items()).encode()


def remembered_settings(file: Path) -> ServerSettings:
    """Read what the server was last started with; the defaults when it never was."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return ServerSettings()
    kept = json.loads(text)
    return ServerSettings(
        port=kept["port"], listen=kept.get("listen", LOOPBACK), settings=kept["settings"]
    )


def check_socket_path(folder: Path, settings: ServerSettings) -> None:
    """Refuse a folder in which the kernel or libpq cannot reach the socket."""
    socket = folder / f".s.PGSQL.{settings.socket_port}"
    length = len(bytes(socket))
    if length > LONGEST_SOCKET_PATH:
        raise CannotEverWork(
            f"{socket}: {length} bytes, but the path of a unix socket may have at most "
            f"{LONGEST_SOCKET_PATH}; choose a shorter folder"
        )
    if "," in str(folder) or '"' in str(folder):
        raise CannotEverWork(f"{folder}: PostgreSQL takes no comma and no quote in this path")


def connection_string(folder: Path, settings: ServerSettings, database: str) -> str:
    """Say how libpq reaches a database over the unix socket."""
    return _parameters(
        host=str(folder), port=str(settings.socket_port), dbname=database, user="postgres"
    )


def tcp_connection_string(settings: ServerSettings, database: str, passfile: Path) -> str:
    """Say how libpq reaches a database over the network, with the password from a file."""
    return _parameters(
        host=settings.listen,
        port=str(settings.port),
        dbname=database,
        user="postgres",
        passfile=str(passfile),
    )


def primary_among(hosts: Sequence[str], port: int, **more: str) -> str:
    """Say how libpq reaches whichever of several servers is the primary.

    Hosts are addresses, or the folders of unix sockets.
    """
    return _parameters(
        host=",".join(hosts),
        port=str(port),
        user="postgres",
        target_session_attrs="read-write",
        **more,
    )


def _parameters(**values: str) -> str:
    return " ".join(f"{name}={_libpq_value(value)}" for name, value in values.items())


def _libpq_value(value: str) -> str:
    if value and not set(value) & set(" '\\\t\n"):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _quoted(value: str) -> str:
    if "\n" in value:
        raise CannotEverWork(f"a setting of PostgreSQL must be one line: {value!r}")
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
