"""Snippets in PostgreSQL: whole changes or none, checked, numbered, told, and read with VLANs."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.snippet import Snippet
from evenrack.region.database import inventory_store
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import FleetCache, read_fleet
from evenrack.region.database.inventory_reading import NoSuchObject, read_vlans
from evenrack.region.database.leader_store import current_number
from evenrack.region.database.snippet_reading import read_global
from evenrack.region.database.snippet_store import (
    SnippetChanged,
    SnippetRefused,
    change,
    create,
    fields_of,
    find,
    read_page,
    remove,
)
from tests.region.database.sessions import facts, heard, joined, recorded

pytestmark = pytest.mark.postgres

TEXT = 'option domain-name "a";'
MAC = "52:54:00:12:34:56"
PLACES = {
    "vlan": "vlan1",
    "subnet": "10.0.0.0/24",
    "pool": "10.0.0.0/24",
    "host": MAC,
}


def made(sessions, **fields):
    return sessions.run(lambda c: create(c, {"text": TEXT, **fields}))


def changed(sessions, name, /, if_number=None, **fields):
    return sessions.run(lambda c: change(c, name, fields, if_number=if_number))


def removed(sessions, name, if_number=None):
    return sessions.run(lambda c: remove(c, name, if_number=if_number))


def shown(sessions, name):
    return fields_of(sessions.run(lambda c: find(c, name)))


def served_by(sessions):
    """The snippets of each VLAN by its name, and the global ones."""
    vlans = {it.name: it.snippets for it in sessions.run(read_vlans).values()}
    return vlans, sessions.run(read_global)


@pytest.fixture
def inventory(sessions):
    """Two VLANs; the first has a subnet and a reservation."""
    for noun, inside, fields in (
        ("vlan", None, {"name": "vlan1", "dhcp_on": True}),
        ("vlan", None, {"name": "vlan2"}),
        ("subnet", "vlan1", {"cidr": IPv4Network("10.0.0.0/24")}),
        ("reservation", None, {"mac": MAC, "address": IPv4Address("10.0.0.3")}),
    ):
        sessions.run(
            lambda c, noun=noun, inside=inside, fields=fields: inventory_store.create(
                c, noun, fields, inside=inside
            )
        )
    return sessions


@pytest.fixture
def on_racks(inventory):
    """Three managed racks: the first has vlan1 in its file, the second vlan2, the third nothing."""
    racks = ["aaaaaaaa", "bbbbbbbb", "cccccccc"]
    me = joined(inventory)
    recorded(inventory, me, *(facts(rack, f"link-{rack}") for rack in racks))
    for rack in racks:
        inventory.change("INSERT INTO managing VALUES (:rack, 'region1/1', 0, 1)", rack=rack)
    for vlan, rack in (("vlan1", racks[0]), ("vlan2", racks[1])):
        inventory.change(
            "INSERT INTO dhcp_service (vlan_id, primary_rack, primary_address, era, generation) "
            "SELECT id, :rack, '10.0.0.250', 0, 1 FROM vlan WHERE name = :vlan",
            vlan=vlan,
            rack=rack,
        )
    return inventory


def numbers(sessions):
    """The number of each rack's assignment, and of each served VLAN."""
    managing = sessions.rows("SELECT era, generation FROM managing ORDER BY rack_id")
    services = sessions.rows("SELECT era, generation FROM dhcp_service ORDER BY vlan_id")
    return [FleetNumber(*row) for row in managing], [FleetNumber(*row) for row in services]


def test_a_global_snippet_is_for_nothing_and_read_beside_the_vlans(inventory):
    it = made(inventory, name="phones")
    assert fields_of(it) == {
        "name": "phones",
        "level": "global",
        "of": None,
        "enabled": True,
        "text": TEXT,
    }
    assert served_by(inventory) == ({"vlan1": (), "vlan2": ()}, (it.snippet,))
    assert it.snippet == Snippet(id=it.snippet.id, level="global", text=TEXT)


@pytest.mark.parametrize("level", PLACES)
def test_each_other_level_is_for_one_object_and_read_with_its_vlan(inventory, level):
    it = made(inventory, name="one", level=level, of=PLACES[level])
    assert (it.snippet.level, it.of_name, it.vlan_name) == (level, PLACES[level], "vlan1")
    assert served_by(inventory) == ({"vlan1": (it.snippet,), "vlan2": ()}, ())
    table = {"pool": "subnet", "host": "reservation"}.get(level, level)
    assert it.snippet.of == inventory.value(f"SELECT min(id) FROM {table}")  # noqa: S608


@pytest.mark.parametrize("level", ["global", *PLACES])
def test_who_is_disabled_is_kept_and_stands_nowhere(inventory, level):
    made(inventory, name="off", level=level, of=PLACES.get(level), enabled=False)
    assert served_by(inventory) == ({"vlan1": (), "vlan2": ()}, ())
    assert shown(inventory, "off")["enabled"] is False
    changed(inventory, "off", enabled=True)
    assert served_by(inventory) != ({"vlan1": (), "vlan2": ()}, ())


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": "x y"}, "name", "a name is 1 to 63 letters, digits, dots, dashes or underscores"),
        ({"name": "7"}, "name", "digits alone read as an id; name it snippet7"),
        ({"name": "there"}, "name", "is called there; choose another name"),
        ({"text": "}"}, "text", "snippet new: line 1: this } would close what the snippet stands"),
        ({"level": "vlan", "of": "vlan1", "text": 'class "x" { }'}, "text", "in a global snippet"),
        ({"level": "vlan"}, "of", "say for which vlan it is, by name or id"),
        ({"level": "host", "of": None}, "of", "say for which reservation it is"),
        ({"of": "vlan1"}, "of", 'a global snippet is for all; leave "vlan1" out, or say a level'),
        ({"level": "subnet", "of": "vlan1"}, "of", 'no subnet is called "vlan1"; there are: 10.0'),
    ],
    ids=range(9),
)
def test_what_breaks_a_rule_is_refused_with_its_field_and_a_cure(
    inventory, fields, field, sentence
):
    made(inventory, name="there")
    before = inventory.rows("SELECT * FROM snippet"), inventory.run(current_number)
    with pytest.raises(SnippetRefused) as refused:
        made(inventory, **{"name": "new", **fields})
    assert refused.value.field == field
    assert sentence in str(refused.value)
    assert (inventory.rows("SELECT * FROM snippet"), inventory.run(current_number)) == before


def test_a_change_is_checked_as_it_would_be_and_leaves_the_rest(inventory):
    made(inventory, name="one", text='class "x" { }')
    with pytest.raises(SnippetRefused, match="`class` cannot stand here"):
        changed(inventory, "one", level="vlan", of="vlan1")
    assert fields_of(changed(inventory, "one", text="deny booting;", name="two")) == {
        "name": "two",
        "level": "global",
        "of": None,
        "enabled": True,
        "text": "deny booting;",
    }
    assert changed(inventory, "two", name="two").name == "two"


def test_a_snippet_is_moved_from_one_level_to_another(inventory):
    made(inventory, name="one")
    moves = [
        ({"level": "vlan", "of": "vlan2"}, ("vlan", "vlan2")),
        ({"of": "vlan1"}, ("vlan", "vlan1")),
        ({"level": "subnet", "of": "10.0.0.0/24"}, ("subnet", "10.0.0.0/24")),
        ({"level": "pool"}, ("pool", "10.0.0.0/24")),
        ({"level": "host", "of": "10.0.0.3"}, ("host", MAC)),
        ({"level": "global"}, ("global", None)),
    ]
    for fields, (level, of) in moves:
        it = changed(inventory, "one", **fields)
        assert (it.snippet.level, it.of_name) == (level, of)
    with pytest.raises(SnippetRefused, match="say for which subnet it is"):
        changed(inventory, "one", level="subnet")


def test_what_is_as_it_is_wished_raises_no_number(inventory):
    it = made(inventory, name="one", level="host", of=MAC)
    number = inventory.run(current_number)
    assert changed(inventory, "one", text=TEXT, enabled=True, level="host", of="10.0.0.3") == it
    assert inventory.run(current_number) == number


def test_who_has_seen_another_one_changes_nothing(inventory):
    seen = made(inventory, name="one").number
    now = changed(inventory, "one", enabled=False).number
    assert now > seen
    for deed in (
        lambda: changed(inventory, "one", if_number=seen, text="x;"),
        lambda: removed(inventory, "one", if_number=seen),
    ):
        with pytest.raises(SnippetChanged, match=f"its generation is {now} now"):
            deed()
    assert removed(inventory, "one", if_number=now).name == "one"


def test_one_is_found_by_its_name_or_its_id(inventory):
    it = made(inventory, name="one")
    assert inventory.run(lambda c: find(c, str(it.snippet.id))) == it
    for name in ("two", "0", str(2**31), "9" * 40, "a\0b", "x" * 100):
        with pytest.raises(NoSuchObject, match="there are: one"):
            inventory.run(lambda c, name=name: find(c, name))
    removed(inventory, "one")
    with pytest.raises(NoSuchObject, match="there are none yet"):
        inventory.run(lambda c: find(c, "one"))
    for number in range(12):
        made(inventory, name=f"s{number:02}")
    with pytest.raises(NoSuchObject, match=r"s00, .*, s09, \.\.\.$"):
        inventory.run(lambda c: find(c, "one"))


def test_a_page_is_narrowed_to_a_vlan_or_a_subnet_with_what_is_in_them(inventory):
    for level in ("global", *PLACES):
        made(inventory, name=level, level=level, of=PLACES.get(level))
    made(inventory, name="other", level="vlan", of="vlan2")
    vlan1, subnet = (inventory.value(f"SELECT min(id) FROM {it}") for it in ("vlan", "subnet"))  # noqa: S608

    def names(after=0, limit=100, **within):
        page = inventory.run(lambda c: read_page(c, after=after, limit=limit, within=within))
        return [it.name for it in page]

    assert names() == ["global", *PLACES, "other"]
    assert names(vlan=vlan1) == list(PLACES)
    assert names(subnet=subnet) == ["subnet", "pool", "host"]
    assert names(vlan=vlan1 + 1, subnet=subnet) == []
    second = inventory.run(lambda c: find(c, "vlan")).snippet.id
    assert names(after=second, limit=2) == ["subnet", "pool"]


@pytest.mark.parametrize(
    ("noun", "name", "left"),
    [
        ("reservation", MAC, ["global", "vlan", "subnet", "pool"]),
        ("subnet", "10.0.0.0/24", ["global", "vlan"]),
        ("vlan", "vlan1", ["global"]),
    ],
)
def test_who_is_for_something_goes_with_it(inventory, noun, name, left):
    for level in ("global", *PLACES):
        made(inventory, name=level, level=level, of=PLACES.get(level))
    inventory.run(lambda c: inventory_store.remove(c, noun, name))
    [told] = inventory.run(lambda c: read_events(c, after=None, limit=1))
    assert told["data"]["with"]["snippet"] == 5 - len(left)
    assert [row[0] for row in inventory.rows("SELECT name FROM snippet ORDER BY id")] == left


def test_a_snippet_goes_with_its_subnet_to_another_vlan(inventory):
    it = made(inventory, name="one", level="host", of=MAC)
    inventory.run(lambda c: inventory_store.change(c, "subnet", "10.0.0.0/24", {}, inside="vlan2"))
    assert served_by(inventory) == ({"vlan1": (), "vlan2": (it.snippet,)}, ())


def test_a_change_gives_the_racks_of_its_vlan_a_newer_plan(on_racks):
    it = made(on_racks, name="one", level="pool", of="10.0.0.0/24")
    old = FleetNumber(0, 1)
    assert numbers(on_racks) == ([it.number, old, old], [it.number, old])
    moved = changed(on_racks, "one", level="vlan", of="vlan2").number
    assert numbers(on_racks) == ([moved, moved, old], [moved, moved])
    gone = it.number
    removed(on_racks, "one")
    racks, services = numbers(on_racks)
    assert racks[0] == services[0] == moved
    assert racks[1] == services[1] > max(moved, gone)


def test_a_global_one_gives_every_rack_that_serves_a_newer_plan_and_leaves_the_vlans_alone(
    on_racks,
):
    number = made(on_racks, name="one").number
    old = FleetNumber(0, 1)
    assert numbers(on_racks) == ([number, number, old], [old, old])
    moved = changed(on_racks, "one", level="vlan", of="vlan2").number
    assert numbers(on_racks) == ([moved, moved, old], [old, moved])


def test_everyone_is_told_and_the_event_says_what_but_not_the_text(inventory):
    before = len(inventory.run(lambda c: read_events(c, after=0, limit=100)))
    with heard(inventory) as said:
        made(inventory, name="one", level="host", of=MAC)
        changed(inventory, "one", text='option domain-name "secret";', enabled=False)
        made(inventory, name="two")
        removed(inventory, "two")
    assert said == ["inventory"] * 4
    events = inventory.run(lambda c: read_events(c, after=0, limit=100))[before:]
    assert [(it["object"], it["text"]) for it in events] == [
        ("vlan:vlan1", "snippet one on VLAN vlan1 was created"),
        ("vlan:vlan1", "snippet one on VLAN vlan1 was changed: enabled, text"),
        ("snippet:two", "snippet two, a global one, was created"),
        ("snippet:two", "snippet two, a global one, was deleted"),
    ]
    assert "secret" not in str(events)


def test_a_cache_sees_every_change_of_snippets(on_racks):
    cache = FleetCache()

    def fleet():
        read = on_racks.run(cache.read)
        assert read == on_racks.run(read_fleet)
        return read

    before = fleet()
    glob = made(on_racks, name="one").snippet
    assert fleet().global_snippets == (glob,)
    own = made(on_racks, name="two", level="host", of=MAC).snippet
    assert [it.snippets for it in fleet().vlans.values()] == [(own,), ()]
    on_racks.run(lambda c: inventory_store.remove(c, "reservation", MAC))
    removed(on_racks, "one")
    after = fleet()
    assert after.global_snippets == before.global_snippets == ()
    assert [it.snippets for it in after.vlans.values()] == [(), ()]
