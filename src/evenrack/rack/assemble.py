"""Gives a rack daemon its real surroundings: reactor, sockets, disk."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from attrs import frozen
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint

from evenrack.config.rack_config import RackConfig
from evenrack.model.host_port import HostPort
from evenrack.model.interface_list import Interface
from evenrack.rack.addresses_in_turn import AddressesInTurn
from evenrack.rack.dhcp.both_families import BothFamilies
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.rack.dhcp.dhcpd_words import Family
from evenrack.rack.dhcp.lease_reader import LeaseReader
from evenrack.rack.dhcp.omapi import Omapi
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from evenrack.rack.dhcp.server import IscDhcpServer
from evenrack.rack.dhcp.server6 import Host6, IscDhcp6Server
from evenrack.rack.dhcp.systemd_unit import WORDS, DhcpdUnit, Systemd
from evenrack.rack.host_probe import find_hosts
from evenrack.rack.interfaces import read_interfaces, read_networks
from evenrack.rack.listen.link import StartListener, child_listener, unit_listener
from evenrack.rack.power.by_name import OwnNetworks, Places, answers_here
from evenrack.rack.power.drivers import every_driver
from evenrack.rack.power.names import Names, host_resolver
from evenrack.rack.region_connections import Dialling
from evenrack.rack.region_session import RegionSession
from evenrack.rack.service import RackService, Surroundings
from evenrack.rack.state_folder import StateFolder
from evenrack.rack.trust_keeper import TrustKeeper
from evenrack.runtime.spawned import Ended, run_spawned
from evenrack.runtime.thinking import Think, think_beside
from evenrack.runtime.wall_clock import utc_now

CONNECT_SECONDS = 3
PROGRAM_SECONDS = 5.0
"""For a program that only says how things are."""


def assemble(
    config: RackConfig,
    reactor: Any,
    *,
    jitter: Callable[[], float],
    token_bytes: Callable[[int], bytes],
) -> RackService:
    """Build everything; nothing connects before the service starts.

    ConfigurationRefused when the settings ask for what this host does not have, or when the rack
    is not enrolled.
    """
    state = StateFolder(config.state_dir)
    rack = state.rack_id()

    def sessions() -> list[RegionSession]:
        return service.connections.sessions()

    host = _Host(
        config=config, reactor=reactor, jitter=jitter, token_bytes=token_bytes, state=state
    )
    keeper = TrustKeeper(state.trust, rack, sessions, reactor, utc_now, jitter)
    leases = LeaseReader(*host.lease_files, host.think, reactor)
    service = RackService(config, rack, host.surroundings(keeper, leases))
    keeper.setServiceParent(service)
    leases.setServiceParent(service)
    return service


@frozen(kw_only=True)
class _Host:
    """The host of a rack daemon: what everything is built of."""

    config: RackConfig
    reactor: Any
    jitter: Callable[[], float]
    token_bytes: Callable[[int], bytes]
    state: StateFolder

    @property
    def think(self) -> Think:
        """Give what does long work beside the reactor's thread."""
        return think_beside(self.reactor)

    @property
    def lease_files(self) -> tuple[Path, Path]:
        """Say where the servers write down their leases."""
        folders = self.state.dhcp_folder, self.state.dhcp6_folder
        return DhcpdFiles(folders[0]).leases, DhcpdFiles(folders[1]).leases

    def surroundings(self, keeper: TrustKeeper, leases: LeaseReader) -> Surroundings:
        """Put together what the daemon lives on."""
        reactor, six, places = self.reactor, self._dhcp6_server(), self._places()
        most_sessions = self.config.power.most_sessions
        return Surroundings(
            clock=reactor,
            wall_clock=utc_now,
            token_bytes=self.token_bytes,
            dialling=self._dialling(keeper),
            state=self.state,
            interfaces=self._interfaces,
            dhcp_server=BothFamilies(self._dhcp_server(), six),
            dhcp6_server=six,
            think=self.think,
            leases=leases.page,
            lease_files=self.lease_files,
            listener=self._listener(),
            find_hosts=partial(find_hosts, reactor),
            driver=every_driver(reactor, places, most_sessions=most_sessions),
            ask_bmc=partial(answers_here, reactor, places),
            trust=keeper,
        )

    def _dialling(self, keeper: TrustKeeper) -> Dialling:
        return Dialling(
            configured=self.config.regions,
            endpoint_for=_over_tls(keeper, self.reactor),
            jitter=self.jitter,
        )

    async def _interfaces(self) -> tuple[Interface, ...]:
        return await read_interfaces(self._run)

    def _places(self) -> Places:
        networks = OwnNetworks(partial(read_networks, self._run), self.reactor)
        return Places(Names(host_resolver(self.reactor), self.reactor), networks, self.reactor)

    async def _run(self, arguments: Sequence[str]) -> Ended:
        return await run_spawned(self.reactor, arguments, seconds=PROGRAM_SECONDS)

    def _dhcp_server(self) -> IscDhcpServer:
        key = self.state.omapi_key(self.token_bytes)
        access = OmapiAccess(port=self.config.dhcp.omapi_port, key=key)
        omapi = Omapi(access, self.reactor)
        return IscDhcpServer(self._dhcpd("-4"), omapi, access, self.think)

    def _dhcp6_server(self) -> IscDhcp6Server:
        host = Host6(
            interfaces=self._interfaces, clock=self.reactor, wall_clock=utc_now, think=self.think
        )
        return IscDhcp6Server(self._dhcpd("-6"), self.state, host)

    def _listener(self) -> StartListener:
        is_child = self.config.dhcp.runner == "child"
        return (child_listener if is_child else unit_listener)(self.reactor)

    def _dhcpd(self, family: Family) -> DhcpdProgram | DhcpdUnit:
        folder = self.state.dhcp_folder if family == "-4" else self.state.dhcp6_folder
        binary = str(self.config.dhcp.binary)
        if self.config.dhcp.runner == "child":
            return DhcpdProgram(folder, binary, self.reactor, family=family)
        systemd = Systemd(family=family, words=WORDS[family])
        systemd.refuse_when_missing(Path("rackd.conf"))
        return DhcpdUnit(folder, binary, self.reactor, systemd=systemd)


def _over_tls(
    keeper: TrustKeeper, reactor: Any
) -> Callable[[tuple[HostPort, ...]], IStreamClientEndpoint]:
    """Give the way to a region process: its addresses in turn, over TLS."""

    def endpoint_for(addresses: tuple[HostPort, ...]) -> IStreamClientEndpoint:
        return AddressesInTurn(
            [wrapClientTLS(keeper.tls, endpoint_of(reactor, address)) for address in addresses]
        )

    return endpoint_for


def endpoint_of(reactor: Any, address: HostPort) -> IStreamClientEndpoint:
    """Give the way to an address of a region, without TLS."""
    return cast(
        "IStreamClientEndpoint",
        HostnameEndpoint(reactor, address.host, address.port, timeout=CONNECT_SECONDS),
    )
