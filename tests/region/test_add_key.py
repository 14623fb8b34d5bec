"""`evenrack-regiond add-key`: a key more in the file, and everything else as it was."""

import base64
import os
import secrets
import stat

import pytest

from evenrack.config.key_file import load_keys
from evenrack.config.region_config import RegionConfig
from evenrack.errors import ConfigurationRefused, DatabaseUnreachable
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.database.key_store import KeyOrigin, write_key_origin
from evenrack.region.trust.add_key import add_key
from tests.region.test_main import run

pytestmark = pytest.mark.postgres

KEY = base64.b64encode(b"k" * 32).decode()
BEFORE = f"# made on host1\nfirst:{KEY}"  # and no newline at its end


@pytest.fixture
def host(database_dsn, tmp_path):
    """A region host of a cluster whose key is the one of its file."""
    tmp_path.chmod(0o700)
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(BEFORE)
    return RegionConfig(database=database_dsn, region_name="r", key_file=path)


def encrypts(host, fingerprint):
    """Let the cluster encrypt with this key."""
    engine = open_engine(host.database, "tests", sessions=0)
    origin = KeyOrigin(fingerprint=fingerprint, host="host7")
    attempt(engine, lambda c: write_key_origin(c, origin))
    engine.dispose()


def chosen(host, n):
    """Let the cluster encrypt with key number n of the file."""
    encrypts(host, load_keys(host.key_file).all[n].fingerprint)


def added(host):
    return add_key(host, token_bytes=secrets.token_bytes)


def test_a_key_is_added_below_the_others_which_stay_as_they_are(host):
    chosen(host, 0)
    told = added(host)
    assert host.key_file.read_text().startswith(f"{BEFORE}\n")
    first, second = load_keys(host.key_file).all
    assert (first.id, len(second.content.reveal())) == ("first", 32)
    assert stat.S_IMODE(host.key_file.stat().st_mode) == 0o600
    assert told == [
        f"added key {second.id} to {host.key_file}; it does not encrypt yet",
        f"next: copy {host.key_file} to every other region host, then: evenrack key rotate",
    ]
    assert [path.name for path in host.key_file.parent.iterdir()] == ["keys"]
    assert base64.b64encode(second.content.reveal()).decode() not in str(told)


def test_a_second_time_no_other_key_is_made_before_this_one_encrypts(host):
    chosen(host, 0)
    added(host)
    before = host.key_file.read_text()
    told = added(host)
    assert host.key_file.read_text() == before
    assert told[0].endswith("already, which does not encrypt yet")
    chosen(host, 1)
    added(host)
    assert len(load_keys(host.key_file).all) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_file_stays_its_owner_s_when_root_runs_it(host):
    chosen(host, 0)
    os.chown(host.key_file, 1234, 4321)
    os.chown(host.key_file.parent, 1234, 4321)
    added(host)
    found = host.key_file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o600)


def test_a_host_that_lacks_the_cluster_s_key_gets_no_other(host):
    encrypts(host, "of another key")
    with pytest.raises(ConfigurationRefused, match="copy the file from host host7"):
        added(host)
    assert host.key_file.read_text() == BEFORE


def test_before_the_cluster_has_a_key_it_says_what_to_run(host):
    with pytest.raises(ConfigurationRefused, match="run `evenrack-regiond init` first"):
        added(host)
    assert host.key_file.read_text() == BEFORE


@pytest.mark.parametrize("text", ["half a key", ""])
def test_a_file_that_cannot_be_used_is_refused_and_left(host, text):
    chosen(host, 0)
    host.key_file.write_text(text)
    with pytest.raises(ConfigurationRefused):
        added(host)
    assert host.key_file.read_text() == text


def test_a_missing_file_is_refused(host):
    chosen(host, 0)
    host.key_file.unlink()
    with pytest.raises(ConfigurationRefused, match="no such file"):
        added(host)
    assert not host.key_file.exists()


def test_without_a_database_nothing_is_written(tmp_path):
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(BEFORE)
    config = RegionConfig(
        database=f"host={tmp_path} dbname=evenrack", region_name="r", key_file=path
    )
    with pytest.raises(DatabaseUnreachable):
        added(config)
    assert path.read_text() == BEFORE


@pytest.mark.daemon
def test_the_program_adds_one_to_the_file_that_init_made(empty_database_dsn, tmp_path):
    etc = tmp_path / "etc"
    configuration = tmp_path / "regiond.conf"
    configuration.write_text(
        f'database: "{empty_database_dsn}"\nregion_name: region1\nkey_file: {etc / "keys"}\n'
        f"state_dir: {tmp_path / 'state'}\n"
    )
    run("init", "--config", configuration)
    (made,) = load_keys(etc / "keys").all
    told = run("add-key", "--config", configuration)
    first, second = load_keys(etc / "keys").all
    assert first == made
    assert f"added key {second.id} to {etc / 'keys'}" in told
    assert "evenrack key rotate" in told
