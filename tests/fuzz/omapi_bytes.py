"""Whatever dhcpd's OMAPI port sends: an answer, or OmapiError and a closed connection."""

from pypureomapi import OMAPI_OP_UPDATE, OmapiError, OmapiMessage, OmapiStartupMessage
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from evenrack.rack.dhcp.omapi import _Conversation, _Signature, _state
from evenrack.rack.dhcp.omapi_access import OmapiAccess

ACCESS = OmapiAccess(port=7911, key="a2V5a2V5a2V5a2V5a2V5a2V5")
HELLO = OmapiStartupMessage().as_string()


def _answer(**more):
    message = OmapiMessage(opcode=OMAPI_OP_UPDATE, handle=7, tid=1, rid=1, **more)
    return message.as_string()


SEEDS = (
    HELLO,
    HELLO + _answer(),
    HELLO + _answer(obj=[(b"local-state", b"\0\0\0\2")], message=[(b"result", bytes(4))]),
)
WORDS = [b"local-state", b"result", b"\0\0\0\2", b"\0\0\0d\0\0\0\x18", b"\0\0"]


def run(data):
    """Connect, show the key and ask for a state; the bytes come in two halves."""
    conversation = _Conversation()
    transport = StringTransport()
    transport.connected = True
    asking = Deferred.fromCoroutine(_ask(conversation))
    outcome = []
    asking.addBoth(outcome.append)
    conversation.makeConnection(transport)
    half = len(data) // 2
    for piece in (data[:half], data[half:]):
        if transport.connected and not transport.disconnecting:
            conversation.dataReceived(piece)
    transport.connected = False
    conversation.connectionLost()
    if not outcome:
        raise AssertionError("who waits for an answer waits for ever")
    if hasattr(outcome[0], "trap"):
        outcome[0].trap(OmapiError)


async def _ask(conversation):
    await conversation.begun
    await conversation.authenticate(_Signature(ACCESS, "hmac-sha256"))
    return _state(await conversation.relation("failover-vlan-1"))
