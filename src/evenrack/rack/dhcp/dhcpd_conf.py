"""The whole dhcpd.conf of one rack, from what its plan says of DHCP: equal plans, equal bytes.

Hosts stand outside of the networks, where OMAPI puts them too: dhcpd gives a card the options of
the subnet that its address is in.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import TypeVar

from attrs import evolve, frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.network import Reservation, Subnet
from evenrack.rack.dhcp.boot import architecture_option, boot_statements
from evenrack.rack.dhcp.failover import failover_name, failover_stanza, has_peer
from evenrack.rack.dhcp.omapi_access import OMAPI_ALGORITHM, OMAPI_KEY_NAME, OmapiAccess
from evenrack.rack.dhcp.snippets import Snippets
from evenrack.rack.dhcp.statements import (
    HardwareAddress,
    Name,
    Quoted,
    block,
    quoted,
    statement,
    value_list,
    words,
)

HEADING = "# Made by evenrack from its inventory; changes in this file are lost.\n"

Numbered = TypeVar("Numbered")


@frozen(kw_only=True)
class VlanText:
    """What stands of one VLAN in the file, in its parts; a part may be empty."""

    options: str = ""
    """Declarations of options; the same one of several VLANs stands there once."""
    shared: str = ""
    """What stands before all VLANs; not a VLAN's own."""
    peer: str = ""
    network: str = ""
    hosts: tuple[str, ...] = ()
    """One for each reservation, in the order of their ids."""


def dhcpd_conf(services: DhcpPlan, omapi: OmapiAccess) -> str:
    """Write the file for all VLANs that a rack serves, by the numbers of what is in it.

    Both racks of a pair have the same, but for the failover stanzas. ValueError names the object
    whose text dhcpd could not be given.
    """
    return file_with(map(vlan_text, _by_id(services, "vlan.id")), omapi)


def file_with(vlans: Iterable[VlanText], omapi: OmapiAccess) -> str:
    """Put the file together from the texts of its VLANs, in the order of their ids."""
    texts = list(vlans)
    sections = [getattr(it, part) for part in ("shared", "peer", "network") for it in texts]
    sections += [host for it in texts for host in it.hosts]
    declared = "".join(dict.fromkeys(it.options for it in texts))
    return "\n".join([_global_statements(omapi) + declared, *filter(None, sections)])


def vlan_text(service: VlanService, before: tuple[VlanService, VlanText] | None = None) -> VlanText:
    """Write one VLAN; ValueError as `dhcpd_conf`. Its name and number stand nowhere.

    Its hosts are taken from what was written `before`, where they are the same objects. What it
    relays are networks of their own, which dhcpd tells apart by the address of the relay
    (giaddr); their pools are its pair's.
    """
    if service.is_shared:
        return VlanText(shared=Snippets.of((service.vlan,)).at("global"))
    snippets = Snippets.of(service.vlan.served)
    if not service.vlan.subnets:
        return VlanText()
    networks = [evolve(service, vlan=vlan) for vlan in service.vlan.served if vlan.subnets]
    failover = statement("failover peer", failover_name(service)) if has_peer(service) else ""
    return VlanText(
        options="".join(dict.fromkeys(map(architecture_option, networks))),
        peer=failover_stanza(service) if has_peer(service) else "",
        network="\n".join(_shared_network(each, failover, snippets) for each in networks),
        hosts=_hosts(service, snippets, before),
    )


def host_name(reservation: Reservation, mac: str) -> str:
    """Name the host declaration of one card of a reservation: `h-7-52-54-00-12-34-56`."""
    return f"h-{reservation.id}-{mac.replace(':', '-')}"


def card_of(reservation: Reservation, mac: str) -> HardwareAddress:
    """Give the address of one card of a reservation; ValueError when it is none."""
    return HardwareAddress(what=f"the MAC address of reservation {reservation.id}", text=mac)


def hostname_option(reservation: Reservation) -> str:
    """Write what its cards are told besides the address; ValueError as `dhcpd_conf`."""
    return _text_option(
        "option host-name", reservation.hostname, f"the hostname of reservation {reservation.id}"
    )


def _global_statements(omapi: OmapiAccess) -> str:
    key_name = Name(OMAPI_KEY_NAME)
    return HEADING + "".join(
        [
            statement("authoritative"),
            statement("ping-check false"),  # it would make every new client wait a second
            statement("ddns-update-style none"),
            # it stands in the file of leases then, escaped; its partner is not told of it
            statement("set vendor-class-identifier = option vendor-class-identifier"),
            block(
                words("key", key_name),
                statement("algorithm", Name(OMAPI_ALGORITHM)),
                statement("secret", Quoted(what="the OMAPI key", content=omapi.key.encode())),
            ),
            statement("omapi-key", key_name),
            statement("omapi-port", omapi.port),
        ]
    )


def _shared_network(service: VlanService, failover: str, snippets: Snippets) -> str:
    settings = service.vlan.settings
    least, most = settings.lease_limits
    return block(
        words("shared-network", Name(f"vlan-{service.vlan.id}")),
        statement("default-lease-time", settings.lease_seconds),
        statement("max-lease-time", most),
        statement("min-lease-time", least),
        "" if settings.mtu is None else statement("option interface-mtu", settings.mtu),
        boot_statements(service),
        snippets.at("vlan", service.vlan.id),
        *(_subnet(subnet, failover, snippets) for subnet in _by_id(service.vlan.subnets)),
    )


def _subnet(subnet: Subnet, failover: str, snippets: Snippets) -> str:
    network, netmask = subnet.cidr.network_address, subnet.cidr.netmask
    return block(
        f"{words('subnet', network)} {words('netmask', netmask)}",
        value_list("option routers", [subnet.gateway] if subnet.gateway is not None else []),
        value_list("option domain-name-servers", subnet.dns_servers),
        value_list("option ntp-servers", subnet.ntp_servers),
        _text_option("option domain-name", subnet.domain, f"the domain of subnet {subnet.id}"),
        value_list(
            "option domain-search",
            [quoted(it, f"a search domain of subnet {subnet.id}") for it in subnet.search_domains],
        ),
        snippets.at("subnet", subnet.id),
        _pool(subnet, failover, snippets),
    )


def _pool(subnet: Subnet, failover: str, snippets: Snippets) -> str:
    if not subnet.ranges:
        return ""
    return block(
        "pool",
        failover,
        # its reservations are no part of the pool; `deny unknown-clients` would let those of other
        # VLANs in
        "" if subnet.allow_unknown else statement("deny all clients"),
        *(statement("range", span.first, span.last) for span in _by_id(subnet.ranges)),
        snippets.at("pool", subnet.id),
    )


def _hosts(
    service: VlanService, snippets: Snippets, before: tuple[VlanService, VlanText] | None
) -> tuple[str, ...]:
    known: dict[int, str] = {}
    if before is not None and snippets == Snippets.of(before[0].vlan.served):
        there = map(id, _by_id(_reservations(before[0])))
        known = dict(zip(there, before[1].hosts, strict=False))  # it may be that none was written
    return tuple(
        known.get(id(it)) or "\n".join(_host(it, mac, snippets) for mac in it.macs)
        for it in _by_id(_reservations(service))
    )


def _host(reservation: Reservation, mac: str, snippets: Snippets) -> str:
    """Write what one card gets: dhcpd takes no two in one declaration."""
    card = card_of(reservation, mac)
    return block(
        words("host", Name(host_name(reservation, mac))),
        statement("hardware ethernet", card),
        statement("fixed-address", reservation.address),
        hostname_option(reservation),
        snippets.at("host", reservation.id),
    )


def _text_option(keyword: str, text: str, what: str) -> str:
    """Write an option with a person's text; none when it is empty."""
    return statement(keyword, quoted(text, what)) if text else ""


def _reservations(service: VlanService) -> Iterator[Reservation]:
    for subnet in service.vlan.all_subnets:
        yield from subnet.reservations


def _by_id(things: Iterable[Numbered], number: str = "id") -> list[Numbered]:
    return sorted(things, key=attrgetter(number))
