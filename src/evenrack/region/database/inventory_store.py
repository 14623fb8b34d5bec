"""Changes the inventory: one transaction for each change, checked whole before it is written.

Each begins by raising the fleet's number, whose row is locked to the commit: changes wait for each
other and for the leader, so what was checked is what is written. The racks that have the VLAN in
their file get the new number, and with it a newer plan.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve
from sqlalchemy import Connection, delete, insert, text, update

from evenrack.errors import CannotEverWork, EvenrackError
from evenrack.model.findings import Finding, Noun, Place
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.model.network import Range, Reservation, Subnet, Vlan
from evenrack.model.network6 import Range6, Reservation6, Subnet6
from evenrack.model.network6_rules import newly_unheard
from evenrack.model.network_rules import problems_of
from evenrack.model.relay_rules import about_deletion
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.inventory_families import (
    NEW,
    NotOfThisFamily,
    new_value,
    with_fields,
)
from evenrack.region.database.inventory_reading import (
    AROUND,
    TABLES,
    NoSuchObject,
    Stored,
    find,
    find_by_id,
    find_subnet_of,
    read_rows,
    read_vlans,
    told_fields,
    whole_vlans,
)
from evenrack.region.database.inventory_values import Value, fields_of, name_of
from evenrack.region.database.leader_store import raise_number
from evenrack.region.database.notify import notify
from evenrack.region.database.relay_store import read_relaying
from evenrack.region.database.snippet_reading import count_for


class InventoryRefused(CannotEverWork):
    """The inventory would break its rules; nothing was changed."""

    wire_code = b"INVENTORY_REFUSED"

    def __init__(self, findings: Iterable[Finding], noun: Noun, number: int) -> None:
        self.findings = tuple(findings)
        self.noun = noun
        self.number = number
        super().__init__("; ".join(finding.sentence for finding in self.findings))


class ChangedMeanwhile(EvenrackError):
    """The object is another one than the caller had seen; nothing was changed."""

    wire_code = b"CHANGED_MEANWHILE"

    def __init__(self, present: Stored) -> None:
        self.present = present
        super().__init__(
            f"{present.noun} {name_of(present.value)} has changed: its generation is "
            f"{present.number} now; look at it again"
        )


class StillNeeded(CannotEverWork):
    """Something hangs on the object that was to be deleted; nothing was changed."""

    wire_code = b"STILL_NEEDED"


def create(
    connection: Connection,
    noun: Noun,
    fields: Mapping[str, Any],
    *,
    inside: str | int | None = None,
) -> Stored:
    """Create an object with these fields of its class (those of a VLAN's settings among them).

    `inside` names its VLAN or subnet; a range and a reservation find their subnet by the address.
    InventoryRefused when a rule would be broken.
    """
    number = raise_number(connection)
    new = new_value(noun, fields)
    value = _with(noun, new, _with_relay(connection, new, fields))
    wanted = _placed(
        Stored(noun=noun, value=value, number=number, vlan=VlanId(NEW), vlan_name=""),
        _around(connection, noun, value, inside),
    )
    _check(connection, wanted, {wanted.vlan})
    table = TABLES[noun]
    made = connection.execute(insert(table).values(_row(wanted)).returning(table.c.id))
    created = find_by_id(connection, noun, made.scalar_one())
    told = _event(created, "created", {"after": told_fields(created)})
    announce(connection, created.number, {created.vlan}, [told])
    return created


def change(
    connection: Connection,
    noun: Noun,
    name: str | int,
    fields: Mapping[str, Any],
    *,
    inside: str | int | None = None,
    if_number: FleetNumber | None = None,
) -> Stored:
    """Set some fields of an object, or move it; nothing is written when all are so already.

    NoSuchObject, ChangedMeanwhile when its number is not the expected one, InventoryRefused.
    """
    with connection.begin_nested() as everything:
        number = raise_number(connection)
        present = _expected(find(connection, noun, name), if_number)
        found = _with_relay(connection, present.value, fields)
        wanted = evolve(present, value=_with(noun, present.value, found))
        if inside is not None:
            wanted = _placed(wanted, _around(connection, noun, wanted.value, inside))
        if wanted == present:
            everything.rollback()
            return present
        wanted = evolve(wanted, number=number)
        _check(connection, wanted, {present.vlan, wanted.vlan})
        table = TABLES[noun]
        connection.execute(update(table).where(table.c.id == present.value.id).values(_row(wanted)))
        changed = find_by_id(connection, noun, present.value.id)
        told = _event(changed, "changed", _difference(present, changed))
        announce(connection, changed.number, {present.vlan, changed.vlan}, [told])
        return changed


def remove(
    connection: Connection, noun: Noun, name: str | int, *, if_number: FleetNumber | None = None
) -> Stored:
    """Delete an object with all that is inside it, and give it as it was.

    NoSuchObject, ChangedMeanwhile when its number is not the expected one, StillNeeded.
    """
    number = raise_number(connection)
    present = _expected(find(connection, noun, name), if_number)
    _check_nothing_needs(connection, present)
    what = {"before": told_fields(present), "with": _count_inside(connection, present)}
    announce(connection, number, {present.vlan}, [_event(present, "deleted", what)])
    table = TABLES[noun]
    connection.execute(delete(table).where(table.c.id == present.value.id))
    return present


def _expected(present: Stored, if_number: FleetNumber | None) -> Stored:
    if if_number is not None and present.number != if_number:
        raise ChangedMeanwhile(present)
    return present


# What it would be


def _with(noun: Noun, value: Value, fields: Mapping[str, Any]) -> Value:
    try:
        return with_fields(value, fields)
    except NotOfThisFamily as problem:
        raise _refused(noun, value, problem.field, str(problem)) from None


def _with_relay(
    connection: Connection, value: Value, fields: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Find the VLAN that is to relay this one, which is given by its name or its id."""
    named = fields.get("relay_vlan")
    if named is None:
        return fields
    try:
        return {**fields, "relay_vlan": find(connection, "vlan", named).value.id}
    except NoSuchObject as problem:
        raise _refused("vlan", value, "relay_vlan", str(problem)) from None


def _around(
    connection: Connection, noun: Noun, value: Value, inside: str | int | None
) -> Stored | None:
    """Find what the object is, or is to be, inside."""
    if noun == "vlan":
        return None
    try:
        if inside is not None or isinstance(value, Vlan | Subnet | Subnet6):
            return find(connection, AROUND[noun], "" if inside is None else inside)
    except NoSuchObject as problem:
        raise _refused(noun, value, AROUND[noun], str(problem)) from None
    is_range = isinstance(value, Range | Range6)
    address = value.first if isinstance(value, Range | Range6) else value.address
    subnet = find_subnet_of(connection, address)
    if subnet is None:
        field = "first" if is_range else "address"
        sentence = f"{noun} {name_of(value)}: no subnet has the address {address}; create it first"
        raise _refused(noun, value, field, sentence)
    return subnet


def _refused(noun: Noun, value: Value, field: str, sentence: str) -> InventoryRefused:
    place = Place(noun=noun, id=value.id, field=field)
    return InventoryRefused([Finding(sentence=sentence, places=(place,))], noun, value.id)


def _placed(it: Stored, around: Stored | None) -> Stored:
    if around is None:
        return it
    return evolve(
        it,
        vlan=around.vlan,
        vlan_name=around.vlan_name,
        inside=around.value.id,
        inside_name=name_of(around.value),
    )


def _check(connection: Connection, wanted: Stored, vlans: set[VlanId]) -> None:
    """Hold the inventory as it would be against the rules.

    Only what depends on this object counts: what was wrong before must not hinder its mending.
    """
    noun, number = wanted.noun, wanted.value.id
    # of 50,000 other reservations none matters that has neither the address nor a card of this one
    alike = wanted.value if isinstance(wanted.value, Reservation | Reservation6) else None
    rows = read_rows(connection, contents_of=vlans, alike=alike)
    others = _without(wanted, rows)
    found = [
        *problems_of(whole_vlans([*others, wanted]).values()),
        *_newly_unheard(rows, [*others, wanted]),
    ]
    about_it = [finding for finding in found if finding.field_of(noun, number) is not None]
    if about_it:
        raise InventoryRefused(about_it, noun, number)


def _check_nothing_needs(connection: Connection, it: Stored) -> None:
    findings: list[Finding] = []
    if isinstance(it.value, Vlan):
        findings += about_deletion(it.value, read_vlans(connection, contents_of=()).values())
    if isinstance(it.value, Subnet6):
        rows = read_rows(connection, contents_of=())
        findings += _newly_unheard(rows, _without(it, rows))
    if findings:
        raise StillNeeded("; ".join(finding.sentence for finding in findings))


def _without(it: Stored, rows: Iterable[Stored]) -> list[Stored]:
    return [row for row in rows if (row.noun, row.value.id) != (it.noun, it.value.id)]


def _newly_unheard(before: Iterable[Stored], after: Iterable[Stored]) -> Iterator[Finding]:
    was, will_be = (
        whole_vlans(row for row in rows if row.noun in {"vlan", "subnet"}).values()
        for rows in (before, after)
    )
    return newly_unheard(was, will_be)


# What is written


def _row(it: Stored) -> dict[str, Any]:
    row = {**fields_of(it.value), "era": it.number.era, "generation": it.number.generation}
    return row if it.noun == "vlan" else {**row, f"{AROUND[it.noun]}_id": it.inside}


def announce(
    connection: Connection, number: FleetNumber, vlans: set[VlanId], events: Sequence[Event]
) -> None:
    """Give the racks that serve the VLANs a newer plan, and tell everyone."""
    numbered = {
        "era": number.era,
        "generation": number.generation,
        "vlans": sorted(vlans | read_relaying(connection, vlans)),
    }
    connection.execute(
        text(
            "UPDATE managing SET era = :era, generation = :generation WHERE rack_id IN "
            "(SELECT unnest(ARRAY[primary_rack, secondary_rack]) FROM dhcp_service "
            "WHERE vlan_id = ANY(:vlans))"
        ),
        numbered,
    )
    connection.execute(
        text(
            "UPDATE dhcp_service SET era = :era, generation = :generation "
            "WHERE vlan_id = ANY(:vlans)"
        ),
        numbered,
    )
    record(connection, events, number)
    notify(connection, "inventory")


def _event(it: Stored, deed: str, what: Mapping[str, Any]) -> Event:
    place = "" if it.noun == "vlan" else f" on VLAN {it.vlan_name}"
    return Event(
        kind="inventory",
        object=f"vlan:{it.vlan_name}",
        text=f"{it.noun} {name_of(it.value)}{place} was {deed}{_told(what)}",
        data={"deed": deed, "noun": it.noun, "id": it.value.id, **what},
    )


def _told(what: Mapping[str, Any]) -> str:
    """Say what changed, or what went with it."""
    if "with" in what:
        lost = [_counted(name, count) for name, count in what["with"].items()]
        return f" with {', '.join(lost)}" if lost else ""
    if "before" in what:
        return ": " + ", ".join(
            f"{name} {_word(old)} -> {_word(what['after'][name])}"
            for name, old in what["before"].items()
        )
    return ""


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "none" if value in (None, "") else str(value)


def _difference(before: Stored, after: Stored) -> dict[str, Any]:
    old, new = told_fields(before), told_fields(after)
    if before.inside != after.inside:
        field = AROUND[before.noun]
        old[field], new[field] = before.inside_name, after.inside_name
    changed = [name for name in old if old[name] != new[name]]
    return {
        "before": {name: old[name] for name in changed},
        "after": {name: new[name] for name in changed},
    }


def _counted(name: str, count: int) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _count_inside(connection: Connection, it: Stored) -> dict[str, int]:
    """Count what goes with an object that is deleted, by its kind."""
    counts: Counter[str] = Counter()
    if it.noun in AROUND.values():
        for row in read_rows(connection, contents_of={it.vlan}):
            around = row.vlan if it.noun == "vlan" else row.inside
            deeper = row.noun != "vlan" if it.noun == "vlan" else AROUND.get(row.noun) == it.noun
            if deeper and around == it.value.id:
                counts[row.noun] += 1
    counts["snippet"] = count_for(connection, it.noun, it.value.id)
    return {noun: count for noun, count in counts.items() if count}
