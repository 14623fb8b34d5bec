"""The cache of the fleet reads what is there, whatever is written and whenever."""

import random

import pytest
from attrs import evolve
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from evenrack.region.database.changes import prune_changes
from evenrack.region.database.fleet_cache import OF_PLANS, FleetCache, read_fleet
from tests.region.database.fleet_cache.cached_fleet import RACKS, both
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres

PROCESSES = ["region1/1", "region1/2", "region2/1"]
MOST_TRIES = 3_000
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


def test_which_racks_are_older_is_asked_anew_at_each_reading(sessions, picture):
    older = {"rack0001": 2}
    cache = FleetCache(older=lambda: dict(older))
    with picture.begin() as connection:
        assert cache.read(connection).older == {"rack0001": 2}
    older.clear()
    with picture.begin() as connection:
        assert cache.read_plan_facts(connection).older == {}


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
