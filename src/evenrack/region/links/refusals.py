"""Says once for each peer why it was refused, however often it comes back."""

from collections import OrderedDict

from twisted.logger import Logger

MOST_PEERS = 1_000


class Refusals:
    """Remembers which peers were told about; the oldest are forgotten first."""

    log = Logger()

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()

    def refused(self, peer_address: str, reason: str) -> None:
        """Log a refusal, unless this host was refused for this reason before."""
        host = peer_address.rpartition(":")[0] or peer_address
        if (host, reason) in self._told:
            return
        self._told[host, reason] = None
        if len(self._told) > MOST_PEERS:
            self._told.popitem(last=False)
        self.log.warn("refused {peer}: {reason}", peer=peer_address, reason=reason)

    def welcomed(self, peer_address: str) -> None:
        """Forget a host's refusals: the next one is news again."""
        host = peer_address.rpartition(":")[0] or peer_address
        for key in [key for key in self._told if key[0] == host]:
            del self._told[key]
