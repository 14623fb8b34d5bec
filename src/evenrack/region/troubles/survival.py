"""Which parts of the fleet must not be lost now, since something hangs on them alone: pure."""

from collections import Counter
from collections.abc import Iterator

from attrs import frozen

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId
from evenrack.region.troubles.vlan_troubles import serving_racks


@frozen(kw_only=True)
class Need:
    """One part that something hangs on."""

    part: str
    """`process:ID`, `region:ID`, `rack:HOSTNAME`: as `balance plan --without` takes it."""
    why: str


def needed_parts(fleet: Fleet) -> list[Need]:
    """Give what must not be lost: racks need a process, VLANs a server, BMCs a rack."""
    return [*_of_racks(fleet), *_of_vlans(fleet), *_of_bmcs(fleet)]


def _of_racks(fleet: Fleet) -> Iterator[Need]:
    needed: Counter[str] = Counter()
    for reach, racks in Counter(fleet.reach.values()).items():  # most racks have the same
        hosts = {fleet.processes[process].region for process in reach}
        if len(reach) == 1:
            needed[f"process:{reach[0]}"] += racks
        if len(hosts) == 1:
            needed[f"region:{next(iter(hosts))}"] += racks
    for part, count in sorted(needed.items()):
        yield Need(part=part, why=f"{count} rack{'' if count == 1 else 's'} would have no region")


def _of_vlans(fleet: Fleet) -> Iterator[Need]:
    for vlan in fleet.vlans.values():
        serving = serving_racks(fleet, vlan)
        if len(serving) == 1:
            yield Need(part=_part_of(fleet, serving[0]), why=f"{vlan.name} would have no DHCP")


def _of_bmcs(fleet: Fleet) -> Iterator[Need]:
    for rack, count in sorted(fleet.bmc_survival.alone.items()):
        why = f"{count} BMC{'' if count == 1 else 's'} would have no rack"
        yield Need(part=_part_of(fleet, rack), why=why)


def _part_of(fleet: Fleet, rack: RackId) -> str:
    return f"rack:{fleet.racks[rack].hostname}"
