"""Sessions whose ends both have the same keys, without any network."""

from hypothesis import strategies as st

from evenrack.rack.power.rmcp.protection import Protection
from evenrack.rack.power.rmcp.session_keys import Secrets, Told, session_keys
from evenrack.rack.power.rmcp.suites import SUITES

SECRETS = Secrets(password=b"all of twenty bytes!", k_g=b"")
OURS, THEIRS = 0x01020304, 0xA0A1A2A3
VECTOR = bytes(range(16))


def told(suite=17, **more):
    given = {
        "suite": SUITES[suite],
        "console_session": OURS,
        "bmc_session": THEIRS,
        "console_random": b"c" * 16,
        "bmc_random": b"b" * 16,
        "bmc_guid": b"g" * 16,
        "privilege": 3,
        "user": b"operator",
    }
    return Told(**(given | more))


def both_ends(suite):
    """Give what the console and what the BMC protects its datagrams with."""
    keys = session_keys(told(suite), SECRETS)
    ends = [(OURS, THEIRS), (THEIRS, OURS)]
    return [
        Protection(suite=SUITES[suite], keys=keys, console_session=here, bmc_session=there)
        for here, there in ends
    ]


@st.composite
def bent(draw, datagram):
    """Give a datagram that is not quite this one: bits turned, cut off, or more behind it."""
    how = draw(st.sampled_from(["bits", "cut", "more", "swap"]))
    if how == "cut":
        return datagram[: draw(st.integers(0, len(datagram) - 1))]
    if how == "more":
        return datagram + draw(st.binary(min_size=1, max_size=40))
    at = draw(st.integers(0, len(datagram) - 1))
    if how == "swap":
        return datagram[:at] + draw(st.binary(min_size=1, max_size=40))
    turned = datagram[at] ^ draw(st.integers(1, 255))
    return datagram[:at] + bytes((turned,)) + datagram[at + 1 :]
