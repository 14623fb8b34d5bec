"""The rack links that this process holds right now: its sockets, not its rows."""

from collections.abc import Iterable
from typing import Protocol

from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import LinkId, RackId, RunId, VlanId
from evenrack.model.power import PowerOrder, PowerOutcome
from evenrack.model.rack_plan import RackPlan


class RackLink(Protocol):
    """One link to a rack, after its hello."""

    link: LinkId
    rack: RackId
    serial: str
    """Of the certificate that it was made with."""
    run: RunId
    hostname: str
    peer_address: str
    holds: FleetNumber
    holds_fingerprint: str

    async def apply_plan(self, plan: RackPlan) -> tuple[FleetNumber, str]:
        """Send a plan; give the number and fingerprint of what the rack follows now."""

    async def take_turn(self, turn: Turn) -> None:
        """Let the rack restart its DHCP server; TurnRefused."""

    async def take_partner_down(self, vlan: VlanId, dead: RackId) -> int:
        """Let the rack's DHCP server take its partner for dead; gives mclt in seconds.

        PartnerDownRefused where it may live.
        """

    async def power_bmc(self, order: PowerOrder) -> PowerOutcome:
        """Let the rack carry out a power order, and give how it ended; OrderOutdated."""

    async def read_leases(self, asked: LeasesAsked) -> LeasePage:
        """Ask the rack what its DHCP server wrote down; LeasesUnreadable."""

    def cut(self, reason: str) -> None:
        """End the link, with the reason in the log."""


class ConnectedRacks:
    """Every link by rack, oldest first; a rack may have several to one process."""

    def __init__(self) -> None:
        self._links: dict[RackId, list[RackLink]] = {}
        self._admitted: dict[LinkId, None] = {}

    def add(self, link: RackLink) -> None:
        """Count a link from its hello on."""
        self._links.setdefault(link.rack, []).append(link)

    def remove(self, link: RackLink) -> None:
        """Count a link no more; other links of the same rack stay."""
        links = self._links.get(link.rack, [])
        if link in links:
            links.remove(link)
        if not links:
            self._links.pop(link.rack, None)
        self._admitted.pop(link.link, None)

    def admit(self, link: RackLink) -> None:
        """Let this link speak for its rack from now on."""
        self._admitted[link.link] = None

    def doubt(self, link: RackLink) -> None:
        """Let it speak for its rack no more: another run of the daemon holds the rack."""
        self._admitted.pop(link.link, None)

    def racks(self) -> list[RackId]:
        """Give the racks that have a link, in the order of their ids."""
        return sorted(self._links)

    def links_of(self, rack: RackId) -> tuple[RackLink, ...]:
        """Give a rack's links, oldest first."""
        return tuple(self._links.get(rack, ()))

    def newest_admitted(self, rack: RackId) -> RackLink | None:
        """Give the newest link that speaks for the rack: what is meant for it goes there."""
        admitted = [link for link in self.links_of(rack) if link.link in self._admitted]
        return admitted[-1] if admitted else None

    def all_links(self) -> Iterable[RackLink]:
        """Give every link, rack by rack."""
        return [link for rack in self.racks() for link in self._links[rack]]
