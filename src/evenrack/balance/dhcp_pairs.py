"""Which two racks are designated to serve each VLAN: pure.

A designation is a decision; the files follow it when that is safe (`dhcp_services`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

from attrs import define, field, frozen

from evenrack.balance.failure_domains import apart_from
from evenrack.balance.pair_loads import PairLoads
from evenrack.balance.successions import is_replaced, named_for
from evenrack.model.dhcp_roles import Pair, Pins
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan

HAS_EVERY_LEASE = frozenset({"normal", "alone"})
"""States of a server that can do without any other."""

VlanRole = Literal["primary", "secondary"]


@frozen(kw_only=True)
class PairMove:
    """One change of one role of a VLAN, and why."""

    vlan: VlanId
    role: VlanRole
    before: RackId | None
    to: RackId | None
    reason: str


@frozen(kw_only=True)
class PairDecisions:
    """The designations that change, and the moves that led there."""

    pairs: Mapping[VlanId, Pair | None] = field(factory=dict)
    """None: nobody is designated any more, since the VLAN has no DHCP, no rack is on it, or another
    VLAN relays it."""
    moves: tuple[PairMove, ...] = ()


def decide_pairs(fleet: Fleet, *, lost: Collection[RackId]) -> PairDecisions:
    """Give what has to change now; nothing when every VLAN has the racks it can have.

    `lost` are racks that were without a link for longer than the hold-down. A dead primary is
    succeeded by its secondary, which has the leases, never by a third rack; what a rack loses it
    does not get back when it returns, but for the place of a secondary that no other rack took
    yet. A draining rack gets no role, and keeps one only where nobody can take it. Who gets the
    place of a secondary is in another failure domain than the primary if any rack is; a secondary
    that has its place keeps it. While the circuit breaker holds nobody's role changes.
    """
    if fleet.breaker_holds:
        off = (vlan for vlan in fleet.pairs if not _has_dhcp(fleet, vlan))
        return PairDecisions(pairs=dict.fromkeys(off))
    deciding = _Deciding(fleet=fleet, lost=frozenset(lost))
    for vlan in fleet.vlans.values():
        deciding.decide(vlan)
    changed = {
        vlan: pair
        for vlan, pair in deciding.pairs.items()
        if _roles(pair) != _roles(fleet.pairs.get(vlan))
    }
    gone = {vlan: None for vlan in fleet.pairs if vlan not in deciding.pairs}
    moves = [move for vlan in changed for move in deciding.moves_of(vlan)]
    return PairDecisions(pairs={**changed, **gone}, moves=tuple(moves))


@define(kw_only=True)
class _Deciding:
    """The designations while they change."""

    fleet: Fleet
    lost: frozenset[RackId]
    pairs: dict[VlanId, Pair] = field(factory=dict)
    loads: PairLoads = field(factory=PairLoads)
    why: dict[tuple[VlanId, VlanRole], str] = field(factory=dict)
    """Why a role of a VLAN is another's now."""

    def __attrs_post_init__(self) -> None:
        for vlan, pair in self.fleet.pairs.items():
            if _has_dhcp(self.fleet, vlan):
                self._set(vlan, pair)

    def moves_of(self, vlan: VlanId) -> list[PairMove]:
        """Tell what changed for a VLAN, role by role."""
        before = _roles(self.fleet.pairs.get(vlan))
        after = _roles(self.pairs[vlan])
        return [
            PairMove(vlan=vlan, role=role, before=old, to=new, reason=self.why[vlan, role])
            for role, old, new in zip(get_args(VlanRole), before, after, strict=True)
            if old != new
        ]

    def decide(self, vlan: Vlan) -> None:
        if not vlan.has_racks:
            return
        pair = self.pairs.get(vlan.id)
        if pair is not None and self._is_at_rest(vlan.id, pair):
            return
        if pair is None:
            self._designate_first(vlan.id)
        else:
            self._replace_primary(vlan.id, pair)
            self._drain_primary(vlan.id)
        if vlan.id in self.pairs:
            self._give_back(vlan.id, self.pairs[vlan.id])
            self._fill_secondary(vlan.id, self.pairs[vlan.id])
            self._drain_secondary(vlan.id, self.pairs[vlan.id])
            self._follow_pins(vlan.id, self.pairs[vlan.id])

    def _is_at_rest(self, vlan: VlanId, pair: Pair) -> bool:
        """Tell at little cost that nothing below has to be asked: so it is for nearly all VLANs."""
        if self.fleet.drains or vlan in self.fleet.pins or pair.secondary is None:
            return False
        if any(self._is_gone(vlan, rack) or self._drains(rack) for rack in pair.racks):
            return False
        return self._who_has_the_leases(vlan, pair) == pair.secondary

    def _designate_first(self, vlan: VlanId) -> None:
        racks = self._connected(vlan)
        # better served by a rack that drains than by none
        named = self._named(vlan).primary
        to = named or self.loads.best_primary(self._staying(racks) or racks)
        if to is not None:
            self._set(vlan, Pair(primary=to))
            self.why[vlan, "primary"] = "the VLAN has no primary yet"

    def _replace_primary(self, vlan: VlanId, pair: Pair) -> None:
        if not self._is_gone(vlan, pair.primary):
            return
        successor = self._who_has_the_leases(vlan, pair)
        if successor is not None and not self._is_gone(vlan, successor):
            why = f"{self._name(pair.primary)} {self._why_gone(vlan, pair.primary)}"
            self._set(vlan, Pair(primary=successor, secondary=pair.primary))
            self.why[vlan, "primary"] = f"{why}; its secondary succeeds"
            self.why[vlan, "secondary"] = f"{why}; the roles swap"
        elif not any(rack in self.fleet.attached[vlan] for rack in pair.racks):
            self._set(vlan, None)  # neither has the VLAN any more, so neither has anything to lose
            self._designate_first(vlan)
            left = "neither rack has an address on the VLAN any more"
            self.why.update({(vlan, role): left for role in get_args(VlanRole)})

    def _drain_primary(self, vlan: VlanId) -> None:
        """Swap the roles where the primary drains and who has the leases can take over."""
        pair = self.pairs.get(vlan)
        to = None if pair is None else self._who_has_the_leases(vlan, pair)
        if pair is None or to is None or not self._drains(pair.primary):
            return
        if self._is_ready(vlan, to) and not self._drains(to):
            self._set(vlan, Pair(primary=to, secondary=pair.primary))
            why = f"{self._name(pair.primary)} drains; the roles swap"
            self.why.update({(vlan, role): why for role in get_args(VlanRole)})

    def _drain_secondary(self, vlan: VlanId, pair: Pair) -> None:
        """Replace a secondary that drains, where another rack is there and the primary serves."""
        before = pair.secondary
        if before is None or not self._drains(before) or not self._is_ready(vlan, pair.primary):
            return
        to = self._taker(vlan, pair)
        if to is not None:
            self._set(vlan, Pair(primary=pair.primary, secondary=to))
            self.why[vlan, "secondary"] = f"{self._name(before)} drains"

    def _give_back(self, vlan: VlanId, pair: Pair) -> None:
        """Leave the place of the secondary to who has it in the files still, and serves.

        A third rack would need a whole MCLT to come so far.
        """
        has_it = self._who_has_the_leases(vlan, pair)
        if has_it is None or has_it == pair.secondary or self._drains(has_it):
            return
        if self._is_ready(vlan, has_it) and self._is_ready(vlan, pair.primary):
            self._set(vlan, Pair(primary=pair.primary, secondary=has_it))
            self.why[vlan, "secondary"] = f"{self._name(has_it)} is there, and has every lease"

    def _fill_secondary(self, vlan: VlanId, pair: Pair) -> None:
        before = pair.secondary
        if before is not None and not self._is_gone(vlan, before):
            return
        if self._is_gone(vlan, pair.primary):
            return  # only it has the leases: nobody can be paired with it, or succeed it
        to = self._taker(vlan, pair)
        if to is None and before is not None and before in self.fleet.attached[vlan]:
            return  # nobody else is there: it may come back
        if to == before:
            return
        why = "the VLAN has no secondary"
        if before is not None:
            why = f"{self._name(before)} {self._why_gone(vlan, before)}"
        self._set(vlan, Pair(primary=pair.primary, secondary=to))
        self.why[vlan, "secondary"] = why

    def _follow_pins(self, vlan: VlanId, pair: Pair) -> None:
        """Give a rack that an operator named its role, one safe step at a time.

        One that has no leases yet becomes the secondary first; it is the primary when it has them.
        """
        if is_replaced(self.fleet, pair):
            return  # who drains goes first: its successor must not take its partner's place
        named, other = self._named(vlan), self._who_has_the_leases(vlan, pair)
        wanted = named.primary not in {None, pair.primary}
        if wanted and named.primary != other:
            self._pair_with(vlan, pair, named.primary, "named as the primary")
        elif wanted or pair.primary == named.secondary:
            if other is not None and all(self._is_ready(vlan, it) for it in (pair.primary, other)):
                self._set(vlan, Pair(primary=other, secondary=pair.primary))
                why = "an operator named the racks; the roles swap"
                self.why.update({(vlan, role): why for role in get_args(VlanRole)})
        else:
            self._pair_with(vlan, pair, named.secondary, "named as the secondary")

    def _pair_with(self, vlan: VlanId, pair: Pair, to: RackId | None, why: str) -> None:
        before = pair.secondary
        is_free = before is None or self._is_gone(vlan, before) or self._waits(vlan, before)
        if to is None or to in pair.racks:
            return
        if not (is_free or self._is_ready(vlan, pair.primary)):
            return
        self._set(vlan, Pair(primary=pair.primary, secondary=to))
        self.why[vlan, "secondary"] = f"an operator {why} {self._name(to)}"

    def _named(self, vlan: VlanId) -> Pins:
        """Give the racks that an operator named, of those that can take a role now."""
        pins = named_for(self.fleet, vlan)
        able = {rack for rack in self._staying(self._connected(vlan)) if rack not in self.lost}
        return Pins(
            primary=pins.primary if pins.primary in able else None,
            secondary=pins.secondary if pins.secondary in able else None,
        )

    def _who_has_the_leases(self, vlan: VlanId, pair: Pair) -> RackId | None:
        """Give the one beside the primary that serves, where the files have not followed yet.

        A secondary that has only been designated has no lease, and could not succeed.
        """
        service = self.fleet.services.get(vlan)
        if service is None or not service.met or pair.primary not in service.racks:
            return pair.secondary
        other = service.peer_of(pair.primary)
        return pair.secondary if other is None else other.rack

    def _waits(self, vlan: VlanId, rack: RackId) -> bool:
        """Tell whether a rack has a role by designation only: it has no lease, and loses none."""
        service = self.fleet.services.get(vlan)
        return service is not None and rack not in service.racks

    def _is_gone(self, vlan: VlanId, rack: RackId) -> bool:
        return rack in self.lost or rack not in self.fleet.attached[vlan]

    def _drains(self, rack: RackId) -> bool:
        return rack in self.fleet.draining

    def _is_ready(self, vlan: VlanId, rack: RackId) -> bool:
        """Tell whether a rack has every lease: it serves alone, or in a pair that is normal."""
        if self._is_gone(vlan, rack) or not self.fleet.is_connected(rack):
            return False
        side = self.fleet.dhcp_side(rack, vlan)
        return side is not None and side.state in HAS_EVERY_LEASE

    def _taker(self, vlan: VlanId, pair: Pair) -> RackId | None:
        """Give who takes the place of the secondary: who was named, or who has least to do."""
        others = [rack for rack in self._connected(vlan) if rack not in pair.racks]
        named, staying = self._named(vlan), self._staying(others)
        first = (rack for rack in (named.primary, named.secondary) if rack in others)
        return next(first, None) or self.loads.best_secondary(
            pair.primary, apart_from(self.fleet, pair.primary, staying)
        )

    def _staying(self, racks: Sequence[RackId]) -> list[RackId]:
        return [rack for rack in racks if not self._drains(rack)]

    def _why_gone(self, vlan: VlanId, rack: RackId) -> str:
        if rack not in self.fleet.attached[vlan]:
            return "has no address on the VLAN any more"
        return "is lost for longer than the hold-down"

    def _connected(self, vlan: VlanId) -> list[RackId]:
        return [rack for rack in self.fleet.attached[vlan] if self.fleet.is_connected(rack)]

    def _set(self, vlan: VlanId, pair: Pair | None) -> None:
        before = self.pairs.pop(vlan, None)
        if before is not None:
            self.loads.remove(before)
        if pair is not None:
            self.loads.add(pair)
            self.pairs[vlan] = pair

    def _name(self, rack: RackId) -> str:
        known = self.fleet.racks.get(rack)
        return rack if known is None else known.hostname


def _has_dhcp(fleet: Fleet, vlan: VlanId) -> bool:
    return vlan in fleet.vlans and fleet.vlans[vlan].has_racks


def _roles(pair: Pair | None) -> tuple[RackId | None, RackId | None]:
    return (None, None) if pair is None else (pair.primary, pair.secondary)
