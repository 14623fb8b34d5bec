"""A primary and its standbys: who follows whom, who may be promoted, who has to be copied anew.

Each server is told all the others' addresses once, and follows whichever takes changes. So after a
promotion nobody has to be told anything.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from evenrack.errors import CannotEverWork, ProgramFailed
from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.postgres.server_settings import primary_among

STOP_SECONDS = 10.0
"""A primary that is stopped in order waits for its standbys to have everything."""
LOOKS = 5
"""At two standbys that may be ahead of each other."""
CONNECT_SECONDS = "3"
SILENCE = "5s"
READING_LOOKS = 600
"""At a standby that has just started and still reads what it had received before."""
_A_MOMENT = "SELECT pg_sleep(0.1)"
_RECEIVED = (
    "SELECT greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), "
    "coalesce(pg_last_wal_replay_lsn(), '0/0')) - '0/0' WHERE NOT pg_is_in_recovery() "
    "OR pg_last_wal_receive_lsn() IS NOT NULL OR EXISTS (SELECT FROM pg_stat_activity "
    "WHERE backend_type = 'startup' "
    "AND wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval'))"
)
"""In bytes; nothing while a standby that has just started still reads what is on its own disk.

It answers before it has read all of that, and receives nothing before: what it has read by then is
less than what it has.
"""


@frozen(kw_only=True)
class Member:
    """What a server of a group is told of it."""

    name: str
    others: tuple[str, ...]
    """The names of all its servers, this one among them."""
    hosts: tuple[str, ...]
    """How they reach each other: addresses, or the folders of unix sockets."""
    port: int
    passfile: Path | None = None
    """For hosts that ask for a password."""

    def settings(self) -> dict[str, str]:
        """Give PostgreSQL's settings: a commit waits until any one standby has it."""
        more = {} if self.passfile is None else {"passfile": str(self.passfile)}
        follow = primary_among(self.hosts, self.port, connect_timeout=CONNECT_SECONDS, **more)
        return {
            "cluster_name": self.name,  # and so its name as a standby
            "synchronous_standby_names": f"ANY 1 ({', '.join(self.others)})",
            "primary_conninfo": follow,
            "wal_retrieve_retry_interval": "500ms",
            # A standby that waits a minute for a primary that is cut off keeps the next primary
            # waiting for as long: no commit there ends without a standby.
            "wal_receiver_timeout": SILENCE,
            "wal_sender_timeout": SILENCE,
            # Without it a standby that was away for two checkpoints can never follow again.
            "wal_keep_size": "256MB",
        }


class ServerGroup:
    """The servers by their names; `primary` names the one that takes changes, or took them last."""

    def __init__(self, servers: Mapping[str, EmbeddedPostgres], primary: str) -> None:
        self._servers = servers
        self.primary = primary

    def __getitem__(self, name: str) -> EmbeddedPostgres:
        return self._servers[name]

    @property
    def standbys(self) -> list[str]:
        return [name for name in self._servers if name != self.primary]

    def start_all(self) -> None:
        """Start the primary, then whatever follows it."""
        for name in (self.primary, *self.standbys):
            self.start(name)

    def stop_all(self) -> None:
        """Stop them in order: the primary first, which waits until its standbys have everything."""
        for name in (self.primary, *self.standbys):
            self._servers[name].stop(mode="fast")

    def remove_all(self) -> None:
        """End them all at once and delete what is theirs, also what is outside their folders."""
        for server in self._servers.values():
            server.kill()
            server.remove()

    def start(self, name: str) -> None:
        """Start a server as what it is now; one that was primary before is copied anew.

        So is a standby that was away: it may have what its primary never got.
        """
        server = self._servers[name]
        if name != self.primary and not server.is_running():
            if self._answers(self.primary):
                server.copy_from(self._servers[self.primary])
            elif not server.is_standby:
                raise CannotEverWork(
                    f"{name} cannot start: {self.primary} is the primary now, which it has to be "
                    f"copied from, and that does not run; start {self.primary} first"
                )
        server.start()

    def refuse_to_promote(self, name: str) -> None:
        """Refuse when it would lose commits that another standby has, or may have."""
        if name not in self._servers:
            raise CannotEverWork(f"there is no {name}; there are {', '.join(self._servers)}")
        if name == self.primary and not self._servers[name].is_standby:
            raise CannotEverWork(f"{name} is the primary already")
        problem: str | None = ""
        for _ in range(LOOKS):  # while the primary runs, now one and now the other is ahead
            problem = self._what_would_be_lost(name)
            if problem is None:
                return
        raise CannotEverWork(f"{problem}, or give --even-if-behind")

    def _what_would_be_lost(self, name: str) -> str | None:
        own = self._received(name)
        if own is None:
            return f"{name} cannot be promoted, for it does not answer: start it, or name another"
        for other in self.standbys:
            received = self._received(other)
            if received is None:
                return f"{other} does not answer and may have commits that {name} lacks: start it"
            if received > own:
                return f"{other} has {received - own} bytes of log that {name} lacks: name it"
        return None

    def promote(self, name: str) -> None:
        """Let a standby be the primary; the old one ends first, or there would be two."""
        if name != self.primary:
            self._end_primary()
        own = self._received(name) or 0
        ahead = [each for each in self.standbys if (self._received(each) or 0) > own]
        self.primary = name
        if self._servers[name].is_standby:  # else an earlier call got as far as this
            self._servers[name].promote()
        for other in ahead:  # it cannot follow: it has what its new primary never got
            self._servers[other].kill()
            self.start(other)

    def most_advanced(self) -> str:
        """Name the standby that has most of what the primary wrote."""
        return max(self.standbys, key=lambda name: self._received(name) or 0)

    def _end_primary(self) -> None:
        server = self._servers[self.primary]
        with contextlib.suppress(ProgramFailed):
            if self._answers(self.primary):
                server.stop("fast", seconds=STOP_SECONDS)
        server.kill()

    def _answers(self, name: str) -> bool:
        return self._received(name) is not None

    def _received(self, name: str) -> int | None:
        """Say how much of the primary's log a standby has, in bytes; None without an answer."""
        server = self._servers[name]
        if not server.is_running() or server.is_paused():
            return None
        with contextlib.suppress(ProgramFailed):
            for _ in range(READING_LOOKS):
                received = server.ask(_RECEIVED)
                if received:
                    return int(received)
                server.ask(_A_MOMENT)
        return None
