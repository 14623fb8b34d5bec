"""Gives a region process its real surroundings: reactor, PostgreSQL, sockets."""

import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.server import Site

from evenrack.config.region_config import RegionConfig
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import ProcessId
from evenrack.region.audit_keeper import AuditKeeper
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.process_store import Registration
from evenrack.region.database.server_clock import read_clock
from evenrack.region.http.balance_plan_page import PlanBalance
from evenrack.region.http.doors import HttpDoors
from evenrack.region.http.pages import ApiSources, make_site
from evenrack.region.leading.balance_plan import PlanPolicies, balance_plan
from evenrack.region.links.departure import Departure
from evenrack.region.links.rack_addresses import RackAddresses
from evenrack.region.links.rack_asking import RackAsking
from evenrack.region.links.rack_listener import Doorway
from evenrack.region.links.strangers import MOST_STRANGERS, Strangers
from evenrack.region.notifications import Notifications
from evenrack.region.sealing import Sealer
from evenrack.region.service import RegionService, Surroundings, leader_settings
from evenrack.region.trust.certificate_desk import CertificateDesk, DeskSurroundings, region_files
from evenrack.region.trust.key_ring import KeyRing, KeyWatch
from evenrack.runtime.thinking import think_beside
from evenrack.runtime.wall_clock import utc_now
from evenrack.trust.tls import RegionTls

log = Logger()

STOP_SECONDS = 3.0
"""A stop in order waits no longer than this for PostgreSQL."""


class RunningRegion(MultiService):
    """A region process with its doors; they close first, and the database last."""

    def __init__(self, database: PooledDatabase, reactor: Any) -> None:
        super().__init__()
        self._database = database
        self._reactor = reactor
        self._racks: Any = None
        self._departure: Departure | None = None

    def leave_by(self, departure: Departure) -> None:
        """Wait for this before anything is stopped."""
        self._departure = departure

    def hurry(self) -> None:
        """Stop without waiting for others to take over."""
        if self._departure is not None:
            self._departure.hurry()

    def listen(
        self, port: int, racks: Factory, tls: RegionTls, strangers: Strangers, interface: str
    ) -> None:
        """Begin to accept racks."""
        over_tls = Doorway(tls, racks, strangers, self._reactor)
        self._racks = self._reactor.listenTCP(
            port, over_tls, interface=interface, backlog=MOST_STRANGERS
        )

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop_in_order())

    async def _stop_in_order(self) -> None:
        if self._departure is not None:
            await self._departure.wait()
        if self._racks is not None:
            await self._racks.stopListening()
        hang_up = self._reactor.callLater(STOP_SECONDS, self._database.hang_up)
        await super().stopService()
        if hang_up.active():
            hang_up.cancel()
        self._database.close()


def assemble(
    config: RegionConfig, process: ProcessId, instance: int, reactor: Any
) -> RunningRegion:
    """Build everything; nothing listens or connects before the service starts.

    ConfigurationRefused when the key file or the certificate is not as it should be.
    """
    ring = _key_ring(config.key_file)
    sealer = Sealer(keys=ring, token_bytes=secrets.token_bytes)
    database = PooledDatabase(config.database, reactor, name=process)
    notifications = Notifications(config.database, reactor, process)
    database.on_hung = notifications.reopen
    desk = _certificate_desk(config, process, database, sealer, reactor)
    shared = _Shared(database, sealer, desk, reactor)
    running = RunningRegion(database, reactor)
    port = config.rpc.port_of(instance)

    def listen(racks: Factory) -> None:
        running.listen(port, racks, desk.tls, region.strangers, config.rpc.listen)

    region = RegionService(
        config,
        _registration(config, process, instance),
        _surroundings(shared, notifications, listen),
    )
    region.view.trouble = lambda: database.trouble
    desk.watch(region.connected)
    notifications.on_change(desk.trigger, "trust")
    key_watch = KeyWatch(ring, database, process, reactor)
    notifications.on_change(key_watch.trigger, "keys")
    _http_doors(config, instance, region, shared).setServiceParent(running)
    notifications.setServiceParent(running)
    desk.setServiceParent(running)
    key_watch.setServiceParent(running)
    AuditKeeper(database, reactor, keep_days=config.audit.keep_days).setServiceParent(running)
    RackAddresses(database, region.strangers, reactor).setServiceParent(running)
    region.setServiceParent(running)
    running.leave_by(region.departure)
    return running


def _registration(config: RegionConfig, process: ProcessId, instance: int) -> Registration:
    return Registration(
        process=process,
        hostname=socket.gethostname(),
        pid=os.getpid(),
        addresses=config.rpc.endpoints_of(instance),
    )


@frozen
class _Shared:
    """What the parts of one process have in common."""

    database: PooledDatabase
    sealer: Sealer
    desk: CertificateDesk
    reactor: Any


def _surroundings(
    shared: _Shared, notifications: Notifications, listen: Callable[[Factory], None]
) -> Surroundings:
    return Surroundings(
        database=shared.database,
        clock=shared.reactor,
        wall_clock=utc_now,
        token_bytes=secrets.token_bytes,
        notifier=notifications,
        think=think_beside(shared.reactor),
        listen=listen,
        sealer=shared.sealer,
        doorkeeper=shared.desk,
    )


def _http_doors(
    config: RegionConfig, instance: int, region: RegionService, shared: _Shared
) -> HttpDoors:
    asking = RackAsking(region.connected, shared.reactor)
    site = make_site(
        ApiSources(
            look=region.view.look,
            database=shared.database,
            clock=shared.reactor,
            wall_clock=lambda: utc_now() - timedelta(seconds=region.membership.clock_ahead),
            sealer=shared.sealer,
            token_bytes=secrets.token_bytes,
            endpoints=lambda: region.endpoints.endpoints,
            plan_balance=_balance_planner(config, shared.reactor),
            ask_leases=asking.leases,
            ask_served=asking.served,
            think=think_beside(shared.reactor),
        )
    )
    return HttpDoors(
        site,
        shared.reactor,
        config.administration_socket(instance),
        config.http.listen,
        tls=lambda inner: _within_tls(inner, shared.desk, shared.reactor),
    )


def _balance_planner(config: RegionConfig, reactor: Any) -> PlanBalance:
    """Plan beside the reactor's thread: in a large fleet it takes a second or more."""
    settings = leader_settings(config.balance)
    policies = PlanPolicies(managing=settings.policy, bmc=settings.bmc_policy)

    think = think_beside(reactor)

    def plan(fleet: Fleet, parts: Sequence[str]) -> Awaitable[dict[str, Any]]:
        return think(lambda: balance_plan(fleet, parts, policies))

    return plan


def _within_tls(site: Site, desk: CertificateDesk, reactor: Any) -> TLSMemoryBIOFactory:
    """Put TLS around what is asked over the network, with the certificate that racks see, too."""
    return TLSMemoryBIOFactory(desk.tls, isClient=False, wrappedFactory=site, clock=reactor)


def _certificate_desk(
    config: RegionConfig,
    process: ProcessId,
    database: PooledDatabase,
    sealer: Sealer,
    reactor: Any,
) -> CertificateDesk:
    return CertificateDesk(
        DeskSurroundings(
            database=database,
            clock=reactor,
            read_clock=read_clock,
            token_bytes=secrets.token_bytes,
            jitter=lambda: secrets.randbelow(1001) / 1000,
            sealer=sealer,
            files=region_files(config),
            process=process,
            region=config.region_name,
        )
    )


def _key_ring(key_file: Path) -> KeyRing:
    """Take this host's keys. Without a key file everything goes on but what needs passwords."""
    ring = KeyRing(key_file)
    if not ring.all:
        log.warn(
            "there is no key file {path}: passwords of BMCs can neither be kept nor used on this "
            "host; copy the file from another region host, or run `evenrack-regiond init`",
            path=str(key_file),
        )
    return ring
