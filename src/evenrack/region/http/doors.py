"""Where HTTP is answered: a socket of each process, and one TCP port of the host."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.web.server import Site

from evenrack.model.host_port import HostPort
from evenrack.region.http.connection_limits import ConnectionLimits, MostConnections

RETRY_SECONDS = 1.0
SOCKET_MODE = 0o660


class HttpDoors(Service):
    """Listens on the process's own socket, and on the host's port whenever no fellow does."""

    log = Logger()

    def __init__(
        self,
        site: Site,
        reactor: Any,
        socket: Path,
        address: HostPort,
        *,
        tls: Callable[[Site], Any] | None = None,
    ) -> None:
        """`tls` wraps what listens on TCP; without it that is only done on loopback."""
        self._site = site
        self._network = ConnectionLimits(site if tls is None else tls(site), MostConnections())
        self._has_tls = tls is not None
        self._reactor = reactor
        self._socket = socket
        self._address = address
        self._ports: list[Any] = []
        self._retry: Any = None

    def startService(self) -> None:
        super().startService()
        self._socket.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._socket.unlink(missing_ok=True)  # left by a process that was killed
        port = self._reactor.listenUNIX(str(self._socket), self._site, mode=SOCKET_MODE)
        self._ports.append(port)
        if self._has_tls or self._address.is_loopback:
            self._try_port()
        else:
            self.log.error(
                "HTTP is not answered on {address}: other hosts reach it, and without TLS tokens "
                "could be read on the way; asked can be {socket}",
                address=str(self._address),
                socket=str(self._socket),
            )

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        ports, self._ports = self._ports, []
        return DeferredList([Deferred.fromCoroutine(_stop(port)) for port in ports])

    def _try_port(self) -> None:
        try:
            port = self._reactor.listenTCP(
                self._address.port, self._network, interface=self._address.host
            )
        except CannotListenError:
            self._retry = self._reactor.callLater(RETRY_SECONDS, self._try_port)
            return
        self._ports.append(port)
        self.log.info("answering HTTP on {address}", address=str(self._address))


async def _stop(port: Any) -> None:
    await port.stopListening()
