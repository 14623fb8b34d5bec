"""What a rack says of its DHCP server: what it serves, what waits for its turn, what went wrong."""

from ipaddress import IPv4Address
from typing import Any, Literal

from attrs import frozen

from evenrack.model.dhcp_plan import Role
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.json_form import from_json

SideState = Literal[
    "alone",
    "down",
    "unknown",
    "startup",
    "normal",
    "communications-interrupted",
    "partner-down",
    "potential-conflict",
    "recover",
    "paused",
    "shutdown",
    "recover-done",
    "resolution-interrupted",
    "conflict-done",
    "recover-wait",
]
"""`alone` without a peer, `down` when dhcpd does not run, `unknown` when it does not say; the
others are the failover states of dhcpd (omapi, `local-state`)."""


@frozen(kw_only=True)
class VlanReport:
    """One VLAN as the rack's DHCP server serves it now."""

    vlan: VlanId
    number: FleetNumber
    """Of the service (`VlanService.number`) that is applied."""
    role: Role
    peer: RackId | None = None
    address: IPv4Address | None = None
    """This side's, in the file that is applied; None from a rack that does not tell."""
    peer_address: IPv4Address | None = None
    state: SideState = "unknown"


@frozen(kw_only=True)
class VlanError:
    """One VLAN whose newest configuration was refused; its last good one is served, if any."""

    vlan: VlanId
    error: str


@frozen(kw_only=True)
class DhcpReport:
    """One rack's DHCP server as a whole."""

    applied: str = ""
    """Fingerprint of the DHCP plan that is served; empty when nothing is."""
    waiting: str = ""
    """Fingerprint of a checked plan that waits for the rack's turn to restart; empty for none."""
    failed: str = ""
    """Why the plan that waits did not start a moment ago; empty when it was not tried."""
    changing: bool = False
    """It has just exchanged roles, and takes the old ones back if its peer does not follow."""
    took_back: tuple[VlanId, ...] = ()
    """Where it has taken its old role back a moment ago."""
    running: bool = False
    """Whether dhcpd runs."""
    vlans: tuple[VlanReport, ...] = ()
    errors: tuple[VlanError, ...] = ()


NOTHING_SERVED = DhcpReport()


def dhcp_report_from_json(form: Any) -> DhcpReport:
    """Read a report; ValueError when the form is not one."""
    return from_json(form, DhcpReport)
