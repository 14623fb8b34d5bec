"""What a drain has to move away, what stays for want of another, what would have nobody: pure.

A drain of some racks and region processes (`leaving`, by their ids) together with all that drains
already: nothing of that can take anything.
"""

from collections.abc import Collection, Iterator

from attrs import frozen

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import BmcId, ProcessId, RackId, VlanId
from evenrack.model.intents import Drain, DrainKind
from evenrack.model.network import Vlan


@frozen(kw_only=True)
class Burden:
    """Something that whatever drains has, or that only it can serve."""

    object: str
    """As in events: `rack:ID`, `vlan:NAME`, `bmc:NAME`, `process:ID`."""
    why: str
    """A sentence about it, for people."""


def leaving_of(fleet: Fleet, kind: DrainKind, drained: str) -> frozenset[str]:
    """Give the racks and processes that a drain is about."""
    if kind != "region":
        return frozenset({drained})
    return frozenset(p.id for p in fleet.processes.values() if p.region == drained)


def drains_of(fleet: Fleet, kind: DrainKind, drained: str) -> list[Drain]:
    """Give the drains by which this one drains: its own, or that of its region host."""
    region = drained.partition("/")[0] if kind == "process" else None
    return [
        drain
        for drain in fleet.drains
        if (drain.kind, drain.id) in {(kind, drained), ("region", region)}
    ]


def still_to_move(fleet: Fleet, leaving: Collection[str]) -> list[Burden]:
    """Give what is with those that leave although another could take it."""
    no_takers = fleet.draining | frozenset(leaving)
    return [
        *_racks_to_move(fleet, leaving, no_takers),
        *_bmcs_to_move(fleet, leaving, no_takers),
        *_roles_to_move(fleet, leaving, no_takers),
        *_files_to_leave(fleet, leaving),
    ]


def stays(fleet: Fleet, leaving: Collection[str]) -> list[Burden]:
    """Give the VLANs that keep one that leaves: in a role, or in the files of the servers."""
    no_takers = fleet.draining | frozenset(leaving)
    moving = {burden.object for burden in _roles_to_move(fleet, leaving, no_takers)}
    found = []
    for vlan in _vlans_with_dhcp(fleet):
        where = f"vlan:{vlan.name}"
        pair = fleet.pairs.get(vlan.id)
        for rack in _among(leaving, () if pair is None else pair.racks):
            if where not in moving:
                name = fleet.racks[rack].hostname
                why = f"{vlan.name}: no other rack can take the role of {name}"
                found.append(Burden(object=where, why=why))
        for rack in _in_files_only(fleet, vlan.id, leaving):
            if not fleet.is_connected(rack):
                name = fleet.racks[rack].hostname
                why = f"{vlan.name}: {name} is not there, and may go on serving it"
                found.append(Burden(object=where, why=why))
    return found


def would_have_nobody(fleet: Fleet, leaving: Collection[str]) -> list[Burden]:
    """Give what only those that leave can serve; nothing of it may be drained away."""
    no_takers = fleet.draining | frozenset(leaving)
    processes = sorted(set(leaving) & set(fleet.live))
    if processes and set(fleet.live) <= no_takers:
        why = "no other region process runs, or all others drain"
        return [Burden(object=f"process:{each}", why=f"{each}: {why}") for each in processes]
    return [
        *_lonely_racks(fleet, leaving, no_takers),
        *_lonely_vlans(fleet, leaving, no_takers),
        *_lonely_bmcs(fleet, leaving, no_takers),
    ]


def racks_to_wait_for(fleet: Fleet, process: ProcessId) -> list[Burden]:
    """Give what a process that is being stopped has to wait for: racks that another can manage."""
    return _racks_to_move(fleet, {process}, fleet.draining | {process})


def _lonely_racks(
    fleet: Fleet, leaving: Collection[str], no_takers: frozenset[str]
) -> Iterator[Burden]:
    for rack, reach in fleet.reach.items():
        if set(leaving) & set(reach) and set(reach) <= no_takers:
            name, only = fleet.racks[rack].hostname, ", ".join(reach)
            yield Burden(object=f"rack:{rack}", why=f"{name} is connected to {only} only")


def _lonely_vlans(
    fleet: Fleet, leaving: Collection[str], no_takers: frozenset[str]
) -> Iterator[Burden]:
    for vlan in _vlans_with_dhcp(fleet):
        if set(leaving) & _on(fleet, vlan.id) and not _takers(fleet, vlan.id, no_takers):
            why = f"{vlan.name}: no other connected rack is on it"
            yield Burden(object=f"vlan:{vlan.name}", why=why)


def _lonely_bmcs(
    fleet: Fleet, leaving: Collection[str], no_takers: frozenset[str]
) -> Iterator[Burden]:
    for bmc, reach in fleet.bmc_reach.items():
        if set(leaving) & set(reach) and set(reach) <= no_takers:
            name = fleet.bmcs[bmc].name
            yield Burden(object=f"bmc:{name}", why=f"{name}: no other connected rack reaches it")


def _racks_to_move(
    fleet: Fleet, leaving: Collection[str], no_takers: frozenset[str]
) -> list[Burden]:
    found = []
    for rack, reach in fleet.reach.items():
        manager = fleet.manager_of(rack)
        if manager in leaving and not set(reach) <= no_takers:
            why = f"{fleet.racks[rack].hostname} is managed by {manager}"
            found.append(Burden(object=f"rack:{rack}", why=why))
    return found


def _bmcs_to_move(
    fleet: Fleet, leaving: Collection[str], no_takers: frozenset[str]
) -> list[Burden]:
    found = []
    for bmc, owner in fleet.bmc_owners.items():
        if owner in leaving and _can_be_owned(fleet, bmc, no_takers):
            name = fleet.bmcs[bmc].name
            why = f"{name} is owned by {fleet.racks[owner].hostname}"
            found.append(Burden(object=f"bmc:{name}", why=why))
    return found


def _can_be_owned(fleet: Fleet, bmc: BmcId, no_takers: frozenset[str]) -> bool:
    return not set(fleet.racks_reaching(bmc)) <= no_takers


def _roles_to_move(
    fleet: Fleet, leaving: Collection[str], no_takers: frozenset[str]
) -> list[Burden]:
    found = []
    for vlan in _vlans_with_dhcp(fleet):
        pair = fleet.pairs.get(vlan.id)
        if pair is None:
            continue
        for rack in _among(leaving, pair.racks):
            takers = _takers(fleet, vlan.id, no_takers)
            if rack != pair.primary:
                takers -= {pair.primary}
            if takers:
                role = "primary" if rack == pair.primary else "secondary"
                why = f"{fleet.racks[rack].hostname} is the {role} of {vlan.name}"
                found.append(Burden(object=f"vlan:{vlan.name}", why=why))
    return found


def _files_to_leave(fleet: Fleet, leaving: Collection[str]) -> list[Burden]:
    """Give the VLANs that a rack serves although others are designated: it is about to stop."""
    return [
        Burden(
            object=f"vlan:{vlan.name}",
            why=f"{fleet.racks[rack].hostname} still serves {vlan.name}",
        )
        for vlan in _vlans_with_dhcp(fleet)
        for rack in _in_files_only(fleet, vlan.id, leaving)
        if fleet.is_connected(rack)
    ]


def _in_files_only(fleet: Fleet, vlan: VlanId, leaving: Collection[str]) -> list[RackId]:
    """Give those that have a VLAN in their file, and no role there by designation."""
    pair, service = fleet.pairs.get(vlan), fleet.services.get(vlan)
    designated = () if pair is None else pair.racks
    racks = () if service is None or pair is None else service.racks
    return [rack for rack in _among(leaving, racks) if rack not in designated]


def _vlans_with_dhcp(fleet: Fleet) -> list[Vlan]:
    """Give those that have racks; one that is relayed has those of another."""
    return [vlan for vlan in fleet.vlans.values() if vlan.has_racks]


def _on(fleet: Fleet, vlan: VlanId) -> set[RackId]:
    """Give the racks that have to do with a VLAN: those on it, and those designated for it."""
    pair = fleet.pairs.get(vlan)
    return {*fleet.attached[vlan], *(() if pair is None else pair.racks)}


def _takers(fleet: Fleet, vlan: VlanId, no_takers: frozenset[str]) -> set[RackId]:
    return {
        rack for rack in fleet.attached[vlan] if fleet.is_connected(rack) and rack not in no_takers
    }


def _among(leaving: Collection[str], racks: tuple[RackId, ...]) -> list[RackId]:
    return [rack for rack in racks if rack in leaving]
