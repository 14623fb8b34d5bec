"""The load program: very many racks in one process, each with an id and a certificate of its own.

What regions can see of a rack is the product's: connections, leases, plans, reports. Below that is
nothing: no dhcpd, no BMC, no disk. Each rack dials from a loopback address of its own, for regions
count strangers by address.

`python -m benchmarks.many_racks FOLDER` reads `load.json` there, and takes commands, one a line,
from standard input: `start`, `state`. It prints JSON lines; times are of the monotonic clock.
"""

import gc
import json
import os
import resource
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any, NoReturn

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
)
from twisted.protocols.basic import LineReceiver

from evenrack.errors import (
    ContentRefused,
    OrderOutdated,
    PartnerDownRefused,
    ProbeRefused,
    RecoverWaitRefused,
)
from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.dhcp_report import NOTHING_SERVED
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.host_port import HostPort, parse_host_port
from evenrack.model.identifiers import ProcessId, RackId, RunId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.power import BmcReach, PowerOrder, PowerOutcome
from evenrack.model.rack_plan import RackPlan
from evenrack.rack.addresses_in_turn import AddressesInTurn
from evenrack.rack.clock_watch import ClockWatch
from evenrack.rack.lease import Lease
from evenrack.rack.newest_plan import NewestPlan
from evenrack.rack.region_connections import Dialling, RegionConnections
from evenrack.rack.region_session import RackSelf
from evenrack.rack.served_plan import ServedPlan
from evenrack.rack.teller import Teller
from evenrack.runtime.daemon import use_steady_clock
from evenrack.runtime.log_format import json_lines
from evenrack.runtime.wall_clock import utc_now
from evenrack.trust.certificates import Identity, fingerprint_of, issue_for_rack, new_key
from evenrack.trust.files import TrustFiles
from evenrack.trust.tls import RackTls, why_tls_failed

CONNECT_SECONDS = 10.0
AT_ONCE = 25
"""Racks that are still connecting: so many handshakes this one process can do in time."""

PACE_SECONDS = 0.005
RACKS_OF_VLAN = 4


@frozen(kw_only=True)
class LoadSettings:
    """What `load.json` says."""

    racks: int
    endpoints: Sequence[str]
    """host:port of each region process."""
    ping_seconds: float = 1.0
    silence_seconds: float = 3.0


def rack_of_number(number: int) -> RackId:
    """Name a rack; numbers begin at 0."""
    return RackId(f"load{number:04d}")


def network_of(number: int) -> str:
    """Give the first three bytes of the network that a rack shares with its neighbours."""
    vlan = number // RACKS_OF_VLAN
    return f"10.{vlan >> 8}.{vlan & 255}"


class LoadRack(MultiService):
    """One rack."""

    def __init__(self, number: int, tls: RackTls, trusted: str, settings: LoadSettings) -> None:
        super().__init__()
        self.id = rack_of_number(number)
        self.newest = NewestPlan(self.id)
        self.lease = Lease(reactor)
        self._number = number
        self._tls = tls
        self.connections = RegionConnections(
            Dialling(
                configured=[parse_host_port(endpoint) for endpoint in settings.endpoints],
                endpoint_for=self._endpoint_for,
                jitter=lambda: secrets.randbelow(1001) / 1000,
            ),
            {},
            lambda _known: None,
        )
        self.connections.begin_as(self._rack_self(trusted, settings))
        self.connections.setServiceParent(self)
        Teller(
            self.connections.sessions,
            lambda: self.lease.manager,
            self._interfaces,
            lambda: NOTHING_SERVED,
            self._reach,
            reactor,
        ).setServiceParent(self)

    @property
    def managed_by(self) -> ProcessId | None:
        """Name the process that the newest plan says manages this rack."""
        return None if self.newest.plan is None else self.newest.plan.managed_by

    def _rack_self(self, trusted: str, settings: LoadSettings) -> RackSelf:
        return RackSelf(
            rack=self.id,
            run=RunId(secrets.token_hex(8)),
            hostname=self.id,
            clock=reactor,
            ping_seconds=settings.ping_seconds,
            silence_seconds=settings.silence_seconds,
            holds=self._holds,
            follow=self._follow,
            offer_plan=_no_large_plan,
            take_vlan=_no_large_plan,
            change_vlan=_no_large_plan,
            take_turn=_no_turn,
            take_partner_down=_no_partner,
            probe=_no_probe,
            end_recover_wait=_no_wait,
            power=_no_power,
            leases=_no_leases,
            served=ServedPlan(lambda: ()).piece,
            granted=lambda process, at: self.lease.granted(process, asked_at=at),
            known_regions=self.connections.known_regions,
            learn_regions=self.connections.learn_regions,
            clock_watch=ClockWatch(reactor, utc_now),
            trusted=lambda: trusted,
            trust=lambda _told: None,
            why_ended=why_tls_failed,
        )

    def _endpoint_for(self, addresses: tuple[HostPort, ...]) -> IStreamClientEndpoint:
        own = str(IPv4Address("127.64.0.1") + self._number)
        return AddressesInTurn(
            [
                wrapClientTLS(
                    self._tls,
                    TCP4ClientEndpoint(
                        reactor, to.host, to.port, timeout=CONNECT_SECONDS, bindAddress=(own, 0)
                    ),
                )
                for to in addresses
            ]
        )

    def _holds(self) -> tuple[FleetNumber, str]:
        return self.newest.number, self.newest.fingerprint

    async def _follow(self, plan: RackPlan) -> None:
        if self.newest.is_news(plan):
            before = self.managed_by
            self.newest.follow(plan)
            tell(
                told="follows",
                rack=self.id,
                before=before,
                process=plan.managed_by,
                at=reactor.seconds(),
            )

    async def _interfaces(self) -> tuple[Interface, ...]:
        own = f"{network_of(self._number)}.{10 + self._number % RACKS_OF_VLAN}/24"
        return (Interface(name="eth0", address=IPv4Interface(own)),)

    def _reach(self) -> BmcReach | None:
        """Say that every BMC of the plan answers."""
        if self.newest.plan is None:
            return None
        return BmcReach(answering=tuple(each.bmc for each in self.newest.plan.bmcs))


async def _no_partner(_process: ProcessId, _vlan: VlanId, _dead: RackId) -> int:
    raise PartnerDownRefused("these racks have no DHCP server")


async def _no_probe(
    _process: ProcessId, _addresses: tuple[IPv4Address, ...]
) -> tuple[ProbeAnswer, ...]:
    raise ProbeRefused("these racks have no DHCP server")


async def _no_wait(_process: ProcessId, _vlan: VlanId, _peer: RackId) -> None:
    raise RecoverWaitRefused("these racks have no DHCP server")


async def _no_turn(_process: ProcessId, _turn: Turn) -> None:
    """Restart nothing."""


async def _no_large_plan(*_parts: object) -> NoReturn:
    raise ContentRefused("these racks serve too little for that")


async def _no_power(order: PowerOrder) -> PowerOutcome:
    raise OrderOutdated(f"order {order.id}: these racks have no BMC")


async def _no_leases(_asked: LeasesAsked) -> LeasePage:
    return LeasePage()


class Commands(LineReceiver):
    """Does what standard input says; its end is the end."""

    delimiter = b"\n"

    def __init__(self, racks: Sequence[LoadRack], links: int) -> None:
        self._racks = racks
        self._links = links

    def lineReceived(self, line: bytes) -> None:  # noqa: N802  Twisted's name
        if line == b"start":
            Deferred.fromCoroutine(self._start())
        elif line == b"state":
            tell(told="state", cpu=_cpu_seconds(), racks={r.id: _state_of(r) for r in self._racks})

    def connectionLost(self, reason: object) -> None:  # noqa: ARG002
        os._exit(0)  # all at once: in order, every link that ends would be dialled again

    async def _start(self) -> None:
        """Start all racks, not too many at the same time."""
        tell(told="started", at=reactor.seconds())
        connecting: list[LoadRack] = []
        for rack in self._racks:
            while len(connecting) >= AT_ONCE:
                await deferLater(reactor, PACE_SECONDS)
                connecting = [r for r in connecting if len(r.connections.sessions()) < self._links]
            rack.startService()
            connecting.append(rack)


def _state_of(rack: LoadRack) -> tuple[ProcessId | None, ProcessId | None, list[ProcessId | None]]:
    """Give who manages by the plan, who by the lease, and to whom there is a link."""
    links = [session.process for session in rack.connections.sessions()]
    return rack.managed_by, rack.lease.manager, links


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(**what: Any) -> None:
    """Print one JSON line."""
    print(json.dumps(what), flush=True)


def make_racks(folder: Path, settings: LoadSettings) -> list[LoadRack]:
    """Sign a certificate for each rack with the authority in the folder; all share one key."""
    files = TrustFiles(folder, cure="")
    authority, trusted, key = files.identity(), files.authorities(), new_key()
    now = datetime.now(UTC)

    def tls_of(rack: RackId) -> RackTls:
        signed = issue_for_rack(authority, key.public_key(), rack, now)
        return RackTls(Identity(key=key, certificate=signed), trusted)

    numbers = range(settings.racks)
    return [
        LoadRack(n, tls_of(rack_of_number(n)), fingerprint_of(trusted), settings) for n in numbers
    ]


def main() -> None:
    """Be the racks until standard input ends."""
    folder = Path(sys.argv[1])
    warnings = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    log = FilteringLogObserver(json_lines(sys.stderr), [warnings])
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
    use_steady_clock(reactor)
    settings = LoadSettings(**json.loads((folder / "load.json").read_text()))
    StandardIO(Commands(make_racks(folder, settings), len(settings.endpoints)))
    os.set_blocking(sys.stdout.fileno(), True)  # a thousand racks say more than fits
    gc.freeze()
    gc.disable()  # a look at the objects of a thousand racks takes longer than silence may last
    tell(told="ready")
    reactor.run()


if __name__ == "__main__":
    main()
