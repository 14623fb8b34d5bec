"""When another rack takes the place of one of a pair in the files: pure.

A server with a new peer gives away the addresses of the one that it had. So the one that is
replaced has said that it stopped, while its peer's file stayed as it was; or it is lost, an
operator said that it is dead, and the one that is left has taken over every address since
(partner-down, and mclt). Either way the one that is left serves on while the newcomer gets the
leases from it.
"""

from collections.abc import Callable, Collection

from attrs import evolve, frozen

from evenrack.model.dhcp_report import VlanReport
from evenrack.model.dhcp_roles import Pair, Server, Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId

TOOK_OVER = "partner-down"


@frozen(kw_only=True)
class Replacing:
    """One VLAN with its designations, and the pair in its files that has met or not."""

    fleet: Fleet
    vlan: VlanId
    pair: Pair
    now: Service
    are_free: Callable[[Collection[RackId]], bool]
    """Whether none of these racks exchanges roles just now."""

    def decide(self) -> Service | None:
        """Give what becomes of the pair; None while it stays as it is.

        A pair with a newcomer hurries: the one that is left need not be normal with its other
        peers, of which some may be lost as well. It is put back into the state that it had, and
        serves after 0.6 s (measured).
        """
        if self.now.leaving is not None:
            return self._gone_on(self.now.leaving)
        if self.fleet.breaker_holds:
            return None
        left = self._who_took_over()
        if left is not None:
            newcomer = self._newcomer()
            return None if newcomer is None else _begun(left, newcomer)
        return self._begun_to_leave()

    def _who_took_over(self) -> Server | None:
        """Give the one that is left and may give away every address; the other is not there."""
        for server, other in zip(self.now.servers, self.now.servers[::-1], strict=True):
            if other is server or self.pair.primary != server.rack:
                continue
            if self.fleet.is_connected(other.rack) or not self.fleet.is_connected(server.rack):
                continue  # mostly so: what racks say of each VLAN is looked up for the others only
            side = self.fleet.dhcp_side(server.rack, self.vlan)
            if side is not None and self._is_rid_of(other.rack, side):
                return server
        return None

    def _is_rid_of(self, lost: RackId, side: VlanReport) -> bool:
        """Tell whether what this side's peer in the files gave away can matter no more.

        One that never met its peer has taken over from another before, and while it stays in
        partner-down that peer serves nobody; nor does one that is not even in its file.
        """
        if not self.now.met:
            return side.state == TOOK_OVER or side.peer not in {None, lost}
        word = self.fleet.partner_downs.get(self.vlan)
        is_over = word is not None and word.dead == lost and self.vlan in self.fleet.taken_over
        return side.state == TOOK_OVER and is_over

    def _begun_to_leave(self) -> Service | None:
        """Let the secondary stop where another is designated, or it has left the VLAN."""
        primary, leaving = self.now.primary, self.now.secondary
        if leaving is None or primary.rack != self.pair.primary or leaving.rack in self.pair.racks:
            return None
        has_taker = self._newcomer() is not None or self._needs_none(leaving.rack)
        if not (self.now.met and has_taker and self.are_free(self.now.racks)):
            return None
        at_rest = all(map(self._is_at_rest, self.now.racks))
        return evolve(self.now, leaving=leaving.rack) if at_rest else None

    def _gone_on(self, leaving: RackId) -> Service | None:
        """Let the newcomer begin when who leaves has stopped; or let that one stay.

        Nothing has changed for its peer: it may come back at any time.
        """
        staying = next(server for server in self.now.servers if server.rack != leaving)
        newcomer = self._newcomer()
        side = self.fleet.dhcp_side(leaving, self.vlan)
        if (
            leaving in self.pair.racks
            or (side is not None and side.state != "normal")  # its partner must know all it gives
            or staying.rack != self.pair.primary
            or not all(map(self.fleet.is_connected, self.now.racks))
            or (newcomer is None and not self._needs_none(leaving))
        ):
            return evolve(self.now, leaving=None)
        if not self._serves_it_no_more(leaving):
            return None
        return (
            Service(primary=staying, hurries=True)
            if newcomer is None
            else _begun(staying, newcomer)
        )

    def _newcomer(self) -> Server | None:
        """Give the designated secondary, if it can begin."""
        rack = self.pair.secondary
        if rack is None or rack in self.now.racks or not self.fleet.is_connected(rack):
            return None
        address = self.fleet.attached[self.vlan].get(rack)
        if address is None or not self._serves_it_no_more(rack):
            return None
        return Server(rack=rack, address=address)

    def _needs_none(self, leaving: RackId) -> bool:
        """Tell whether a rack is to go although none is there for its place."""
        return self.pair.secondary is None and leaving not in self.fleet.attached[self.vlan]

    def _serves_it_no_more(self, rack: RackId) -> bool:
        """Tell whether a rack that is there has not the VLAN in its file, nor will in a moment."""
        told, turn = self.fleet.dhcp_report(rack), self.fleet.turns.get(rack)
        may_be_restarting = told.changing or (turn and told.waiting == turn)
        return self.fleet.dhcp_side(rack, self.vlan) is None and not may_be_restarting

    def _is_at_rest(self, rack: RackId) -> bool:
        told, side = self.fleet.dhcp_report(rack), self.fleet.dhcp_side(rack, self.vlan)
        return (
            self.fleet.is_connected(rack)
            and not told.changing
            and side is not None
            and (side.state, side.number) == ("normal", self.now.number)
        )


def _begun(left: Server, newcomer: Server) -> Service:
    return Service(primary=left, secondary=newcomer, met=False, hurries=True)
