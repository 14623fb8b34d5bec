"""Whatever comes from the address of a BMC: at each point of a session.

It is the answer, a refusal, or nothing; and from where there are keys, only what was made with them
is heard. A seed begins with the point at which it comes.
"""

from evenrack.errors import EvenrackError
from evenrack.rack.power.rmcp.commands import STATUS
from evenrack.rack.power.rmcp.packets import IPMI_MESSAGE, RMCP_HEADER, plain_packet
from evenrack.rack.power.rmcp.session_keys import bmc_proof, session_keys
from evenrack.rack.power.rmcp.setup_messages import Introduction, Opening, Proving
from tests.rack.power.rmcp.making import OURS, SECRETS, THEIRS, VECTOR, both_ends, told

TAG = 7
TOLD = told(17)
KEYS = session_keys(TOLD, SECRETS)
OPENING = Opening(tag=TAG, suite=TOLD.suite, privilege=3, console_session=OURS)
INTRODUCTION = Introduction(
    tag=TAG,
    opening=OPENING,
    bmc_session=THEIRS,
    console_random=TOLD.console_random,
    user=TOLD.user,
)
PROVING = Proving(tag=TAG, told=TOLD)
CONSOLE, BMC = both_ends(17)
ANSWER = bytes.fromhex("81047b2004010001000000")
SAID = BMC.seal(IPMI_MESSAGE, ANSWER, sequence=1, chance=VECTOR)

_HEAD = bytes((TAG, 0, 3, 0)) + OURS.to_bytes(4, "little")
_CHOSEN = b"".join(bytes((n, 0, 0, 8, a, 0, 0, 0)) for n, a in enumerate(TOLD.suite.algorithms))
SEEDS = (
    b"\0" + plain_packet(0x11, _HEAD + THEIRS.to_bytes(4, "little") + _CHOSEN),
    b"\0" + plain_packet(0x11, bytes((TAG, 0x11))),
    b"\1" + plain_packet(0x13, _HEAD + bytes(32) + bmc_proof(TOLD, SECRETS)),
    b"\1" + plain_packet(0x13, _HEAD + b"b" * 16 + b"g" * 16 + bmc_proof(TOLD, SECRETS)),
    b"\2" + plain_packet(0x15, _HEAD + KEYS.bmc_proof),
    b"\3" + SAID,
    b"\4" + ANSWER,
)
WORDS = [RMCP_HEADER, b"\x06\x11", b"\x06\x13", b"\x06\x15", b"\x06\xc0", _HEAD, KEYS.bmc_proof]


def run(data):
    """The first byte says at which point it comes."""
    point, datagram = (data[0] % len(POINTS) if data else 0), data[1:]
    try:
        POINTS[point](datagram)
    except EvenrackError:
        return


def _introduced(datagram):
    found = INTRODUCTION.read(datagram, SECRETS)
    if found is not None and bmc_proof(found, SECRETS) not in datagram:
        raise AssertionError("the BMC has not proved that it knows the password")


def _proved(datagram):
    if PROVING.read(datagram, KEYS) and KEYS.bmc_proof not in datagram:
        raise AssertionError("the BMC has not proved that it has the keys")


def _said(datagram):
    if CONSOLE.open(datagram) is not None and datagram[4:] != SAID[4:]:
        raise AssertionError("what was not made with the keys is believed")


POINTS = (OPENING.read, _introduced, _proved, _said, lambda payload: STATUS.read(payload, 1))
