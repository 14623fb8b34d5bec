"""Agrees with a BMC on a session: Open Session and RAKP (IPMI 2.0, 13.14 to 13.24).

        Open Session -> RAKP 1 -> RAKP 3
        (13.17)         (13.20)   (13.22)

Each waits for its answer. The BMC proves that it knows the password before we do.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from attrs import frozen

from evenrack.errors import BmcRefusedPassword, BmcUnreachable
from evenrack.model.power import BmcAccess, Privilege, k_g_bytes
from evenrack.rack.power.rmcp.commands import ADMINISTRATOR, OPERATOR, USER, close_session
from evenrack.rack.power.rmcp.exchange import Asking, Exchange
from evenrack.rack.power.rmcp.packets import (
    IPMI_MESSAGE,
    OPEN_SESSION_REQUEST,
    RAKP_1,
    RAKP_3,
    plain_packet,
)
from evenrack.rack.power.rmcp.protection import BLOCK_BYTES, Protection
from evenrack.rack.power.rmcp.session_keys import RANDOM_BYTES, Secrets, Told, session_keys
from evenrack.rack.power.rmcp.setup_messages import (
    Introduction,
    Opening,
    Proving,
    refusing_message,
)
from evenrack.rack.power.rmcp.suites import Suite

Answer = TypeVar("Answer")

STEP_SECONDS: Final = 6.0
"""To answer one message; a host that is silent for so long is not there."""

LEVELS: Final[Mapping[Privilege, int]] = MappingProxyType(
    {"user": USER, "operator": OPERATOR, "administrator": ADMINISTRATOR}
)

_OPEN_AT: Final = (0.0, 2.0, 4.0)
"""Not sooner: a slow BMC answers what it hears twice one after the other, and is slower for it."""

_RAKP_AT: Final = (0.0, 5.0)
"""Later: a BMC that hears RAKP 1 twice takes another random number, and refuses what we prove with
its first. So only what is lost is repeated, and hardly ever what is slow."""


@frozen(kw_only=True)
class Around:
    """What a session needs of its rack."""

    reactor: Any
    token_bytes: Callable[[int], bytes]
    """Bytes by chance, that nobody can guess."""


@frozen(kw_only=True)
class Way:
    """How a session is had: the BMC, the suite, and until when."""

    access: BmcAccess
    suite: Suite
    ends: float
    """By the clock of the reactor: nothing is sent later but the end of the session."""

    def left(self, reactor: Any, most: float) -> float:
        """Give the seconds to wait; BmcUnreachable when no time is left to ask at all."""
        left = self.ends - float(reactor.seconds())
        if left <= 0:
            raise BmcUnreachable(f"the BMC at {self.access.address} is so slow that time ran out")
        return min(most, left)


async def agree(exchange: Exchange, around: Around, way: Way) -> Protection:
    """Agree on a session; what it is protected with.

    BmcUnreachable, BmcBusy, BmcRefused, BmcRefusedPassword; BmcRefusedSuite before the BMC was told
    who asks.
    """
    return await _Agreeing(exchange, around, way).agree()


class _Agreeing:
    def __init__(self, exchange: Exchange, around: Around, way: Way) -> None:
        self._exchange = exchange
        self._around = around
        self._way = way
        self._tag = around.token_bytes(1)[0]
        self._repeated = False
        """Whether anything of this session was sent twice."""
        access = way.access
        k_g = k_g_bytes(access.k_g) if access.k_g else b""
        self._secrets = Secrets(password=access.password.encode(), k_g=k_g)

    async def agree(self) -> Protection:
        opening, bmc_session = await self._open()
        told = await self._introduce(opening, bmc_session)
        return await self._prove(told)

    async def _open(self) -> tuple[Opening, int]:
        opening = Opening(
            tag=self._next_tag(),
            suite=self._way.suite,
            privilege=LEVELS[self._way.access.privilege],
            console_session=int.from_bytes(self._around.token_bytes(4), "little") or 1,
        )
        return opening, await self._step(OPEN_SESSION_REQUEST, opening.message(), opening.read)

    async def _introduce(self, opening: Opening, bmc_session: int) -> Told:
        introduction = Introduction(
            tag=self._next_tag(),
            opening=opening,
            bmc_session=bmc_session,
            console_random=self._around.token_bytes(RANDOM_BYTES),
            user=self._way.access.user.encode(),
        )
        try:
            return await self._step(
                RAKP_1,
                introduction.message(),
                lambda datagram: introduction.read(
                    datagram, self._secrets, repeated=self._repeated
                ),
            )
        except BmcRefusedPassword:
            refusing = refusing_message(self._next_tag(), bmc_session)
            self._exchange.send(plain_packet(RAKP_3, refusing))
            raise

    async def _prove(self, told: Told) -> Protection:
        keys = session_keys(told, self._secrets)
        protection = Protection(
            suite=told.suite,
            keys=keys,
            console_session=told.console_session,
            bmc_session=told.bmc_session,
        )
        proving = Proving(tag=self._next_tag(), told=told)
        has_session = False
        try:
            await self._step(
                RAKP_3,
                proving.message(self._secrets),
                lambda datagram: proving.read(datagram, keys, repeated=self._repeated),
            )
            has_session = True
        finally:
            if not has_session:
                self._close(protection)
        return protection

    def _close(self, protection: Protection) -> None:
        """Close what the BMC may have taken for open; whether it has is not known."""
        closing = protection.seal(
            IPMI_MESSAGE,
            close_session(protection.bmc_session).message(1),
            sequence=1,
            chance=self._around.token_bytes(BLOCK_BYTES),
        )
        self._exchange.send(closing)

    async def _step(
        self, kind: int, message: bytes, read: Callable[[bytes], Answer | None]
    ) -> Answer:
        datagram = plain_packet(kind, message)
        at = _OPEN_AT if kind == OPEN_SESSION_REQUEST else _RAKP_AT
        asking = Asking(at=at, seconds=self._way.left(self._around.reactor, STEP_SECONDS))

        def make(nth: int) -> bytes:
            self._repeated = self._repeated or nth > 0
            return datagram

        try:
            return await self._exchange.ask(make, read, asking)
        except BmcUnreachable as problem:
            access = self._way.access
            raise BmcUnreachable(
                f"no session with {access.address}, UDP port {access.port}: {problem}"
            ) from None

    def _next_tag(self) -> int:
        self._tag = (self._tag + 1) % 256
        return self._tag
