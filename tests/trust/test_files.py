"""The files of an end's certificate and of whom it trusts: private, whole, and told of clearly."""

import os
import stat
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenrack.errors import ConfigurationRefused
from evenrack.trust.certificates import certificate_pem, key_pem, new_key
from evenrack.trust.files import AUTHORITIES_FILE, IDENTITY_FILE, TrustFiles
from tests.trusted import authority, rack_identity

CURE = "do this and that"
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def files(tmp_path):
    return TrustFiles(tmp_path / "state", cure=CURE)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_kept_is_read_back(files):
    identity = rack_identity()
    trusted = (authority().certificate, authority("another").certificate)
    files.keep_identity(identity)
    files.keep_authorities(trusted)
    again = TrustFiles(files.folder, cure=CURE)
    assert again.identity().pem == identity.pem
    assert again.authorities() == trusted  # the order counts: the first signs


def test_the_folder_and_the_files_are_for_their_owner_alone_whatever_the_umask(files):
    before = os.umask(0)
    try:
        files.keep_identity(rack_identity())
        files.keep_authorities([authority().certificate])
    finally:
        os.umask(before)
    assert mode(files.folder) == 0o700
    assert mode(files.folder / IDENTITY_FILE) == 0o600
    assert mode(files.folder / AUTHORITIES_FILE) == 0o600


def test_an_end_counts_as_having_a_certificate_from_the_identity_on(files):
    assert not files.are_there
    files.keep_authorities([authority().certificate])
    assert not files.are_there
    files.keep_identity(rack_identity())
    assert files.are_there


def test_a_new_identity_takes_the_place_of_the_old_one_whole(files):
    old, new = rack_identity(), rack_identity()
    files.keep_identity(old)
    files.keep_identity(new)
    assert files.identity().pem == new.pem
    assert [path.name for path in files.folder.iterdir()] == [IDENTITY_FILE]


def refusal_of(read):
    with pytest.raises(ConfigurationRefused) as refusal:
        read()
    return str(refusal.value)


def test_what_is_not_there_is_told_with_its_cure(files):
    assert refusal_of(files.identity).endswith(
        f"{IDENTITY_FILE}: 1 problem\n  is not there: {CURE}"
    )
    told = refusal_of(files.authorities)
    assert "names no authority" in told
    assert CURE in told


DAMAGED = {
    "nothing": b"",
    "text": b"hello",
    "a key alone": key_pem(new_key()),
    "a certificate alone": certificate_pem(rack_identity().certificate),
    "another's key": key_pem(new_key()) + certificate_pem(rack_identity().certificate),
    "cut": rack_identity().pem[:-30],
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=[*DAMAGED])
def test_a_damaged_identity_is_told_with_its_cure_left_alone_and_not_shown(files, content):
    files.folder.mkdir()
    (files.folder / IDENTITY_FILE).write_bytes(content)
    told = refusal_of(files.identity)
    assert f"{IDENTITY_FILE}: 1 problem" in told
    assert "holds no key with its certificate" in told
    assert CURE in told
    assert (files.folder / IDENTITY_FILE).read_bytes() == content
    for line in content.decode(errors="replace").splitlines():
        assert len(line) < 60 or line not in told


@pytest.mark.parametrize("content", [b"", b"hello", key_pem(new_key()), bytes(range(256))])
def test_damaged_authorities_are_told_with_their_cure(files, content):
    files.folder.mkdir()
    (files.folder / AUTHORITIES_FILE).write_bytes(content)
    told = refusal_of(files.authorities)
    assert f"{AUTHORITIES_FILE}: 1 problem" in told
    assert CURE in told


def test_a_folder_in_the_place_of_a_file_is_told_as_damage(files):
    (files.folder / IDENTITY_FILE).mkdir(parents=True)
    (files.folder / AUTHORITIES_FILE).mkdir()
    assert CURE in refusal_of(files.identity)
    assert CURE in refusal_of(files.authorities)


WHOLE = rack_identity().pem


@one_folder
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_file_that_was_changed_anywhere_is_read_or_told_of(files, place, change):
    changed = bytearray(WHOLE)
    changed[place] ^= change
    files.folder.mkdir(exist_ok=True)
    for name, read in ((IDENTITY_FILE, files.identity), (AUTHORITIES_FILE, files.authorities)):
        (files.folder / name).write_bytes(changed)
        with suppress(ConfigurationRefused):
            assert read()
