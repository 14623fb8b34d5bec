"""Which two racks are designated to serve each VLAN: pure.

A designation is a decision; the files follow it when that is safe (`dhcp_services`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

from attrs import define, field, frozen

from evenrack.model.dhcp_roles import Pair
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan

WEIGHT_OF_SAME_PAIR = 4
"""How much a VLAN that two racks share already counts against giving them another: the VLANs of
a rack are spread over all partners, so that its loss does not double the load of one."""


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
    """None: nobody is designated any more, since the VLAN has no DHCP or no rack is on it."""
    moves: tuple[PairMove, ...] = ()


def decide_pairs(fleet: Fleet, *, lost: Collection[RackId]) -> PairDecisions:
    """Give what has to change now; nothing when every VLAN has the racks it can have.

    `lost` are racks that were without a link for longer than the hold-down. A dead primary is
    succeeded by its secondary, which has the leases, never by a third rack; what a rack loses it
    does not get back when it returns.
    """
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
    why: dict[tuple[VlanId, VlanRole], str] = field(factory=dict)
    """Why a role of a VLAN is another's now."""

    def __attrs_post_init__(self) -> None:
        self.pairs = {
            vlan: pair
            for vlan, pair in self.fleet.pairs.items()
            if vlan in self.fleet.vlans and self.fleet.vlans[vlan].dhcp_on
        }

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
        if not vlan.dhcp_on:
            return
        pair = self.pairs.get(vlan.id)
        if pair is None:
            self._designate_first(vlan.id)
        else:
            self._replace_primary(vlan.id, pair)
        if vlan.id in self.pairs:
            self._fill_secondary(vlan.id, self.pairs[vlan.id])

    def _designate_first(self, vlan: VlanId) -> None:
        to = self._best_primary(self._connected(vlan))
        if to is not None:
            self.pairs[vlan] = Pair(primary=to)
            self.why[vlan, "primary"] = "the VLAN has no primary yet"

    def _replace_primary(self, vlan: VlanId, pair: Pair) -> None:
        if not self._is_gone(vlan, pair.primary):
            return
        successor = pair.secondary
        if successor is not None and not self._is_gone(vlan, successor):
            why = f"{self._name(pair.primary)} {self._why_gone(vlan, pair.primary)}"
            self.pairs[vlan] = Pair(primary=successor, secondary=pair.primary)
            self.why[vlan, "primary"] = f"{why}; its secondary succeeds"
            self.why[vlan, "secondary"] = f"{why}; the roles swap"
        elif not any(rack in self.fleet.attached[vlan] for rack in pair.racks):
            del self.pairs[vlan]  # neither has the VLAN any more, so neither has anything to lose
            self._designate_first(vlan)
            left = "neither rack has an address on the VLAN any more"
            self.why.update({(vlan, role): left for role in get_args(VlanRole)})

    def _fill_secondary(self, vlan: VlanId, pair: Pair) -> None:
        before = pair.secondary
        if before is not None and not self._is_gone(vlan, before):
            return
        if self._is_gone(vlan, pair.primary):
            return  # only it has the leases: nobody can be paired with it, or succeed it
        others = [rack for rack in self._connected(vlan) if rack not in pair.racks]
        to = self._best_secondary(pair.primary, others)
        if to is None and before is not None and before in self.fleet.attached[vlan]:
            return  # nobody else is there: it may come back
        if to == before:
            return
        why = "the VLAN has no secondary"
        if before is not None:
            why = f"{self._name(before)} {self._why_gone(vlan, before)}"
        self.pairs[vlan] = Pair(primary=pair.primary, secondary=to)
        self.why[vlan, "secondary"] = why

    def _is_gone(self, vlan: VlanId, rack: RackId) -> bool:
        return rack in self.lost or rack not in self.fleet.attached[vlan]

    def _why_gone(self, vlan: VlanId, rack: RackId) -> str:
        if rack not in self.fleet.attached[vlan]:
            return "has no address on the VLAN any more"
        return "is lost for longer than the hold-down"

    def _connected(self, vlan: VlanId) -> list[RackId]:
        return [rack for rack in self.fleet.attached[vlan] if self.fleet.is_connected(rack)]

    def _best_primary(self, racks: Sequence[RackId]) -> RackId | None:
        return min(racks, key=lambda r: (self._held(r, 0), self._held(r, 1), r), default=None)

    def _best_secondary(self, primary: RackId, racks: Sequence[RackId]) -> RackId | None:
        def weight(rack: RackId) -> tuple[int, int, RackId]:
            shared = sum({rack, primary} == set(pair.racks) for pair in self.pairs.values())
            return (
                self._held(rack, 1) + WEIGHT_OF_SAME_PAIR * shared,
                self._held(rack, 0),
                rack,
            )

        return min(racks, key=weight, default=None)

    def _held(self, rack: RackId, place: int) -> int:
        """Count how often the rack is the primary (place 0) or the secondary (place 1)."""
        return sum(pair.racks[place : place + 1] == (rack,) for pair in self.pairs.values())

    def _name(self, rack: RackId) -> str:
        known = self.fleet.racks.get(rack)
        return rack if known is None else known.hostname


def _roles(pair: Pair | None) -> tuple[RackId | None, RackId | None]:
    return (None, None) if pair is None else (pair.primary, pair.secondary)
