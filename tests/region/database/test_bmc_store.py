"""BMCs and machines in PostgreSQL: whole changes or none, and passwords that nobody can read."""

import secrets
from ipaddress import IPv4Address

import pytest

from evenrack.config.key_file import NO_KEYS, Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import Damaged, KeyMissing
from evenrack.model.bmc import Bmc, Machine
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.bmc_reading import (
    find,
    k_g_cell,
    password_cell,
    read_bmcs,
    read_machines,
    read_page,
    sealed_k_g_of,
    sealed_password_of,
)
from evenrack.region.database.bmc_store import (
    BmcInUse,
    NewSecret,
    ObjectChanged,
    ObjectRefused,
    Wish,
    change,
    create,
    remove,
)
from evenrack.region.database.event_store import read_events
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.database.leader_store import current_number, next_number
from evenrack.region.sealing import Sealer, key_id_of
from tests.region.database.sessions import heard

pytestmark = pytest.mark.postgres

CLEAR = "SESAME open"
TABLES = ("bmc", "machine", "event")


def sealer(*names):
    keys = tuple(Key(id=name, content=Secret(name.encode() * 32)) for name in names)
    return Sealer(keys=Keys(all=keys), token_bytes=secrets.token_bytes)


OLD = sealer("a")


MOVED = IPv4Address("10.9.0.99")


def password(clear=CLEAR, sealed_with=OLD):
    return NewSecret(clear=Secret(clear.encode()), sealer=sealed_with)


def access(number, **more):
    address = IPv4Address("10.9.0.0") + number
    return {"driver": "ipmitool", "address": address, "user": "admin", **more}


def made(sessions, name, number=1, new_password=None, **more):
    wish = Wish(
        fields={"name": name, **access(number, **more)}, password=new_password or password()
    )
    return sessions.run(lambda c: create(c, "bmc", wish))


def made_machine(sessions, name, bmc):
    return sessions.run(lambda c: create(c, "machine", Wish(fields={"name": name}, bmc=bmc)))


def changed(sessions, noun, name, wish=None, /, if_number=None, **fields):
    wish = wish or Wish(fields=fields)
    return sessions.run(lambda c: change(c, noun, name, wish, if_number=if_number))


def removed(sessions, noun, name, if_number=None):
    return sessions.run(lambda c: remove(c, noun, name, if_number=if_number))


def found(sessions, noun, name):
    return sessions.run(lambda c: find(c, noun, name))


def number_of(sessions):
    return sessions.run(current_number)


def opened(sessions, bmc, opener=OLD):
    sealed = sessions.run(lambda c: sealed_password_of(c, bmc.value.id))
    return opener.open(sealed, password_cell(bmc.value.id)).reveal().decode()


def everything(sessions):
    """All that a refused change must leave alone."""
    rows = {
        table: sorted(sessions.rows(f"SELECT * FROM {table}"), key=str)  # noqa: S608  ours
        for table in TABLES
    }
    rows["bmc"] = [tuple(map(bytes_of, row)) for row in rows["bmc"]]
    return rows, number_of(sessions)


def bytes_of(value):
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.fixture
def kept(sessions):
    """Three BMCs; the first two switch a machine each."""
    for number in (1, 2, 3):
        made(sessions, f"b{number}", number)
    for number in (1, 2):
        made_machine(sessions, f"m{number}", f"b{number}")
    return sessions


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


# Passwords


def test_a_password_is_kept_sealed_for_its_row_and_opens_there(kept):
    for name in ("b1", "b2"):
        assert opened(kept, found(kept, "bmc", name)) == CLEAR
    blobs = kept.rows("SELECT password FROM bmc")
    assert len({bytes(blob) for (blob,) in blobs}) == 3
    assert not any(CLEAR.encode() in bytes(blob) for (blob,) in blobs)


def test_a_password_that_was_moved_to_another_row_does_not_open(kept):
    kept.change(
        "UPDATE bmc SET password = (SELECT password FROM bmc WHERE name = 'b1') WHERE name = 'b2'"
    )
    assert opened(kept, found(kept, "bmc", "b1")) == CLEAR
    with pytest.raises(Damaged, match="copied from another row"):
        opened(kept, found(kept, "bmc", "b2"))


def test_a_password_of_a_missing_or_another_key_does_not_open_and_says_why(kept):
    bmc = found(kept, "bmc", "b1")
    with pytest.raises(KeyMissing, match='no key "a"') as refusal:
        opened(kept, bmc, sealer("b"))
    assert refusal.value.key_id == "a"
    other = Keys(all=(Key(id="a", content=Secret(b"x" * 32)),))
    with pytest.raises(Damaged):
        opened(kept, bmc, Sealer(keys=other, token_bytes=secrets.token_bytes))


def test_with_a_new_key_before_the_old_one_old_passwords_open_and_new_ones_have_the_new(kept):
    both = sealer("b", "a")
    changed(kept, "bmc", "b2", Wish(password=password("other", both)))
    first, second = found(kept, "bmc", "b1"), found(kept, "bmc", "b2")
    assert (opened(kept, first, both), opened(kept, second, both)) == (CLEAR, "other")
    with pytest.raises(KeyMissing, match='no key "b"'):
        opened(kept, second, OLD)
    assert opened(kept, second, sealer("b")) == "other"
    sealed = kept.run(lambda c: sealed_password_of(c, second.value.id))
    assert key_id_of(sealed, password_cell(second.value.id)) == "b"


def test_a_damaged_password_is_mended_by_setting_it_anew(kept):
    kept.change("UPDATE bmc SET password = 'x' WHERE name = 'b1'")
    bmc = found(kept, "bmc", "b1")
    with pytest.raises(Damaged):
        opened(kept, bmc)
    after = changed(kept, "bmc", "b1", Wish(password=password()))
    assert opened(kept, after) == CLEAR
    assert after.number == number_of(kept) > bmc.number


def opened_k_g(sessions, bmc):
    sealed = sessions.run(lambda c: sealed_k_g_of(c, bmc.value.id))
    return sealed and OLD.open(sealed, k_g_cell(bmc.value.id)).reveal().decode()


def test_a_key_of_a_bmc_is_kept_sealed_changed_and_forgotten(sessions):
    fields = {"name": "b1", **access(1, driver="ipmi")}
    wish = Wish(fields=fields, password=password(), k_g=password("SESAME k_g"))
    bmc = sessions.run(lambda c: create(c, "bmc", wish))
    assert (bmc, bmc.value.k_g_set) == (found(sessions, "bmc", "b1"), True)
    assert (opened(sessions, bmc), opened_k_g(sessions, bmc)) == (CLEAR, "SESAME k_g")
    changed(sessions, "bmc", "b1", Wish(k_g=password("SESAME 2")))
    assert (opened(sessions, bmc), opened_k_g(sessions, bmc)) == (CLEAR, "SESAME 2")
    changed(sessions, "bmc", "b1", user="other")
    assert opened_k_g(sessions, bmc) == "SESAME 2"
    for _ in range(2):
        after = changed(sessions, "bmc", "b1", Wish(no_k_g=True))
        assert (opened_k_g(sessions, bmc), after.value.k_g_set) == (None, False)
    events = sessions.run(lambda c: read_events(c, after=0, limit=100))
    assert [event["text"] for event in events] == [
        "bmc b1 was created",
        "bmc b1 was changed: new key K_g",
        "bmc b1 was changed: user admin -> other",
        "bmc b1 was changed: k_g_set True -> False",
    ]
    assert "SESAME" not in repr(events)


def test_a_key_that_cannot_be_or_that_a_driver_would_show_is_refused(kept):
    made(kept, "b9", 9, driver="ipmi")
    for name, wish in (
        ("b9", Wish(k_g=password("SESAME" * 4))),
        ("b1", Wish(k_g=password("SESAME"))),
    ):
        with pytest.raises(ObjectRefused) as refused:
            changed(kept, "bmc", name, wish)
        assert [breach.field for breach in refused.value.breaches] == ["k_g"]
        assert "SESAME" not in str(refused.value)
    changed(kept, "bmc", "b9", Wish(k_g=password("SESAME")))
    with pytest.raises(ObjectRefused, match="other programs see it"):
        changed(kept, "bmc", "b9", driver="ipmitool")


def test_other_changes_leave_the_password_alone_and_need_no_key(kept):
    after = changed(kept, "bmc", "b1", user="operator", port=6230)
    assert opened(kept, after) == CLEAR


def test_without_a_key_nothing_is_created_or_changed(kept):
    before = everything(kept)
    none = password(CLEAR, Sealer(keys=NO_KEYS, token_bytes=secrets.token_bytes))
    with pytest.raises(KeyMissing, match="no key to encrypt with"):
        made(kept, "b4", 4, none)
    with pytest.raises(KeyMissing, match="no key to encrypt with"):
        changed(kept, "bmc", "b1", Wish(fields={"user": "x"}, password=none))
    assert everything(kept) == before


# Changes


def test_each_change_raises_the_fleet_s_number_and_gives_it_to_its_row_only(kept):
    before, others = number_of(kept), [found(kept, "bmc", "b1"), found(kept, "machine", "m1")]
    for noun, name, fields in (("bmc", "b2", {"port": 624}), ("machine", "m2", {"name": "m9"})):
        after = changed(kept, noun, name, **fields)
        assert after.number == number_of(kept) > before
        before = after.number
    assert [found(kept, "bmc", "b1"), found(kept, "machine", "m1")] == others


def test_a_machine_can_be_given_another_bmc_but_not_one_that_has_a_machine(kept):
    moved = changed(kept, "machine", "m1", Wish(bmc="b3"))
    assert moved.bmc_name == "b3"
    assert kept.run(read_machines)[moved.value.id].bmc == found(kept, "bmc", "b3").value.id
    before = everything(kept)
    with pytest.raises(ObjectRefused, match='its BMC switches "m2" already'):
        changed(kept, "machine", "m1", Wish(bmc="b2"))
    assert everything(kept) == before


def test_a_change_to_what_is_so_already_writes_nothing(kept):
    before = everything(kept)
    same = changed(kept, "bmc", "b1", user="admin", port=623, cipher_suite=None)
    assert same == found(kept, "bmc", "b1")
    assert changed(kept, "machine", "m1", Wish(fields={"name": "m1"}, bmc="b1")).bmc_name == "b1"
    assert everything(kept) == before


REFUSED = [
    ("bmc", {"name": "b1", **access(1)}, ["name", "address"], "another bmc has this name"),
    (
        "bmc",
        {"name": "7", **access(9, user="u" * 17, port=10**30)},
        ["name", "port", "user"],
        "digits alone",
    ),
    ("machine", {"name": "m1"}, ["bmc", "name"], 'machine "m1": no bmc is called ""; there are: b'),
]


@pytest.mark.parametrize(("noun", "fields", "named", "said"), REFUSED)
def test_what_breaks_rules_is_refused_with_its_fields_at_once_and_changes_nothing(
    kept, noun, fields, named, said
):
    before = everything(kept)
    wish = Wish(fields=fields, password=password("x" * 21) if noun == "bmc" else None)
    named = [*named, "password"] if noun == "bmc" else named
    with pytest.raises(ObjectRefused, match=said) as refused:
        kept.run(lambda c: create(c, noun, wish))
    assert [each.field for each in refused.value.breaches] == named
    assert everything(kept) == before


def test_a_bmc_without_a_password_is_refused(kept):
    with pytest.raises(ObjectRefused, match="password must not be empty"):
        kept.run(lambda c: create(c, "bmc", Wish(fields={"name": "b4", **access(4)})))


def test_a_bmc_moves_to_another_address_with_its_password_only(kept):
    """Whoever may change a BMC must not learn its password from a host of their own."""
    wish = Wish(fields={"address": MOVED}, password=password())
    assert changed(kept, "bmc", "b1", wish).value.address == MOVED
    here = Wish(fields={"address": MOVED, "port": 6230, "user": "other"})
    assert changed(kept, "bmc", "b1", here).value.port == 6230


def test_a_change_is_held_against_the_same_rules(kept):
    before = everything(kept)
    for noun, name, wish, said in (
        ("bmc", "b1", Wish(fields={"name": "b2"}), "has this name"),
        ("bmc", "b1", Wish(fields={"address": IPv4Address("10.9.0.2")}), "port 623 already"),
        ("bmc", "b1", Wish(password=password("")), "must not be empty"),
        ("bmc", "b1", Wish(fields={"address": MOVED}), "10.9.0.1 no more, and who"),
        ("machine", "m1", Wish(fields={"name": "m2"}), "has this name"),
        ("machine", "m1", Wish(bmc="b9"), 'machine "m1": no bmc is called "b9"'),
    ):
        with pytest.raises(ObjectRefused, match=said):
            changed(kept, noun, name, wish)
    assert everything(kept) == before


def test_an_object_that_has_changed_since_it_was_seen_is_not_changed_nor_deleted(kept):
    for noun, name, fields in (("machine", "m1", {"name": "m8"}), ("bmc", "b3", {"name": "b8"})):
        seen = found(kept, noun, name)
        changed(kept, noun, name, if_number=seen.number, **fields)
        before = everything(kept)
        for deed in (changed, removed):
            with pytest.raises(ObjectChanged, match="has changed: its generation is") as refused:
                deed(kept, noun, fields["name"], if_number=seen.number)
            assert refused.value.present == found(kept, noun, fields["name"])
        assert everything(kept) == before
        removed(kept, noun, fields["name"], if_number=refused.value.present.number)


def test_a_bmc_that_switches_a_machine_is_not_deleted_before_it(kept):
    before = everything(kept)
    with pytest.raises(BmcInUse, match="bmc b1 switches machine m1; delete that first: evenrack"):
        removed(kept, "bmc", "b1")
    assert everything(kept) == before
    assert removed(kept, "machine", "m1").bmc_name == "b1"
    assert removed(kept, "bmc", "b1").value.name == "b1"
    assert [each.name for each in kept.run(read_bmcs).values()] == ["b2", "b3"]


def test_every_change_is_an_event_that_tells_of_a_password_only_that_it_is_new(sessions):
    bmc = made(sessions, "b1")
    made_machine(sessions, "m1", "b1")
    made(sessions, "b2", 2)
    changed(
        sessions,
        "bmc",
        "b1",
        Wish(fields={"name": "b9", "cipher_suite": 3}, password=password("other SESAME")),
    )
    changed(sessions, "bmc", "b9", Wish(password=password()))
    changed(sessions, "machine", "m1", Wish(bmc="b2"))
    removed(sessions, "machine", "m1")
    removed(sessions, "bmc", "b9")
    events = sessions.run(lambda c: read_events(c, after=0, limit=100))
    assert [(event["object"], event["text"]) for event in events] == [
        ("bmc:b1", "bmc b1 was created"),
        ("machine:m1", "machine m1 on bmc b1 was created"),
        ("bmc:b2", "bmc b2 was created"),
        ("bmc:b9", "bmc b9 was changed: name b1 -> b9, cipher_suite none -> 3, new password"),
        ("bmc:b9", "bmc b9 was changed: new password"),
        ("machine:m1", "machine m1 on bmc b2 was changed: bmc b9 -> b2"),
        ("machine:m1", "machine m1 on bmc b2 was deleted"),
        ("bmc:b9", "bmc b9 was deleted"),
    ]
    assert {event["kind"] for event in events} == {"inventory"}
    assert events[3]["data"] == {
        "deed": "changed",
        "noun": "bmc",
        "id": bmc.value.id,
        "before": {"name": "b1", "cipher_suite": None},
        "after": {"name": "b9", "cipher_suite": 3},
        "new_password": True,
    }
    assert [event["generation"] for event in events] == [f"0.{n}" for n in range(1, 9)]
    assert "SESAME" not in repr(events)


def test_a_change_is_told_to_all_who_listen(kept):
    with heard(kept) as said:
        removed(kept, "bmc", "b3")
    assert said == ["inventory"]


# Finding


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


def test_changes_wait_for_each_other_and_for_the_leader(kept):
    """Two who give one address: the second sees what the first has written."""
    kept.change("UPDATE leadership SET epoch = 1")
    with kept.open_transaction() as leader:
        next_number(leader, epoch=1)
        both = [kept.start(lambda name=name: made(kept, name, 9)) for name in ("x", "y")]
        kept.wait_until_blocked(2)
        leader.commit()
    outcomes = [one.exception(20) for one in both]
    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "ObjectRefused"]
    assert kept.value("SELECT count(*) FROM bmc WHERE address = '10.9.0.9'") == 1
