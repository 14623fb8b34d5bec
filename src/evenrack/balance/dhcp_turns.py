"""Which racks may restart their DHCP server now, so that no VLAN is without one: pure.

A rack that has checked a new configuration waits for its turn. Of two racks that share a pair
only one restarts at a time, and the next one when all is normal again. Where failover begins, both
exchange their files in one step: one after the other would never come to `normal` in between. Where
roles are exchanged the new primary restarts next, as soon as the old one has (`dhcp_swaps`).
"""

from collections.abc import Collection, Mapping

from attrs import define, field, frozen

from evenrack.balance.dhcp_swaps import Swap, swaps_under_way
from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.dhcp_report import VlanReport
from evenrack.model.dhcp_roles import Service
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId, VlanId

WHILE_ONE_WAITS = frozenset({"partner-down", "recover-wait"})
"""States of the two servers of a pair that begins with a newcomer."""


@frozen(kw_only=True)
class Patience:
    """What the leader's clock says of the racks."""

    expired: Collection[RackId] = ()
    """Racks that had their turn for so long that it counts as over."""
    overdue: Collection[RackId] = ()
    """Racks that have waited so long, with a peer away, that they need not wait for it."""


def decide_turns(fleet: Fleet, patience: Patience) -> Mapping[RackId, str]:
    """Give the turns to grant now: rack to the fingerprint of the DHCP plan that it may apply."""
    waiting = _waiting(fleet)
    deciding = _Deciding(fleet=fleet, patience=patience, waiting=waiting)
    for rack in waiting:
        deciding.decide(rack)
    return {r: turn for r, turn in deciding.granted.items() if fleet.turns.get(r) != turn}


def decide_withdrawals(fleet: Fleet, patience: Patience) -> tuple[RackId, ...]:
    """Give the racks that did not use their turn in time: a late restart could meet another's."""
    return tuple(
        rack
        for rack in sorted(patience.expired)
        if fleet.turns.get(rack) and fleet.dhcp_report(rack).waiting == fleet.turns[rack]
    )


def racks_in_a_hurry(fleet: Fleet) -> list[RackId]:
    """Give the racks that are not to wait for a peer that is away, by an operator's word."""
    return [rack for s in fleet.services.values() if s.hurries for rack in s.racks]


def hurries_that_are_over(fleet: Fleet) -> tuple[VlanId, ...]:
    """Give the VLANs whose changes every rack that is there has applied."""

    def is_over(vlan: VlanId, service: Service) -> bool:
        there = [rack for rack in service.staying if fleet.is_connected(rack)]
        applied = [_applied_number(fleet, vlan, rack) for rack in there]
        return bool(there) and set(applied) == {service.number}

    services = sorted(fleet.services.items())
    return tuple(vlan for vlan, it in services if it.hurries and is_over(vlan, it))


def _applied_number(fleet: Fleet, vlan: VlanId, rack: RackId) -> FleetNumber | None:
    side = fleet.dhcp_side(rack, vlan)
    return None if side is None else side.number


def is_busy(fleet: Fleet, rack: RackId, *, but: Collection[VlanId] = ()) -> bool:
    """Tell whether a rack has its turn and is not through with it: restarted, and all normal.

    A turn for a plan that the rack neither waits with nor has applied is over: it has a newer one.
    In the VLANs of `but` its peer waits for it.
    """
    turn = fleet.turns.get(rack, "")
    if not turn or not fleet.is_connected(rack):
        return False
    report = fleet.dhcp_report(rack)
    return report.waiting == turn or (
        report.applied == turn and not _is_settled(fleet, rack, but=but)
    )


def _waiting(fleet: Fleet) -> dict[RackId, str]:
    """Give the racks that wait with their newest plan checked."""
    found = {}
    for rack in sorted(fleet.dhcp_reports):
        report = fleet.dhcp_reports[rack]
        if not report.waiting or report.waiting == report.applied or not fleet.is_connected(rack):
            continue
        if report.waiting == dhcp_fingerprint(dhcp_plan_for(fleet, rack)):
            found[rack] = report.waiting
    return found


@define(kw_only=True)
class _Deciding:
    """The turns of one look."""

    fleet: Fleet
    patience: Patience
    waiting: Mapping[RackId, str]
    granted: dict[RackId, str] = field(factory=dict)
    _held: set[RackId] = field(factory=set)
    """Racks that have the next turn after one that is granted now."""
    _swaps: Mapping[VlanId, Swap] = field(init=False)
    _files: "_Files" = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._swaps = swaps_under_way(self.fleet) if self.waiting else {}
        self._files = _Files(self.fleet)

    def decide(self, rack: RackId) -> None:
        """Grant this rack its turn, and those that have to restart in one step with it."""
        group = [] if rack in self.granted else self._together(rack)
        if not group or any(map(self._comes_later, group)):
            return
        next_ones = [swap.promoted for member in group for swap in self._due(member)]
        if self._may_go({*group, *next_ones}):
            self.granted.update({member: self.waiting[member] for member in group})
            self._held.update(next_ones)

    def _due(self, rack: RackId) -> list[Swap]:
        """Give the exchanges of roles that begin with this rack."""
        swaps = self._swaps.values()
        return [swap for swap in swaps if swap.demoted == rack and not swap.begun]

    def _comes_later(self, rack: RackId) -> bool:
        """Tell whether the rack is to be a primary where its peer still is one."""
        return any(swap.promoted == rack and not swap.begun for swap in self._swaps.values())

    def _together(self, rack: RackId) -> list[RackId]:
        """Give the racks that have to restart in one step with this one, itself first."""
        files, group = self._files, [rack]
        for member in group:  # grows while it is walked
            for vlan, peer in files.wanted_peers(member).items():
                done = files.has_applied(vlan, member) or files.has_applied(vlan, peer)
                if peer not in group and vlan not in self._swaps and not done:
                    group.append(peer)
        return group

    def _may_go(self, group: Collection[RackId]) -> bool:
        fleet = self.fleet
        if not all(member in self.waiting for member in group):
            return False
        if any(_is_refused(fleet, member) for member in group if len(group) > 1):
            return False
        if any(fleet.dhcp_report(member).failed for member in group):
            return False  # it would only be restarted in vain; the rack lets it be tried again
        neighbours = {n for member in group for n in self._files.neighbours(member)} - set(group)
        if any(self._is_under_way(rack, group) for rack in (*neighbours, *group)):
            return False
        return all(
            member in self.patience.overdue
            or not fleet.dhcp_report(member).running
            or _is_settled(fleet, member, but=self._files.mended_by(member, group))
            for member in group
        )

    def _is_under_way(self, rack: RackId, group: Collection[RackId]) -> bool:
        """Tell whether this rack, or who follows it in an exchange of roles, is not through yet."""
        if rack in self.granted or rack in self._held:
            return True
        swaps = () if rack in group else self._swaps.values()
        before = [swap.demoted for swap in swaps if swap.promoted == rack]
        busy = [one for one in (rack, *before) if self._is_busy(one)]
        return any(not self._waits_only_for(one, group) for one in busy)

    def _is_busy(self, rack: RackId) -> bool:
        """Tell whether its turn is not over: that of one that need not wait for its peers is."""
        turn = self.fleet.turns.get(rack)
        if rack in self.patience.overdue and self.fleet.dhcp_report(rack).applied == turn:
            return False
        but = self._files.mended_by(rack)
        return is_busy(self.fleet, rack, but=but) and rack not in self.patience.expired

    def _waits_only_for(self, rack: RackId, group: Collection[RackId]) -> bool:
        """Tell whether a rack has restarted, and is normal but where this group is to follow it."""
        report = self.fleet.dhcp_report(rack)
        followed = {vlan for vlan, s in self._swaps.items() if s.demoted == rack and s.begun}
        return (
            report.waiting != self.fleet.turns.get(rack)
            and all(self._swaps[vlan].promoted in group for vlan in followed)
            and _is_settled(self.fleet, rack, but=followed)
        )


def _is_refused(fleet: Fleet, rack: RackId) -> bool:
    """Tell whether one of the rack's VLANs cannot be applied: its peer would wait for it."""
    return fleet.dhcp_report(rack).is_vlan_refused


def _is_settled(fleet: Fleet, rack: RackId, *, but: Collection[VlanId] = ()) -> bool:
    """Tell whether every pair that the rack serves now, and is to go on serving, is normal."""
    report = fleet.dhcp_report(rack)
    return report.running and all(
        side.state == "normal" or _waits_long(fleet, side)
        for side in report.vlans
        if side.vlan not in but and _goes_on(fleet, rack, side)
    )


def _waits_long(fleet: Fleet, report: VlanReport) -> bool:
    """Tell whether the pair is to be normal in a long time only, and a restart costs it little.

    A newcomer waits for mclt; who took over from its predecessor serves meanwhile.
    """
    service = fleet.services.get(report.vlan)
    return service is not None and not service.met and report.state in WHILE_ONE_WAITS


def _goes_on(fleet: Fleet, rack: RackId, report: VlanReport) -> bool:
    """Tell whether what the rack serves there is a pair that stays one."""
    service = fleet.services.get(report.vlan)
    return (
        report.peer is not None
        and service is not None
        and set(service.racks) == {rack, report.peer}
    )


class _Files:
    """What racks are to have in their files, and what they have: each is looked up once a look."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._peers: dict[RackId, Mapping[VlanId, RackId]] = {}
        self._applied: dict[RackId, frozenset[VlanId]] = {}
        self._mended: dict[RackId, frozenset[VlanId]] = {}

    def wanted_peers(self, rack: RackId) -> Mapping[VlanId, RackId]:
        """Give the peer that the rack is to have on each VLAN that is to have two."""
        if rack not in self._peers:
            vlans = self._fleet.served_by.get(rack, ())
            peers = {vlan: self._fleet.services[vlan].peer_of(rack) for vlan in vlans}
            self._peers[rack] = {v: peer.rack for v, peer in peers.items() if peer is not None}
        return self._peers[rack]

    def has_applied(self, vlan: VlanId, rack: RackId) -> bool:
        """Tell whether the rack has this pair in its file: in its role, at its addresses."""
        if rack not in self._applied:
            sides = self._fleet.dhcp_report(rack).vlans
            self._applied[rack] = frozenset(s.vlan for s in sides if self._is_as_wanted(rack, s))
        return vlan in self._applied[rack]

    def mended_by(self, rack: RackId, group: Collection[RackId] = ()) -> frozenset[VlanId]:
        """Give the VLANs that are not normal because this rack has not applied the pair.

        Its peer has (in an exchange of roles, or where both have one role), or neither has and both
        are in a group that restarts in one step.
        """
        pairs = self.wanted_peers(rack).items() if group else ()
        together = frozenset(
            vlan
            for vlan, peer in pairs
            if peer in group
            and not self.has_applied(vlan, peer)
            and not self.has_applied(vlan, rack)
        )
        return together | self._mended_alone(rack)

    def _mended_alone(self, rack: RackId) -> frozenset[VlanId]:
        if rack not in self._mended:
            self._mended[rack] = frozenset(
                vlan
                for vlan, peer in self.wanted_peers(rack).items()
                if self.has_applied(vlan, peer) and not self.has_applied(vlan, rack)
            )
        return self._mended[rack]

    def neighbours(self, rack: RackId) -> set[RackId]:
        """Give every rack that this one shares a pair with, as it serves now or is to serve."""
        served = {side.peer for side in self._fleet.dhcp_report(rack).vlans}
        return {each for each in served if each is not None} | {*self.wanted_peers(rack).values()}

    def _is_as_wanted(self, rack: RackId, side: VlanReport) -> bool:
        if side.vlan not in self.wanted_peers(rack):
            return False
        service = self._fleet.services[side.vlan]
        peer, own = service.peer_of(rack), service.own(rack)
        return (
            peer is not None
            and (side.peer, side.role) == (peer.rack, service.role_of(rack))
            and side.address in {None, own.address}
            and side.peer_address in {None, peer.address}
        )
