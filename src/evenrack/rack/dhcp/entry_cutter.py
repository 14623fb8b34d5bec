"""Cuts what dhcpd appends to its file of leases into entries: pure."""

from collections.abc import Sequence
from typing import Final

# A client's text has no line of its own, dhcpd writes its line ends as octal digits.
ENTRY_ENDS: Final = b"\n}\n"

MOST_REST_BYTES: Final = 64 * 1024
"""Of an entry whose end has not come: what is longer is none."""


class EntryCutter:
    """Takes pieces of any length; an entry whose end is still to come waits for it."""

    def __init__(self) -> None:
        self.rest = b""

    def entries(self, piece: bytes) -> Sequence[bytes]:
        """Give what has ended by now, without the ends; what stood before an entry is with it."""
        whole, _, rest = (self.rest + piece).rpartition(ENTRY_ENDS)
        self.rest = rest[-MOST_REST_BYTES:]
        return whole.split(ENTRY_ENDS)
