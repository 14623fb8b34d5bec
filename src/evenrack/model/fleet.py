"""The fleet as the tables show it in one reading: regions, racks, links and who manages whom."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface
from typing import Literal

from attrs import field, frozen

from evenrack.model.bmc import Bmc
from evenrack.model.dhcp_report import NOTHING_SERVED, DhcpReport
from evenrack.model.dhcp_roles import Pair, Service
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import BmcId, ProcessId, RackId, RegionId, RunId, VlanId
from evenrack.model.intents import Breaker, Drain, Hold
from evenrack.model.links import Links, grouped
from evenrack.model.network import Vlan

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
class Fleet:
    """One consistent reading of everything that decisions are made from."""

    leadership: Leadership
    regions: Mapping[RegionId, str] = field(factory=dict)
    """Region host to its host name."""
    processes: Mapping[ProcessId, RegionProcess] = field(factory=dict)
    racks: Mapping[RackId, Rack] = field(factory=dict)
    links: Links = field(factory=Links, converter=grouped)
    """Only links to running processes."""
    managing: Mapping[RackId, Managing] = field(factory=dict)
    open_problems: Mapping[tuple[str, str], datetime] = field(factory=dict)
    """(code, object) of each problem that is recorded as open, with when it began."""
    vlans: Mapping[VlanId, Vlan] = field(factory=dict)
    interfaces: Mapping[RackId, tuple[IPv4Interface, ...]] = field(factory=dict)
    """The addresses of each rack's interfaces."""
    pairs: Mapping[VlanId, Pair] = field(factory=dict)
    """Designations: who is to serve each VLAN."""
    services: Mapping[VlanId, Service] = field(factory=dict)
    """Who has each VLAN in its configuration file."""
    dhcp_reports: Mapping[RackId, DhcpReport] = field(factory=dict)
    """What each rack last said of its DHCP server."""
    turns: Mapping[RackId, str] = field(factory=dict)
    """For which DHCP plan (its fingerprint) a rack has the turn to restart its server."""
    bmcs: Mapping[BmcId, Bmc] = field(factory=dict)
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
        racks = {rack for rack in self.racks if ("rack", rack) in drained}
        processes = {
            process.id
            for process in self.processes.values()
            if process.leaving
            or ("process", process.id) in drained
            or ("region", process.region) in drained
        }
        return frozenset(racks | processes)

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
        return bool(self.reach.get(rack))

    def dhcp_report(self, rack: RackId) -> DhcpReport:
        """Give what a rack last said of its DHCP server."""
        return self.dhcp_reports.get(rack, NOTHING_SERVED)

    @cached_property
    def bmc_reach(self) -> Mapping[BmcId, tuple[RackId, ...]]:
        """Give the connected racks that each BMC answers, in the order of their ids."""
        return {
            bmc: tuple(sorted(r for r in self.answered.get(bmc, ()) if self.is_connected(r)))
            for bmc in self.bmcs
        }

    @cached_property
    def attached(self) -> Mapping[VlanId, Mapping[RackId, IPv4Address]]:
        """Give each VLAN's racks, in the order of their ids, each with its address there."""
        return {vlan.id: self._attached_to(vlan) for vlan in self.vlans.values()}

    def _attached_to(self, vlan: Vlan) -> dict[RackId, IPv4Address]:
        found = {
            rack: vlan.address_of(self.interfaces[rack])
            for rack in sorted(self.interfaces)
            if rack in self.racks
        }
        return {rack: address for rack, address in found.items() if address is not None}

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
