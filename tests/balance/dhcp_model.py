"""Racks whose DHCP servers do what the decisions say, in memory: whole stories, step by step.

A pair is normal when both run, each as the other's peer, one as the primary and one as the
secondary. A rack that exchanged roles takes its own back when told so by the story.
"""

from ipaddress import IPv4Interface

from attrs import define, evolve, field

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.balance.dhcp_services import decide_met, decide_services
from evenrack.balance.dhcp_swaps import failed_swaps, swaps_under_way
from evenrack.balance.dhcp_turns import Patience, decide_turns
from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.dhcp_report import DhcpReport, VlanReport
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from tests.dhcp_fleet import draining, rack_id


@define
class Story:
    """A fleet while its racks follow what is decided."""

    fleet: Fleet
    running: dict = field(factory=dict)
    """Rack to the plan that its server runs with."""
    changing: set = field(factory=set)
    before: dict = field(factory=dict)
    """What those that are changing go back to."""
    took_back: set = field(factory=set)
    links: tuple = ()
    turns: list = field(factory=list)
    """The racks that restarted, in order; those of one step together."""
    generation: int = 10

    def __attrs_post_init__(self):
        self.links = tuple(self.fleet.links)

    def look(self, *, lost=(), restart=True):
        """Let the leader decide once, and the racks do it; tells whether anything changed."""
        self._tell()
        pairs = decide_pairs(self.fleet, lost=lost).pairs
        services = decide_services(self.fleet, pairs, put_off=failed_swaps(self.fleet))
        if pairs or services:
            self._write(pairs, services)
            return True
        met = decide_met(self.fleet)
        for vlan in met:
            self._set_services({vlan: evolve(self.fleet.services[vlan], met=True)})
        self._tell()
        turns = decide_turns(self.fleet, Patience())
        self.fleet = evolve(self.fleet, turns={**self.fleet.turns, **turns})
        if turns and restart:
            self.restart(*turns)
        return bool(met or turns)

    def restart(self, *racks):
        """Let these racks use their turns, in one step."""
        self.turns.append(set(racks))
        for rack in racks:
            plan = dhcp_plan_for(self.fleet, rack)
            before = {it.vlan.id: it for it in self.running.get(rack, ())}
            if any(it.role != before.get(it.vlan.id, it).role for it in plan if it.peer):
                self.changing.add(rack)
                self.before[rack] = self.running[rack]
            self.running[rack] = plan
        self._tell()

    def settle(self, **more):
        """Look until nothing changes."""
        for _ in range(200):
            if not self.look(**more):
                return self
            self.check()
        raise AssertionError("it never comes to rest")

    def do(self, deed, what):
        """Let something happen: racks drain, move, are lost or return, or take their roles back."""
        if deed == "drain":
            self.fleet = draining(evolve(self.fleet, drains=()), *what)
        elif deed == "lose":
            links = tuple(link for link in self.links if link.rack != rack_id(what))
            self.fleet = evolve(self.fleet, links=links)
        elif deed == "return":
            self.fleet = evolve(self.fleet, links=self.links)
        elif deed == "move":
            self._move(rack_id(what))
        elif deed == "take back":
            for rack in sorted(self.changing - self.followed()):
                self.running[rack] = self.before[rack]
                self.took_back.add(rack)
                self.changing.discard(rack)
        self._tell()

    def followed(self):
        """Those that change and whose peer may be about to follow: its turn has not ended."""
        swaps = swaps_under_way(self.fleet).values()
        turns = {rack for rack, turn in self.fleet.turns.items() if turn}
        return {swap.demoted for swap in swaps if swap.promoted in turns}

    def _move(self, rack):
        at = self.fleet.interfaces.get(rack, ())
        moved = tuple(IPv4Interface((each.ip + 10, each.network.prefixlen)) for each in at)
        self.fleet = evolve(self.fleet, interfaces={**self.fleet.interfaces, rack: moved})

    def check(self):
        """No VLAN has two primaries in the files of racks that are there."""
        for vlan in self.fleet.vlans:
            sides = [it for plan in self.running.values() for it in plan if it.vlan.id == vlan]
            roles = [side.role for side in sides]
            assert roles.count("primary") <= 1, f"two primaries of {vlan}: {self.turns}"
            assert roles.count("alone") == 0 or len(roles) == 1, roles

    def role(self, vlan, rack):
        plan = self.running.get(rack_id(rack), ())
        return next((it.role for it in plan if it.vlan.id == vlan), None)

    def is_normal(self, rack, service):
        peer = self.running.get(service.peer.rack, ())
        return any(
            it.vlan.id == service.vlan.id
            and it.peer is not None
            and (it.peer.rack, {it.role, service.role}) == (rack, {"primary", "secondary"})
            for it in peer
        )

    def _write(self, pairs, services):
        self.generation += 1
        number = FleetNumber(1, self.generation)
        kept = {**self.fleet.pairs, **pairs}
        kept = {vlan: pair for vlan, pair in kept.items() if pair is not None}
        self.fleet = evolve(self.fleet, pairs=kept)
        self._set_services(
            {v: None if it is None else evolve(it, number=number) for v, it in services.items()}
        )

    def _set_services(self, services):
        kept = {**self.fleet.services, **services}
        kept = {vlan: service for vlan, service in kept.items() if service is not None}
        self.fleet = evolve(self.fleet, services=kept)
        self._adopt()

    def _adopt(self):
        """What only has another number needs no restart."""
        for rack, running in self.running.items():
            plan = dhcp_plan_for(self.fleet, rack)
            same = len(plan) == len(running) and all(map(_same, plan, running))
            if same:
                self.running[rack] = plan

    def _tell(self):
        reports = {}
        for rack in self.fleet.racks:
            running, plan = self.running.get(rack, ()), dhcp_plan_for(self.fleet, rack)
            if not self.fleet.is_connected(rack):
                reports[rack] = self.fleet.dhcp_report(rack)
                continue
            sides = tuple(self._side(rack, it) for it in running)
            if all(side.state in {"normal", "alone"} for side in sides):
                self.changing.discard(rack)
            waits = running != plan and plan
            reports[rack] = DhcpReport(
                applied=dhcp_fingerprint(running),
                waiting=dhcp_fingerprint(plan) if waits else "",
                took_back=self._taken_back(rack),
                changing=rack in self.changing,
                running=bool(running),
                vlans=sides,
            )
            if not plan:
                self.running.pop(rack, None)
        self.fleet = evolve(self.fleet, dhcp_reports=reports)

    def _taken_back(self, rack):
        """As a rack tells it for a minute; here until it changes roles once more."""
        swaps = swaps_under_way(self.fleet)
        return tuple(swaps) if rack in self.took_back else ()

    def _side(self, rack, it):
        state = "alone"
        if it.peer is not None:
            state = "normal" if self.is_normal(rack, it) else "communications-interrupted"
        return VlanReport(
            vlan=it.vlan.id,
            number=it.number,
            role=it.role,
            peer=None if it.peer is None else it.peer.rack,
            address=it.address,
            peer_address=None if it.peer is None else it.peer.address,
            state=state,
        )


def _same(one, other):
    return one.same_relation(other) and one.vlan == other.vlan
