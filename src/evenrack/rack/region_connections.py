"""One connection to every region process, made again whenever it ends."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger

from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import LinkId, ProcessId
from evenrack.model.region_endpoints import RegionEndpoints, endpoints_fingerprint
from evenrack.rack.kept_link import KeptLink
from evenrack.rack.region_choice import Target, choose_targets
from evenrack.rack.region_session import RackSelf, RegionSession
from evenrack.runtime.log_format import error_text

GREETING_SECONDS = 10.0
"""Longer than a region takes to find out that an older run of this rack is really gone."""

GOODBYE_SECONDS = 1.0

MOST_TOLD_PROBLEMS = 20
MOST_LOST_LINKS = 100
TELL_OTHERS_SECONDS = 0.25
"""So long one region may take to write down that a link is gone, before all are told."""


class AlreadyConnected(Exception):
    """The endpoint led to a process that another connection is up to."""


@frozen(kw_only=True)
class Dialling:
    """How connections are made; the simulation has its own ways."""

    configured: Sequence[HostPort]
    endpoint_for: Callable[[tuple[HostPort, ...]], IStreamClientEndpoint]
    jitter: Callable[[], float]


class RegionConnections(MultiService):
    """Dials what `region_choice` wants and nothing else."""

    log = Logger()

    def __init__(
        self, dialling: Dialling, known: RegionEndpoints, keep: Callable[[RegionEndpoints], None]
    ) -> None:
        super().__init__()
        self._dialling = dialling
        self._known = known
        self._keep = keep
        self._rack: RackSelf | None = None
        self._kept: dict[str, KeptLink] = {}
        self._sessions: dict[str, RegionSession] = {}
        self._answered_by: dict[HostPort, ProcessId] = {}
        self._lost_links: dict[LinkId, None] = {}
        self._told_problems: dict[str, set[str]] = {}
        self._told: dict[ProcessId, RegionEndpoints] = {}

    def begin_as(self, rack: RackSelf) -> None:
        """Say who dials; before the service starts."""
        self._rack = rack

    def startService(self) -> None:
        super().startService()
        self._choose()

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop_in_order())

    def known_regions(self) -> str:
        """Name the list of region processes that this rack has."""
        return endpoints_fingerprint(self._known)

    def learn_regions(self, teller: ProcessId, told: RegionEndpoints) -> None:
        """Take over what the connected processes tell; an empty list says that one knows nothing.

        All their lists count: a process that is cut off from the database tells an old one, and
        would otherwise contradict the others each second.
        """
        if not told:
            return
        connected = {session.process for session in self._sessions.values()}
        self._told = {p: t for p, t in self._told.items() if p in connected} | {teller: told}
        known = _merged(self._told)
        if known != self._known:
            self._known = known
            self._keep(known)
            self.log.info("knows {count} region processes", count=len(known))
            self._choose()

    def sessions(self) -> list[RegionSession]:
        """Give the links that are up, in the order of their processes' names."""
        return [self._sessions[key] for key in sorted(self._sessions)]

    def _choose(self) -> None:
        """Make the connections be those that are wanted."""
        if not self.running:
            return
        reached = {key: s.process for key, s in self._sessions.items() if s.process is not None}
        targets = choose_targets(
            self._dialling.configured, self._known, answered_by=self._answered_by, reached=reached
        )
        wanted = {target.key: target for target in targets}
        # A link that is up is kept: its process knows best that it is there.
        for key in [key for key in self._kept if key not in wanted and key not in self._sessions]:
            self._drop(key)
        for key, target in wanted.items():
            if key not in self._kept:
                self._dial(target)

    def _dial(self, target: Target) -> None:
        link = KeptLink(
            self._dialling.endpoint_for(target.addresses),
            lambda: RegionSession(self._self, self._session_lost),
            lambda session: self._introduce(target, session),
            lambda problem: self._tell_once(target.key, problem),
            self._self.clock,
            self._dialling.jitter,
        )
        self._kept[target.key] = link
        link.setServiceParent(self)

    def _drop(self, key: str) -> None:
        self._kept.pop(key).disownServiceParent()
        self._told_problems.pop(key, None)

    @property
    def _self(self) -> RackSelf:
        if self._rack is None:
            raise RuntimeError("begin_as comes before the start")
        return self._rack

    async def _introduce(self, target: Target, session: RegionSession) -> None:
        """Make the session one of the links that are up; whatever fails closes it."""
        greeting = Deferred.fromCoroutine(self._greet(target, session))
        greeting.addTimeout(GREETING_SECONDS, self._self.clock)
        await greeting
        self._told_problems.pop(target.key, None)
        self._choose()
        self._report_lost_links()

    async def _greet(self, target: Target, session: RegionSession) -> None:
        process = await session.greet()
        if not session.is_open:
            raise ConnectionError("the link ended during its hello")
        if any(other.process == process for other in self._sessions.values()):
            if len(target.addresses) == 1:
                self._answered_by[target.addresses[0]] = process
            raise AlreadyConnected(f"{target.key} is {process}, which is connected already")
        self._sessions[target.key] = session
        self.log.info("connected to {process}", process=process, key=target.key)

    def _tell_once(self, key: str, problem: Exception) -> None:
        """Log a problem that is new since the last success; some come in turn, try after try."""
        text = f"{type(problem).__name__}: {problem}"
        told = self._told_problems.setdefault(key, set())
        if text not in told:
            if len(told) >= MOST_TOLD_PROBLEMS:
                told.clear()
            told.add(text)
            self.log.warn("{key}: no link: {problem}", key=key, problem=text)
        if isinstance(problem, AlreadyConnected):
            self._self.clock.callLater(0, self._choose)

    def _session_lost(self, session: RegionSession) -> None:
        for key in [key for key, known in self._sessions.items() if known is session]:
            del self._sessions[key]
            self.log.warn("lost the link to {process}", process=session.process)
            if session.link is not None:
                self._lost_links[session.link] = None
                for oldest in list(self._lost_links)[:-MOST_LOST_LINKS]:
                    del self._lost_links[oldest]  # by now its other end has noticed as well
            if self.running:
                self._choose()
                self._report_lost_links()

    def _report_lost_links(self) -> None:
        for link in list(self._lost_links):
            Deferred.fromCoroutine(self._report(link))

    async def _report(self, link: LinkId) -> None:
        """Tell one region, and all the others if it does not take it soon: it may be dead or hung.

        When a process dies every rack has something to tell; told to all, it would cost the regions
        the time in which they find new managers. Which one is told first differs from rack to rack.
        """
        sessions = self.sessions()
        if not sessions:
            return
        first = sessions.pop(sum(link.encode()) % len(sessions))
        telling = Deferred.fromCoroutine(self._report_to(first, link))
        telling.addTimeout(TELL_OTHERS_SECONDS, self._self.clock)
        with suppress(DeferredTimeout):
            await telling
        if link in self._lost_links:
            for session in sessions:
                Deferred.fromCoroutine(self._report_to(session, link))

    async def _report_to(self, session: RegionSession, link: LinkId) -> None:
        try:
            await session.report_lost_link(link)
        except CancelledError:
            raise
        except Exception as problem:  # noqa: BLE001  another session is told as well
            self.log.debug("report not taken: {problem}", problem=error_text(problem))
        else:
            self._lost_links.pop(link, None)

    async def _stop_in_order(self) -> None:
        await DeferredList(
            [Deferred.fromCoroutine(self._say_goodbye(session)) for session in self.sessions()]
        )
        stopping = super().stopService()
        if stopping is not None:
            await stopping

    async def _say_goodbye(self, session: RegionSession) -> None:
        """Tell one region; all are told, since any of them may hang."""
        goodbye = Deferred.fromCoroutine(session.say_goodbye())
        goodbye.addTimeout(GOODBYE_SECONDS, self._self.clock)
        try:
            await goodbye
        except Exception as problem:  # noqa: BLE001  a courtesy, no more
            self.log.debug("goodbye not taken: {problem}", problem=error_text(problem))


def _merged(told: Mapping[ProcessId, RegionEndpoints]) -> RegionEndpoints:
    """Put all lists together; of a process's addresses its own word counts most."""
    merged: dict[ProcessId, tuple[HostPort, ...]] = {}
    for teller in sorted(told):
        merged = {**told[teller], **merged}
    return merged | {p: told[p][p] for p in told if p in told[p]}
