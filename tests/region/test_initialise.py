"""Making a cluster: schema, keys and authority once for all hosts, and a certificate for each."""

import base64
import secrets
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from attrs import evolve
from sqlalchemy import text

from evenrack.config.key_file import NO_KEYS, Keys, load_keys
from evenrack.config.region_config import RegionConfig
from evenrack.errors import ConfigurationRefused, Damaged, DatabaseUnreachable, KeyMissing
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.database.schema import check, upgrade
from evenrack.region.database.trust_store import (
    key_cell,
    lock_authorities,
    read_authorities,
    store_authority,
)
from evenrack.region.initialise import Chance, initialise
from evenrack.region.sealing import Sealer
from evenrack.region.trust.certificate_desk import open_authority, region_files
from evenrack.trust.certificates import (
    LEAF_LIFE,
    certificates_from_pem,
    is_issued_by,
    key_pem,
    new_authority,
    pin_of,
    refuse_other_region,
    serial_of,
)
from tests.region.database.sessions import Sessions
from tests.trusted import now

pytestmark = pytest.mark.postgres


def configured(dsn, folder, name="region1"):
    return RegionConfig(
        database=dsn,
        region_name=name,
        key_file=folder / "etc" / "keys",
        state_dir=folder / "state",
    )


def initialised(dsn, folder, hostname="host1", *, at=None, token_bytes=secrets.token_bytes):
    chance = Chance(token_bytes=token_bytes, read_clock=lambda _: at or now())
    return initialise(configured(dsn, folder, hostname), hostname=hostname, chance=chance)


def keys_copied(tmp_path, to="second"):
    """Copy the key file of the first host to another, as the operator is told to."""
    folder = tmp_path / to / "etc"
    folder.mkdir(parents=True)
    path = folder / "keys"
    path.write_bytes((tmp_path / "first" / "etc" / "keys").read_bytes())
    path.chmod(0o600)
    return path


def files_of(folder):
    return region_files(configured("", folder))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def read(dsn, work):
    engine = open_engine(dsn, "tests", sessions=0)
    try:
        return attempt(engine, work)
    finally:
        engine.dispose()


def authorities(dsn):
    """What the tables have: each certificate, and the row itself."""
    rows = read(dsn, read_authorities)
    return [(certificates_from_pem(row.certificate.encode())[0], row) for row in rows]


def issued(dsn):
    """The serial numbers that are written down, by region host."""

    def work(connection):
        rows = connection.exec_driver_sql("SELECT region, serial FROM certificate ORDER BY at")
        return [tuple(row) for row in rows]

    return read(dsn, work)


def unsealer(folder):
    return Sealer(keys=load_keys(folder / "etc" / "keys"), token_bytes=secrets.token_bytes)


def test_the_first_time_schema_keys_authority_and_certificate_are_made_and_told(
    empty_database_dsn, tmp_path
):
    said = initialised(empty_database_dsn, tmp_path)
    read(empty_database_dsn, check)
    ((authority, row),) = authorities(empty_database_dsn)
    assert row.state == "active"
    keys = tmp_path / "etc" / "keys"
    assert said[1:] == [
        f"made {keys}: copy it to every other region host, and keep a copy",
        f"made authority {pin_of(authority)[:16]}; its key is sealed in the database",
        f"made this host's certificate in {tmp_path / 'state'}",
    ]
    files = files_of(tmp_path)
    assert files.authorities() == (authority,)
    certificate = files.identity().certificate
    refuse_other_region(certificate, authority, now())
    assert issued(empty_database_dsn) == [("host1", serial_of(certificate))]


def test_what_is_made_only_its_owner_can_read_and_nothing_secret_is_told(database_dsn, tmp_path):
    said = "\n".join(initialised(database_dsn, tmp_path))
    keys, state = tmp_path / "etc" / "keys", tmp_path / "state"
    for folder in (keys.parent, state):
        assert mode(folder) == 0o700
    for path in (keys, *state.iterdir()):
        assert mode(path) == 0o600
    assert {path.name for path in state.iterdir()} == {"identity.pem", "authorities.pem"}
    (key,) = load_keys(keys).all
    assert base64.b64encode(key.content.reveal()).decode() not in said
    assert "PRIVATE KEY" not in said


def test_the_key_of_the_authority_is_on_no_disk_and_opens_with_the_cluster_s_key_only(
    database_dsn, tmp_path
):
    initialised(database_dsn, tmp_path)
    ((certificate, row),) = authorities(database_dsn)
    opened = open_authority(row, unsealer(tmp_path))
    assert opened.key.public_key() == certificate.public_key()
    clear = key_pem(opened.key)
    assert b"PRIVATE KEY" not in row.sealed_key
    assert not any(clear in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    without = Sealer(keys=NO_KEYS, token_bytes=secrets.token_bytes)
    with pytest.raises(KeyMissing):
        open_authority(row, without)
    (key,) = load_keys(tmp_path / "etc" / "keys").all
    another = Keys(all=(evolve(key, content=type(key.content)(b"x" * 32)),))
    with pytest.raises(Damaged):
        open_authority(row, Sealer(keys=another, token_bytes=secrets.token_bytes))
    with pytest.raises(Damaged):
        unsealer(tmp_path).open(row.sealed_key, key_cell(row.id + 1))


def test_the_second_time_nothing_is_changed_and_that_is_said(database_dsn, tmp_path):
    initialised(database_dsn, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    made = authorities(database_dsn), issued(database_dsn)
    said = initialised(database_dsn, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert (authorities(database_dsn), issued(database_dsn)) == made
    ((authority, _),) = made[0]
    assert said[1:] == [
        f"{tmp_path}/etc/keys is there already",
        f"the cluster has authority {pin_of(authority)[:16]}",
        f"{tmp_path}/state has this host's certificate",
    ]


def test_a_second_host_gets_a_certificate_of_its_own_from_the_same_authority(
    database_dsn, tmp_path
):
    initialised(database_dsn, tmp_path / "first", "host1")
    path = keys_copied(tmp_path)
    said = initialised(database_dsn, tmp_path / "second", "host2")
    assert f"{path} is there already" in said
    ((authority, _),) = authorities(database_dsn)
    first, second = (files_of(tmp_path / host) for host in ("first", "second"))
    assert first.authorities() == second.authorities() == (authority,)
    assert is_issued_by(second.identity().certificate, authority)
    assert first.identity().certificate != second.identity().certificate
    assert issued(database_dsn) == [
        ("host1", serial_of(first.identity().certificate)),
        ("host2", serial_of(second.identity().certificate)),
    ]


def test_another_host_without_the_key_file_is_told_which_host_to_copy_it_from(
    database_dsn, tmp_path
):
    initialised(database_dsn, tmp_path / "first", "first.example.com")
    with pytest.raises(ConfigurationRefused) as refusal:
        initialised(database_dsn, tmp_path / "second", "second.example.com")
    assert refusal.value.path == tmp_path / "second" / "etc" / "keys"
    assert refusal.value.problems == (
        "the cluster has keys: copy the file from host first.example.com",
    )
    assert not (tmp_path / "second").exists()
    assert [region for region, _ in issued(database_dsn)] == ["first.example.com"]


def test_another_host_with_other_keys_is_refused_and_gets_no_certificate(database_dsn, tmp_path):
    initialised(database_dsn, tmp_path / "first", "first.example.com")
    keys_copied(tmp_path).write_text(f"other:{base64.b64encode(b'y' * 32).decode()}\n")
    with pytest.raises(ConfigurationRefused) as refusal:
        initialised(database_dsn, tmp_path / "second")
    assert refusal.value.problems == (
        "the cluster's key is not among these: copy the file from host first.example.com",
    )
    assert not (tmp_path / "second" / "state").exists()


@pytest.mark.parametrize(("text", "problem"), [("half a key", "line 1: "), ("", "holds no key")])
def test_a_key_file_that_cannot_be_used_is_refused_and_no_authority_is_made(
    database_dsn, tmp_path, text, problem
):
    keys = tmp_path / "etc" / "keys"
    keys.parent.mkdir(mode=0o700)
    keys.touch(mode=0o600)
    keys.write_text(text)
    with pytest.raises(ConfigurationRefused, match=problem) as refusal:
        initialised(database_dsn, tmp_path)
    assert refusal.value.path == keys
    assert authorities(database_dsn) == []
    assert not (tmp_path / "state").exists()


def test_a_host_with_a_new_key_before_the_cluster_s_is_fine(database_dsn, tmp_path):
    initialised(database_dsn, tmp_path / "first")
    keys = keys_copied(tmp_path)
    new = f"new:{base64.b64encode(b'y' * 32).decode()}\n"
    keys.write_text(new + keys.read_text())
    initialised(database_dsn, tmp_path / "second", "host2")
    initialised(database_dsn, tmp_path / "first")
    assert len(authorities(database_dsn)) == 1


def test_an_expired_certificate_is_made_anew_and_a_good_one_is_kept(database_dsn, tmp_path):
    begin = now()
    initialised(database_dsn, tmp_path, at=begin)
    first = files_of(tmp_path).identity().certificate
    still_good = begin + LEAF_LIFE - timedelta(minutes=1)
    initialised(database_dsn, tmp_path, at=still_good)
    assert files_of(tmp_path).identity().certificate == first
    late = begin + LEAF_LIFE + timedelta(seconds=1)
    said = initialised(database_dsn, tmp_path, at=late)
    assert f"made this host's certificate in {tmp_path / 'state'}" in said
    ((authority, _),) = authorities(database_dsn)
    refuse_other_region(files_of(tmp_path).identity().certificate, authority, late)


def test_a_lost_certificate_is_made_anew_from_the_authority_that_is_there(database_dsn, tmp_path):
    initialised(database_dsn, tmp_path)
    for path in (tmp_path / "state").iterdir():
        path.unlink()
    initialised(database_dsn, tmp_path)
    ((authority, _),) = authorities(database_dsn)
    assert is_issued_by(files_of(tmp_path).identity().certificate, authority)
    assert files_of(tmp_path).authorities() == (authority,)


def test_two_hosts_that_begin_at_the_same_moment_do_not_make_two_keys_nor_two_authorities(
    empty_database_dsn, tmp_path
):
    hosts = ["host1", "host2"]
    engine = open_engine(empty_database_dsn, "tests", sessions=3)
    looks, making = Sessions(engine, None), set()

    def token_bytes(count):
        is_first = not making
        making.add(threading.get_ident())
        if is_first:  # and so it stays: the other one waits until this one is done
            looks.wait_until_blocked()
        return secrets.token_bytes(count)

    def begin(host):
        try:
            initialised(empty_database_dsn, tmp_path / host, host, token_bytes=token_bytes)
        except ConfigurationRefused as refusal:
            return str(refusal)
        return None

    with ThreadPoolExecutor(2) as threads:
        refusals = list(threads.map(begin, hosts))
    engine.dispose()
    made = [host for host in hosts if (tmp_path / host / "etc" / "keys").exists()]
    assert len(made) == 1
    assert len(making) == 1
    assert made == [host for host in hosts if files_of(tmp_path / host).are_there]
    assert [refusal is None for refusal in refusals] == [host in made for host in hosts]
    assert all(f"from host {made[0]}" in refusal for refusal in refusals if refusal)
    assert len(authorities(empty_database_dsn)) == 1


def test_many_hosts_with_the_cluster_s_keys_that_begin_at_once_make_one_authority(
    database_dsn, tmp_path
):
    """The keys were brought there by hand, before any host ran init."""
    hosts = [f"host{number}" for number in range(1, 7)]
    for host in hosts:
        keys_brought_by_hand(tmp_path / host)
    together = threading.Barrier(len(hosts))

    def begin(host):
        together.wait(10)
        initialised(database_dsn, tmp_path / host, host)

    with ThreadPoolExecutor(len(hosts)) as threads:
        list(threads.map(begin, hosts))
    ((authority, _),) = authorities(database_dsn)
    for host in hosts:
        assert is_issued_by(files_of(tmp_path / host).identity().certificate, authority)
    assert sorted(region for region, _ in issued(database_dsn)) == hosts


def test_a_host_that_begins_while_another_makes_the_authority_waits_and_takes_that(
    database_dsn, tmp_path
):
    upgrade(database_dsn)
    keys_brought_by_hand(tmp_path)
    made = new_authority(now())
    engine = open_engine(database_dsn, "tests", sessions=3)
    with ThreadPoolExecutor(1) as threads:
        sessions = Sessions(engine, threads)
        with sessions.open_transaction() as other:
            other.execute(text("SET idle_in_transaction_session_timeout = 0"))
            lock_authorities(other)
            beginning = sessions.start(lambda: initialised(database_dsn, tmp_path))
            sessions.wait_until_blocked()
            store_authority(other, unsealer(tmp_path), made, state="active")
            other.commit()
        assert f"the cluster has authority {pin_of(made.certificate)[:16]}" in beginning.result(20)
    engine.dispose()
    assert is_issued_by(files_of(tmp_path).identity().certificate, made.certificate)
    assert len(authorities(database_dsn)) == 1


def keys_brought_by_hand(folder):
    path = folder / "etc" / "keys"
    path.parent.mkdir(parents=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(f"k:{base64.b64encode(b'k' * 32).decode()}\n")


def test_without_a_database_no_file_is_made(tmp_path):
    with pytest.raises(DatabaseUnreachable):
        initialised(f"host={tmp_path} dbname=evenrack", tmp_path)
    assert list(tmp_path.iterdir()) == []
