"""Making a cluster: the schema, and one secret and one key file for all of its hosts."""

import base64
import contextlib
import secrets
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from evenrack.config.key_file import load_keys
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


def copied(tmp_path, *names):
    """Copy files of the first host to the second, as the operator is told to."""
    folder = tmp_path / "second" / "etc"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes((tmp_path / "first" / "etc" / name).read_bytes())
        (folder / name).chmod(0o600)
    return folder


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_time_a_schema_and_files_that_only_their_owner_can_read_are_made(
    empty_database_dsn, tmp_path
):
    said = initialised(empty_database_dsn, tmp_path)
    secret, keys = (tmp_path / "etc" / name for name in ("secret", "keys"))
    assert (mode(secret), mode(keys), mode(secret.parent)) == (0o600, 0o600, 0o700)
    assert len(load_secret(secret).reveal()) >= 64
    (key,) = load_keys(keys).all
    engine = open_engine(empty_database_dsn, "tests", sessions=0)
    attempt(engine, check)
    for path in (secret, keys):
        assert any(f"made {path}: copy it to every other region host" in line for line in said)
    encoded = base64.b64encode(key.content.reveal()).decode()
    for hidden in (load_secret(secret).reveal().decode(), encoded):
        assert not any(hidden in line for line in said)


def test_the_second_time_nothing_is_changed_and_that_is_said(empty_database_dsn, tmp_path):
    initialised(empty_database_dsn, tmp_path)
    files = [tmp_path / "etc" / name for name in ("secret", "keys")]
    before = [path.read_bytes() for path in files]
    said = initialised(empty_database_dsn, tmp_path)
    assert [path.read_bytes() for path in files] == before
    for path in files:
        assert f"{path} is there already" in said


def test_another_host_without_the_files_is_told_at_once_which_host_to_copy_both_from(
    empty_database_dsn, tmp_path
):
    initialised(empty_database_dsn, tmp_path / "first", "first.example.com")
    with pytest.raises(ConfigurationRefused) as refusal:
        initialised(empty_database_dsn, tmp_path / "second", "second.example.com")
    etc = tmp_path / "second" / "etc"
    assert refusal.value.path == etc / "secret"
    assert refusal.value.problems == (
        "the cluster has a secret: copy the file from host first.example.com",
        f"{etc}/keys: the cluster has keys: copy the file from host first.example.com",
    )
    assert not etc.exists()


@pytest.mark.parametrize(("name", "missing"), [("secret", "keys"), ("keys", "secret")])
def test_another_host_with_one_of_the_files_does_not_make_the_other(
    empty_database_dsn, tmp_path, name, missing
):
    initialised(empty_database_dsn, tmp_path / "first", "first.example.com")
    etc = copied(tmp_path, name)
    with pytest.raises(ConfigurationRefused, match=r"copy the file from host first") as refusal:
        initialised(empty_database_dsn, tmp_path / "second")
    assert refusal.value.path == etc / missing
    assert not (etc / missing).exists()


def test_another_host_with_another_secret_and_other_keys_is_refused(empty_database_dsn, tmp_path):
    initialised(empty_database_dsn, tmp_path / "first", "first.example.com")
    etc = copied(tmp_path, "secret", "keys")
    (etc / "secret").write_text("x" * 64)
    (etc / "keys").write_text(f"other:{base64.b64encode(b'y' * 32).decode()}\n")
    with pytest.raises(ConfigurationRefused) as refusal:
        initialised(empty_database_dsn, tmp_path / "second")
    assert refusal.value.problems == (
        "this is not the cluster's secret: copy the file from host first.example.com",
        f"{etc}/keys: the cluster's key is not among these: copy the file from host "
        "first.example.com",
    )


def test_a_key_file_that_cannot_be_used_is_refused_and_no_secret_is_made(
    empty_database_dsn, tmp_path
):
    (tmp_path / "etc").mkdir()
    keys = tmp_path / "etc" / "keys"
    keys.write_text("half a key")
    with pytest.raises(ConfigurationRefused, match="line 1: ") as refusal:
        initialised(empty_database_dsn, tmp_path)
    assert refusal.value.path == keys
    assert not (tmp_path / "etc" / "secret").exists()


def test_another_host_with_copies_of_both_files_is_fine(empty_database_dsn, tmp_path):
    initialised(empty_database_dsn, tmp_path / "first")
    copied(tmp_path, "secret", "keys")
    said = initialised(empty_database_dsn, tmp_path / "second")
    assert sum("is there already" in line for line in said) == 2


def test_a_host_with_a_new_key_before_the_cluster_s_is_fine(empty_database_dsn, tmp_path):
    initialised(empty_database_dsn, tmp_path / "first")
    keys = copied(tmp_path, "secret", "keys") / "keys"
    new = f"new:{base64.b64encode(b'y' * 32).decode()}\n"
    keys.write_text(new + keys.read_text())
    initialised(empty_database_dsn, tmp_path / "second")
    initialised(empty_database_dsn, tmp_path / "first")


def test_two_hosts_that_begin_at_the_same_moment_do_not_make_two_secrets_nor_two_keys(
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
    assert made == [host for host in hosts if (tmp_path / host / "etc" / "keys").exists()]
    assert [refusal is None for refusal in refusals] == [host in made for host in hosts]
    assert all(f"from host {made[0]}" in refusal for refusal in refusals if refusal)


def test_without_a_database_no_file_is_made(tmp_path):
    with pytest.raises(DatabaseUnreachable):
        initialised(f"host={tmp_path} dbname=evenrack", tmp_path)
    assert not (tmp_path / "etc").exists()
