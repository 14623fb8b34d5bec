"""What a file of BMCs, or of machines, would change: what is new, changed, the same, and wrong.

A line is about the object with its name. What would be is held against the same rules as any other
change, once and as a whole: two lines may exchange the addresses of two BMCs.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

from attrs import field, frozen

from evenrack.model.bmc import Bmc, Machine
from evenrack.model.bmc_rules import (
    Breach,
    bmc_breaches,
    machine_breaches,
    moved_breaches,
    password_breaches,
)
from evenrack.model.csv_lines import LineProblem
from evenrack.model.findings import shown
from evenrack.model.identifiers import BmcId, MachineId

Deed = Literal["new", "changed", "same"]
Value = TypeVar("Value", Bmc, Machine)

NEW = 0
"""The id of an object that has none yet."""


@frozen(kw_only=True)
class WantedBmc:
    """One line of a file of BMCs."""

    line: int
    name: str
    fields: Mapping[str, Any]
    """Of a BMC, besides its name: those that the file has."""
    password: bytes = field(default=b"", repr=False)
    """Empty when the file has none: then it stays as it is."""


@frozen(kw_only=True)
class WantedMachine:
    """One line of a file of machines."""

    line: int
    name: str
    bmc: str
    """Its name, or its id."""


@frozen(kw_only=True)
class Planned(Generic[Value]):
    """One line, and the object that it makes."""

    line: int
    deed: Deed
    value: Value
    password: bytes = field(default=b"", repr=False)
    """Of a BMC: what is to be sealed; empty when it stays as it is."""


@frozen(kw_only=True)
class ObjectPlan(Generic[Value]):
    """All lines, or what is wrong."""

    lines: tuple[Planned[Value], ...]
    problems: tuple[LineProblem, ...]

    def count(self, deed: Deed) -> int:
        """Count the lines of one kind."""
        return sum(line.deed == deed for line in self.lines)

    @property
    def changes(self) -> tuple[Planned[Value], ...]:
        """Give the lines that change something."""
        return tuple(line for line in self.lines if line.deed != "same")

    @property
    def fingerprint(self) -> str:
        """Name what would be written, and nothing by which a password could be guessed."""
        digest = hashlib.sha256()
        for each in self.changes:
            told = [each.deed, repr(each.value), bool(each.password)]
            digest.update(json.dumps(told).encode() + b"\n")
        return digest.hexdigest()[:32]


def plan_bmcs(
    present: Iterable[Bmc], wanted: Sequence[WantedBmc], same_password: Collection[str]
) -> ObjectPlan[Bmc]:
    """Plan what the lines would do; `same_password` names BMCs that have theirs already."""
    kept = {bmc.name: bmc for bmc in present}
    lines: list[Planned[Bmc]] = []
    once, problems = _once_each(wanted)
    for each in once:
        before = kept.get(each.name)
        after = _bmc_after(each, before)
        password = b"" if each.name in same_password else each.password
        problems += _told(each.line, _about_bmc(after, before, each.password))
        deed = _deed(before, is_same=after == before and not password)
        lines.append(Planned(line=each.line, deed=deed, value=after, password=password))
    problems += _doubles(kept, lines, lambda bmc: (bmc.address, bmc.port), "address")
    return _plan(lines, problems)


def plan_machines(
    present: Iterable[Machine], wanted: Sequence[WantedMachine], bmcs: Collection[Bmc]
) -> ObjectPlan[Machine]:
    """Plan what the lines would do."""
    kept = {machine.name: machine for machine in present}
    known = {bmc.name: bmc.id for bmc in bmcs} | {str(bmc.id): bmc.id for bmc in bmcs}
    switched = {machine.bmc: machine.name for machine in kept.values()}
    lines: list[Planned[Machine]] = []
    once, problems = _once_each(wanted)
    for each in once:
        bmc = known.get(each.bmc)
        if bmc is None:
            detail = f"no bmc is called {shown(each.bmc)}; import it first: evenrack bmc import"
            problems.append(LineProblem(line=each.line, field="bmc", detail=detail))
            continue
        before = kept.get(each.name)
        after = Machine(id=before.id if before else MachineId(NEW), name=each.name, bmc=bmc)
        problems += _told(each.line, machine_breaches(after, ()))
        lines.append(
            Planned(line=each.line, deed=_deed(before, is_same=after == before), value=after)
        )
    problems += _doubles(kept, lines, lambda machine: machine.bmc, "bmc")
    problems += _exchanged(lines, switched)
    return _plan(lines, problems)


class _Named(Protocol):
    @property
    def line(self) -> int: ...

    @property
    def name(self) -> str: ...


Line = TypeVar("Line", bound=_Named)


def _once_each(wanted: Sequence[Line]) -> tuple[list[Line], list[LineProblem]]:
    """Leave out what an earlier line is about already."""
    first: dict[str, int] = {}
    once: list[Line] = []
    problems: list[LineProblem] = []
    for each in wanted:
        if first.setdefault(each.name, each.line) == each.line:
            once.append(each)
            continue
        detail = f"line {first[each.name]} is about {shown(each.name)}, too; keep one of them"
        problems.append(LineProblem(line=each.line, field="name", detail=detail))
    return once, problems


def _bmc_after(each: WantedBmc, before: Bmc | None) -> Bmc:
    if before is None:
        return Bmc(id=BmcId(NEW), name=each.name, **each.fields)
    return before.changed(each.fields)


def _about_bmc(after: Bmc, before: Bmc | None, password: bytes) -> tuple[Breach, ...]:
    alone = bmc_breaches(after, ())
    if password or before is None:
        return alone + password_breaches(after, password)
    return alone + moved_breaches(after, before)


def _deed(before: object, *, is_same: bool) -> Deed:
    if before is None:
        return "new"
    return "same" if is_same else "changed"


def _told(line: int, breaches: Iterable[Breach]) -> list[LineProblem]:
    return [LineProblem(line=line, field=each.field, detail=each.sentence) for each in breaches]


def _doubles(
    kept: Mapping[str, Value], lines: Sequence[Planned[Value]], of: Any, column: str
) -> Iterator[LineProblem]:
    """Find what two objects would have, where each has its own."""
    named = {each.value.name for each in lines}
    holders: defaultdict[Any, list[str]] = defaultdict(list)
    for name, value in kept.items():
        if name not in named:
            holders[of(value)].append(shown(name))
    for each in lines:
        others = holders[of(each.value)]
        if others and each.deed != "same":
            detail = f"{others[0]} has the same already; give each its own"
            yield LineProblem(line=each.line, field=column, detail=detail)
        others.append(f"line {each.line}")


def _exchanged(
    lines: Sequence[Planned[Machine]], switched: Mapping[BmcId, str]
) -> Iterator[LineProblem]:
    """Find machines that would get a BMC which another one gives up by the same file."""
    moves = {each.value.name for each in lines if each.deed == "changed"}
    for each in lines:
        holder = switched.get(each.value.bmc)
        if each.deed != "same" and holder != each.value.name and holder in moves:
            detail = (
                f"machine {shown(holder)} has this BMC until the import is over; give that one "
                "another BMC in an import before"
            )
            yield LineProblem(line=each.line, field="bmc", detail=detail)


def _plan(lines: Iterable[Planned[Value]], problems: Iterable[LineProblem]) -> ObjectPlan[Value]:
    in_order = sorted(problems, key=lambda problem: problem.line)
    return ObjectPlan(lines=tuple(lines), problems=tuple(in_order))
