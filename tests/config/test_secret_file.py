"""The shared secret: who may read its file, and that it shows itself to nobody."""

import copy
import pickle

import pytest

from evenrack.config.secret_file import Secret, load_secret
from evenrack.errors import ConfigurationRefused

TEXT = "SESAME-" + "x" * 32


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"

    def write(content, mode=0o600):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    return write


def problems_of(path):
    with pytest.raises(ConfigurationRefused) as refusal:
        load_secret(path)
    assert refusal.value.path == path
    assert refusal.value.__context__ is None
    assert "SESAME" not in str(refusal.value)
    return list(refusal.value.problems)


def test_white_space_around_the_secret_does_not_count(secret_file):
    assert load_secret(secret_file(f"  {TEXT}\n")).reveal() == TEXT.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_file_open_to_others_is_refused_with_the_cure(secret_file, mode):
    path = secret_file(TEXT, mode)
    assert problems_of(path) == [
        f"group or others may use it (mode {mode:04o}); run `chmod 600 {path}`"
    ]


def test_a_file_that_only_its_owner_can_read_is_fine(secret_file):
    assert load_secret(secret_file(TEXT, 0o400)).reveal() == TEXT.encode()


def test_a_short_secret_is_refused_together_with_the_mode(secret_file):
    mode, short = problems_of(secret_file("SESAME\n" + " " * 40, 0o644))
    assert "chmod" in mode
    assert short.startswith("holds 6 characters, and a secret needs 32")
    assert "evenrack enrolment create" in short


def test_a_missing_file_is_refused_with_the_cure(tmp_path):
    (problem,) = problems_of(tmp_path / "none")
    assert problem.startswith("there is no such file")
    assert "evenrack enrolment create" in problem


def test_a_folder_or_something_else_than_text_is_refused(tmp_path, secret_file):
    assert "is a folder" in problems_of(tmp_path)[0]
    assert "is not UTF-8" in problems_of(secret_file(TEXT.encode() + b"\xff"))[0]
    assert "is larger than 4096 bytes" in problems_of(secret_file(TEXT * 200))[0]


def test_the_secret_hides_itself():
    secret = Secret(TEXT.encode())
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", repr([secret])]
    assert not any("SESAME" in text for text in shown)
    assert f"{secret}" == "Secret(hidden)"
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("carry", [pickle.dumps, copy.deepcopy, hash])
def test_the_secret_cannot_be_carried_off(carry):
    with pytest.raises(TypeError):
        carry(Secret(TEXT.encode()))


def test_secrets_are_equal_when_their_content_is():
    assert Secret(b"a" * 32) == Secret(b"a" * 32)
    assert Secret(b"a" * 32) != Secret(b"b" * 32)
    assert Secret(b"a" * 32) != b"a" * 32
