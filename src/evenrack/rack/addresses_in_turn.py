"""An endpoint that tries several addresses of the same region process, one after the other."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer


@implementer(IStreamClientEndpoint)
@frozen
class AddressesInTurn:
    """Connects to the first address that answers; fails as the last one failed."""

    endpoints: Sequence[IStreamClientEndpoint]

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: Any) -> Any:
        *first, last = self.endpoints
        for endpoint in first:
            try:
                return await endpoint.connect(factory)
            except (CancelledError, ConnectingCancelledError):
                raise  # nobody wants the others any more
            except Exception:  # noqa: BLE001, S112  refused, unreachable, timed out: the next one
                continue
        return await last.connect(factory)
