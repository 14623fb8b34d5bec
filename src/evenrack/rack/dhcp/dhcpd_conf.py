"""The whole dhcpd.conf of one rack, from what its plan says of DHCP: equal plans, equal bytes.

Hosts stand outside of the networks, where OMAPI puts them too: dhcpd gives a card the options of
the subnet that its address is in.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import TypeVar

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.network import Reservation, Subnet
from evenrack.rack.dhcp.failover import failover_name, failover_stanza, has_peer
from evenrack.rack.dhcp.omapi_access import OMAPI_ALGORITHM, OMAPI_KEY_NAME, OmapiAccess
from evenrack.rack.dhcp.statements import (
    HardwareAddress,
    Name,
    Quoted,
    address_list,
    block,
    quoted,
    statement,
    words,
)

HEADING = "# Made by evenrack from its inventory; changes in this file are lost.\n"

Numbered = TypeVar("Numbered")


def dhcpd_conf(services: DhcpPlan, omapi: OmapiAccess) -> str:
    """Write the file for all VLANs that a rack serves, by the numbers of what is in it.

    Both racks of a pair have the same, but for the failover stanzas. ValueError names the object
    whose text dhcpd could not be given.
    """
    served = [service for service in _by_id(services, "vlan.id") if service.vlan.subnets]
    sections = [_global_statements(omapi)]
    sections += [failover_stanza(service) for service in served if has_peer(service)]
    sections += [_shared_network(service) for service in served]
    sections += [_host(reservation) for reservation in _by_id(_reservations(served))]
    return "\n".join(sections)


def host_name(reservation: Reservation) -> str:
    """Name the host declaration of a reservation: `h-7-52-54-00-12-34-56`."""
    return f"h-{reservation.id}-{reservation.mac.replace(':', '-')}"


def _global_statements(omapi: OmapiAccess) -> str:
    key_name = Name(OMAPI_KEY_NAME)
    return HEADING + "".join(
        [
            statement("authoritative"),
            statement("ping-check false"),  # it would make every new client wait a second
            statement("ddns-update-style none"),
            block(
                words("key", key_name),
                statement("algorithm", Name(OMAPI_ALGORITHM)),
                statement("secret", Quoted(what="the OMAPI key", content=omapi.key.encode())),
            ),
            statement("omapi-key", key_name),
            statement("omapi-port", omapi.port),
        ]
    )


def _shared_network(service: VlanService) -> str:
    lease_seconds = service.vlan.settings.lease_seconds
    return block(
        words("shared-network", Name(f"vlan-{service.vlan.id}")),
        statement("default-lease-time", lease_seconds),
        statement("max-lease-time", lease_seconds),
        statement("min-lease-time", lease_seconds),
        *(_subnet(subnet, service) for subnet in _by_id(service.vlan.subnets)),
    )


def _subnet(subnet: Subnet, service: VlanService) -> str:
    network, netmask = subnet.cidr.network_address, subnet.cidr.netmask
    return block(
        f"{words('subnet', network)} {words('netmask', netmask)}",
        address_list("option routers", [subnet.gateway] if subnet.gateway is not None else []),
        address_list("option domain-name-servers", subnet.dns_servers),
        address_list("option ntp-servers", subnet.ntp_servers),
        _text_option("option domain-name", subnet.domain, f"the domain of subnet {subnet.id}"),
        _pool(subnet, service),
    )


def _pool(subnet: Subnet, service: VlanService) -> str:
    if not subnet.ranges:
        return ""
    return block(
        "pool",
        statement("failover peer", failover_name(service)) if has_peer(service) else "",
        *(statement("range", span.first, span.last) for span in _by_id(subnet.ranges)),
    )


def _host(reservation: Reservation) -> str:
    card = HardwareAddress(
        what=f"the MAC address of reservation {reservation.id}", text=reservation.mac
    )
    return block(
        words("host", Name(host_name(reservation))),
        statement("hardware ethernet", card),
        statement("fixed-address", reservation.address),
        _text_option(
            "option host-name",
            reservation.hostname,
            f"the hostname of reservation {reservation.id}",
        ),
    )


def _text_option(keyword: str, text: str, what: str) -> str:
    """Write an option with a person's text; none when it is empty."""
    return statement(keyword, quoted(text, what)) if text else ""


def _reservations(services: Iterable[VlanService]) -> Iterator[Reservation]:
    for service in services:
        for subnet in service.vlan.subnets:
            yield from subnet.reservations


def _by_id(things: Iterable[Numbered], number: str = "id") -> list[Numbered]:
    return sorted(things, key=attrgetter(number))
