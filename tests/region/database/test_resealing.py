"""Putting every sealed secret under another key, on real tables and in real transactions."""

import secrets

import pytest
from sqlalchemy import LargeBinary, select, text

from evenrack.config.key_file import NO_KEYS, Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import KeyMissing
from evenrack.region.database.bmc_reading import k_g_cell, password_cell
from evenrack.region.database.enrolment_store import secret_cell
from evenrack.region.database.resealing import (
    PAGE,
    SEALED_COLUMNS,
    count_by_key,
    not_under,
    reseal,
    wait_for_writers,
)
from evenrack.region.database.trust_store import key_cell
from evenrack.region.database.trust_tables import metadata
from evenrack.region.sealing import Sealer
from tests.region.database.sessions import SECONDS

pytestmark = pytest.mark.postgres

NOT_SEALED = {("token", "hash")}
"""Bytes that nobody needs to open again."""

HUNDREDS = PAGE + 50


def key(name):
    return Key(id=name, content=Secret(name[0].encode() * 32))


OLD, NEW, LOST = key("old"), key("new"), key("lost")


def sealer(*keys):
    return Sealer(keys=Keys(all=keys), token_bytes=secrets.token_bytes)


BEFORE = sealer(OLD)
ROTATING = sealer(NEW, OLD)
AFTER = sealer(NEW)

INSERTS = {
    "password": 'INSERT INTO bmc (name, driver, address, port, "user", password, era, generation) '
    "VALUES ('b' || :n, 'ipmitool', :n, 623, '', '', 1, 1) RETURNING id",
    "k_g": "UPDATE bmc SET k_g = '' WHERE name = 'b' || :n RETURNING id",
    "sealed_key": "INSERT INTO authority (state, certificate, sealed_key) "
    "VALUES ('retiring', '', '') RETURNING id",
    "sealed_secret": "INSERT INTO enrolment "
    "(who, name, lookup, sealed_secret, uses_left, expires_at) "
    "VALUES ('me', :n, :n, '', 1, now()) RETURNING id",
}


def clear_of(cell):
    return Secret(f"the secret of {cell}".encode())


def add(connection, sealed, n, by=BEFORE, blob=None):
    """A row with its secret sealed as the stores seal it: for the id that it got."""
    statement = text(INSERTS[sealed.name])
    values = {"n": str(n)} if ":n" in str(statement) else {}
    cell = sealed.cell(connection.execute(statement, values).scalar_one())
    write(connection, sealed, cell, by.seal(clear_of(cell), cell) if blob is None else blob)
    return cell


def write(connection, sealed, cell, blob):
    table = sealed.table
    connection.execute(table.update().where(table.c.id == cell.row).values({sealed.name: blob}))


def fill(sessions, count, by=BEFORE):
    """So many secrets in each of the columns."""

    def work(connection):
        return [add(connection, each, n, by) for each in SEALED_COLUMNS for n in range(count)]

    return sessions.run(work)


def opened(sessions, by):
    """Every secret in the database, with the keys of one host."""
    found = {}
    for each in SEALED_COLUMNS:
        rows = sessions.run(
            lambda c, each=each: c.execute(select(each.table.c.id, each.column)).all()
        )
        for number, blob in rows:
            if blob is None:
                continue
            cell = each.cell(number)
            found[cell] = by.open(bytes(blob), cell)
    return found


def batch(sessions, *, most=10_000, by=ROTATING):
    return sessions.run(lambda c: reseal(c, by, most=most))


def test_every_column_of_the_schema_that_holds_a_sealed_secret_is_known():
    bytes_of = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.c
        if isinstance(column.type, LargeBinary)
    }
    sealed = {(each.table.name, each.name) for each in SEALED_COLUMNS}
    assert sealed == bytes_of - NOT_SEALED
    named = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.c
        if column.name == "password" or column.name.startswith("sealed_")
    }
    assert named <= sealed


def test_each_of_them_is_bound_to_the_place_that_its_store_binds_it_to():
    assert [each.cell(7) for each in SEALED_COLUMNS] == [
        password_cell(7),
        k_g_cell(7),
        key_cell(7),
        secret_cell(7),
    ]


def test_everything_gets_under_the_new_key_and_opens_without_the_old_one(sessions):
    cells = fill(sessions, HUNDREDS)
    assert sessions.run(count_by_key) == {"old": 4 * HUNDREDS}
    done = batch(sessions)
    assert (done.count, done.stuck) == (4 * HUNDREDS, [])
    assert sessions.run(count_by_key) == {"new": 4 * HUNDREDS}
    assert opened(sessions, AFTER) == {cell: clear_of(cell) for cell in cells}
    assert batch(sessions).count == 0


def test_half_way_all_of_it_opens_and_who_repeats_it_finishes_it(sessions):
    cells = fill(sessions, 5)
    whole = {cell: clear_of(cell) for cell in cells}
    for count, left in ((6, 14), (6, 8), (6, 2), (2, 0)):
        assert batch(sessions, most=6).count == count
        counts = sessions.run(count_by_key)
        assert not_under(counts, "new") == left
        assert opened(sessions, ROTATING) == whole == opened(sessions, sealer(OLD, NEW))
    assert opened(sessions, AFTER) == whole


def test_a_batch_that_breaks_off_has_done_nothing(sessions):
    fill(sessions, 2)
    with sessions.open_transaction() as connection:
        assert reseal(connection, ROTATING, most=3).count == 3
    assert sessions.run(count_by_key) == {"old": 8}
    assert len(opened(sessions, BEFORE)) == 8


def test_what_does_not_open_stays_as_it_is_is_named_and_holds_nobody_up(sessions):
    bmc = SEALED_COLUMNS[0]

    def work(connection):
        other = add(connection, bmc, 0)
        copied = add(connection, bmc, 1, blob=BEFORE.seal(clear_of(other), other))
        lost = add(connection, bmc, 2, by=sealer(LOST))
        blobs = (b"", b"\xff", b"\x02\0\0" + bytes(60))
        odd = [add(connection, bmc, n, blob=blob) for n, blob in enumerate(blobs, start=3)]
        return other, [copied, lost, *odd], add(connection, bmc, 6)

    first, stuck, last = sessions.run(work)
    before = set(sessions.rows("SELECT id, password FROM bmc"))
    assert sessions.run(count_by_key) == {"old": 3, "lost": 1, None: 3}
    done = batch(sessions, most=2)
    assert done.count == 2
    assert [each.cell for each in done.stuck] == stuck
    assert 'no key "lost"' in done.stuck[1].why
    assert "copied from another row" in done.stuck[0].why
    after = set(sessions.rows("SELECT id, password FROM bmc"))
    assert {row for row, _ in before - after} == {first.row, last.row}
    again = batch(sessions)
    assert (again.count, [each.cell for each in again.stuck]) == (0, stuck)
    assert not_under(sessions.run(count_by_key), "new") == len(stuck)


def test_keys_whose_ids_begin_alike_are_told_apart(sessions):
    short, long = key("n"), key("new")
    fill(sessions, 1, sealer(long))
    assert batch(sessions, by=sealer(short, long)).count == 4
    assert sessions.run(count_by_key) == {"n": 4}
    assert batch(sessions, by=sealer(long, short)).count == 4
    assert sessions.run(count_by_key) == {"new": 4}


def test_a_password_that_is_being_changed_meanwhile_is_not_lost(sessions):
    (cell, *_) = fill(sessions, 1)
    bmc, changed = SEALED_COLUMNS[0], Secret(b"another one")
    with sessions.open_transaction() as connection:
        write(connection, bmc, cell, BEFORE.seal(changed, cell))
        rotating = sessions.start(lambda: batch(sessions))
        sessions.wait_until_blocked()
        connection.commit()
    assert rotating.result(SECONDS).count == 4
    assert opened(sessions, AFTER)[cell] == changed


def test_a_row_that_is_deleted_meanwhile_is_gone_and_the_others_are_done(sessions):
    (cell, *_) = fill(sessions, 1)
    with sessions.open_transaction() as connection:
        connection.execute(text("DELETE FROM bmc WHERE id = :id"), {"id": cell.row})
        rotating = sessions.start(lambda: batch(sessions))
        sessions.wait_until_blocked()
        connection.commit()
    assert rotating.result(SECONDS).count == 2


@pytest.mark.parametrize("sealed", SEALED_COLUMNS, ids=lambda sealed: sealed.name)
def test_who_began_to_write_under_the_old_key_is_waited_for_and_counted(sessions, sealed):
    def counted(connection):
        wait_for_writers(connection)
        return count_by_key(connection)

    before = [SEALED_COLUMNS[0]] if sealed.name == "k_g" else []
    sessions.run(lambda c: [add(c, each, 1) for each in before])
    with sessions.open_transaction() as connection:
        add(connection, sealed, 1)
        counting = sessions.start(lambda: sessions.run(counted))
        sessions.wait_until_blocked()
        connection.commit()
    assert counting.result(SECONDS) == {"old": 1 + len(before)}


def test_without_a_key_to_encrypt_with_nothing_is_touched(sessions):
    fill(sessions, 1)
    with pytest.raises(KeyMissing):
        batch(sessions, by=Sealer(keys=NO_KEYS, token_bytes=secrets.token_bytes))
    assert sessions.run(count_by_key) == {"old": 4}
