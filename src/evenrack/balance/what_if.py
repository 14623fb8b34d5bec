"""The fleet as it would be without some of its racks, region processes or region hosts: pure."""

from collections.abc import Iterable, Mapping
from typing import get_args

from attrs import evolve, frozen

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.intents import DrainKind

MOST_NAMED = 10


class PartUnknown(ValueError):
    """No part of the fleet is called this, or more than one; the message says what there is."""


@frozen(kw_only=True)
class Parts:
    """What is thought away; a region host is all its processes."""

    racks: frozenset[RackId] = frozenset()
    processes: frozenset[ProcessId] = frozenset()


def find_parts(fleet: Fleet, names: Iterable[str]) -> Parts:
    """Find what is meant by `rack:R`, `process:P`, `region:H`; PartUnknown when that is nothing.

    R, P and H are ids, host names, or the beginning of just one id.
    """
    racks: set[RackId] = set()
    processes: set[ProcessId] = set()
    for name in names:
        kind, _, wanted = name.partition(":")
        if kind == "rack":
            known = {str(rack.id): rack.hostname for rack in fleet.racks.values()}
            racks.add(RackId(_choose(known, wanted, kind)))
        elif kind == "process":
            processes.add(ProcessId(_choose({str(p): p for p in fleet.processes}, wanted, kind)))
        elif kind == "region":
            hosts = {str(region): name for region, name in fleet.regions.items()}
            region = _choose(hosts, wanted, kind)
            processes |= {p.id for p in fleet.processes.values() if p.region == region}
        else:
            kinds = ", ".join(f"{each}:NAME" for each in get_args(DrainKind))
            raise PartUnknown(f'"{name}" names no part of the fleet; a part is one of {kinds}')
    return Parts(racks=frozenset(racks), processes=frozenset(processes))


def without(fleet: Fleet, parts: Parts) -> Fleet:
    """Give the fleet as it is read when these are lost: processes dead, racks without a link."""
    processes = {
        each.id: evolve(each, state="dead") if each.id in parts.processes else each
        for each in fleet.processes.values()
    }
    links = tuple(
        link
        for link in fleet.links
        if link.rack not in parts.racks and link.process not in parts.processes
    )
    return evolve(fleet, processes=processes, links=links)


def _choose(known: Mapping[str, str], wanted: str, kind: str) -> str:
    """Give the id that is meant, of {id: name}."""
    if wanted in known:
        return wanted
    called = [each for each, name in known.items() if name == wanted]
    begun = [each for each in known if wanted and each.startswith(wanted)]
    for found, problem in ((called, "is the name"), (begun, "is the start of the id")):
        if len(found) == 1:
            return found[0]
        if found:
            raise PartUnknown(f'"{wanted}" {problem} of several: {_listed(found)}')
    raise PartUnknown(f'no {kind} is called "{wanted}"; there are: {_listed(known.values())}')


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return f"{', '.join(every[:MOST_NAMED])}{more}" or "none"
