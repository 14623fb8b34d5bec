"""Lists the leases of a VLAN: asks its racks, page by page, until there are as many as wanted."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any, Final

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, DeferredList

from evenrack.errors import NotTold, NotUnderstood
from evenrack.model.dhcp_lease import LeaseAddress, LeasePage, LeasesAsked
from evenrack.model.identifiers import RackId
from evenrack.model.network import Vlan
from evenrack.region.links.rack_asking import AskLeases
from evenrack.region.views.lease_merging import MergedLease, merged

MOST_ROUNDS: Final = 20
"""So often racks are asked for one answer; what was found by then is answered."""

NO_IPV6: Final = "its evenrack-rackd is older and tells leases of IPv4 only; upgrade it"


@define(kw_only=True, eq=False)
class LeaseListing:
    """One request's questions: a rack that did not tell once is asked no more."""

    sides: Mapping[RackId, str]
    """Their names, the primary's first."""
    vlan: Vlan
    ask: AskLeases
    every_state: bool
    _why_not: dict[RackId, str] = field(factory=dict, init=False)
    _older: set[RackId] = field(factory=set, init=False)
    """Those that cannot read a question about IPv6, and are asked about IPv4 alone."""

    async def read(
        self, after: LeaseAddress | None, limit: int
    ) -> tuple[list[MergedLease], LeaseAddress | None]:
        """Give so many leases, and the address after which to go on; None when that is all.

        States are chosen here and not at the racks: whether a lease is active the newer of two
        entries says, and only who has both knows which that is.
        """
        found: list[MergedLease] = []
        reached = after
        for _ in range(MOST_ROUNDS):
            told = merged(await self._page(reached))
            found += [
                each for each in told.leases if self.every_state or each.lease.state == "active"
            ]
            # one more than asked tells whether anything follows
            if len(found) > limit:
                last = found[limit - 1].lease.address if limit else after
                return found[:limit], last or IPv4Address(0)
            reached = told.told_up_to
            if reached is None:
                return found, None
        return found, reached

    async def _page(self, after: LeaseAddress | None) -> dict[RackId, LeasePage]:
        """Ask all at once who have told so far."""
        of_ipv4 = (it.cidr for it in self.vlan.subnets)
        of_ipv6 = (it.cidr for it in self.vlan.subnets6)
        asked = LeasesAsked(networks=(*of_ipv4, *of_ipv6), after=after)
        racks = [rack for rack in self.sides if rack not in self._why_not]
        answers = [Deferred.fromCoroutine(self._ask(rack, asked)) for rack in racks]
        pages = [page for _, page in await DeferredList(answers, fireOnOneErrback=True)]
        return {rack: page for rack, page in zip(racks, pages, strict=True) if page is not None}

    async def _ask(self, rack: RackId, asked: LeasesAsked) -> LeasePage | None:
        try:
            return await self._told_by(rack, asked)
        except NotTold as problem:
            self._why_not[rack] = str(problem)
            return None

    async def _told_by(self, rack: RackId, asked: LeasesAsked) -> LeasePage:
        if rack not in self._older:
            try:
                return await self.ask(rack, asked)
            except NotUnderstood:
                if _about_ipv4(asked) == asked:
                    raise
            self._older.add(rack)
        about_ipv4 = _about_ipv4(asked)
        return LeasePage() if about_ipv4 is None else await self.ask(rack, about_ipv4)

    def told(self) -> list[dict[str, Any]]:
        """Say of each rack whether it told all that it was asked."""
        older = dict.fromkeys(self._older, NO_IPV6)
        why_not = {rack: (older | self._why_not).get(rack) for rack in self.sides}
        return [
            {"rack": name, "told": why_not[rack] is None, "why": why_not[rack]}
            for rack, name in self.sides.items()
        ]


def _about_ipv4(asked: LeasesAsked) -> LeasesAsked | None:
    """Leave IPv6 out of a question; None when nothing is left, as that comes after all of IPv4."""
    networks = tuple(each for each in asked.networks if isinstance(each, IPv4Network))
    if not networks or isinstance(asked.after, IPv6Address):
        return None
    return evolve(asked, networks=networks)
