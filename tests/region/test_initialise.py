"""Making a cluster: the schema, and one secret for all of its hosts."""

import contextlib
import secrets
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from evenrack.config.region_config import RegionConfig
from evenrack.config.secret_file import load_secret
from evenrack.errors import ConfigurationRefused, DatabaseUnreachable
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.database.schema import check
from evenrack.region.initialise import initialise

pytestmark = pytest.mark.postgres


def configured(dsn, folder):
    return RegionConfig(database=dsn, region_name="r", secret_file=folder / "etc" / "secret")


def initialised(dsn, folder, hostname="host1", token_bytes=secrets.token_bytes):
    config = configured(dsn, folder)
    return initialise(config, hostname=hostname, token_bytes=token_bytes)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_time_a_schema_and_a_secret_that_only_its_owner_can_read_are_made(
    empty_database_dsn, tmp_path
):
    said = initialised(empty_database_dsn, tmp_path)
    secret = tmp_path / "etc" / "secret"
    assert (mode(secret), mode(secret.parent)) == (0o600, 0o700)
    assert len(load_secret(secret).reveal()) >= 64
    engine = open_engine(empty_database_dsn, "tests", sessions=0)
    attempt(engine, check)
    assert any(str(secret) in line and "copy" in line for line in said)
    assert not any(load_secret(secret).reveal().decode() in line for line in said)


def test_the_second_time_nothing_is_changed_and_that_is_said(empty_database_dsn, tmp_path):
    initialised(empty_database_dsn, tmp_path)
    secret = tmp_path / "etc" / "secret"
    before = secret.read_bytes()
    said = initialised(empty_database_dsn, tmp_path)
    assert secret.read_bytes() == before
    assert any("already" in line for line in said)


def test_another_host_without_the_secret_is_told_which_host_to_copy_it_from(
    empty_database_dsn, tmp_path
):
    initialised(empty_database_dsn, tmp_path / "first", "first.example.com")
    with pytest.raises(ConfigurationRefused, match=r"copy the file from host first\.example\.com"):
        initialised(empty_database_dsn, tmp_path / "second", "second.example.com")
    assert not (tmp_path / "second" / "etc" / "secret").exists()


def test_another_host_with_another_secret_is_refused(empty_database_dsn, tmp_path):
    initialised(empty_database_dsn, tmp_path / "first", "first.example.com")
    other = tmp_path / "second" / "etc" / "secret"
    other.parent.mkdir(parents=True)
    other.write_text("x" * 64)
    other.chmod(0o600)
    with pytest.raises(ConfigurationRefused, match=r"first\.example\.com"):
        initialised(empty_database_dsn, tmp_path / "second")


def test_another_host_with_a_copy_of_the_secret_is_fine(empty_database_dsn, tmp_path):
    initialised(empty_database_dsn, tmp_path / "first")
    copy = tmp_path / "second" / "etc" / "secret"
    copy.parent.mkdir(parents=True)
    copy.write_bytes((tmp_path / "first" / "etc" / "secret").read_bytes())
    copy.chmod(0o600)
    assert any("already" in line for line in initialised(empty_database_dsn, tmp_path / "second"))


def test_two_hosts_that_begin_at_the_same_moment_do_not_make_two_secrets(
    empty_database_dsn, tmp_path
):
    hosts = ["host1", "host2"]
    both_make_one = threading.Barrier(2)

    def token_bytes(count):
        with contextlib.suppress(threading.BrokenBarrierError):
            both_make_one.wait(1)  # broken, as it shall be: the other waits until this one is done
        return secrets.token_bytes(count)

    def begin(host):
        try:
            initialised(empty_database_dsn, tmp_path / host, host, token_bytes)
        except ConfigurationRefused as refusal:
            return str(refusal)
        return None

    with ThreadPoolExecutor(2) as threads:
        refusals = list(threads.map(begin, hosts))
    made = [host for host in hosts if (tmp_path / host / "etc" / "secret").exists()]
    assert len(made) == 1
    assert [refusal is None for refusal in refusals] == [host in made for host in hosts]
    assert all(f"from host {made[0]}" in refusal for refusal in refusals if refusal)


def test_without_a_database_no_secret_is_made(tmp_path):
    with pytest.raises(DatabaseUnreachable):
        initialised(f"host={tmp_path} dbname=evenrack", tmp_path)
    assert not (tmp_path / "etc").exists()
