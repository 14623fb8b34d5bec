"""The keys of a host whose file changes: real files, no database."""

import base64
import os

import pytest

from evenrack.config.key_file import Key
from evenrack.config.secret_file import Secret
from evenrack.errors import ConfigurationRefused
from evenrack.region.database.key_store import NOTHING_REPORTED, KeyOrigin
from evenrack.region.trust.key_ring import KeyRing


def key(name):
    return Key(id=name, content=Secret(name[0].encode() * 32))


A, B = key("a"), key("b")


@pytest.fixture
def file(tmp_path):
    tmp_path.chmod(0o700)
    path = tmp_path / "keys"
    write(path, A)
    return path


def write(path, *keys):
    path.touch(mode=0o600)
    encoded = [(each.id, base64.b64encode(each.content.reveal()).decode()) for each in keys]
    path.write_text("".join(f"{key_id}:{content}\n" for key_id, content in encoded))


def chosen(which):
    return KeyOrigin(fingerprint=which.fingerprint, host="host")


def test_none_of_several_encrypts_before_it_is_known_which_one_the_cluster_has_chosen(file):
    write(file, A, B)
    ring = KeyRing(file)
    assert (ring.first, ring.find("a")) == (None, A)
    ring.follow(chosen(A))
    assert ring.first == A


def test_one_that_is_alone_encrypts_from_the_start(file):
    assert KeyRing(file).first == A


def test_a_cluster_that_has_chosen_none_encrypts_with_the_first_of_the_file(file):
    write(file, A, B)
    ring = KeyRing(file)
    ring.follow(None)
    assert ring.first == A


def test_the_chosen_key_encrypts_wherever_it_stands_and_no_other_when_it_is_not_there(file):
    write(file, A, B)
    ring = KeyRing(file)
    for which in (B, A):
        ring.follow(chosen(which))
        assert ring.first == which
    ring.follow(chosen(key("c")))
    assert ring.first is None
    assert ring.find("a") == A, "what is sealed with it opens still"


def test_a_file_that_changed_is_read_again_and_one_that_did_not_is_not(file):
    ring = KeyRing(file)
    assert not ring.read_again()
    write(file, A, B)
    assert ring.read_again()
    assert ring.all == (A, B)
    assert not ring.read_again()


def test_a_file_put_in_its_place_is_noticed_though_it_is_as_long_and_as_old(file):
    ring = KeyRing(file)
    before = file.stat()
    other = file.with_name("other")
    write(other, B)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)
    assert ring.read_again()
    assert ring.all == (B,)


def test_a_file_that_cannot_be_used_leaves_the_keys_and_is_read_until_it_can(file):
    ring = KeyRing(file)
    file.write_text("half a k")
    for _ in range(2):
        with pytest.raises(ConfigurationRefused):
            ring.read_again()
    write(file, A, B)
    file.chmod(0o644)
    with pytest.raises(ConfigurationRefused, match="chmod 600"):
        ring.read_again()
    file.chmod(0o600)
    assert ring.all == (A,)
    assert ring.read_again()
    assert ring.all == (A, B)


def test_a_file_that_goes_leaves_the_keys(file):
    ring = KeyRing(file)
    file.unlink()
    with pytest.raises(ConfigurationRefused, match="its keys are kept"):
        ring.read_again()
    assert ring.all == (A,)


def test_a_file_that_comes_later_is_taken(tmp_path):
    tmp_path.chmod(0o700)
    ring = KeyRing(tmp_path / "keys")
    ring.follow(None)
    assert (ring.all, ring.first, ring.report) == ((), None, NOTHING_REPORTED)
    assert not ring.read_again()
    write(tmp_path / "keys", A)
    assert ring.read_again()
    ring.follow(None)
    assert ring.first == A


def test_a_report_has_fingerprints_and_no_keys(file):
    write(file, A, B)
    ring = KeyRing(file)
    ring.follow(chosen(B))
    assert ring.report.known == {"a": A.fingerprint, "b": B.fingerprint}
    assert ring.report.encrypting == B.fingerprint
    assert "b" * 32 not in repr(ring.report)
