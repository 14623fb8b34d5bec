"""Hypothesis strategies for the values that evenrack decides about and talks of."""

import string

from hypothesis import strategies as st

from evenrack.balance.spread_values import Bin, Item
from evenrack.model.fleet import Fleet, Leadership, Managing, Rack, RegionProcess
from evenrack.model.fleet_number import MOST_DIGITS, FleetNumber
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import LinkId, ProcessId, RackId, RegionId, process_id
from evenrack.model.links import Link
from evenrack.model.rack_plan import RackPlan

SMALL = st.integers(0, 5)
fleet_numbers = st.builds(FleetNumber, SMALL, SMALL)
any_fleet_numbers = st.builds(
    FleetNumber, *[st.integers(0, 10**MOST_DIGITS - 1) for _ in ("era", "generation")]
)
rack_ids = st.text(string.ascii_lowercase + string.digits, min_size=8, max_size=8).map(RackId)
region_ids = st.sampled_from(["region1", "region2", "r.3-x_Y", "9", "a" * 63]).map(RegionId)
process_ids = st.builds(process_id, region_ids, st.integers(1, 9))
tokens = st.text(string.ascii_letters + string.digits, max_size=12)
host_names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)
failure_domains = st.sampled_from(["room 1", "ü" * 64]) | host_names
host_ports = st.builds(
    HostPort,
    host=st.sampled_from(["10.0.0.1", "fd00::1", "fe80::1%eth0", "region1", "r2.example.com"]),
    port=st.integers(1, 65535),
)
region_endpoints = st.dictionaries(
    process_ids, st.lists(host_ports, max_size=3).map(tuple), max_size=6
)
rack_plans = st.builds(RackPlan, rack=rack_ids, number=any_fleet_numbers, managed_by=process_ids)


@st.composite
def spread_problems(draw, *, most_bins=7, most_items=24, missing_bins=False):
    """Bins on some hosts, and items with a random reach; some have an owner, not always legal."""
    count = draw(st.integers(1, most_bins))
    hosts = draw(st.integers(0, 2**count - 1))
    bins = [Bin(id=f"bin{n}", host="right" if hosts >> n & 1 else "left") for n in range(count)]
    known = [*(b.id for b in bins), *(["missing"] if missing_bins else [])]
    # One number for each item, for speed: which bins it reaches, and who owns it.
    item = st.tuples(st.integers(0, 2 ** len(known) - 1), st.sampled_from([None, *known]))
    items = [
        Item(
            id=f"item{number:02}",
            reach=tuple(name for n, name in enumerate(known) if reach >> n & 1),
            owner=owner,
        )
        for number, (reach, owner) in enumerate(draw(st.lists(item, max_size=most_items)))
    ]
    return bins, items


BITS = st.integers(0, 255)
FLEET_RACKS = st.lists(st.tuples(st.booleans(), fleet_numbers, BITS, BITS, BITS), max_size=8)
"""For each rack: stopped, the plan it holds, its links, which of them are double, its manager."""


@st.composite
def fleets(draw, *, all_running=False):
    """One reading as the tables give it: links only of known racks and to running processes."""
    dead = 0 if all_running else draw(BITS) & draw(BITS)
    names = [f"region{n // 2 + 1}/{n % 2 + 1}" for n in range(draw(st.integers(0, 5)))]
    processes = [running(m, "dead" if dead >> n & 1 else "running") for n, m in enumerate(names)]
    live = [process.id for process in processes if process.state == "running"]
    racks, links, managing = [], [], {}
    for number, (stopped, holds, once, twice, manager) in enumerate(draw(FLEET_RACKS)):
        rack = rack_named(f"rack{number:04}", stopped=stopped, holds=holds)
        racks.append(rack)
        for mask in (once, once & twice):
            links += [(rack.id, name) for n, name in enumerate(live) if mask >> n & 1]
        if manager < len(names):
            managing[rack.id] = ProcessId(names[manager])
        elif manager % 2 and live:
            managing[rack.id] = live[manager % len(live)]
    holder = draw(st.none() | st.sampled_from([*names, "region9/9"]))
    return fleet_of(processes, racks, links=links, managing=managing, holder=holder)


def fleet_of(processes, racks, *, links=(), managing=None, holder=None, problems=None):
    """A fleet at number 3.7 with these (rack, process) links and managers."""
    number = FleetNumber(3, 7)
    return Fleet(
        leadership=Leadership(number=number, epoch=1, holder=holder),
        regions={p.region: f"{p.region}.example.com" for p in processes},
        processes={p.id: p for p in processes},
        racks={r.id: r for r in racks},
        links=tuple(
            Link(id=LinkId(f"link{index}"), rack=rack, process=process)
            for index, (rack, process) in enumerate(links)
        ),
        managing={
            rack: Managing(process=process, number=number)
            for rack, process in (managing or {}).items()
        },
        open_problems=problems or {},
    )


def running(name, state="running"):
    """A region process by its name: `region1/2`."""
    return RegionProcess(
        id=ProcessId(name),
        region=RegionId(name.partition("/")[0]),
        incarnation=1,
        pid=1,
        state=state,
    )


def rack_named(name, **more):
    """A rack that holds the newest plan, so that nothing but what a test says is wrong with it."""
    more.setdefault("holds", FleetNumber(3, 7))
    return Rack(id=RackId(name), hostname=f"{name}.example.com", address="10.0.0.1:4000", **more)
