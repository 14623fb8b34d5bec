"""Racks whose DHCP servers do what the decisions say, in memory: whole stories, step by step.

A pair is normal when both run, each as the other's peer, one as the primary and one as the
secondary. A rack that exchanged roles takes its own back when told so by the story.
"""

from datetime import UTC, datetime
from ipaddress import IPv4Interface

from attrs import define, evolve, field

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.balance.dhcp_services import decide_met, decide_services
from evenrack.balance.dhcp_swaps import failed_swaps, swaps_under_way
from evenrack.balance.dhcp_turns import Patience, decide_turns, racks_in_a_hurry
from evenrack.balance.partner_down import candidate_of, words_that_end
from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.dhcp_report import DhcpReport, VlanReport
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.partner_down import PartnerDown
from evenrack.rack.still_its_own import still_its_own
from tests.dhcp_fleet import draining, rack_id, replacing

AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


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
    died: dict = field(factory=dict)
    """What the servers of dead hosts ran with; those of racks that are only lost run on."""
    partner_down: set = field(factory=set)
    """(rack, VLAN) of servers that were told that their partner is dead."""
    turns: list = field(factory=list)
    """The racks that restarted, in order; those of one step together."""
    generation: int = 10

    def __attrs_post_init__(self):
        self.links = tuple(self.fleet.links)

    def look(self, *, lost=(), restart=True):
        """Let the leader decide once, and the racks do it; tells whether anything changed."""
        self._tell()
        self._end_words()
        pairs = decide_pairs(self.fleet, lost=lost).pairs
        services = decide_services(self.fleet, pairs, put_off=failed_swaps(self.fleet))
        if pairs or services:
            self._write(pairs, services)
            return True
        met = decide_met(self.fleet)
        for vlan in met:
            self._set_services({vlan: evolve(self.fleet.services[vlan], met=True)})
        self._tell()
        turns = decide_turns(self.fleet, Patience(overdue=racks_in_a_hurry(self.fleet)))
        self.fleet = evolve(self.fleet, turns={**self.fleet.turns, **turns})
        due = [rack for rack in self.fleet.turns if self._has_its_turn(rack)]
        if due and restart:
            self.restart(*due)
        return bool(met or turns or due)

    def _has_its_turn(self, rack):
        """One that does not know what became of its last turn takes no other."""
        turn = self.fleet.turns[rack]
        waits = turn and self.fleet.dhcp_report(rack).waiting == turn
        return waits and self.fleet.is_connected(rack) and rack not in self.changing

    def restart(self, *racks):
        """Let these racks use their turns, in one step."""
        self.turns.append(set(racks))
        for rack in racks:
            plan = dhcp_plan_for(self.fleet, rack)
            before = {it.vlan.id: it for it in self.running.get(rack, ())}
            swapped = {it.vlan.id for it in plan if _is_swapped(before.get(it.vlan.id), it)}
            if swapped:
                self.changing.add(rack)
                self.before[rack] = {vlan: before[vlan] for vlan in swapped}
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
        getattr(self, f"_{deed.replace(' ', '_')}")(what)
        self._tell()

    def _wait(self, _):
        """Let nothing happen."""

    def _drain(self, racks):
        self.fleet = draining(evolve(self.fleet, drains=()), *racks)

    def _replace(self, racks):
        self.fleet = replacing(self.fleet, *racks)

    def _lose(self, rack):
        links = tuple(link for link in self.links if link.rack != rack_id(rack))
        self.fleet = evolve(self.fleet, links=links)

    def _die(self, rack):
        """Lose a whole host, its server too."""
        self._lose(rack)
        if rack_id(rack) in self.running:
            self.died[rack_id(rack)] = self.running.pop(rack_id(rack))
        self.changing.discard(rack_id(rack))

    def _return(self, _):
        """Let all racks be there again."""
        self.fleet = evolve(self.fleet, links=self.links)
        for rack, applied in self.died.items():
            self.running[rack] = still_its_own(applied, dhcp_plan_for(self.fleet, rack))
        self.died.clear()

    def _move(self, rack):
        """Give a rack other addresses."""
        at = self.fleet.interfaces.get(rack_id(rack), ())
        moved = tuple(IPv4Interface((each.ip + 10, each.network.prefixlen)) for each in at)
        self.fleet = evolve(self.fleet, interfaces={**self.fleet.interfaces, rack_id(rack): moved})

    def _take_back(self, _):
        for rack in sorted(self.changing - self.followed()):
            was = self.before[rack]
            self.running[rack] = tuple(was.get(it.vlan.id, it) for it in self.running[rack])
            self.took_back.add(rack)
            self.changing.discard(rack)

    def followed(self):
        """Those that change and whose peer may be about to follow: its turn has not ended."""
        swaps = swaps_under_way(self.fleet).values()
        turns = {rack for rack, turn in self.fleet.turns.items() if turn}
        return {swap.demoted for swap in swaps if swap.promoted in turns}

    def _call_dead(self, _):
        """Let the operator call every lost server dead that may be called so; mclt passes."""
        for vlan, service in self.fleet.services.items():
            for dead in service.racks:
                candidate = candidate_of(self.fleet, vlan, dead)
                if dead in self.died and not candidate.hindrances and candidate.survivor:
                    word = PartnerDown(
                        vlan=vlan,
                        survivor=candidate.survivor,
                        dead=dead,
                        who="",
                        at=AT,
                        taken_at=AT,
                    )
                    words = {**self.fleet.partner_downs, vlan: word}
                    over = self.fleet.taken_over | {vlan}
                    self.fleet = evolve(self.fleet, partner_downs=words, taken_over=over)
                    self.partner_down.add((candidate.survivor, vlan))

    def _end_words(self):
        ended = words_that_end(self.fleet)
        words = {v: word for v, word in self.fleet.partner_downs.items() if v not in ended}
        self.fleet = evolve(
            self.fleet, partner_downs=words, taken_over=self.fleet.taken_over & set(words)
        )

    def check(self):
        """No VLAN has two primaries in the files of racks that are there."""
        for vlan in self.fleet.vlans:
            sides = [it for plan in self.running.values() for it in plan if it.vlan.id == vlan]
            roles = [side.role for side in sides]
            assert roles.count("primary") <= 1, f"two primaries of {vlan}: {self.turns}"
            assert roles.count("alone") == 0 or len(roles) == 1, roles
            for side in sides:
                peers = {it.address for it in sides if it is not side}
                assert not peers or {p.packed[-1] % 10 for p in peers} == {
                    side.peer.address.packed[-1] % 10
                }, f"{side.address} serves beside {peers} in {vlan}: {self.turns}"

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

    def _state_of_pair(self, rack, it):
        if self.is_normal(rack, it):
            self.partner_down.discard((rack, it.vlan.id))
            return "normal"
        took_over = (rack, it.vlan.id) in self.partner_down
        return "partner-down" if took_over else "communications-interrupted"

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
            if running and not plan:  # one that is to serve nothing stops without a turn
                running = self.running[rack] = ()
            sides = tuple(self._side(rack, it) for it in running)
            if all(s.state == "normal" for s in sides if s.vlan in self.before.get(rack, ())):
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
            state = self._state_of_pair(rack, it)
        return VlanReport(
            vlan=it.vlan.id,
            number=it.number,
            role=it.role,
            peer=None if it.peer is None else it.peer.rack,
            address=it.address,
            peer_address=None if it.peer is None else it.peer.address,
            state=state,
        )


def _is_swapped(before, after):
    return (
        before is not None
        and before.peer is not None
        and before.peer == after.peer
        and before.role != after.role
    )


def _same(one, other):
    return one.same_relation(other) and one.vlan == other.vlan
