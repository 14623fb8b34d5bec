"""A reading of the fleet that costs what has changed, and is what a whole reading would be."""

import random

import pytest
from attrs import evolve
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from evenrack.region.database.changes import prune_changes
from evenrack.region.database.fleet_cache import OF_PLANS, PARTS, WHOLE, FleetCache, read_fleet
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres

RACKS = [f"rack000{number}" for number in range(1, 7)]
PROCESSES = ["region1/1", "region1/2", "region2/1"]
MOST_TRIES = 3_000
TABLES = {part.subject for part in PARTS.values()}.union(*(tables for tables, _ in WHOLE.values()))
DEEDS = (
    "INSERT INTO region (id, hostname) VALUES ('region3', :word) "
    "ON CONFLICT (id) DO UPDATE SET hostname = excluded.hostname",
    "UPDATE process SET state = CASE state WHEN 'running' THEN 'dead' ELSE 'running' END "
    "WHERE id = :process",
    "UPDATE process SET incarnation = incarnation + 1 WHERE id = :process",
    "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
    "holds_fingerprint) VALUES (:rack, :word, 'r', 'a', false, 1, 2, '') ON CONFLICT DO NOTHING",
    "UPDATE rack SET holds_generation = :number, stopped = NOT stopped WHERE id = :rack",
    # in an hour: a minute later it counts no more, which may be between the two readings
    "UPDATE rack SET clone_address = :word, clone_at = clock_timestamp() + interval '1 hour' "
    "WHERE id = :rack",
    "DELETE FROM rack WHERE id = :rack AND id NOT IN (SELECT rack_id FROM connection UNION "
    "SELECT rack_id FROM managing UNION SELECT rack_id FROM bmc_owner UNION "
    "SELECT primary_rack FROM dhcp_pair UNION SELECT primary_rack FROM dhcp_service)",
    "INSERT INTO connection (link, process_id, incarnation, rack_id, run, address) "
    "SELECT :word, p.id, p.incarnation, r.id, 'r', 'a' FROM process p, rack r "
    "WHERE p.id = :process AND r.id = :rack ON CONFLICT DO NOTHING",
    "DELETE FROM connection WHERE rack_id = :rack AND process_id = :process",
    "UPDATE connection SET rack_holds = NOT rack_holds WHERE rack_id = :rack",
    "INSERT INTO managing (rack_id, process_id, era, generation) "
    "SELECT id, :process, 1, :number FROM rack WHERE id = :rack "
    "ON CONFLICT (rack_id) DO UPDATE SET process_id = excluded.process_id, generation = :number",
    "DELETE FROM managing WHERE rack_id = :rack",
    "INSERT INTO rack_interface (rack_id, address, name) SELECT id, :address, 'eth0' "
    "FROM rack WHERE id = :rack ON CONFLICT DO NOTHING",
    "DELETE FROM rack_interface WHERE rack_id = :rack",
    "INSERT INTO rack_interface_vlan (rack_id, name, vlan_id) "
    "SELECT id, 'eth0', (SELECT min(id) FROM vlan) FROM rack WHERE id = :rack "
    "ON CONFLICT (rack_id, name) DO UPDATE SET vlan_id = NULL",
    "DELETE FROM rack_interface_vlan WHERE rack_id = :rack",
    "INSERT INTO rack_dhcp (rack_id, report, turn) SELECT id, '{}', :word FROM rack "
    "WHERE id = :rack ON CONFLICT (rack_id) DO UPDATE SET turn = :word",
    "INSERT INTO problem (code, object, affects) VALUES ('RackLost', :rack, '') "
    "ON CONFLICT DO NOTHING",
    "DELETE FROM problem WHERE object = :rack",
    "INSERT INTO vlan (name, fabric, dhcp_on, lease_seconds, max_response_delay, mclt, split, era, "
    "generation) VALUES (:word, 'f', true, 600, 30, 600, 255, 1, :number) ON CONFLICT DO NOTHING",
    "UPDATE vlan SET dhcp_on = NOT dhcp_on WHERE id = (SELECT min(id) FROM vlan)",
    "DELETE FROM vlan WHERE name = :word",
    "INSERT INTO subnet (vlan_id, cidr, dns_servers, ntp_servers, domain, era, generation) "
    "SELECT id, :network, '{}', '{}', '', 1, :number FROM vlan ORDER BY id LIMIT 1 "
    "ON CONFLICT DO NOTHING",
    "DELETE FROM subnet WHERE cidr = :network",
    "INSERT INTO reservation (subnet_id, mac, address, hostname, era, generation) "
    "SELECT id, '02:00:00:00:00:01', host(cidr::inet + 9), '', 1, :number FROM subnet LIMIT 1",
    "UPDATE reservation SET hostname = :word WHERE id = (SELECT max(id) FROM reservation)",
    "UPDATE reservation SET subnet_id = (SELECT max(id) FROM subnet) "
    "WHERE id = (SELECT min(id) FROM reservation)",
    "DELETE FROM reservation WHERE id = (SELECT min(id) FROM reservation)",
    "INSERT INTO ip_range (subnet_id, first, last, era, generation) "
    "SELECT id, host(cidr::inet + 20), host(cidr::inet + 30), 1, 1 FROM subnet LIMIT 1",
    "INSERT INTO dhcp_pair (vlan_id, primary_rack, era, generation) SELECT v.id, r.id, 1, :number "
    "FROM vlan v, rack r WHERE r.id = :rack ON CONFLICT (vlan_id) "
    "DO UPDATE SET primary_rack = :rack",
    "DELETE FROM dhcp_pair WHERE primary_rack = :rack",
    "INSERT INTO dhcp_service (vlan_id, primary_rack, primary_address, era, generation) "
    "SELECT v.id, r.id, '192.0.2.1', 1, :number FROM vlan v, rack r WHERE r.id = :rack "
    "ON CONFLICT (vlan_id) DO UPDATE SET primary_rack = :rack",
    "INSERT INTO dhcp_relayed (vlan_id, by_vlan) SELECT max(id), min(id) FROM vlan "
    "HAVING max(id) <> min(id) ON CONFLICT (vlan_id) DO UPDATE SET by_vlan = excluded.by_vlan",
    "DELETE FROM dhcp_relayed WHERE by_vlan = (SELECT min(id) FROM vlan)",
    "INSERT INTO dhcp_probe (vlan_id, asked_rack, target_rack, address) SELECT v.id, r.id, t.id, "
    "'192.0.2.1' FROM vlan v, rack r, rack t WHERE r.id = :rack ON CONFLICT DO NOTHING",
    "DELETE FROM dhcp_probe WHERE asked_rack = :rack",
    'INSERT INTO bmc (name, driver, address, port, "user", password, era, generation) '
    "VALUES (:word, 'ipmitool', '198.51.100.' || :number, 623, 'u', '', 1, 1) "
    "ON CONFLICT DO NOTHING",
    "DELETE FROM bmc WHERE name = :word",
    "INSERT INTO bmc_reach (bmc_id, rack_id) SELECT b.id, r.id FROM bmc b, rack r "
    "WHERE b.name = :word AND r.id = :rack ON CONFLICT DO NOTHING",
    "DELETE FROM bmc_reach WHERE rack_id = :rack",
    "INSERT INTO bmc_owner (bmc_id, rack_id, era, generation) SELECT b.id, r.id, 1, :number "
    "FROM bmc b, rack r WHERE b.name = :word AND r.id = :rack "
    "ON CONFLICT (bmc_id) DO UPDATE SET rack_id = :rack",
    "DELETE FROM bmc_owner WHERE rack_id = :rack",
)
"""One for each way in which a table of the fleet changes."""


@pytest.fixture
def picture(sessions):
    """The door of `Database.read`: one unchanging picture."""
    return sessions.engine.execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )


@pytest.fixture
def statements(sessions):
    """What is asked of the database from now on."""
    asked = []

    def note(_connection, _cursor, statement, *_more):
        asked.append(statement)

    event.listen(sessions.engine, "before_cursor_execute", note)
    yield asked
    event.remove(sessions.engine, "before_cursor_execute", note)


def both(picture, cache):
    """What the cache gives and what is there, at one moment."""
    with picture.begin() as connection:
        return cache.read(connection), read_fleet(connection)


def both_of_plans(picture, cache):
    """The same, of what plans are made from."""
    with picture.begin() as connection:
        there = read_fleet(connection)
        read = cache.read_plan_facts(connection)
    return {name: getattr(read, name) for name in OF_PLANS}, {
        **{name: getattr(there, name) for name in OF_PLANS},
        "racks": {rack: evolve(row, clone_address=None) for rack, row in there.racks.items()},
    }


def seeded(seed):
    return random.Random(seed)  # noqa: S311  it draws what happens


def deed(chance):
    return chance.choice(DEEDS), {
        "rack": chance.choice(RACKS),
        "process": chance.choice(PROCESSES),
        "word": f"word{chance.randrange(9)}",
        "number": chance.randrange(1, 9),
        "address": f"192.0.2.{chance.randrange(1, 9)}/24",
        "network": f"10.0.{chance.randrange(4)}.0/24",
    }


def begun(sessions, chance):
    """Do one to three deeds in a transaction of their own, and give it, still open."""
    connection = sessions.engine.connect()
    connection.execute(text("SET LOCAL lock_timeout = '20ms'"))
    try:
        for _ in range(chance.randrange(1, 4)):
            statement, values = deed(chance)
            with connection.begin_nested():  # whose rows have the number of a part of it
                connection.execute(
                    text(statement), {k: values[k] for k in values if f":{k}" in statement}
                )
    except DBAPIError:  # two of them at one row, or a rule of the tables
        connection.rollback()
    return connection


def end(connection, *, well):
    if well:
        connection.commit()
    connection.close()  # which takes back what was not committed


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_written_and_whenever_it_is_committed_the_cache_reads_what_is_there(
    seed, sessions, picture
):
    chance, cache, waiting = seeded(seed), FleetCache(), []
    for process in PROCESSES:
        joined(sessions, process)
    for step in range(60):
        waiting.append(begun(sessions, chance))
        while waiting and (len(waiting) > 2 or chance.random() < 0.6):
            end(waiting.pop(chance.randrange(len(waiting))), well=chance.random() < 0.8)
        if chance.random() < 0.1:
            sessions.run(lambda c: prune_changes(c, cache.oldest))
        if chance.random() < 0.5:
            read, there = both_of_plans(picture, cache)
            assert read == there, f"seed {seed}, step {step}"
        if chance.random() < 0.5:
            read, there = both(picture, cache)
            assert read == there, f"seed {seed}, step {step}"
            assert list(read.racks) == list(there.racks)
            assert list(read.bmcs) == list(there.bmcs)
    for connection in waiting:
        end(connection, well=True)
    cache.audit_next()
    both(picture, cache)
    assert cache.was_wrong == ()


def test_each_kind_of_change_is_seen_by_the_next_reading(sessions, picture):
    """Also alone: not because something beside it changed as well."""
    chance, cache, unseen = seeded(1), FleetCache(), set(DEEDS)
    for process in PROCESSES:
        joined(sessions, process)
    before, _ = both(picture, cache)
    for _ in range(MOST_TRIES):
        statement, values = deed(chance)
        if chance.random() < 0.5:  # some kinds change something only when others came first
            statement = chance.choice(sorted(unseen))
        if not sessions.change(statement, **values):
            continue
        read, there = both(picture, cache)
        assert read == there, statement
        if read != before:
            unseen.discard(statement)
        before = read
        if not unseen:
            return
    pytest.fail(f"these have changed nothing of the fleet: {unseen}")


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


def reserved(sessions, *vlans):
    """VLANs with a subnet each, whose reservations have these names."""
    for number, names in enumerate(vlans, 1):
        sessions.change(
            "INSERT INTO vlan (name, fabric, dhcp_on, lease_seconds, max_response_delay, mclt, "
            "split, era, generation) VALUES (:name, 'f', true, 600, 30, 600, 255, 1, 1)",
            name=f"vlan{number}",
        )
        sessions.change(
            "INSERT INTO subnet (vlan_id, cidr, dns_servers, ntp_servers, domain, era, generation) "
            "SELECT max(id), :network, '{}', '{}', '', 1, 1 FROM vlan",
            network=f"10.0.{number}.0/24",
        )
        for nth, name in enumerate(names, 1):
            sessions.change(
                "INSERT INTO reservation (subnet_id, mac, address, hostname, era, generation) "
                "SELECT max(id), :mac, :address, :name, 1, 1 FROM subnet",
                mac=f"02:00:00:00:{number:02}:{nth:02}",
                address=f"10.0.{number}.{nth}",
                name=name,
            )


def names_in(vlan):
    return [it.hostname for net in vlan.subnets for it in net.reservations]


def test_which_racks_are_older_is_asked_anew_at_each_reading(sessions, picture):
    older = {"rack0001": 2}
    cache = FleetCache(older=lambda: dict(older))
    with picture.begin() as connection:
        assert cache.read(connection).older == {"rack0001": 2}
    older.clear()
    with picture.begin() as connection:
        assert cache.read_plan_facts(connection).older == {}


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


def test_who_missed_what_was_pruned_reads_everything(sessions, picture):
    me, cache = joined(sessions), FleetCache()
    both(picture, cache)
    recorded(sessions, me, facts("rack0001", "a"))
    ahead = FleetCache()
    both(picture, ahead)
    sessions.run(lambda c: prune_changes(c, ahead.oldest))
    assert sessions.value("SELECT count(*) FROM change WHERE subject = 'rack'") == 0
    read, there = both(picture, cache)
    assert read == there
    assert set(read.racks) == {"rack0001"}


@pytest.mark.parametrize(
    ("subject", "key"), [("no such table", "1"), ("bmc", "rack0001"), ("bmc", ""), ("rack", "?")]
)
def test_garbage_among_the_changes_loses_nothing(subject, key, sessions, picture):
    me, cache = joined(sessions), FleetCache()
    both(picture, cache)
    recorded(sessions, me, facts("rack0001", "a"))
    row = "INSERT INTO change (subject, key) VALUES (:subject, :key)"
    sessions.change(row, subject=subject, key=key)
    sessions.change(row, subject="rack", key="rack0001")  # once more
    read, there = both(picture, cache)
    assert read == there
    assert set(read.racks) == {"rack0001"}


def test_another_database_is_read_anew(sessions, picture):
    """As after an older dump was put back: the table of changes is another one."""
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"))
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("ALTER TABLE change RENAME TO before"))
        connection.execute(text("CREATE TABLE change (LIKE before INCLUDING ALL)"))
        connection.execute(text("DELETE FROM connection"))
        connection.execute(text("DELETE FROM rack"))
        connection.execute(text("TRUNCATE change"))
    read, there = both(picture, cache)
    assert read == there
    assert read.racks == {}


def test_an_audit_finds_what_no_trigger_saw(sessions, picture):
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"))
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE rack SET hostname = 'other'"))
    read, there = both(picture, cache)
    assert read != there
    cache.audit_next()
    read, there = both(picture, cache)
    assert read == there
    assert cache.was_wrong == ("racks",)


def test_an_audit_compares_some_rows_and_the_next_one_the_next(sessions, picture):
    """So that it never holds up a large fleet; nothing is left out in the end."""
    me, cache = joined(sessions), FleetCache(audited_at_once=2)
    for rack in RACKS[1:5]:
        recorded(sessions, me, facts(rack, f"link of {rack}"))
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("UPDATE rack SET hostname = 'other' WHERE id = :rack"), {"rack": RACKS[4]}
        )
        for rack in (RACKS[0], RACKS[5]):
            connection.execute(
                text(
                    "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, "
                    "holds_generation, holds_fingerprint) "
                    "VALUES (:rack, 'h', 'r', 'a', false, 0, 0, '')"
                ),
                {"rack": rack},
            )
    found = []
    for _ in range(3):
        cache.audit_next()
        read, there = both(picture, cache)
        found.append((cache.was_wrong, read == there))
    assert found == [(("racks",), False), (("racks",), True), ((), True)]
    assert list(read.racks) == RACKS


def test_a_row_that_is_gone_unseen_is_found_by_an_audit(sessions, picture):
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"), facts("rack0002", "b"))
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM rack WHERE id = 'rack0002'"))
    cache.audit_next()
    read, there = both(picture, cache)
    assert read == there
    assert cache.was_wrong == ("racks",)


def test_older_content_put_back_is_read_anew(sessions, picture):
    """As from a dump of the data alone, with the table of changes as it was then."""
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"))
    sessions.change("UPDATE leadership SET generation = 7")
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE rack SET hostname = 'other'"))
        connection.execute(text("UPDATE leadership SET generation = 6"))
    read, there = both(picture, cache)
    assert read == there
