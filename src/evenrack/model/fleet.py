"""The fleet as the tables show it in one reading: regions, racks, links and who manages whom."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface
from typing import Literal

from attrs import evolve, field, frozen

from evenrack.model.address_index import AddressIndex
from evenrack.model.attachment import Placements, attached_to
from evenrack.model.bmc import Bmc
from evenrack.model.bmc_survival import BmcSurvival, survival_of
from evenrack.model.dhcp_probe import Probe
from evenrack.model.dhcp_report import NOTHING_SERVED, DhcpReport, VlanReport
from evenrack.model.dhcp_roles import Pair, Pins, Service
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import BmcId, ProcessId, RackId, RegionId, RunId, VlanId
from evenrack.model.intents import Breaker, Drain, Hold
from evenrack.model.links import Links, grouped
from evenrack.model.network import Vlan
from evenrack.model.partner_down import PartnerDown
from evenrack.model.snippet import Snippet

ProcessState = Literal["running", "dead", "off"]


NO_RUN = RunId("")


@frozen(kw_only=True)
class RegionProcess:
    """One region process, alive or not."""

    id: ProcessId
    region: RegionId
    incarnation: int
    pid: int
    state: ProcessState
    leaving: bool = False
    """It is being stopped in order, and waits until what it manages is others'."""
    clock_ahead: float | None = None
    """Seconds by which its host's clock is ahead of the database's; None before it was seen."""


@frozen(kw_only=True)
class Rack:
    """One rack that has said hello at least once."""

    id: RackId
    hostname: str
    address: str
    run: RunId = NO_RUN
    """The run of its daemon that holds the rack's identity."""
    stopped: bool = False
    """Its daemon said goodbye: it was stopped in order."""
    holds: FleetNumber = BEFORE_ALL
    """Number of the plan that the rack last said it follows."""
    holds_fingerprint: str = ""
    failure_domain: str = ""
    """What it fails together with: a room, a feed. Empty: it fails alone."""
    clone_address: str | None = None
    """Where a second daemon with this identity was refused within the last minute."""


@frozen(kw_only=True)
class Managing:
    """Which process manages a rack, and the number of the decision."""

    process: ProcessId
    number: FleetNumber


@frozen(kw_only=True)
class Leadership:
    """Who leads, and the fleet's number."""

    number: FleetNumber
    epoch: int
    holder: ProcessId | None = None
    holder_incarnation: int = 0
    holder_runs: bool = False
    """The holder is recorded as running, in that incarnation."""
    lock_backend: int = 0
    """PostgreSQL process that held the leader's lock."""
    is_to_step_down: bool = False
    """The operator wants the holder to give the seat to another."""
    candidates: frozenset[tuple[ProcessId, int]] = frozenset()
    """Who can lead, with its incarnation: recorded as running, and not being stopped."""


@frozen(kw_only=True, slots=False)  # slots would leave no room for the cached properties
class PlanFacts:
    """What the plans of racks are made from."""

    racks: Mapping[RackId, Rack] = field(factory=dict)
    managing: Mapping[RackId, Managing] = field(factory=dict)
    interfaces: Mapping[RackId, tuple[IPv4Interface, ...]] = field(factory=dict)
    """The addresses of each rack's interfaces."""
    vlans: Mapping[VlanId, Vlan] = field(factory=dict)
    services: Mapping[VlanId, Service] = field(factory=dict)
    """Who has each VLAN in its configuration file."""
    relayed: Mapping[VlanId, VlanId] = field(factory=dict)
    """VLANs that stand in the files of another one's servers, each with that other one."""
    global_snippets: tuple[Snippet, ...] = ()
    """What stands once in the file of every rack."""
    bmcs: Mapping[BmcId, Bmc] = field(factory=dict)
    older: Mapping[RackId, int] = field(factory=dict, eq=False)
    """Racks that cannot be told of every BMC, each with the version of the conversation that it
    speaks: those with a link to the process that reads this. It is in no table."""

    @cached_property
    def bmc_addresses(self) -> AddressIndex:
        """The BMCs by their addresses."""
        return AddressIndex(self.bmcs)

    @cached_property
    def to_be_served(self) -> Mapping[VlanId, Vlan]:
        """Give each VLAN as its servers are told of it: with those that are relayed by it.

        What no server gives away is left out.
        """
        within: dict[VlanId, list[Vlan]] = {}
        for vlan, by in sorted(self.relayed.items()):
            if vlan in self.vlans:
                within.setdefault(by, []).append(_as_told(self.vlans[vlan], ()))
        return {
            vlan.id: _as_told(vlan, tuple(within.get(vlan.id, ()))) for vlan in self.vlans.values()
        }

    @cached_property
    def served_by(self) -> Mapping[RackId, tuple[VlanId, ...]]:
        """The VLANs that each rack has in its configuration file, in the order of their ids."""
        found: dict[RackId, list[VlanId]] = {}
        for vlan in sorted(self.services):
            for rack in self.services[vlan].staying:
                found.setdefault(rack, []).append(vlan)
        return {rack: tuple(vlans) for rack, vlans in found.items()}


@frozen(kw_only=True, slots=False)
class Fleet(PlanFacts):
    """One consistent reading of everything that decisions are made from."""

    leadership: Leadership
    regions: Mapping[RegionId, str] = field(factory=dict)
    """Region host to its host name."""
    processes: Mapping[ProcessId, RegionProcess] = field(factory=dict)
    links: Links = field(factory=Links, converter=grouped)
    """Only links to running processes."""
    open_problems: Mapping[tuple[str, str], datetime] = field(factory=dict)
    """(code, object) of each problem that is recorded as open, with when it began."""
    pairs: Mapping[VlanId, Pair] = field(factory=dict)
    """Designations: who is to serve each VLAN."""
    pins: Mapping[VlanId, Pins] = field(factory=dict)
    """The racks that an operator named for the roles of a VLAN."""
    placed: Mapping[RackId, Placements] = field(factory=dict)
    """Interfaces of which an operator said on which VLAN they are, by their addresses."""
    dhcp_reports: Mapping[RackId, DhcpReport] = field(factory=dict)
    """What each rack last said of its DHCP server."""
    turns: Mapping[RackId, str] = field(factory=dict)
    """For which DHCP plan (its fingerprint) a rack has the turn to restart its server."""
    granted: Mapping[RackId, datetime] = field(factory=dict)
    """When each rack got its last turn, by the database's clock."""
    read_at: datetime | None = field(default=None, eq=False)
    """When this was read, by that clock."""
    partner_downs: Mapping[VlanId, PartnerDown] = field(factory=dict)
    taken_over: frozenset[VlanId] = frozenset()
    """The VLANs of `partner_downs` whose one server gives away all free addresses by now."""
    """Words that one server of a pair is dead for good."""
    probes: Mapping[VlanId, tuple[Probe, ...]] = field(factory=dict)
    """What racks are to find out about the hosts of lost servers, and what they found."""
    answered: Mapping[BmcId, tuple[RackId, ...]] = field(factory=dict)
    """Which racks say that a BMC answers them."""
    bmc_owners: Mapping[BmcId, RackId] = field(factory=dict)
    """Which rack is to carry out the orders of a BMC."""
    hold: Hold | None = None
    """None also when its time is over."""
    drains: tuple[Drain, ...] = ()
    breaker: Breaker | None = None

    @cached_property
    def draining(self) -> frozenset[str]:
        """Ids of racks and processes that are to be given nothing, and to keep nothing.

        A process drains with its region host too, and while it is being stopped in order.
        """
        drained = {(drain.kind, drain.id) for drain in self.drains}
        racks = {RackId(drain.id) for drain in self.drains if drain.kind == "rack"}
        processes = {
            process.id
            for process in self.processes.values()
            if process.leaving
            or ("process", process.id) in drained
            or ("region", process.region) in drained
        }
        return frozenset((racks & self.racks.keys()) | processes)

    @property
    def breaker_holds(self) -> bool:
        """Tell whether the circuit breaker stops what is not forced."""
        return self.breaker is not None and not self.breaker.released

    @property
    def is_held(self) -> bool:
        """Tell whether no voluntary move is wanted: by an operator, or by the circuit breaker."""
        return self.hold is not None or self.breaker_holds

    @cached_property
    def live(self) -> tuple[ProcessId, ...]:
        """The running processes, in the order of their names."""
        return tuple(sorted(p.id for p in self.processes.values() if p.state == "running"))

    @cached_property
    def reach(self) -> Mapping[RackId, tuple[ProcessId, ...]]:
        """The running processes that each rack is connected to, in the order of their names."""
        connected = self.links.reach
        return {rack: connected.get(rack, ()) for rack in sorted(self.racks)}

    def manager_of(self, rack: RackId) -> ProcessId | None:
        """Name the process that manages this rack now: assigned, running and connected."""
        managing = self.managing.get(rack)
        if managing is None or managing.process not in self.reach.get(rack, ()):
            return None
        return managing.process

    def is_connected(self, rack: RackId) -> bool:
        """Tell whether any running process has a link to the rack."""
        return rack in self.connected

    def dhcp_report(self, rack: RackId) -> DhcpReport:
        """Give what a rack last said of its DHCP server."""
        return self.dhcp_reports.get(rack, NOTHING_SERVED)

    def dhcp_side(self, rack: RackId, vlan: VlanId) -> VlanReport | None:
        """Give what a rack last said of a VLAN; None when it did not serve it."""
        return self.dhcp_report(rack).sides.get(vlan)

    def turn_age(self, rack: RackId) -> float:
        """Give for how many seconds a rack has had its turn; 0 where that is not known."""
        at = self.granted.get(rack)
        if at is None or self.read_at is None:
            return 0.0
        return max(0.0, (self.read_at - at).total_seconds())

    def served_in(self, vlan: VlanId) -> VlanId:
        """Give the VLAN whose racks serve this one, or are to: itself, or the one that relays it.

        That is where it stands by now, while it goes from one to another.
        """
        if vlan in self.services or vlan not in self.vlans:
            return vlan
        return self.relayed.get(vlan) or self.vlans[vlan].relay_vlan or vlan

    def racks_reaching(self, bmc: BmcId) -> tuple[RackId, ...]:
        """Give the connected racks that a BMC answers, in the order of their ids."""
        return tuple(sorted(r for r in self.answered.get(bmc, ()) if self.is_connected(r)))

    @cached_property
    def bmc_reach(self) -> Mapping[BmcId, tuple[RackId, ...]]:
        """Give that of all BMCs; who asks about few asks `racks_reaching`."""
        return {bmc: self.racks_reaching(bmc) for bmc in self.bmcs}

    @cached_property
    def bmc_survival(self) -> BmcSurvival:
        """Tell which BMCs no connected rack reaches, and how many hang on each rack alone."""
        return survival_of(self.bmcs, self.answered, self.connected)

    @cached_property
    def connected(self) -> frozenset[RackId]:
        """The racks that have a link to any running process."""
        return frozenset(rack for rack, reach in self.reach.items() if reach)

    @cached_property
    def attached(self) -> Mapping[VlanId, Mapping[RackId, IPv4Address]]:
        """Give each VLAN's racks, in the order of their ids, each with its address there."""
        return attached_to(self.vlans, self.interfaces, self.placed)

    @cached_property
    def owned(self) -> Mapping[RackId, int]:
        """How many BMCs each rack owns."""
        return Counter(self.bmc_owners.values())

    @cached_property
    def connections(self) -> Mapping[ProcessId, int]:
        """How many links each process has; none has any that is not in it."""
        return Counter(link.process for link in self.links)

    @cached_property
    def managed(self) -> Mapping[ProcessId, int]:
        """How many racks each running process manages."""
        counts = dict.fromkeys(self.live, 0)
        for rack in self.managing:
            manager = self.manager_of(rack)
            if manager is not None:
                counts[manager] += 1
        return counts


def _as_told(vlan: Vlan, relayed: tuple[Vlan, ...]) -> Vlan:
    """Leave out what servers need not know; the same object where that is nothing."""
    subnets, subnets6 = vlan.subnets, vlan.subnets6
    is_same = vlan.relay_vlan is None and not relayed
    if any(subnet.reserved_ranges for subnet in subnets):
        is_same, subnets = False, tuple(evolve(net, reserved_ranges=()) for net in subnets)
    if any(subnet.reserved_ranges for subnet in subnets6):
        is_same, subnets6 = False, tuple(evolve(net, reserved_ranges=()) for net in subnets6)
    if is_same:
        return vlan
    return evolve(vlan, subnets=subnets, subnets6=subnets6, relay_vlan=None, relayed=relayed)
