"""Gives a rack daemon its real surroundings: reactor, sockets, disk."""

from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from evenrack.config.rack_config import RackConfig
from evenrack.config.secret_file import Secret
from evenrack.model.host_port import HostPort
from evenrack.rack.addresses_in_turn import AddressesInTurn
from evenrack.rack.region_connections import Dialling
from evenrack.rack.service import RackService, Surroundings
from evenrack.rack.state_folder import StateFolder

CONNECT_SECONDS = 3


def assemble(
    config: RackConfig,
    secret: Secret,
    reactor: Any,
    *,
    jitter: Callable[[], float],
    token_bytes: Callable[[int], bytes],
) -> RackService:
    """Build everything; nothing connects before the service starts."""

    def endpoint_for(addresses: tuple[HostPort, ...]) -> IStreamClientEndpoint:
        return AddressesInTurn(
            [HostnameEndpoint(reactor, a.host, a.port, timeout=CONNECT_SECONDS) for a in addresses]
        )

    return RackService(
        config,
        secret,
        Surroundings(
            clock=reactor,
            token_bytes=token_bytes,
            dialling=Dialling(configured=config.regions, endpoint_for=endpoint_for, jitter=jitter),
            state=StateFolder(config.state_dir),
        ),
    )
