"""The hosts that dhcpd writes into its lease file when it is told of them while it runs. Pure.

At a start it reads them after its configuration (seen of 4.4.3-P1). One that is in both counts as
it is in the configuration; one that was deleted is deleted again, also from the configuration, and
at each later start; one that was only made by OMAPI is there for good.
"""

import re
from typing import Final

_HOST: Final = re.compile(rb"^host [^\n]* \{\n(?:[ \t][^\n]*\n)*\}\n", re.MULTILINE)
_BEGINS: Final = b"\nhost "


def without_hosts(leases: bytes) -> bytes:
    """Leave them out of a lease file (dhcpd.leases(5)); all else stays as it is, to the byte."""
    if _BEGINS not in leases:
        return leases
    return _HOST.sub(b"", leases)
