"""Whatever `ip -j addr` prints: interfaces, or ProgramFailed."""

from twisted.internet.defer import Deferred, succeed

from evenrack.errors import ProgramFailed
from evenrack.rack.interfaces import read_interfaces
from evenrack.runtime.spawned import Ended

SEEDS = (
    b'[{"ifname": "eth0", "flags": ["UP"], "addr_info": [{"family": "inet", "scope": "global", '
    b'"local": "10.0.0.1", "prefixlen": 24}]}, {}]',
    b'[{"ifname": "lo", "flags": ["LOOPBACK", "UP"], "addr_info": [{}]}]',
    b"[]",
)
WORDS = [
    *(b"ifname", b"flags", b"addr_info", b"family", b"inet", b"scope", b"global", b"local"),
    *(b"prefixlen", b"tentative", b"UP", b"null", b"[", b"{", b"1e9", b"NaN"),
]


def run(data):
    """What it prints, and ends with 0."""
    ended = Ended(code=0, output=data, errors=b"")
    reading = Deferred.fromCoroutine(read_interfaces(lambda _arguments: succeed(ended)))
    reading.addErrback(lambda failure: failure.trap(ProgramFailed))
    results = []
    reading.addBoth(results.append)
    if hasattr(results[0], "raiseException"):
        results[0].raiseException()
