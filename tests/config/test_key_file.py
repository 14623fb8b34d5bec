"""The key file: several keys, who may read them, and that they show themselves to nobody."""

import base64
import copy
import os
import pickle
import secrets

import attrs
import pytest

from evenrack.config.key_file import (
    ID_BYTES,
    KEY_BYTES,
    NO_KEYS,
    Key,
    keys_of_host,
    load_keys,
    new_key_line,
)
from evenrack.config.secret_file import Secret
from evenrack.errors import ConfigurationRefused

FIRST, SECOND = b"SESAME" + b"1" * 26, b"SESAME" + b"2" * 26


def encoded(content):
    return base64.b64encode(content).decode()


NO_WORD = ("SESAME", encoded(FIRST)[:7])
"""What of a key must be nowhere."""


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys"

    def write(content, mode=0o600):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    return write


def problems_of(path, **more):
    with pytest.raises(ConfigurationRefused) as refusal:
        load_keys(path, **more)
    assert refusal.value.path == path
    assert refusal.value.__context__ is None
    assert not any(word in str(refusal.value) for word in NO_WORD)
    return list(refusal.value.problems)


def test_the_first_key_encrypts_and_all_are_found(key_file):
    text = f"# keys\n\n  new:{encoded(FIRST)}\nold_2-:{encoded(SECOND)}  \n"
    keys = load_keys(key_file(text))
    assert [key.id for key in keys.all] == ["new", "old_2-"]
    assert keys.first.content.reveal() == FIRST
    assert keys.find("old_2-").content.reveal() == SECOND
    assert keys.find("other") is None


def test_a_new_line_is_a_key_of_its_own(key_file):
    lines = [new_key_line(secrets.token_bytes(ID_BYTES + KEY_BYTES)) for _ in range(2)]
    keys = load_keys(key_file("".join(lines)))
    assert len(keys.all) == 2
    assert len({key.fingerprint for key in keys.all}) == 2


def test_a_host_without_a_key_file_has_no_key_to_encrypt_with(tmp_path):
    assert keys_of_host(tmp_path / "none") == NO_KEYS
    assert NO_KEYS.first is None
    assert NO_KEYS.find("k") is None


def test_a_host_with_a_key_file_that_cannot_be_used_is_refused(tmp_path, key_file):
    path = key_file(f"k:{encoded(FIRST)}")
    assert keys_of_host(path).first.content.reveal() == FIRST
    with pytest.raises(ConfigurationRefused, match="cannot be read"):
        keys_of_host(path / "below")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ConfigurationRefused, match="there is no such file"):
        keys_of_host(tmp_path / "link")


def test_every_line_that_is_wrong_is_named_at_once_and_none_is_shown(key_file):
    text = (
        f"good:{encoded(FIRST)}\n"
        f"{encoded(FIRST)}\n"
        f":{encoded(FIRST)}\n"
        f"a b:{encoded(FIRST)}\n"
        f"{'x' * 33}:{encoded(FIRST)}\n"
        "short:U0VTQU1F\n"
        f"bad:{encoded(FIRST)}!\n"
        "none:\n"
        "umlaut:ö\n"
        f"good:{encoded(SECOND)}\n"
    )
    no_id = "is not id:base64, where the id has 1 to 32 letters, digits, dashes or underscores"
    assert problems_of(key_file(text)) == [
        f"line 2: {no_id}",
        f"line 3: {no_id}",
        f"line 4: {no_id}",
        f"line 5: {no_id}",
        "line 6: holds 6 bytes, and a key has 32",
        "line 7: has no base64 after the colon",
        "line 8: holds 0 bytes, and a key has 32",
        "line 9: has no base64 after the colon",
        "line 10: has the id of a line above; remove one of the two",
    ]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_file_open_to_others_is_refused_with_the_cure(key_file, mode):
    path = key_file(f"k:{encoded(FIRST)}", mode)
    assert problems_of(path) == [
        f"group or others may use it (mode {mode:04o}); run `chmod 600 {path}`"
    ]


def test_a_file_of_another_user_is_refused_with_the_cure(key_file):
    path = key_file(f"k:{encoded(FIRST)}")
    me = os.geteuid()
    if me == 0:
        os.chown(path, 1, -1)
        assert problems_of(path) == [
            "belongs to user 1, and must be root's or of the user who reads it; "
            f"run `chown 0 {path}`"
        ]
        assert load_keys(path, user=1).first.id == "k"
    else:
        problem, _folder = problems_of(path, user=me + 1)
        assert problem.startswith(f"belongs to user {me}, ")


def test_all_that_is_wrong_with_a_file_is_said_together(key_file):
    mode, line = problems_of(key_file("SESAME", 0o644))
    assert "chmod" in mode
    assert line.startswith("line 1: ")


def test_a_file_without_a_key_is_refused_with_the_cure(key_file):
    (problem,) = problems_of(key_file("# nothing yet\n\n"))
    assert problem.startswith("holds no key; ")
    assert "evenrack-regiond init" in problem


def test_a_missing_file_or_something_else_than_text_is_refused(tmp_path, key_file):
    (problem,) = problems_of(tmp_path / "none")
    assert problem.startswith("there is no such file; run `evenrack-regiond init`")
    assert "is a folder" in problems_of(tmp_path)[0]
    assert "is not UTF-8" in problems_of(key_file(b"SESAME\xff"))[0]
    assert "is larger than 65536 bytes" in problems_of(key_file("SESAME" * 20_000))[0]


def test_the_keys_hide_themselves(key_file):
    keys = load_keys(key_file(f"k:{encoded(FIRST)}"))
    key = keys.first
    shown = [f(value) for f in (repr, str, "{}".format, "{!r:>90}".format) for value in (keys, key)]
    shown += [repr(attrs.asdict(keys)), repr([key.content]), key.fingerprint]
    assert not any(word in text for text in shown for word in NO_WORD)
    assert "k" in repr(keys)


@pytest.mark.parametrize("carry", [pickle.dumps, copy.deepcopy, hash])
def test_the_keys_cannot_be_carried_off(key_file, carry):
    keys = load_keys(key_file(f"k:{encoded(FIRST)}"))
    for value in (keys, keys.first):
        with pytest.raises(TypeError):
            carry(value)


def test_a_fingerprint_names_one_key_with_one_id():
    def fingerprint(key_id, content):
        return Key(id=key_id, content=Secret(content)).fingerprint

    assert fingerprint("a", FIRST) == fingerprint("a", FIRST)
    others = {fingerprint("a", FIRST), fingerprint("b", FIRST), fingerprint("a", SECOND)}
    assert len(others) == 3
    assert all(len(each) == 32 for each in others)
