"""Tells the regions what they need to know of this rack, until one has taken it."""

from collections.abc import Awaitable, Callable

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp

from evenrack.errors import EvenrackError
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.identifiers import LinkId, ProcessId
from evenrack.model.interface_list import Interface
from evenrack.model.power import BmcReach
from evenrack.rack.region_session import RegionSession
from evenrack.runtime.log_format import error_text
from evenrack.runtime.look_again import LookAgain

REPEAT_SECONDS = 30.0
"""What was taken is told again after so long: the database may be an older one by now."""

LOOK_SECONDS = 1.0
INTERFACES_SECONDS = 5.0
"""How often the interfaces are looked at."""


class Teller(MultiService):
    """Tells the managing process, or any other while there is none."""

    log = Logger()

    def __init__(
        self,
        sessions: Callable[[], list[RegionSession]],
        manager: Callable[[], ProcessId | None],
        interfaces: Callable[[], Awaitable[tuple[Interface, ...]]],
        report: Callable[[], DhcpReport],
        reach: Callable[[], BmcReach | None],
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._sessions = sessions
        self._manager = manager
        self._interfaces = interfaces
        self._report = report
        self._reach = reach
        self._clock = clock
        self._seen: tuple[Interface, ...] | None = None
        self._seen_at = float("-inf")
        self._told: tuple[object, ...] = ()
        self._told_at = float("-inf")
        self._told_to: LinkId | None = None
        self._telling = LookAgain(
            self._tell, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._telling.setServiceParent(self)

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """The interfaces as they were a few seconds ago; none before they were looked at."""
        return self._seen or ()

    def trigger(self) -> None:
        """Tell soon: something changed."""
        self._telling.trigger()

    async def _tell(self) -> None:
        await self._look_at_interfaces()
        session = self._whom()
        if session is None or self._seen is None:
            return
        news = (self._seen, self._report(), self._reach())
        if not self._is_news(session, news):
            return
        try:
            await session.report_interfaces(self._seen)
            await session.report_dhcp(news[1])
            if news[2] is not None:
                await session.report_reach(news[2])
        except (EvenrackError, amp.RemoteAmpError) as problem:
            self.log.info("report not taken, trying again: {problem}", problem=str(problem))
        except Exception as problem:  # noqa: BLE001  every kind of lost connection: another session
            self.log.debug("report got lost: {problem}", problem=error_text(problem))
        else:
            self._told, self._told_to = news, session.link
            self._told_at = self._clock.seconds()

    async def _look_at_interfaces(self) -> None:
        now = self._clock.seconds()
        if now - self._seen_at < INTERFACES_SECONDS:
            return
        try:
            self._seen = await self._interfaces()
        except EvenrackError as problem:
            self.log.warn("interfaces not read: {problem}", problem=str(problem))
        else:
            self._seen_at = now

    def _is_news(self, session: RegionSession, news: tuple[object, ...]) -> bool:
        return (
            news != self._told
            or session.link != self._told_to
            or self._clock.seconds() - self._told_at >= REPEAT_SECONDS
        )

    def _whom(self) -> RegionSession | None:
        sessions = self._sessions()
        manager = self._manager()
        managing = [session for session in sessions if session.process == manager]
        return next(iter(managing or sessions), None)
