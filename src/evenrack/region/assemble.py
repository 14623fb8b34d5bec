"""Gives a region process its real surroundings: reactor, PostgreSQL, sockets."""

import os
import secrets
import socket
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from evenrack.config.region_config import RegionConfig
from evenrack.config.secret_file import Secret
from evenrack.model.identifiers import ProcessId
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.process_store import Registration
from evenrack.region.http.doors import HttpDoors
from evenrack.region.http.pages import ApiSources, make_site, utc_now
from evenrack.region.notifications import Notifications
from evenrack.region.service import RegionService, Surroundings


class RunningRegion(MultiService):
    """A region process with its doors; the database is closed last."""

    def __init__(self, database: PooledDatabase) -> None:
        super().__init__()
        self._database = database

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop_in_order())

    async def _stop_in_order(self) -> None:
        await super().stopService()
        self._database.close()


def assemble(
    config: RegionConfig, secret: Secret, process: ProcessId, instance: int, reactor: Any
) -> RunningRegion:
    """Build everything; nothing listens or connects before the service starts."""
    database = PooledDatabase(config.database, reactor, name=process)
    notifications = Notifications(config.database, reactor, process)
    port = config.rpc.port_of(instance)

    def listen(racks: Factory) -> None:
        reactor.listenTCP(port, racks, interface=config.rpc.listen)

    region = RegionService(
        config,
        secret,
        Registration(
            process=process,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            addresses=config.rpc.endpoints_of(instance),
        ),
        Surroundings(
            database=database,
            clock=reactor,
            token_bytes=secrets.token_bytes,
            notifier=notifications,
            listen=listen,
        ),
    )
    site = make_site(ApiSources(look=region.view.look, database=database, wall_clock=utc_now))
    running = RunningRegion(database)
    socket_path = config.administration_socket(instance)
    HttpDoors(site, reactor, socket_path, config.http.listen).setServiceParent(running)
    notifications.setServiceParent(running)
    region.setServiceParent(running)
    return running
