"""Cuts the links of racks whose certificate is worth nothing any more: revoked, or run out."""

from collections.abc import Collection
from datetime import datetime

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.model.identifiers import LinkId, RackId
from evenrack.region.links.connected_racks import ConnectedRacks, RackLink
from evenrack.trust.revocations import Revocations

GRACE_SECONDS = 24 * 3600.0
"""So long a link stays whose certificate ran out, while the rack could renew it over that link.

It counts while the database answers: racks that could not renew during a long outage of it are to
renew when it is over, and not to be enrolled one by one.
"""


class LinkGuard:
    """Looks at the certificates with which links were made; links outlive them."""

    log = Logger()

    def __init__(self, clock: IReactorTime, revocations: Revocations) -> None:
        self._clock = clock
        self.revocations = revocations
        self._connected: ConnectedRacks | None = None
        self._run_out_at: dict[LinkId, float] = {}

    def watch(self, connected: ConnectedRacks) -> None:
        """Guard these links."""
        self._connected = connected

    def follow(self, revocations: Revocations) -> None:
        """Cut what is revoked by now."""
        self.revocations = revocations
        for link in self._links():
            if revocations.shut_out(link.peer):
                link.cut(f"the certificate of rack {link.rack} was revoked")

    def racks_run_out(self, now: datetime) -> set[RackId]:
        """Give the racks that have a link whose certificate is over, by the database's clock."""
        return {link.rack for link in self._links() if _is_over(link, now)}

    def follow_run_out(self, now: datetime, renewed: Collection[RackId]) -> None:
        """Cut what ran out long ago, unless its rack has another certificate by now."""
        seen = self._run_out_at
        self._run_out_at = {}
        for link in self._links():
            if not _is_over(link, now) or link.rack in renewed:
                continue
            since = seen.get(link.link)
            if since is None:
                since = self._clock.seconds()
                self._tell(link)
            if self._clock.seconds() - since < GRACE_SECONDS:
                self._run_out_at[link.link] = since
            else:
                link.cut(f"the certificate of rack {link.rack} ran out, and it has no other")

    def start_over(self) -> None:
        """Count from anew: for want of the database nobody could renew."""
        self._run_out_at = {}

    def _links(self) -> list[RackLink]:
        return [] if self._connected is None else list(self._connected.all_links())

    def _tell(self, link: RackLink) -> None:
        self.log.warn(
            "the certificate of rack {rack} ({hostname}) ran out on {day}, and it has no other: "
            "unless it renews, its link is cut in {hours:.0f} h; its log says why it does not",
            rack=link.rack,
            hostname=link.hostname,
            day=f"{link.peer.expires_at:%Y-%m-%d %H:%M} UTC",
            hours=GRACE_SECONDS / 3600,
        )


def _is_over(link: RackLink, now: datetime) -> bool:
    return link.peer.expires_at is not None and link.peer.expires_at < now
