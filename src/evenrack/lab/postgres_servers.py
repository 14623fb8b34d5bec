"""The lab's PostgreSQL: one server, or a primary with standbys, each on a host of its own."""

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from evenrack.lab.hosts import Host, Wiring
from evenrack.postgres.account import NAMESPACE
from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.postgres.group import Member, ServerGroup
from evenrack.postgres.server_processes import postmaster_of
from evenrack.postgres.server_settings import USUAL_PORT, primary_among
from evenrack.runtime.child_process import ProgramId


@frozen(kw_only=True)
class PostgresServer:
    """One PostgreSQL server of the lab."""

    host: Host
    folder: Path

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def run(self) -> ProgramId | None:
        """Its first process, while that lives."""
        return postmaster_of(self.folder / "data")


def lay_out_servers(directory: Path, wiring: Wiring, replicas: int) -> tuple[PostgresServer, ...]:
    """Name the servers: the first primary, then those that begin as standbys."""
    hosts = [wiring.postgres(number) for number in range(1, replicas + 2)]
    return tuple(PostgresServer(host=host, folder=directory / host.name) for host in hosts)


@frozen(kw_only=True)
class ServerNeeds:
    """What the rest of the lab asks of its PostgreSQL."""

    servers: Sequence[PostgresServer]
    sessions: int
    """How many sessions there may be."""
    network: bool
    """Whether they are reached over TCP, with a password; else over unix sockets."""
    durable: bool
    """Whether it has to outlive a crash of the machine; the kernel keeps pages through any kill."""
    user_namespace: bool
    """Whether everybody is root on the hosts; PostgreSQL refuses to run as root."""

    @property
    def _places(self) -> tuple[str, ...]:
        """Name what reaches each of them: an address, or the folder of its socket."""
        return tuple(
            server.host.address if self.network else str(server.folder) for server in self.servers
        )

    def group(self, primary: str) -> ServerGroup:
        """Give the servers, of which this one takes changes."""
        return ServerGroup({each.name: self._server(each) for each in self.servers}, primary)

    def dsn(self, group: ServerGroup, passfile: Path) -> str:
        """Say how libpq reaches whichever is the primary; the file holds the password, if any."""
        first = group[group.primary]
        if len(self.servers) == 1:
            return first.tcp_dsn(passfile) if self.network else first.dsn()
        more = {"passfile": str(passfile)} if self.network else {}
        return primary_among(self._places, USUAL_PORT, dbname="postgres", **more)

    def _server(self, server: PostgresServer) -> EmbeddedPostgres:
        return EmbeddedPostgres(
            server.folder,
            port=USUAL_PORT if self.network else 0,
            listen=server.host.address,
            entrance=[*server.host.entrance, *(NAMESPACE if self.user_namespace else ())],
            settings={
                "max_connections": str(max(100, self.sessions)),
                "fsync": "on" if self.durable else "off",
                **self._group_settings(server),
            },
        )

    def _group_settings(self, server: PostgresServer) -> dict[str, str]:
        if len(self.servers) == 1:
            return {}
        member = Member(
            name=server.name,
            others=tuple(each.name for each in self.servers),
            hosts=self._places,
            port=USUAL_PORT,
            passfile=server.folder / "pgpass" if self.network else None,
        )
        return member.settings()
