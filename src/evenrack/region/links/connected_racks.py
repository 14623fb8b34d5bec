"""The rack links that this process holds right now: its sockets, not its rows."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address
from typing import Protocol

from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import LinkId, RackId, RunId, VlanId
from evenrack.model.power import PowerOrder, PowerOutcome
from evenrack.model.rack_plan import RackPlan
from evenrack.model.served_piece import ServedPiece
from evenrack.region.links.plan_delivery import Changes
from evenrack.trust.tls import Peer
from evenrack.wire.version import EVERY_BMC

MOST_LINKS_OF_RACK = 8
"""To one process. A rack has one, and for seconds those of which only it knows that they died."""

UNANSWERING = 0.5
"""A link that was silent for this share of the time that ends it gives way: a ping is missing."""


class RackLink(Protocol):
    """One link to a rack, after its hello."""

    link: LinkId
    rack: RackId
    run: RunId
    hostname: str
    peer_address: str
    holds: FleetNumber
    holds_fingerprint: str
    protocol: int
    """The version of the conversation that it speaks."""
    failure_domain: str
    """What the rack fails together with; empty: alone."""
    is_cut: bool
    """It ends in a moment."""

    @property
    def silence(self) -> float:
        """Give how long nothing was heard, as a share of the time after which that ends it."""

    @property
    def peer(self) -> Peer:
        """Give what the certificate says that it was made with."""

    async def apply_plan(
        self, plan: RackPlan, changes: Changes | None = None
    ) -> tuple[FleetNumber, str]:
        """Send a plan; give the number and fingerprint of what the rack follows now.

        `changes` are those since what it followed before, where that is known: less may have to
        travel.
        """

    async def take_turn(self, turn: Turn) -> None:
        """Let the rack restart its DHCP server; TurnRefused."""

    async def take_partner_down(self, vlan: VlanId, dead: RackId) -> int:
        """Let the rack's DHCP server take its partner for dead; gives mclt in seconds.

        PartnerDownRefused where it may live.
        """

    async def probe(self, addresses: Sequence[IPv4Address]) -> tuple[ProbeAnswer, ...]:
        """Ask the rack whether the hosts at these addresses run; ProbeRefused."""

    async def end_recover_wait(self, vlan: VlanId, peer: RackId) -> None:
        """Let the rack's DHCP server serve without waiting for mclt; RecoverWaitRefused."""

    async def power_bmc(self, order: PowerOrder) -> PowerOutcome:
        """Let the rack carry out a power order, and give how it ended; OrderOutdated."""

    async def read_leases(self, asked: LeasesAsked) -> LeasePage:
        """Ask the rack what its DHCP server wrote down; LeasesUnreadable."""

    async def read_served(self, plan: str, start: int) -> ServedPiece:
        """Ask the rack for a piece of what its DHCP server serves, as the rack names that plan."""

    def cut(self, reason: str) -> None:
        """End the link, with the reason in the log."""


class ConnectedRacks:
    """Every link by rack, oldest first; a rack may have several to one process."""

    def __init__(self) -> None:
        self._links: dict[RackId, list[RackLink]] = {}
        self._admitted: dict[LinkId, bool] = {}
        """Whether each is recorded in the database."""
        self.older: Mapping[RackId, int] = {}
        """The racks that cannot be told of every BMC, each with the version that it speaks."""

    def add(self, link: RackLink) -> None:
        """Count a link from its hello on."""
        self._links.setdefault(link.rack, []).append(link)

    def make_room(self, rack: RackId) -> bool:
        """Let a rack have one more link; False when it has enough, and all of them answer.

        The one that has been silent longest gives way, so that no rack is shut out by links that
        died with its host, and none that answers is pushed out by a copy of the rack.
        """
        links = [link for link in self.links_of(rack) if not link.is_cut]
        if len(links) < MOST_LINKS_OF_RACK:
            return True
        quietest = max(links, key=lambda link: link.silence)
        if quietest.silence < UNANSWERING:
            return False
        quietest.cut("it is silent, and its rack has as many links as it may have")
        return True

    def remove(self, link: RackLink) -> None:
        """Count a link no more; other links of the same rack stay."""
        links = self._links.get(link.rack, [])
        if link in links:
            links.remove(link)
        if not links:
            self._links.pop(link.rack, None)
        self._admitted.pop(link.link, None)
        self._note_version(link.rack)

    def admit(self, link: RackLink, *, recorded: bool) -> None:
        """Let this link speak for its rack from now on; who is not recorded may be a copy."""
        self._admitted[link.link] = recorded
        self._note_version(link.rack)

    def doubt(self, link: RackLink) -> None:
        """Let it speak for its rack no more: another run of the daemon holds the rack."""
        self._admitted.pop(link.link, None)
        self._note_version(link.rack)

    def racks(self) -> list[RackId]:
        """Give the racks that have a link, in the order of their ids."""
        return sorted(self._links)

    def links_of(self, rack: RackId) -> tuple[RackLink, ...]:
        """Give a rack's links, oldest first."""
        return tuple(self._links.get(rack, ()))

    def newest_admitted(self, rack: RackId) -> RackLink | None:
        """Give the newest link that speaks for the rack: what is meant for it goes there.

        Only where none is recorded to one that is not.
        """
        admitted = [link for link in self.links_of(rack) if link.link in self._admitted]
        recorded = [link for link in admitted if self.is_recorded(link)]
        return next(reversed(recorded or admitted), None)

    def is_recorded(self, link: RackLink) -> bool:
        """Tell whether by the tables this link is of the run that holds its rack."""
        return self._admitted.get(link.link, False)

    def all_links(self) -> Iterable[RackLink]:
        """Give every link, rack by rack."""
        return [link for rack in self.racks() for link in self._links[rack]]

    def _note_version(self, rack: RackId) -> None:
        """Know which racks are older; another mapping each time, since others read it meanwhile."""
        link = self.newest_admitted(rack)
        if link is not None and link.protocol < EVERY_BMC:
            self.older = {**self.older, rack: link.protocol}
        elif rack in self.older:
            self.older = {other: it for other, it in self.older.items() if other != rack}
