"""One session with one BMC: opened, used, and closed whatever happens (IPMI 2.0, 6.12 and 13.6).

What its keys do not prove is not heard, and nothing is heard twice.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from evenrack.errors import BmcRefused, BmcSilent, BmcUnreachable, EvenrackError
from evenrack.rack.power.rmcp.agreeing import LEVELS, Around, Way, agree
from evenrack.rack.power.rmcp.commands import (
    OPERATOR,
    USER,
    Command,
    Repeat,
    close_session,
    set_privilege,
)
from evenrack.rack.power.rmcp.completion import level_refusal, refusal
from evenrack.rack.power.rmcp.exchange import Asking, Exchange
from evenrack.rack.power.rmcp.packets import IPMI_MESSAGE
from evenrack.rack.power.rmcp.protection import BLOCK_BYTES, Protection

Result = TypeVar("Result")

COMMAND_SECONDS: Final = 6.2
"""To answer one command."""

CLOSE_SECONDS: Final = 1.0

_COMMAND_AT: Final[Mapping[Repeat, tuple[float, ...]]] = MappingProxyType(
    {"anew": (0.0, 3.5), "same": (0.0, 3.5), "never": (0.0,)}
)
"""So late because there are BMCs that take 3 s for an answer, and others that do twice what they
hear twice."""

_CLOSE_AT: Final = (0.0, 0.4)
_REQUEST_NUMBERS: Final = 64


async def converse(
    around: Around, way: Way, talk: Callable[["Session"], Awaitable[Result]]
) -> Result:
    """Open a session, talk, and close it, also when this fails or is cancelled.

    Raises what `agree` and the talk raise.
    """
    exchange = Exchange(around.reactor)
    try:
        exchange.begin(way.access)
        session = Session(exchange, around, way, await agree(exchange, around, way))
        try:
            return await talk(session)
        finally:
            await session.close()
    finally:
        exchange.end()


class Session:
    """An open session."""

    def __init__(
        self, exchange: Exchange, around: Around, way: Way, protection: Protection
    ) -> None:
        self._exchange = exchange
        self._around = around
        self._way = way
        self._protection = protection
        self._privilege = USER
        self._sent = 0
        """The newest sequence number of ours."""
        self._heard = 0
        """The highest of the BMC: what is not above it is old."""
        self._request = 0
        self._answered = True
        """Whether the BMC has answered the newest command, and so may answer another."""

    async def run(self, command: Command) -> bytes:
        """Give a command; the data of its answer.

        BmcSilent when it was sent and not answered, or in words that leave it open whether it was
        done, else it was not done: BmcUnreachable, BmcBusy, BmcRefused.
        """
        if command.privilege > self._privilege:
            await self._rise()
        asking = self._asking(command)
        try:
            code, data = await self._ask(command, asking)
        except BmcUnreachable as silence:
            raise BmcSilent(f"the BMC did not answer {command.name}: {silence}") from None
        if code:
            once = command.repeat == "never"
            raise refusal(code, command.name, once=once, of_its_own=command.refusals)
        return data

    async def close(self) -> None:
        """Close it; does not wait for a BMC that does not answer."""
        closing = close_session(self._protection.bmc_session)
        if not self._answered:
            self._exchange.send(self._sealed(closing.message(self._next_request())))
            return
        try:
            await self._ask(closing, Asking(at=_CLOSE_AT, seconds=CLOSE_SECONDS))
        except EvenrackError:
            return  # it ends by itself after a minute (IPMI 2.0, 6.12.15)

    async def _rise(self) -> None:
        name = self._way.access.privilege
        level = LEVELS[name]
        if level < OPERATOR:
            raise BmcRefused(f"privilege {name} may only look: give this BMC privilege operator")
        command = set_privilege(level)
        code, _ = await self._ask(command, self._asking(command))
        if code:
            raise level_refusal(code, name)
        self._privilege = level

    def _asking(self, command: Command) -> Asking:
        seconds = self._way.left(self._around.reactor, COMMAND_SECONDS)
        return Asking(at=_COMMAND_AT[command.repeat], seconds=seconds)

    async def _ask(self, command: Command, asking: Asking) -> tuple[int, bytes]:
        """Give a command; its completion code and data. BmcUnreachable when there is no answer."""
        request = self._next_request()
        message = command.message(request)
        sealed = b""

        def make(nth: int) -> bytes:
            nonlocal sealed
            if not nth or command.repeat == "anew":
                sealed = self._sealed(message)
            return sealed

        self._answered = False
        answer = await self._exchange.ask(make, lambda d: self._read(d, command, request), asking)
        self._answered = True
        return answer

    def _read(self, datagram: bytes, command: Command, request: int) -> tuple[int, bytes] | None:
        opened = self._protection.open(datagram)
        if opened is None or opened.kind != IPMI_MESSAGE or opened.sequence <= self._heard:
            return None
        self._heard = opened.sequence
        return command.read(opened.payload, request)

    def _sealed(self, message: bytes) -> bytes:
        self._sent += 1
        chance = self._around.token_bytes(BLOCK_BYTES)
        return self._protection.seal(IPMI_MESSAGE, message, sequence=self._sent, chance=chance)

    def _next_request(self) -> int:
        self._request = (self._request + 1) % _REQUEST_NUMBERS
        return self._request
