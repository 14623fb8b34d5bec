"""What is taken out of a lease file while no dhcpd writes it (dhcpd.leases(5)). Pure.

Hosts that dhcpd was told of while it ran: at a start it reads them after its configuration (seen of
4.4.3-P1). One that is in both counts as it is in the configuration; one that was deleted is deleted
again, also from the configuration, and at each later start; one that was only made by OMAPI is
there for good.

The states of its pairs: a dhcpd that starts with a pair anew takes itself and its partner for what
they were when it ended, however long ago. With the file of a pair that is over it would be `normal`
with a partner that begins, which then waits for mclt and serves nobody.
"""

import re
from typing import Final

_HOST: Final = re.compile(rb"^host [^\n]* \{\n(?:[ \t][^\n]*\n)*\}\n", re.MULTILINE)
_HOST_BEGINS: Final = b"\nhost "
_PAIR_BEGINS: Final = b"\nfailover peer "
_PAIR: Final = re.compile(rb'\nfailover peer "[^"\n]*" state \{\n(?:[ \t][^\n]*\n)*\}(?=\n)')
"""It begins with what is rare: a file of 100 MB is looked through in a third of a second."""


def without_hosts(leases: bytes) -> bytes:
    """Leave them out of a lease file; all else stays as it is, to the byte."""
    if _HOST_BEGINS not in leases:
        return leases
    return _HOST.sub(b"", leases)


def without_pairs(leases: bytes) -> bytes:
    """Leave the states of all pairs out of a lease file; its leases stay as they are."""
    if _PAIR_BEGINS not in leases:
        return leases
    return _PAIR.sub(b"", leases)
