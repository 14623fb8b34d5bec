"""How the roles of a pair are exchanged in the files: pure.

The old primary restarts first, as a secondary; its peer serves alone meanwhile, and restarts as the
primary when the other has. The other way round both would be primaries for a moment and give the
same free addresses to two clients (docs/decisions/0016). A rack takes part in one such step at a
time, with one other rack: a primary that has many partners must not wait for all of them.
"""

from collections.abc import Collection, Iterable, Mapping

from attrs import define, field, frozen

from evenrack.model.dhcp_report import VlanReport
from evenrack.model.dhcp_roles import Pair, Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId

FOLLOW_SECONDS = 6.5
"""So long after the old primary's turn was granted the new one may still be told of its own.

The old one waits up to 4 s until its partner knows every lease, and takes its role back 16 s after
it began (`rack.hand_over`, `rack.role_change`). A turn that is told is at most 5 s old (a lease)
when the rack takes it, and 4 s later its server has restarted.
"""


@frozen(kw_only=True)
class Swap:
    """One VLAN whose two racks do not yet both have the roles that they are to have."""

    demoted: RackId
    promoted: RackId
    begun: bool
    """The old primary has restarted as a secondary; the new one has not restarted yet."""


AT_REST = frozenset({"normal", "alone"})
"""States in which a server may be restarted."""

Sides = Mapping[RackId, Mapping[VlanId, VlanReport]]
"""What each rack says of each VLAN that it serves."""


def swaps_under_way(fleet: Fleet) -> Mapping[VlanId, Swap]:
    """Give the pairs whose new primary still is a secondary in its file."""
    return _swaps(fleet, _sides(fleet))


def failed_swaps(fleet: Fleet) -> list[VlanId]:
    """Give the pairs where one tried its new role a moment ago and took the old one back."""
    return [
        vlan
        for vlan, swap in swaps_under_way(fleet).items()
        if not swap.begun
        and any(vlan in fleet.dhcp_report(r).took_back for r in (swap.demoted, swap.promoted))
    ]


def _swaps(fleet: Fleet, sides: Sides) -> dict[VlanId, Swap]:
    found = {}
    for vlan, service in fleet.services.items():
        if service.secondary is None:
            continue
        promoted, demoted = service.primary.rack, service.secondary.rack
        if _role(_side(sides, promoted, vlan), demoted) == "secondary":
            begun = _role(_side(sides, demoted, vlan), promoted) != "primary"
            found[vlan] = Swap(
                demoted=demoted,
                promoted=promoted,
                begun=begun and _is_of_its_last_turn(fleet, demoted),
            )
    return found


def _is_of_its_last_turn(fleet: Fleet, rack: RackId) -> bool:
    """Tell whether what a rack says while it changes roles is not of an earlier try."""
    told = fleet.dhcp_report(rack)
    return not told.changing or told.applied == fleet.turns.get(rack)


def turns_after(fleet: Fleet, racks: Mapping[RackId, str]) -> Mapping[RackId, RackId]:
    """Give whose turn follows another one: rack to the one whose role it takes.

    While that one may take its role back, the turn is only good for a while: of two primaries each
    gives away what the other does.
    """
    return {
        swap.promoted: swap.demoted
        for swap in swaps_under_way(fleet).values()
        if swap.promoted in racks and swap.begun
    }


@define
class RoleSwaps:
    """The steps that are under way, and those that one look begins."""

    fleet: Fleet
    put_off: Collection[VlanId] = ()
    """VLANs where it was tried a while ago and did not succeed."""
    under_way: Mapping[VlanId, Swap] = field(init=False)
    _sides: Sides = field(init=False)
    _steps: dict[RackId, tuple[RackId, RackId]] = field(init=False, factory=dict)
    _kept_out: set[RackId] = field(init=False, factory=set)
    """Racks that have another step to make with a peer, by what is decided in this look."""
    _unformed: set[RackId] | None = field(init=False, default=None)
    """Racks that have one by what was decided before; None until somebody has to know."""

    def __attrs_post_init__(self) -> None:
        self._sides = _sides(self.fleet)
        self.under_way = _swaps(self.fleet, self._sides)
        for swap in self.under_way.values():
            self._take_part(swap.demoted, swap.promoted)

    def are_free(self, racks: Collection[RackId]) -> bool:
        """Tell whether none of these racks takes part in an exchange."""
        return not any(rack in self._steps for rack in racks)

    def keep_out(self, services: Iterable[Service | None]) -> None:
        """Let no exchange begin or go on with the racks of these."""
        for service in services:
            self._kept_out.update(() if service is None else service.racks)

    def begin(self, vlan: VlanId, pair: Pair, now: Service) -> Service | None:
        """Exchange the roles of a VLAN, if the other is to be its primary and can be now."""
        if now.secondary is None or pair.primary != now.secondary.rack or vlan in self.put_off:
            return None
        demoted, promoted = now.racks
        step = (demoted, promoted)
        free = all(self._steps.get(rack, step) == step for rack in step)
        # a step that has begun is not joined: the old primary would have to restart once more
        begun = any(s.begun and s.demoted == demoted for s in self.under_way.values())
        if not free or begun or not self._is_whole(vlan, now):
            return None
        self._take_part(*step)
        return now.exchanged()

    def can_go_on(self, vlan: VlanId, now: Service) -> bool:
        """Tell whether what is under way may still succeed."""
        swap = self.under_way[vlan]
        told, turn = self.fleet.dhcp_report(swap.demoted), self.fleet.turns.get(swap.demoted)
        if swap.begun or (turn and told.waiting == turn):  # it may be restarting just now
            return self.fleet.is_connected(swap.demoted)
        return vlan not in self.put_off and all(map(self._has_nothing_else_to_do, now.racks))

    def call_off(self, vlan: VlanId, now: Service) -> Service:
        """Leave the roles as they are in the files.

        One that has begun goes on while the old primary is there: its peer follows, or it takes its
        role back. If it is lost its peer keeps the role that it has.
        """
        swap = self.under_way[vlan]
        goes_on = swap.begun and self.fleet.is_connected(swap.demoted)
        return now if goes_on else now.exchanged()

    def _has_nothing_else_to_do(self, rack: RackId) -> bool:
        """Tell whether nothing would hold up the rack's turn: no error, and every pair normal."""
        told = self.fleet.dhcp_report(rack)
        return (
            self.fleet.is_connected(rack)
            and told.running
            and not (told.is_vlan_refused or told.failed)
            and all(side.state in AT_REST for side in told.vlans)
            and not self._is_kept_out(rack)
        )

    def _is_kept_out(self, rack: RackId) -> bool:
        if self._unformed is None:  # each VLAN is looked at for it, and mostly no role is exchanged
            services = self.fleet.services.items()
            unformed = (it for vlan, it in services if not self._is_formed(vlan, it))
            self._unformed = {rack for service in unformed for rack in service.racks}
        return rack in self._kept_out or rack in self._unformed

    def _is_formed(self, vlan: VlanId, service: Service) -> bool:
        """Tell whether both racks of a pair have each other in their files, at their addresses."""
        if service.leaving is not None:
            return False  # who leaves is about to restart for that
        return service.secondary is None or all(
            (side := _side(self._sides, own.rack, vlan)) is not None
            and side.peer == peer.rack
            and side.address in (None, own.address)  # a set would hash each address
            and side.peer_address in (None, peer.address)
            for own, peer in (service.servers, service.servers[::-1])
        )

    def _take_part(self, demoted: RackId, promoted: RackId) -> None:
        self._steps[demoted] = self._steps[promoted] = (demoted, promoted)

    def _is_whole(self, vlan: VlanId, now: Service) -> bool:
        """Tell whether both have every lease, and have applied all that there is to apply."""
        return (
            now.met
            and not self.fleet.breaker_holds
            and all(self._is_at_rest(vlan, now, rack) for rack in now.racks)
        )

    def _is_at_rest(self, vlan: VlanId, now: Service, rack: RackId) -> bool:
        told, peer = self.fleet.dhcp_report(rack), now.peer_of(rack)
        report = _side(self._sides, rack, vlan)
        return (
            report is not None
            and peer is not None
            and (report.peer, report.role) == (peer.rack, now.role_of(rack))
            and report.number == now.number
            and not told.waiting
            and self._has_nothing_else_to_do(rack)
        )


def _sides(fleet: Fleet) -> Sides:
    return {rack: told.sides for rack, told in fleet.dhcp_reports.items()}


def _side(sides: Sides, rack: RackId, vlan: VlanId) -> VlanReport | None:
    of_rack = sides.get(rack)
    return None if of_rack is None else of_rack.get(vlan)


def _role(side: VlanReport | None, peer: RackId) -> str | None:
    """Give what a rack is by its file; None when it has not got this pair."""
    return side.role if side is not None and side.peer == peer else None
