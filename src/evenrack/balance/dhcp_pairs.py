"""Which two racks are designated to serve each VLAN: pure.

A designation is a decision; the files follow it when that is safe (`dhcp_services`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

from attrs import define, field, frozen

from evenrack.balance.pair_loads import PairLoads
from evenrack.model.dhcp_roles import Pair
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
    """None: nobody is designated any more, since the VLAN has no DHCP or no rack is on it."""
    moves: tuple[PairMove, ...] = ()


def decide_pairs(fleet: Fleet, *, lost: Collection[RackId]) -> PairDecisions:
    """Give what has to change now; nothing when every VLAN has the racks it can have.

    `lost` are racks that were without a link for longer than the hold-down. A dead primary is
    succeeded by its secondary, which has the leases, never by a third rack; what a rack loses it
    does not get back when it returns. A draining rack gets no role, and keeps one only where nobody
    can take it. While the circuit breaker holds nobody's role changes.
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
        if not vlan.dhcp_on:
            return
        pair = self.pairs.get(vlan.id)
        if pair is None:
            self._designate_first(vlan.id)
        else:
            self._replace_primary(vlan.id, pair)
            self._drain_primary(vlan.id)
        if vlan.id in self.pairs:
            self._fill_secondary(vlan.id, self.pairs[vlan.id])
            self._drain_secondary(vlan.id, self.pairs[vlan.id])

    def _designate_first(self, vlan: VlanId) -> None:
        racks = self._connected(vlan)
        # better served by a rack that drains than by none
        to = self.loads.best_primary(self._staying(racks) or racks)
        if to is not None:
            self._set(vlan, Pair(primary=to))
            self.why[vlan, "primary"] = "the VLAN has no primary yet"

    def _replace_primary(self, vlan: VlanId, pair: Pair) -> None:
        if not self._is_gone(vlan, pair.primary):
            return
        successor = pair.secondary
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
        """Swap the roles where the primary drains and its secondary can take over.

        It can when it has the leases; a secondary that has only just been designated has not.
        """
        pair = self.pairs.get(vlan)
        if pair is None or pair.secondary is None or not self._drains(pair.primary):
            return
        if self._is_ready(vlan, pair.secondary) and not self._drains(pair.secondary):
            self._set(vlan, Pair(primary=pair.secondary, secondary=pair.primary))
            why = f"{self._name(pair.primary)} drains; the roles swap"
            self.why.update({(vlan, role): why for role in get_args(VlanRole)})

    def _drain_secondary(self, vlan: VlanId, pair: Pair) -> None:
        """Replace a secondary that drains, where another rack is there and the primary serves."""
        before = pair.secondary
        if before is None or not self._drains(before) or not self._is_ready(vlan, pair.primary):
            return
        others = [rack for rack in self._connected(vlan) if rack not in pair.racks]
        to = self.loads.best_secondary(pair.primary, self._staying(others))
        if to is not None:
            self._set(vlan, Pair(primary=pair.primary, secondary=to))
            self.why[vlan, "secondary"] = f"{self._name(before)} drains"

    def _fill_secondary(self, vlan: VlanId, pair: Pair) -> None:
        before = pair.secondary
        if before is not None and not self._is_gone(vlan, before):
            return
        if self._is_gone(vlan, pair.primary):
            return  # only it has the leases: nobody can be paired with it, or succeed it
        others = [rack for rack in self._connected(vlan) if rack not in pair.racks]
        to = self.loads.best_secondary(pair.primary, self._staying(others))
        if to is None and before is not None and before in self.fleet.attached[vlan]:
            return  # nobody else is there: it may come back
        if to == before:
            return
        why = "the VLAN has no secondary"
        if before is not None:
            why = f"{self._name(before)} {self._why_gone(vlan, before)}"
        self._set(vlan, Pair(primary=pair.primary, secondary=to))
        self.why[vlan, "secondary"] = why

    def _is_gone(self, vlan: VlanId, rack: RackId) -> bool:
        return rack in self.lost or rack not in self.fleet.attached[vlan]

    def _drains(self, rack: RackId) -> bool:
        return rack in self.fleet.draining

    def _is_ready(self, vlan: VlanId, rack: RackId) -> bool:
        """Tell whether a rack has every lease: it serves alone, or in a pair that is normal."""
        if self._is_gone(vlan, rack) or not self.fleet.is_connected(rack):
            return False
        reports = self.fleet.dhcp_report(rack).vlans
        return any(report.vlan == vlan and report.state in HAS_EVERY_LEASE for report in reports)

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
    return vlan in fleet.vlans and fleet.vlans[vlan].dhcp_on


def _roles(pair: Pair | None) -> tuple[RackId | None, RackId | None]:
    return (None, None) if pair is None else (pair.primary, pair.secondary)
