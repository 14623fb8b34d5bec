"""The pairs of all VLANs from the essentials: what has nobody is filled, then roles are swapped.

A dead primary is succeeded by its secondary, which has the leases; nobody else changes. Two racks
of one failure domain are a pair only where there is no other choice.
"""

from collections.abc import Iterable, Mapping
from typing import get_args

from attrs import define, evolve, field, frozen

from evenrack.balance.pair_loads import PairLoads
from evenrack.balance.pair_values import (
    DHCP_ROLES,
    Designation,
    PairRack,
    PairVlan,
    Role,
    RoleMove,
)
from evenrack.balance.policy import SpreadPolicy
from evenrack.model.dhcp_roles import Pair
from evenrack.model.identifiers import RackId


@frozen(kw_only=True)
class SolvedPairs:
    """Who is to serve which VLAN, and the changes that led there."""

    pairs: Mapping[str, Designation]
    moves: tuple[RoleMove, ...]


def solve_pairs(
    racks: Iterable[PairRack], vlans: Iterable[PairVlan], policy: SpreadPolicy = DHCP_ROLES
) -> SolvedPairs:
    """Give every VLAN a primary and a secondary, then swap roles until all is in band.

    A rack that is not among `racks` is dead. The same input gives the same answer whatever its
    order; its own answer, given back, changes nothing.
    """
    solving = _Solving(
        racks={rack.id: rack for rack in racks},
        vlans={vlan.id: vlan for vlan in sorted(vlans, key=lambda vlan: vlan.id)},
        policy=policy,
    )
    for vlan in solving.vlans.values():
        solving.fill(vlan)
    solving.swap_roles()
    return SolvedPairs(
        pairs={vlan: solving.designation(vlan) for vlan in solving.vlans},
        moves=tuple(move for vlan in solving.vlans.values() for move in solving.moves_of(vlan)),
    )


@define(kw_only=True)
class _Solving:
    """The designations while they change."""

    racks: Mapping[RackId, PairRack]
    vlans: Mapping[str, PairVlan]
    policy: SpreadPolicy
    pairs: dict[str, Pair] = field(factory=dict)
    loads: PairLoads = field(factory=PairLoads)
    why: dict[tuple[str, Role], str] = field(factory=dict)
    swapped: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        for vlan in self.vlans.values():
            primary, secondary = self._still(vlan, vlan.primary), self._still(vlan, vlan.secondary)
            if primary is not None:
                self._set(vlan.id, Pair(primary=primary, secondary=secondary))
            elif secondary is not None:
                self._set(vlan.id, Pair(primary=secondary))
                if vlan.primary is not None:
                    self.why[vlan.id, "primary"] = (
                        f"{self._why_gone(vlan.primary)}; its secondary succeeds"
                    )

    def fill(self, vlan: PairVlan) -> None:
        """Find somebody for each role that nobody has."""
        on_it = [rack for rack in sorted(set(vlan.attached)) if rack in self.racks]
        pair = self.pairs.get(vlan.id)
        if pair is None:
            primary = self.loads.best_primary(on_it)
            if primary is None:
                return
            pair = Pair(primary=primary)
            self._set(vlan.id, pair)
        if pair.secondary is None:
            others = [rack for rack in on_it if rack != pair.primary]
            apart = [rack for rack in others if not self._fail_together(rack, pair.primary)]
            secondary = self.loads.best_secondary(pair.primary, apart or others)
            if secondary is not None:
                self._set(vlan.id, evolve(pair, secondary=secondary))

    def swap_roles(self) -> None:
        """Swap primary and secondary where that makes the primaries more even, until all is so."""
        worth = True
        while worth:
            worth = False
            for vlan in self.vlans.values():
                pair = self.pairs.get(vlan.id)
                if pair is None or pair.secondary is None or vlan.pinned:
                    continue
                here = self.loads.primaries(pair.primary)
                there = self.loads.primaries(pair.secondary)
                if here >= self.policy.need(there):
                    swapped = Pair(primary=pair.secondary, secondary=pair.primary)
                    self._swap(vlan.id, swapped, f"{here} primaries against {there}")
                    worth = True

    def designation(self, vlan: str) -> Designation:
        """Give what a VLAN has come to, and what it lacks."""
        pair = self.pairs.get(vlan)
        if pair is None:
            return Designation(primary=None, secondary=None, degraded="no live rack is on it")
        if pair.secondary is None:
            why = f"{pair.primary} is the only live rack on it"
            return Designation(primary=pair.primary, secondary=None, degraded=why)
        degraded = None
        if self._fail_together(pair.primary, pair.secondary):
            degraded = f"both racks are in {self.racks[pair.primary].domain}"
        return Designation(primary=pair.primary, secondary=pair.secondary, degraded=degraded)

    def moves_of(self, vlan: PairVlan) -> list[RoleMove]:
        """Tell what changed for a VLAN, role by role."""
        now = self.designation(vlan.id)
        before = {"primary": vlan.primary, "secondary": vlan.secondary}
        after = {"primary": now.primary, "secondary": now.secondary}
        return [
            RoleMove(
                vlan=vlan.id,
                role=role,
                before=before[role],
                to=after[role],
                forced=self._is_forced(vlan),
                reason=self._reason(vlan, role, before[role]),
            )
            for role in get_args(Role)
            if before[role] != after[role]
        ]

    def _is_forced(self, vlan: PairVlan) -> bool:
        had = (self._still(vlan, vlan.primary), self._still(vlan, vlan.secondary))
        return vlan.id not in self.swapped or None in had

    def _reason(self, vlan: PairVlan, role: Role, before: RackId | None) -> str:
        known = self.why.get((vlan.id, role))
        if known is not None:
            return known
        if before is None:
            return f"the VLAN has no {role} yet"
        if self._still(vlan, before) is None:
            return self._why_gone(before)
        return "it succeeds as the primary"

    def _swap(self, vlan: str, swapped: Pair, why: str) -> None:
        self._set(vlan, swapped)
        self.swapped.add(vlan)
        self.why.update({(vlan, role): why for role in get_args(Role)})

    def _set(self, vlan: str, pair: Pair) -> None:
        before = self.pairs.get(vlan)
        if before is not None:
            self.loads.remove(before)
        self.loads.add(pair)
        self.pairs[vlan] = pair

    def _still(self, vlan: PairVlan, rack: RackId | None) -> RackId | None:
        return rack if rack in self.racks and rack in vlan.attached else None

    def _why_gone(self, rack: RackId) -> str:
        return f"{rack} is gone" if rack not in self.racks else f"{rack} has left the VLAN"

    def _fail_together(self, one: RackId, other: RackId) -> bool:
        domain = self.racks[one].domain
        return bool(domain) and domain == self.racks[other].domain
