"""What it means that one rack takes the places of another, and how far it has come: pure.

The old one drains, and the new one is named for its roles (`successions`). Where the old one is
lost the rules for lost racks hold: its dhcpd may live, so nobody takes its place until somebody
said that it is dead, and mclt is over.
"""

from typing import Literal

from attrs import evolve, frozen

from evenrack.balance.dhcp_swaps import AT_REST, swaps_under_way
from evenrack.balance.draining import Burden, still_to_move, would_have_nobody
from evenrack.balance.failure_domains import domain_of, fail_together
from evenrack.model.dhcp_roles import Pair, Pins, Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.intents import Succession
from evenrack.model.moments import as_text

PlaceState = Literal["moves", "waits", "done"]
"""`waits`: it goes on when somebody has done something."""


@frozen(kw_only=True)
class Place:
    """One VLAN in which a rack is replaced, and how far that has come."""

    vlan: VlanId
    role: Literal["primary", "secondary"]
    """What the new one is to be."""
    partner: RackId | None
    """The other rack of the VLAN, as designated; None for none."""
    state: PlaceState
    why: str = ""
    """A sentence for people: what is waited for, or what to know of it."""


@frozen(kw_only=True)
class RackReplacement:
    """One rack that takes the places of another, in a fleet as it was read."""

    fleet: Fleet
    old: RackId
    new: RackId

    def succession(self) -> Succession:
        """Give the places that are to be taken, with those of the same wish before."""
        before = self._begun() or Succession(rack=self.new)
        primary_of = set(before.primary_of)
        secondary_of = set(before.secondary_of)
        for vlan in self._vlans_of_old():
            if self._is_primary(vlan):
                primary_of.add(vlan)
            elif self.fleet.pairs[vlan].primary != self.new:
                secondary_of.add(vlan)
        return Succession(
            rack=self.new,
            primary_of=frozenset(primary_of),
            secondary_of=frozenset(secondary_of - primary_of),
        )

    def pins(self) -> dict[VlanId, Pins]:
        """Give what is named of the VLANs for which an operator named the old one."""
        return {
            vlan: self._with_new(pins)
            for vlan, pins in self.fleet.pins.items()
            if self.old in {pins.primary, pins.secondary}
        }

    def hindrances(self) -> list[Burden]:
        """Give why it cannot be; none when it can."""
        name = self._name(self.new)
        found = []
        if not self.fleet.is_connected(self.new):
            found.append(Burden(object=f"rack:{self.new}", why=f"{name} is not connected"))
        if self.new in self.fleet.draining:
            found.append(Burden(object=f"rack:{self.new}", why=f"{name} drains itself"))
        for vlan in self._vlans_of_old():
            if self.new not in self.fleet.attached[vlan]:
                known = self.fleet.vlans[vlan].name
                why = f"{known}: {name} has no address on it"
                found.append(Burden(object=f"vlan:{known}", why=why))
        lonely = would_have_nobody(self.fleet, {self.old})
        return [*found, *(each for each in lonely if each.object.startswith("bmc:"))]

    def bmcs_to_move(self) -> list[Burden]:
        """Give the BMCs that the old one still owns, and another can own."""
        left = still_to_move(self.fleet, {self.old})
        return [each for each in left if each.object.startswith("bmc:")]

    def places(self) -> list[Place]:
        """Give every VLAN of it, in the order of their ids, whether it has begun or not."""
        to = self.succession()
        vlans = {*to.primary_of, *to.secondary_of, *self._vlans_of_old()}
        shown = [v for v in self.fleet.vlans.values() if v.id in vlans and v.id in self.fleet.pairs]
        swapping = swaps_under_way(self.fleet)
        places = [self._place(vlan.id, to) for vlan in shown]
        return [
            evolve(place, state="moves")
            if place.state == "done" and place.vlan in swapping
            else place
            for place in places
        ]

    def _place(self, vlan: VlanId, to: Succession) -> Place:
        pair = self.fleet.pairs[vlan]
        others = [rack for rack in pair.racks if rack not in {self.old, self.new}]
        state, why = self._progress(vlan, pair, must_lead=vlan in to.primary_of)
        return Place(
            vlan=vlan,
            role="primary" if vlan in to.primary_of or pair.primary == self.new else "secondary",
            partner=next(iter(others), None),
            state=state,
            why=why or self._warning(others),
        )

    def _progress(self, vlan: VlanId, pair: Pair, *, must_lead: bool) -> tuple[PlaceState, str]:
        service = self.fleet.services.get(vlan)
        files = () if service is None else service.racks
        if not self.fleet.is_connected(self.new):
            return "waits", f"{self._name(self.new)} is not connected"
        if self.fleet.breaker_holds:
            return "waits", "the circuit breaker holds; see `evenrack balance release`"
        if self.old in files and service is not None and not self.fleet.is_connected(self.old):
            return self._while_old_is_lost(vlan, service)
        if self.old in pair.racks and self._has_no_taker(vlan, pair):
            return "waits", f"no other rack is there to serve it with {self._name(self.new)}"
        leads = pair.primary == self.new or not must_lead
        is_there = self.new in pair.racks and service is not None and service.met
        if is_there and leads and files == pair.racks and self.old not in files:
            return "done", ""
        return "moves", self._why_it_does_not_stop(vlan) if self.old in files else ""

    def _why_it_does_not_stop(self, vlan: VlanId) -> str:
        """Say what the old one's server is in, unless it is what it may be restarted in."""
        side = self.fleet.dhcp_side(self.old, vlan)
        if side is None or side.state in AT_REST:
            return ""
        return f"{self._name(self.old)} is in {side.state}, and stops when it is normal"

    def _while_old_is_lost(self, vlan: VlanId, service: Service) -> tuple[PlaceState, str]:
        """Say what must be before anybody takes the place of one whose dhcpd may live."""
        name, peer = self._name(self.old), service.peer_of(self.old)
        if peer is None:
            return "waits", (
                f"{name} is lost, and only it has the leases; bring it back, or, when it is dead: "
                f"`evenrack rack delete {name} --gone`"
            )
        if not self.fleet.is_connected(peer.rack):
            return "waits", f"{name} and {self._name(peer.rack)} are lost; bring one back"
        word = self.fleet.partner_downs.get(vlan)
        if word is None or word.dead != self.old:
            return "waits", (
                f"{name} is lost, and may go on serving it; when it is off: "
                f"`evenrack dhcp partner-down {self.fleet.vlans[vlan].name} --dead {name}`"
            )
        if word.refused:
            return "waits", f"{self._name(peer.rack)} does not take over: {word.refused}"
        if vlan not in self.fleet.taken_over and word.usable_at is not None:
            return "moves", f"mclt is over at {as_text(word.usable_at)}"
        return "moves", ""

    def _has_no_taker(self, vlan: VlanId, pair: Pair) -> bool:
        """Tell whether the new one is the old one's partner, and no third rack is there."""
        return self.new in pair.racks and not any(
            self.fleet.is_connected(rack) and rack not in {*pair.racks, *self.fleet.draining}
            for rack in self.fleet.attached[vlan]
        )

    def _warning(self, others: list[RackId]) -> str:
        """Say that the new one fails together with its partner, if it does."""
        for other in others:
            if fail_together(self.fleet, self.new, other):
                domain = domain_of(self.fleet, other)
                return f"{self._name(self.new)} and {self._name(other)} are both in {domain}"
        return ""

    def _vlans_of_old(self) -> list[VlanId]:
        """Give the VLANs in which the old one has a place, by designation or in the files."""
        found = []
        for vlan in self.fleet.vlans.values():
            pair, service = self.fleet.pairs.get(vlan.id), self.fleet.services.get(vlan.id)
            racks = (*pair.racks, *(() if service is None else service.racks)) if pair else ()
            if vlan.has_racks and self.old in racks:
                found.append(vlan.id)
        return found

    def _is_primary(self, vlan: VlanId) -> bool:
        """Tell whether the old one's place is that of the primary, which nobody else was named."""
        named = self.fleet.pins.get(vlan, Pins()).primary
        if named is not None:
            return named in {self.old, self.new}
        return self.fleet.pairs[vlan].primary == self.old

    def _with_new(self, pins: Pins) -> Pins:
        if pins.primary == self.old:
            secondary = None if pins.secondary == self.new else pins.secondary
            return Pins(primary=self.new, secondary=secondary)
        return Pins(primary=pins.primary, secondary=None if pins.primary == self.new else self.new)

    def _begun(self) -> Succession | None:
        """Give what this very replacement was to take when it began; None before."""
        for drain in self.fleet.drains:
            to = drain.succession
            if drain.kind == "rack" and drain.id == self.old and to and to.rack == self.new:
                return to
        return None

    def _name(self, rack: RackId) -> str:
        known = self.fleet.racks.get(rack)
        return rack if known is None else known.hostname
