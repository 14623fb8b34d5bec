"""A reading by the cache of the fleet costs what has changed, and no more."""

import pytest
from sqlalchemy import event, text

from evenrack.region.database.fleet_cache import PARTS, WHOLE, FleetCache
from tests.region.database.fleet_cache.cached_fleet import both, reserved
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres

TABLES = {part.subject for part in PARTS.values()}.union(*(tables for tables, _ in WHOLE.values()))


@pytest.fixture
def statements(sessions):
    """What is asked of the database from now on."""
    asked = []

    def note(_connection, _cursor, statement, *_more):
        asked.append(statement)

    event.listen(sessions.engine, "before_cursor_execute", note)
    yield asked
    event.remove(sessions.engine, "before_cursor_execute", note)


def test_a_reading_of_what_did_not_change_reads_no_table_of_the_fleet(
    sessions, picture, statements
):
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"))
    first, _ = both(picture, cache)
    statements.clear()
    with picture.begin() as connection:
        again = cache.read(connection)
    assert again == first
    assert again.racks is first.racks
    assert again.links is first.links
    tables = {name for name in TABLES for asked in statements if f"FROM {name} " in f"{asked} "}
    assert tables == {"rack"}  # who was copied within the last minute changes by time alone


def test_of_a_table_only_the_rows_that_changed_are_read(sessions, picture, statements):
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"), facts("rack0002", "b"))
    first, _ = both(picture, cache)
    recorded(sessions, me, facts("rack0002"))
    statements.clear()
    with picture.begin() as connection:
        read = cache.read(connection)
    assert read.reach == {"rack0001": ("region1/1",), "rack0002": ()}
    assert read.links.by_rack["rack0001"] is first.links.by_rack["rack0001"]
    asked = [statement for statement in statements if "FROM connection" in statement]
    assert len(asked) == 1
    assert "ANY" in asked[0]


def names_in(vlan):
    return [it.hostname for net in vlan.subnets for it in net.reservations]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("UPDATE reservation SET hostname = 'new' WHERE hostname = 'two'", "one new three"),
        ("DELETE FROM reservation WHERE hostname = 'two'", "one three"),
        ("UPDATE reservation SET generation = 7 WHERE hostname = 'two'", "one two three"),
    ],
)
def test_of_many_reservations_only_what_changed_is_another_object(
    change, names, sessions, picture, statements
):
    cache = FleetCache()
    reserved(sessions, ("four",), ("one", "two", "three"))
    before, _ = both(picture, cache)
    sessions.change(change)
    statements.clear()
    with picture.begin() as connection:
        after = cache.read_plan_facts(connection)
    assert names_in(after.vlans[2]) == names.split()
    assert after.vlans[1] is before.vlans[1]
    assert (after.vlans[2] is before.vlans[2]) == (names == "one two three")
    old, new = (vlans[2].subnets[0].reservations for vlans in (before.vlans, after.vlans))
    assert {id(it) for it in new if it.hostname in ("one", "three")} <= {*map(id, old)}
    read = [asked for asked in statements if asked.startswith("SELECT reservation.subnet_id")]
    assert ["xmin" in asked for asked in read] == [True]


def test_plans_do_not_pay_for_links(sessions, picture, statements):
    me, cache = joined(sessions), FleetCache()
    both(picture, cache)
    recorded(sessions, me, facts("rack0001", "a"))
    statements.clear()
    with picture.begin() as connection:
        assert set(cache.read_plan_facts(connection).racks) == {"rack0001"}
    assert not [statement for statement in statements if "FROM connection" in statement]
    read, there = both(picture, cache)
    assert read == there, "and who needs them has not missed them"
    assert len(read.links) == 1


def test_what_was_read_is_not_read_again_while_another_transaction_goes_on(
    sessions, picture, statements
):
    me, cache = joined(sessions), FleetCache()
    with sessions.engine.begin() as slow:
        slow.execute(text("SELECT pg_current_xact_id()"))
        recorded(sessions, me, facts("rack0001", "a"))
        both(picture, cache)
        statements.clear()
        with picture.begin() as connection:
            cache.read(connection)
        assert not [statement for statement in statements if "FROM connection" in statement]
        slow.execute(text("UPDATE rack SET hostname = 'other'"))
    read, there = both(picture, cache)
    assert read == there
    assert read.racks["rack0001"].hostname == "other"


def test_a_row_that_was_written_as_it_was_stays_the_same_object(sessions, picture):
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"))
    before, _ = both(picture, cache)
    sessions.change("UPDATE rack SET hostname = hostname")
    after, _ = both(picture, cache)
    assert after.racks is before.racks
