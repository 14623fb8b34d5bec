"""What is worth nothing any more, by certificate and by rack."""

from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import field, frozen

from evenrack.model.identifiers import RackId
from evenrack.trust.tls import Peer


@frozen(kw_only=True)
class Revocations:
    """Serial numbers for what is not expired, and racks with the time for all that is older.

    A link may be older than the certificate's life, and no list has the serial number any more.
    """

    serials: frozenset[str] = frozenset()
    racks: Mapping[RackId, datetime] = field(factory=dict)
    """When each was revoked last, by the database's clock."""

    def shut_out(self, peer: Peer) -> bool:
        """Tell whether the certificate at the other end of a link is revoked."""
        if peer.serial in self.serials:
            return True
        since = None if peer.rack is None else self.racks.get(peer.rack)
        if since is None or peer.issued_at is None:
            return False
        # Certificates are dated to the second; those of that very second have their serial numbers.
        return peer.issued_at < since.replace(microsecond=0)

    def as_text(self) -> str:
        """Write them down, one a line: a serial number, or a rack and the seconds since 1970."""
        racks = (f"{rack} {since.timestamp():.6f}\n" for rack, since in sorted(self.racks.items()))
        return "".join([*(f"{serial}\n" for serial in sorted(self.serials)), *racks])


def revocations_from_text(text: str) -> Revocations:
    """Read what `as_text` wrote; ValueError when a line is damaged."""
    lines = [line.split() for line in text.splitlines()]
    return Revocations(
        serials=frozenset(line[0] for line in lines if len(line) == 1),
        racks={
            RackId(rack): datetime.fromtimestamp(float(since), UTC)
            for rack, since in (line for line in lines if len(line) != 1)
        },
    )
