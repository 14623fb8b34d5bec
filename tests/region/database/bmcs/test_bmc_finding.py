"""BMCs and machines are read without passwords: by name, by id and in pages."""

from ipaddress import IPv4Address

import pytest

from evenrack.model.bmc import Bmc, Machine
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.bmc_reading import (
    read_bmcs,
    read_machines,
    read_page,
    sealed_password_of,
)
from evenrack.region.database.inventory_reading import NoSuchObject
from tests.region.database.bmcs.bmc_rows import (
    changed,
    everything,
    found,
    made,
    made_machine,
    removed,
)

pytestmark = pytest.mark.postgres


def test_what_was_created_is_read_without_passwords(sessions):
    first = made(sessions, "b1", cipher_suite=17, port=6230)
    second = made(sessions, "b2", 2)
    machine = made_machine(sessions, "m1", second.value.id)
    assert sessions.run(read_bmcs) == {
        first.value.id: Bmc(
            id=first.value.id,
            name="b1",
            driver="ipmitool",
            address=IPv4Address("10.9.0.1"),
            port=6230,
            user="admin",
            cipher_suite=17,
        ),
        second.value.id: Bmc(
            id=second.value.id,
            name="b2",
            driver="ipmitool",
            address=IPv4Address("10.9.0.2"),
            user="admin",
        ),
    }
    assert sessions.run(read_machines) == {
        machine.value.id: Machine(id=machine.value.id, name="m1", bmc=second.value.id)
    }
    assert (machine.bmc_name, first.number) == ("b2", FleetNumber(0, 1))


def test_nothing_is_read_where_there_is_nothing(sessions):
    assert sessions.run(read_bmcs) == sessions.run(read_machines) == {}
    with pytest.raises(NoSuchObject, match='no bmc is called "b1"; there are none yet'):
        found(sessions, "bmc", "b1")
    with pytest.raises(NoSuchObject, match="there is no bmc with the id 7"):
        sessions.run(lambda c: sealed_password_of(c, 7))


def test_objects_are_found_by_name_and_by_id(kept):
    for noun, name in (("bmc", "b1"), ("machine", "m2")):
        first = found(kept, noun, name)
        for called in (name, first.value.id, str(first.value.id)):
            assert found(kept, noun, called) == first


@pytest.mark.parametrize("noun", ["bmc", "machine"])
def test_what_is_not_there_is_not_found_whatever_it_is_called(kept, noun):
    before = everything(kept)
    for name in ("", "nothing", "0", -1, 2**31, 10**40, "²", "a\0b", "\ud800", "%", "x" * 9999):
        for look in (found, changed, removed):
            with pytest.raises(NoSuchObject, match=f"no {noun} is called .*; there are: "):
                look(kept, noun, name)
    assert everything(kept) == before


def test_lists_are_read_in_pages_and_machines_of_one_bmc(kept):
    for number in range(10, 22):
        made(kept, f"b{number}", number)
    ids = list(kept.run(read_bmcs))

    def page(noun, after, limit, of=None):
        rows = kept.run(lambda c: read_page(c, noun, after=after, limit=limit, of=of))
        return [row.value.id for row in rows]

    assert page("bmc", 0, 100) == ids
    assert page("bmc", ids[4], 3) == ids[5:8]
    (machine,) = page("machine", 0, 100, found(kept, "bmc", "b2"))
    assert machine == found(kept, "machine", "m2").value.id
    assert page("machine", 0, 100, found(kept, "bmc", "b3")) == []
    with pytest.raises(NoSuchObject, match=r"there are: b1, .*, \.\.\.$"):
        found(kept, "bmc", "nothing")
