"""Region processes without sockets: the product's parts, real PostgreSQL, racks that are values.

All processes live in one program, each with the sessions and threads of its own. A rack is one
link to each process, which takes any plan at once.
"""

import itertools
import json
import os
import secrets
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from ipaddress import IPv4Address

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.task import deferLater, react

from benchmarks.links import Door
from evenrack.config.region_config import RegionConfig, RegionLiveness
from evenrack.errors import (
    DatabaseUnreachable,
    OrderOutdated,
    PartnerDownRefused,
    ProbeRefused,
    RecoverWaitRefused,
)
from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import (
    LinkId,
    ProcessId,
    RackId,
    RegionId,
    RunId,
    VlanId,
    process_id,
)
from evenrack.model.power import PowerOrder, PowerOutcome
from evenrack.model.rack_plan import RackPlan
from evenrack.model.served_piece import ServedPiece
from evenrack.region.assemble import PooledDatabase
from evenrack.region.database.process_store import Registration
from evenrack.region.links.plan_delivery import Changes
from evenrack.region.notifications import Notifications
from evenrack.region.sealing import Sealer
from evenrack.region.service import RegionService, Surroundings
from evenrack.runtime.daemon import use_steady_clock
from evenrack.runtime.thinking import think_beside
from evenrack.runtime.wall_clock import utc_now
from evenrack.trust.tls import Peer
from evenrack.wire.version import PROTOCOL

PROCESSES_OF_HOST = 4
LOOK_SECONDS = 0.02
JOIN_SECONDS = 30.0

_names = itertools.count()


class NoKeys:
    """Keys of a host that has none: nothing is sealed here."""

    all = ()
    first = None

    def find(self, _key_id: str) -> None:
        """Give nothing."""


class PlainRack:
    """One rack, by what it was told."""

    def __init__(self, rack: RackId) -> None:
        self.id = rack
        self.run = RunId(secrets.token_hex(4))
        self.holds: tuple[FleetNumber, str] = (BEFORE_ALL, "")
        self.managed_by: ProcessId | None = None
        self.told_at: float | None = None
        """When it was first told who manages it; None before."""
        self.plan: RackPlan | None = None
        self.took_at = 0.0
        """When it was told of the plan that it follows."""
        self.moves = 0
        """How often it was told another process than before."""

    def take(self, plan: RackPlan) -> tuple[FleetNumber, str]:
        """Follow a plan."""
        if plan.number >= self.holds[0]:
            if self.told_at is None:
                self.told_at = reactor.seconds()
            elif plan.managed_by != self.managed_by:
                self.moves += 1
            if self.plan is None or plan.number > self.plan.number:
                self.plan, self.took_at = plan, reactor.seconds()
            self.managed_by = plan.managed_by
            self.holds = (plan.number, plan.fingerprint)
        return self.holds


class PlainLink:
    """One link of a rack to a process (`connected_racks.RackLink`)."""

    peer = Peer(rack=None)
    protocol = PROTOCOL

    def __init__(self, rack: PlainRack, process: "PlainProcess") -> None:
        self._rack = rack
        self._process = process
        self.link = LinkId(f"link{next(_names)}")
        self.rack, self.run, self.hostname = rack.id, rack.run, str(rack.id)
        self.peer_address = f"127.0.0.1:{1024 + next(_names) % 60_000}"
        self.holds, self.holds_fingerprint = rack.holds
        self.failure_domain = ""

    async def apply_plan(
        self, plan: RackPlan, _changes: Changes | None = None
    ) -> tuple[FleetNumber, str]:
        """Hand the plan to the rack."""
        self.holds, self.holds_fingerprint = self._rack.take(plan)
        return self._rack.holds

    async def take_turn(self, _turn: Turn) -> None:
        """Restart nothing."""

    async def take_partner_down(self, _vlan: VlanId, _dead: RackId) -> int:
        """Take nobody for dead."""
        raise PartnerDownRefused("these racks have no DHCP server")

    async def probe(self, _addresses: Sequence[IPv4Address]) -> tuple[ProbeAnswer, ...]:
        """Find out nothing."""
        raise ProbeRefused("these racks have no DHCP server")

    async def end_recover_wait(self, _vlan: VlanId, _peer: RackId) -> None:
        """Let nothing wait."""
        raise RecoverWaitRefused("these racks have no DHCP server")

    async def power_bmc(self, order: PowerOrder) -> PowerOutcome:
        """Switch nothing."""
        raise OrderOutdated(f"order {order.id}: these racks have no BMC")

    async def read_leases(self, _asked: LeasesAsked) -> LeasePage:
        """Know of none."""
        return LeasePage()

    async def read_served(self, _plan: str, _start: int) -> ServedPiece:
        """Serve nothing."""
        return ServedPiece(plan="", text=b"[]", more=False)

    def cut(self, _reason: str) -> None:
        """End the link."""
        self._process.service.presence.gone(self)


class PlainProcess:
    """One region process."""

    def __init__(self, dsn: str, process: ProcessId, liveness: RegionLiveness) -> None:
        self.id = process
        self._database = PooledDatabase(dsn, reactor, name=process)
        self._notifications = Notifications(dsn, reactor, process)
        self.links: dict[RackId, PlainLink] = {}
        self.service = RegionService(
            RegionConfig(database=dsn, region_name=process.split("/")[0], liveness=liveness),
            Registration(process=process, hostname="benchmark", pid=os.getpid(), addresses=()),
            Surroundings(
                database=self._database,
                clock=reactor,
                wall_clock=utc_now,
                token_bytes=secrets.token_bytes,
                notifier=self._notifications,
                think=think_beside(reactor),
                listen=lambda _racks: None,
                sealer=Sealer(keys=NoKeys(), token_bytes=secrets.token_bytes),
                doorkeeper=Door(over_tls=False),
            ),
        )

    def start(self) -> None:
        """Begin to join."""
        self._notifications.startService()
        self.service.startService()

    def has_joined(self) -> bool:
        """Tell whether it has registered."""
        try:
            return bool(self.service.membership.me)
        except DatabaseUnreachable:
            return False

    def connect(self, rack: PlainRack) -> Deferred[None]:
        """Say that a rack has said hello; fires when its hello would be answered."""
        link = self.links[rack.id] = PlainLink(rack, self)
        return Deferred.fromCoroutine(self.service.presence.admit(link))

    def disconnect(self, rack: PlainRack) -> None:
        """Say that the link to a rack has ended."""
        self.links.pop(rack.id).cut("")

    async def stop(self) -> None:
        """Stop in order."""
        await self.service.stopService()
        await maybeDeferred(self._notifications.stopService)
        self._database.close()


class PlainFleet:
    """Processes and racks; every rack is linked to every process."""

    def __init__(
        self, dsn: str, processes: int, racks: int, liveness: RegionLiveness | None = None
    ) -> None:
        self._dsn = dsn
        self._liveness = liveness or RegionLiveness()
        names = itertools.islice(_process_names(), processes)
        self.processes = {name: PlainProcess(dsn, name, self._liveness) for name in names}
        self.racks = [PlainRack(RackId(f"rack{n:04d}")) for n in range(racks)]

    async def start(self) -> None:
        """Start every process, and wait until all know of each other."""
        for process in self.processes.values():
            process.start()
        await until(self._have_joined, JOIN_SECONDS)

    def connect_all(self) -> Deferred[list[None]]:
        """Let every rack say hello to every process, all at this moment."""
        pairs = itertools.product(self.processes.values(), self.racks)
        return gatherResults([process.connect(rack) for process, rack in pairs])

    async def replace(self, process: PlainProcess) -> PlainProcess:
        """Start a process anew, and let every rack connect to it."""
        new = PlainProcess(self._dsn, process.id, self._liveness)
        self.processes[process.id] = new
        new.start()
        await until(new.has_joined, JOIN_SECONDS)
        await gatherResults([new.connect(rack) for rack in self.racks])
        return new

    def moves(self) -> int:
        """Count how often any rack was told of another manager."""
        return sum(rack.moves for rack in self.racks)

    def loads(self) -> dict[ProcessId, int]:
        """Count the racks of each process, by what the racks were told."""
        managers = [rack.managed_by for rack in self.racks]
        return {process: managers.count(process) for process in self.processes}

    def _have_joined(self) -> bool:
        processes = self.processes.values()
        return all(process.has_joined() for process in processes) and any(
            process.service.leader.seat.epoch is not None for process in processes
        )


async def until(condition: Callable[[], object], seconds: float) -> float:
    """Wait until a function gives something true; gives the moment; TimeoutError."""
    end = reactor.seconds() + seconds
    while not condition():
        if reactor.seconds() > end:
            raise TimeoutError(f"not within {seconds:g} s: {condition}")
        await deferLater(reactor, LOOK_SECONDS)
    return reactor.seconds()


def run_to_end(work: Callable[[], Awaitable[object]]) -> None:
    """Run the work, print what it gives as JSON, and end; not in order: the rows stay."""

    async def run(_reactor: object) -> None:
        code = 1
        try:
            print(json.dumps(await work()), flush=True)
            code = 0
        except Exception:  # noqa: BLE001  threads of the fleet would keep the program alive
            traceback.print_exc()
        finally:
            os._exit(code)

    use_steady_clock(reactor)
    react(lambda r: Deferred.fromCoroutine(run(r)))


def _process_names() -> Iterator[ProcessId]:
    for host in itertools.count(1):
        for instance in range(1, PROCESSES_OF_HOST + 1):
            yield process_id(RegionId(f"region{host}"), instance)
