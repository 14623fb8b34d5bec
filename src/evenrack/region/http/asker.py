"""Who asks, and from where: for the socket the operating system says so."""

import pwd
import socket
import struct
from functools import lru_cache
from typing import Any

from attrs import frozen
from twisted.internet.address import UNIXAddress

from evenrack.model.host_port import HostPort
from evenrack.region.database.token_store import Role

SOCKET = "unix socket"
_CREDENTIALS = struct.Struct("3i")
"""struct ucred: process, user, group (unix(7))."""


@frozen(kw_only=True)
class Asker:
    """Who may ask what: by a token, or by a user of this host."""

    who: str
    role: Role
    source: str

    @property
    def kind(self) -> str:
        """What `who` is the name of."""
        return "user" if self.source == SOCKET else "token"


def source_of(peer: Any) -> str:
    """Give where a request comes from: address:port, or the socket."""
    if isinstance(peer, UNIXAddress):
        return SOCKET
    return str(HostPort(host=peer.host.partition("%")[0], port=peer.port))


def user_of(transport: Any) -> Asker | None:
    """Give the user at the other end of a unix socket; None when it is gone already.

    Whom the socket's mode lets in is trusted with everything: root and its group.
    """
    try:
        told = transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except (AttributeError, OSError):
        return None
    _, user, _ = _CREDENTIALS.unpack(told)
    return Asker(who=_name_of(user), role="admin", source=SOCKET)


@lru_cache(maxsize=64)
def _name_of(user: int) -> str:
    """Give a user's name, or the number where the host knows none; asked once a user."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
