"""Gives a rack daemon its real surroundings: reactor, sockets, disk."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

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
from evenrack.runtime.thinking import think_beside
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

    keeper = TrustKeeper(state.trust, rack, sessions, reactor, utc_now, jitter)
    think = think_beside(reactor)
    lease_files = DhcpdFiles(state.dhcp_folder).leases, DhcpdFiles(state.dhcp6_folder).leases
    leases = LeaseReader(*lease_files, think, reactor)
    six = _dhcp6_server(config, state, reactor)
    places = _places(reactor)
    service = RackService(
        config,
        rack,
        Surroundings(
            clock=reactor,
            wall_clock=utc_now,
            token_bytes=token_bytes,
            dialling=Dialling(
                configured=config.regions, endpoint_for=_over_tls(keeper, reactor), jitter=jitter
            ),
            state=state,
            interfaces=_interfaces_of_this_host(reactor),
            dhcp_server=BothFamilies(_dhcp_server(config, state, reactor, token_bytes), six),
            dhcp6_server=six,
            think=think,
            leases=leases.page,
            lease_files=lease_files,
            listener=_listener(config, reactor),
            find_hosts=partial(find_hosts, reactor),
            driver=every_driver(reactor, places, most_sessions=config.power.most_sessions),
            ask_bmc=partial(answers_here, reactor, places),
            trust=keeper,
        ),
    )
    keeper.setServiceParent(service)
    leases.setServiceParent(service)
    return service


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


def _interfaces_of_this_host(reactor: Any) -> Callable[[], Awaitable[tuple[Interface, ...]]]:
    return partial(read_interfaces, _run_by(reactor))


def _places(reactor: Any) -> Places:
    networks = OwnNetworks(partial(read_networks, _run_by(reactor)), reactor)
    return Places(Names(host_resolver(reactor), reactor), networks, reactor)


def _run_by(reactor: Any) -> Callable[[Sequence[str]], Awaitable[Ended]]:
    async def run(arguments: Sequence[str]) -> Ended:
        return await run_spawned(reactor, arguments, seconds=PROGRAM_SECONDS)

    return run


def _dhcp_server(
    config: RackConfig,
    state: StateFolder,
    reactor: Any,
    token_bytes: Callable[[int], bytes],
) -> IscDhcpServer:
    access = OmapiAccess(port=config.dhcp.omapi_port, key=state.omapi_key(token_bytes))
    program, think = _dhcpd(config, state, reactor, "-4"), think_beside(reactor)
    return IscDhcpServer(program, Omapi(access, reactor), access, think)


def _dhcp6_server(config: RackConfig, state: StateFolder, reactor: Any) -> IscDhcp6Server:
    host = Host6(
        interfaces=_interfaces_of_this_host(reactor),
        clock=reactor,
        wall_clock=utc_now,
        think=think_beside(reactor),
    )
    return IscDhcp6Server(_dhcpd(config, state, reactor, "-6"), state, host)


def _listener(config: RackConfig, reactor: Any) -> StartListener:
    return (child_listener if config.dhcp.runner == "child" else unit_listener)(reactor)


def _dhcpd(
    config: RackConfig, state: StateFolder, reactor: Any, family: Family
) -> DhcpdProgram | DhcpdUnit:
    folder = state.dhcp_folder if family == "-4" else state.dhcp6_folder
    binary = str(config.dhcp.binary)
    if config.dhcp.runner == "child":
        return DhcpdProgram(folder, binary, reactor, family=family)
    systemd = Systemd(family=family, words=WORDS[family])
    systemd.refuse_when_missing(Path("rackd.conf"))
    return DhcpdUnit(folder, binary, reactor, systemd=systemd)
