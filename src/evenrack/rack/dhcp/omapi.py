"""Asks the dhcpd of this host by OMAPI: for its failover states, to go into one, to know hosts.

pypureomapi's own client blocks, so that only its half without input and output is used: it makes
and reads the bytes, and the reactor carries them. A dhcpd that hangs costs a closed connection.
"""

import base64
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeVar, cast

from pypureomapi import (  # type: ignore[import-untyped]  # annotated, but it does not say so
    OMAPI_OP_UPDATE,
    OmapiError,
    OmapiMessage,
    OmapiProtocol,
)
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from evenrack.errors import DhcpServerSilent
from evenrack.model.dhcp_report import SideState
from evenrack.rack.dhcp.host_changes import Host, HostChanges
from evenrack.rack.dhcp.omapi_access import OMAPI_ALGORITHM, OMAPI_KEY_NAME, OmapiAccess

Answer = TypeVar("Answer")

ANSWER_SECONDS: Final = 2.0
"""A dhcpd that is well answers within a millisecond."""

HOSTS_AT_ONCE: Final = 50
"""dhcpd brings each to the disk, in 1 to 10 ms; between two such parts others may ask it."""

STATES: Final[Mapping[int, SideState]] = MappingProxyType(
    {
        1: "startup",
        2: "normal",
        3: "communications-interrupted",
        4: "partner-down",
        5: "potential-conflict",
        6: "recover",
        7: "paused",
        8: "shutdown",
        9: "recover-done",
        10: "resolution-interrupted",
        11: "conflict-done",
        254: "recover-wait",
    }
)
"""The numbers of `local-state` (dhcpd(8), "THE FAILOVER STATE OBJECT")."""

SETTABLE: Final[Mapping[SideState, int]] = MappingProxyType(
    {
        "normal": 2,
        "communications-interrupted": 3,
        "partner-down": 4,
        "recover": 6,
        "paused": 7,
        "recover-done": 9,
    }
)
"""The states that it makes sense to order. A number that dhcpd does not know would end dhcpd."""

_DIGESTS: Final[Mapping[str, str]] = MappingProxyType({"hmac-md5": "md5", "hmac-sha256": "sha256"})
_NUMBER_BYTES: Final = 4
_DONE: Final = 0
_NOT_FOUND: Final = 23
"""Results of OMAPI (isc-dhcp's `isc_result_t`): success, and that there is no such object."""
_ETHERNET: Final = 1
_CLOSED: Final = "it closed the connection"

# It would log whole messages, and dhcpd puts pointers into its memory into them.
logging.getLogger("pypureomapi").setLevel(logging.WARNING)


class Omapi:
    """The dhcpd of this host, asked one thing at a time."""

    def __init__(
        self,
        access: OmapiAccess,
        reactor: Any,
        *,
        host: str = "127.0.0.1",
        seconds: float = ANSWER_SECONDS,
        algorithm: str = OMAPI_ALGORITHM,
    ) -> None:
        self._access = access
        self._reactor = reactor
        self._endpoint = TCP4ClientEndpoint(reactor, host, access.port, timeout=seconds)
        self._seconds = seconds
        self._algorithm = algorithm
        self._one_at_a_time = DeferredLock()

    async def failover_states(self, names: Iterable[str]) -> dict[str, SideState]:
        """Tell the state of this side in each failover relation.

        `unknown` for a relation that dhcpd does not have. DhcpServerSilent when dhcpd gives no
        answer within the time limit.
        """
        return await self._states(names, b"local-state")

    async def partner_states(self, names: Iterable[str]) -> dict[str, SideState]:
        """Tell the state of the other side in each failover relation, as it told it last.

        Old when the two are not connected. Otherwise as `failover_states`.
        """
        return await self._states(names, b"partner-state")

    async def _states(self, names: Iterable[str], whose: bytes) -> dict[str, SideState]:
        async def ask(conversation: "_Conversation") -> dict[str, SideState]:
            return {name: _state(await conversation.relation(name), whose) for name in names}

        return await self._converse(ask)

    async def set_failover_state(self, name: str, state: SideState) -> None:
        """Put this side of a failover relation into a state, one of SETTABLE.

        ValueError for another state. DhcpServerSilent when dhcpd gives no answer within the time
        limit, or does not have the relation, or refuses.
        """
        if state not in SETTABLE:
            raise ValueError(f"{state} is no state to put a DHCP server into")
        number = SETTABLE[state]

        async def tell(conversation: "_Conversation") -> None:
            found = await conversation.relation(name)
            if found is None:
                raise DhcpServerSilent(f"dhcpd has no failover relation {name}")
            message = OmapiMessage.update(found.handle)
            message.update_object({b"local-state": _number(number)})
            answer = await conversation.ask(message)
            if _result(answer) != _DONE:
                raise DhcpServerSilent(f"dhcpd refused {state} for {name}")

        await self._converse(tell)

    async def mclt_seconds(self, name: str) -> int:
        """Tell the maximum client lead time of a failover relation, in seconds.

        The primary has it from its file, the secondary from the primary. DhcpServerSilent as for
        the others, and when dhcpd does not have the relation.
        """

        async def ask(conversation: "_Conversation") -> int:
            found = await conversation.relation(name)
            told = b"" if found is None else dict(found.obj).get(b"mclt", b"")
            if len(told) != _NUMBER_BYTES:
                raise DhcpServerSilent(f"dhcpd does not tell the mclt of {name}")
            return int.from_bytes(told, "big")

        return await self._converse(ask)

    async def change_hosts(self, changes: HostChanges) -> None:
        """Let dhcpd forget hosts, then know others; it keeps that over its restarts.

        What is done already is no mistake. DhcpServerSilent when dhcpd gives no answer within the
        time limit, or refuses: then it may have done a part.
        """
        steps: list[str | Host] = [*changes.removed, *changes.added]
        for first in range(0, len(steps), HOSTS_AT_ONCE):
            part = steps[first : first + HOSTS_AT_ONCE]

            async def tell(
                conversation: "_Conversation", part: Sequence[str | Host] = part
            ) -> None:
                for step in part:
                    await conversation.take_host_step(step)

            await self._converse(tell)

    async def _converse(self, work: "Callable[[_Conversation], Awaitable[Answer]]") -> Answer:
        async with self._one_at_a_time:
            # From its own turn on: who waits for another's has not been heard yet.
            talking = Deferred.fromCoroutine(self._connect_and(work))
            return await talking.addTimeout(self._seconds, self._reactor, self._too_late)

    async def _connect_and(self, work: "Callable[[_Conversation], Awaitable[Answer]]") -> Answer:
        try:
            connected = await self._endpoint.connect(_Conversations.forProtocol(_Conversation))
        except ConnectingCancelledError:
            raise CancelledError from None
        except ConnectError as problem:
            raise self._silence(str(problem)) from problem
        conversation = cast("_Conversation", connected)
        try:
            await conversation.begun
            await conversation.authenticate(_Signature(self._access, self._algorithm))
            return await work(conversation)
        except OmapiError as problem:
            raise self._silence(str(problem)) from problem
        finally:
            conversation.transport.loseConnection()

    def _too_late(self, _result: object, _seconds: float) -> NoReturn:
        raise self._silence(f"no answer within {self._seconds:g} s")

    def _silence(self, why: str) -> DhcpServerSilent:
        return DhcpServerSilent(f"dhcpd, asked by OMAPI on port {self._access.port}: {why}")


class _Conversation(Protocol):
    """One connection. Each failure is an OmapiError for who waits for the answer."""

    transport: Any

    def __init__(self) -> None:
        self.begun: Deferred[None] = Deferred()
        self._protocol = OmapiProtocol()
        self._protocol.startup_completed = self._begin
        self._protocol.message_received = self._receive
        self._waiting: Deferred[Any] = self.begun

    def connectionMade(self) -> None:
        self._protocol.connection_made(self)

    def write(self, data: bytes) -> None:
        """Send; asked by pypureomapi."""
        self.transport.write(data)

    def close(self) -> None:
        """End the connection; asked by pypureomapi."""
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        try:
            self._protocol.data_received(data)
        except (OmapiError, ValueError) as problem:
            self._fail(f"it does not speak OMAPI: {problem}")
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002  Twisted's
        self._fail(_CLOSED)

    async def authenticate(self, signature: "_Signature") -> None:
        """Show that we have the key; from then on both ends sign."""
        message = OmapiMessage.open(b"authenticator")
        message.update_object(signature.auth_object())
        answer = await self.ask(message)
        if answer.opcode != OMAPI_OP_UPDATE or not answer.handle:
            raise OmapiError("it does not accept our key")
        signature.authid = answer.handle
        self._protocol.authenticators[answer.handle] = signature
        self._protocol.defauth = answer.handle

    async def relation(self, name: str) -> Any:
        """Look a failover relation up; None when there is none of this name."""
        message = OmapiMessage.open(b"failover-state")
        message.update_object({b"name": name.encode()})
        answer = await self.ask(message)
        return answer if answer.opcode == OMAPI_OP_UPDATE else None

    async def take_host_step(self, step: str | Host) -> None:
        """Forget the host of this name, or know this host."""
        if isinstance(step, Host):
            await self._know_host(step)
        else:
            await self._forget_host(step)

    async def _forget_host(self, name: str) -> None:
        """Delete a host; there may be none of this name."""
        message = OmapiMessage.open(b"host")
        message.update_object({b"name": name.encode()})
        answer = await self.ask(message)
        if answer.opcode == OMAPI_OP_UPDATE:
            answer = await self.ask(OmapiMessage.delete(answer.handle))
        if _result(answer) not in {_DONE, _NOT_FOUND}:
            raise DhcpServerSilent(f"dhcpd does not forget host {name}")

    async def _know_host(self, host: Host) -> None:
        """Create a host, of whose name and card there is none."""
        message = OmapiMessage.open(b"host")
        message.message += [(b"create", _number(1)), (b"exclusive", _number(1))]
        known = {
            b"name": host.name.encode(),
            b"hardware-address": host.mac,
            b"hardware-type": _number(_ETHERNET),
            b"ip-address": host.address.packed,
        }
        if host.statements:  # dhcpd refuses none at all
            known[b"statements"] = host.statements.encode()
        message.update_object(known)
        answer = await self.ask(message)
        if answer.opcode != OMAPI_OP_UPDATE:
            raise DhcpServerSilent(f"dhcpd does not take host {host.name}")

    async def ask(self, message: Any) -> Any:
        """Send a request and give the answer to it, which must be signed as ours is."""
        self._waiting = Deferred()
        if not self.transport.connected:
            raise OmapiError(_CLOSED)
        self._protocol.send_message(message)
        answer = await self._waiting
        if not answer.is_response(message):
            raise OmapiError("it gave an answer to something else")
        ours = answer.authid == self._protocol.defauth
        if not ours or not answer.verify(self._protocol.authenticators):
            raise OmapiError("its key is not ours")  # dhcpd does not sign that it refuses
        return answer

    def _begin(self) -> None:
        self._receive(None)

    def _receive(self, message: Any) -> None:
        if not self._waiting.called:
            self._waiting.callback(message)

    def _fail(self, why: str) -> None:
        if not self._waiting.called:
            self._waiting.errback(OmapiError(why))


class _Conversations(Factory):
    """Makes conversations; one a second is nothing to log."""

    noisy = False


class _Signature:
    """Signs messages, as pypureomapi asks; its own can only do hmac-md5."""

    def __init__(self, access: OmapiAccess, algorithm: str) -> None:
        self.authid = 0
        self._digest = _DIGESTS[algorithm]
        self._algorithm = f"{algorithm}.SIG-ALG.REG.INT.".encode()
        self._key = base64.b64decode(access.key)
        self.authlen = hmac.new(b"", b"", self._digest).digest_size

    def auth_object(self) -> dict[bytes, bytes]:
        """Name the key and the algorithm."""
        return {b"name": OMAPI_KEY_NAME.encode(), b"algorithm": self._algorithm}

    def sign(self, message: bytes) -> bytes:
        return hmac.digest(self._key, message, self._digest)


def _number(number: int) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big")


def _result(answer: Any) -> int | None:
    """Read what became of a request; None where the answer does not say."""
    told = dict(answer.message).get(b"result", b"")
    return int.from_bytes(told, "big") if len(told) == _NUMBER_BYTES else None


def _state(relation: Any, whose: bytes) -> SideState:
    """Read the state of one side. Other attributes are not looked at.

    dhcpd gives `partner-address` and `local-address` as pointers into its memory.
    """
    if relation is None:
        return "unknown"
    number = dict(relation.obj).get(whose, b"")
    return STATES.get(int.from_bytes(number, "big"), "unknown")
