"""What must be true of VLANs that others relay, whose racks then serve them."""

from collections.abc import Collection, Iterator

from evenrack.model.findings import Finding, found, place_of, shown
from evenrack.model.network import Vlan


def about_relays(vlans: Collection[Vlan]) -> Iterator[Finding]:
    """Find VLANs that cannot be served by the racks of the one that they name."""
    by_id = {vlan.id: vlan for vlan in vlans}
    for vlan in vlans:
        if vlan.relay_vlan == vlan.id:
            yield found(
                f"vlan {shown(vlan.name)}: it cannot be relayed by itself; name another VLAN, or "
                "none",
                place_of("vlan", vlan, "relay_vlan"),
            )
        elif vlan.relay_vlan in by_id:
            yield from _about_relay(vlan, by_id[vlan.relay_vlan])


def _about_relay(vlan: Vlan, by: Vlan) -> Iterator[Finding]:
    if by.relay_vlan is not None:
        yield found(
            f"vlan {shown(vlan.name)}: {shown(by.name)}, which is to relay it, is relayed itself; "
            "name a VLAN that has racks of its own",
            place_of("vlan", vlan, "relay_vlan"),
            place_of("vlan", by, "relay_vlan"),
        )
    if vlan.dhcp_on and not by.dhcp_on:
        yield found(
            f"vlan {shown(vlan.name)}: DHCP is on, and off on {shown(by.name)}, whose racks are to "
            f"serve it; have it on in {shown(by.name)}, or off in both",
            place_of("vlan", vlan, "relay_vlan"),
            place_of("vlan", by, "dhcp_on"),
        )


def about_deletion(vlan: Vlan, vlans: Collection[Vlan]) -> Iterator[Finding]:
    """Find what is relayed by a VLAN that is to go."""
    for other in vlans:
        if other.relay_vlan == vlan.id:
            yield found(
                f"vlan {shown(vlan.name)}: its racks serve {shown(other.name)}, which it relays; "
                "let another VLAN relay that one, or none, before you delete it",
                place_of("vlan", vlan, "id"),
            )
