"""Changes BMCs and machines: one transaction for each change, checked whole before it is written.

Each begins by raising the fleet's number, whose row is locked to the commit: changes wait for each
other and for the leader, so what was checked is what is written.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self, cast

from attrs import evolve, field, frozen
from sqlalchemy import Connection, delete, insert, select, update

from evenrack.config.secret_file import Secret
from evenrack.errors import CannotEverWork, EvenrackError
from evenrack.model.bmc import Bmc, Machine
from evenrack.model.bmc_rules import (
    Breach,
    bmc_breaches,
    k_g_breaches,
    machine_breaches,
    moved_breaches,
    password_breaches,
)
from evenrack.model.findings import shown
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, MachineId
from evenrack.region.database.bmc_reading import (
    TABLES,
    Kept,
    Noun,
    Value,
    fields_of,
    find,
    find_by_id,
    find_machine_of,
    k_g_cell,
    password_cell,
    read_bmcs,
    read_machines,
)
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.database.leader_store import raise_number
from evenrack.region.database.notify import notify
from evenrack.region.database.tables import bmc, power_order
from evenrack.region.sealing import Sealer

NEW = 0
"""The id of an object that is checked before it has one."""


class ObjectRefused(CannotEverWork):
    """A BMC or a machine would break its rules; nothing was changed."""

    wire_code = b"OBJECT_REFUSED"

    def __init__(self, breaches: Iterable[Breach]) -> None:
        self.breaches = tuple(breaches)
        super().__init__("; ".join(breach.sentence for breach in self.breaches))


class ObjectChanged(EvenrackError):
    """The BMC or machine is another one than the caller had seen; nothing was changed."""

    wire_code = b"OBJECT_CHANGED"

    def __init__(self, present: Kept) -> None:
        self.present = present
        super().__init__(
            f"{present.noun} {present.value.name} has changed: its generation is "
            f"{present.number} now; look at it again"
        )


class BmcInUse(CannotEverWork):
    """A BMC cannot be deleted while it switches a machine, nor either while an order runs."""

    wire_code = b"BMC_IN_USE"

    @classmethod
    def by_machine(cls, name: str, machine: str) -> Self:
        """Say which machine it switches."""
        return cls(
            f"bmc {name} switches machine {machine}; delete that first: "
            f"evenrack machine delete {machine}"
        )

    @classmethod
    def by_order(cls, noun: Noun, name: str, order: int) -> Self:
        """Say which order has not ended."""
        return cls(f"{noun} {name} has order {order}, which has not ended: evenrack order list")


@frozen(kw_only=True)
class NewSecret:
    """A password or key that is to be kept, and what seals it."""

    clear: Secret
    sealer: Sealer


@frozen(kw_only=True)
class Wish:
    """What an object shall be; what is left out stays as it is."""

    fields: Mapping[str, Any] = field(factory=dict)
    """Of its class, without what is below."""
    password: NewSecret | None = None
    """Of a BMC."""
    k_g: NewSecret | None = None
    """Of a BMC: its own key."""
    no_k_g: bool = False
    """Whether the key that it has is to be forgotten."""
    bmc: str | int | None = None
    """The name or id of a machine's BMC."""

    @property
    def seals(self) -> bool:
        """Whether there is a secret to be kept, which is sealed anew in any case."""
        return self.password is not None or self.k_g is not None

    def wanted(self, value: Value) -> Value:
        """Give an object as it shall be."""
        if isinstance(value, Machine):
            return evolve(value, **self.fields)
        wanted = value.changed(self.fields)
        if self.no_k_g or self.k_g is not None:
            return evolve(wanted, k_g_set=self.k_g is not None)
        return wanted


def create(connection: Connection, noun: Noun, wish: Wish) -> Kept:
    """Create a BMC or a machine.

    ObjectRefused when a rule would be broken, KeyMissing when the password cannot be sealed here.
    """
    number = raise_number(connection)
    value = Wish(k_g=wish.k_g).wanted(_NEW[noun](wish.fields))
    wanted = Kept(noun=noun, value=value, number=number)
    wanted = _checked(connection, wanted, wish)
    table = TABLES[noun]
    unsealed = {"password": b""} if noun == "bmc" else {}  # it is sealed for the id, made here
    made = connection.execute(insert(table).values(_row(wanted) | unsealed).returning(table.c.id))
    created = find_by_id(connection, noun, made.scalar_one())
    _seal(connection, created, wish)
    created = find_by_id(connection, noun, created.value.id)
    _announce(connection, created, "created", {"after": _described(created)})
    return created


def change(
    connection: Connection,
    noun: Noun,
    name: str | int,
    wish: Wish,
    *,
    if_number: FleetNumber | None = None,
) -> Kept:
    """Change an object; nothing is written when all is so already.

    A secret is always sealed anew, and none is sent to another address than it was given for.
    NoSuchObject, ObjectChanged when its number is not the
    expected one, ObjectRefused, KeyMissing.
    """
    with connection.begin_nested() as everything:
        number = raise_number(connection)
        present = _expected(find(connection, noun, name), if_number)
        wanted = evolve(present, value=wish.wanted(present.value))
        wanted = _checked(connection, wanted, wish, before=present.value)
        if wanted == present and not wish.seals:
            everything.rollback()
            return present
        wanted = evolve(wanted, number=number)
        table = TABLES[noun]
        connection.execute(update(table).where(table.c.id == present.value.id).values(_row(wanted)))
        _seal(connection, wanted, wish)
        what = _difference(present, wanted, wish)
        _announce(connection, wanted, "changed", what)
        return wanted


def remove(
    connection: Connection, noun: Noun, name: str | int, *, if_number: FleetNumber | None = None
) -> Kept:
    """Delete an object, and give it as it was.

    NoSuchObject, ObjectChanged when its number is not the expected one, BmcInUse.
    """
    number = raise_number(connection)
    present = _expected(find(connection, noun, name), if_number)
    user = find_machine_of(connection, present.value.id) if noun == "bmc" else None
    if user is not None:
        raise BmcInUse.by_machine(present.value.name, user.value.name)
    value = present.value
    order = _unfinished_order(connection, value.bmc if isinstance(value, Machine) else value.id)
    if order is not None:
        raise BmcInUse.by_order(noun, value.name, order)
    table = TABLES[noun]
    connection.execute(delete(table).where(table.c.id == present.value.id))
    what = {"before": _described(present)}
    _announce(connection, evolve(present, number=number), "deleted", what)
    return present


def _unfinished_order(connection: Connection, number: int) -> int | None:
    found: int | None = connection.execute(
        select(power_order.c.id).where(
            power_order.c.bmc_id == number, power_order.c.result.is_(None)
        )
    ).scalar()
    return found


def _expected(present: Kept, if_number: FleetNumber | None) -> Kept:
    if if_number is not None and present.number != if_number:
        raise ObjectChanged(present)
    return present


# What it would be


_NEW: Mapping[Noun, Callable[[Mapping[str, Any]], Value]] = MappingProxyType(
    {
        "bmc": lambda fields: Bmc(id=BmcId(NEW), **fields),
        "machine": lambda fields: Machine(id=MachineId(NEW), bmc=BmcId(NEW), **fields),
    }
)


def _checked(connection: Connection, it: Kept, wish: Wish, *, before: Value | None = None) -> Kept:
    """Give a machine its BMC, and hold the object as it would be against the rules."""
    value = it.value
    if isinstance(value, Bmc):
        bmcs = read_bmcs(connection).values()
        breaches = bmc_breaches(value, [each for each in bmcs if each.id != value.id])
        breaches += _about_password(value, wish.password, before)
        if wish.k_g is not None:
            breaches += k_g_breaches(value, wish.k_g.clear.reveal())
    else:
        it, breaches = _on_bmc(connection, it, wish.bmc)
        machine = cast("Machine", it.value)
        machines = read_machines(connection).values()
        breaches += machine_breaches(machine, [each for each in machines if each.id != machine.id])
    if breaches:
        raise ObjectRefused(breaches)
    return it


def _about_password(
    value: Bmc, password: NewSecret | None, before: Value | None
) -> tuple[Breach, ...]:
    if password is not None:
        return password_breaches(value, password.clear.reveal())
    return (
        moved_breaches(value, before) if isinstance(before, Bmc) else password_breaches(value, b"")
    )


def _on_bmc(
    connection: Connection, it: Kept, name: str | int | None
) -> tuple[Kept, tuple[Breach, ...]]:
    """Give a machine the BMC that is wished for, or say that there is none."""
    if name is None and it.value.id != NEW:
        return it, ()
    try:
        found = find(connection, "bmc", "" if name is None else name)
    except NoSuchObject as problem:
        sentence = f"machine {shown(it.value.name)}: {problem}"
        return it, (Breach(field="bmc", sentence=sentence),)
    value = evolve(cast("Machine", it.value), bmc=BmcId(found.value.id))
    return evolve(it, value=value, bmc_name=found.value.name), ()


# What is written


def _row(it: Kept) -> dict[str, Any]:
    on_bmc = {"bmc_id": it.value.bmc} if isinstance(it.value, Machine) else {}
    number = {"era": it.number.era, "generation": it.number.generation}
    return {**fields_of(it.value), **on_bmc, **number}


def _seal(connection: Connection, it: Kept, wish: Wish) -> None:
    number = BmcId(it.value.id)
    sealed: dict[str, bytes | None] = {"k_g": None} if wish.no_k_g else {}
    cells = ((wish.password, password_cell(number)), (wish.k_g, k_g_cell(number)))
    for secret, cell in cells:
        if secret is not None:
            sealed[cell.column] = secret.sealer.seal(secret.clear, cell)
    if sealed:
        connection.execute(update(bmc).where(bmc.c.id == number).values(sealed))


def _announce(connection: Connection, it: Kept, deed: str, what: Mapping[str, Any]) -> None:
    """Tell everyone, and of a secret only that it was set."""
    place = f" on bmc {it.bmc_name}" if it.bmc_name else ""
    event = Event(
        kind="inventory",
        object=f"{it.noun}:{it.value.name}",
        text=f"{it.noun} {it.value.name}{place} was {deed}{_told(what)}",
        data={"deed": deed, "noun": it.noun, "id": it.value.id, **what},
    )
    record(connection, [event], it.number)
    notify(connection, "inventory")


def _told(what: Mapping[str, Any]) -> str:
    """Say what changed."""
    if not {"before", "after"} <= what.keys():
        return ""
    changes = [
        f"{name} {_word(old)} -> {_word(what['after'][name])}"
        for name, old in what["before"].items()
    ]
    if what["new_password"]:
        changes.append("new password")
    if what.get("new_k_g"):
        changes.append("new key K_g")
    return f": {', '.join(changes)}"


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _described(it: Kept) -> dict[str, Any]:
    on_bmc = {"bmc": it.bmc_name} if it.bmc_name else {}
    key = {"k_g_set": it.value.k_g_set} if isinstance(it.value, Bmc) else {}
    return {**fields_of(it.value), **key, **on_bmc}


def _difference(before: Kept, after: Kept, wish: Wish) -> dict[str, Any]:
    old, new = _described(before), _described(after)
    changed = [name for name in old if old[name] != new[name]]
    return {
        "before": {name: old[name] for name in changed},
        "after": {name: new[name] for name in changed},
        "new_password": wish.password is not None,
        **({"new_k_g": True} if wish.k_g is not None else {}),
    }
