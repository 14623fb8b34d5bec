"""The failover stanza of one VLAN: who the two servers are, and when one acts for the other."""

from typing import Final

from evenrack.model.dhcp_plan import VlanService
from evenrack.rack.dhcp.statements import Quoted, block, quoted, statement, words

FAILOVER_PORT: Final = 647
"""On both sides and for all VLANs: one dhcpd serves all pairs of its rack."""


def has_peer(service: VlanService) -> bool:
    """Tell whether dhcpd shares this VLAN with a peer: it refuses a peer that has no pool."""
    return service.role != "alone" and any(service.vlan.ranges)


def failover_name(service: VlanService) -> Quoted:
    """Name the relation as its stanza and its pools do."""
    return quoted(service.peer_name, f"the peer of VLAN {service.vlan.id}")


def failover_stanza(service: VlanService) -> str:
    """Write `failover peer "NAME" { ... }` for one side of a pair (dhcpd.conf(5)).

    ValueError for a service that has no peer.
    """
    if service.peer is None or service.role == "alone":
        raise ValueError(f"VLAN {service.vlan.id} is served without a peer")
    settings = service.vlan.settings
    stanza = [
        statement(service.role),
        statement("address", service.address),
        statement("port", FAILOVER_PORT),
        statement("peer address", service.peer.address),
        statement("peer port", FAILOVER_PORT),
        statement("max-response-delay", settings.max_response_delay),
        statement("max-unacked-updates", 10),
        statement("load balance max seconds", 3),
    ]
    if service.role == "primary":  # a secondary learns both from it, and dhcpd refuses them there
        stanza += [statement("mclt", settings.mclt), statement("split", settings.split)]
    return block(words("failover peer", failover_name(service)), *stanza)
