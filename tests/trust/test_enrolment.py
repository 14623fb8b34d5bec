"""Enrolment secrets, and the proofs: made only with the secret, by one side, on one connection."""

import base64
import string

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.config.secret_file import Secret
from evenrack.trust.enrolment import (
    LOOKUP_CHARACTERS,
    SECRET_BYTES,
    Channel,
    EnrolmentSecret,
    enrolment_secret_from_text,
)

LOOKUPS = st.text(
    string.digits + string.ascii_lowercase, min_size=LOOKUP_CHARACTERS, max_size=LOOKUP_CHARACTERS
)
SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)
PINS = st.binary(min_size=32, max_size=32).map(bytes.hex)
PIN = "ab" * 32
TEXT = f"look4321.{'A' * 22}.{PIN}"


@given(LOOKUPS, SECRETS, PINS)
def test_a_secret_that_is_written_down_reads_back(lookup, secret, pin):
    made = EnrolmentSecret(lookup=lookup, secret=Secret(secret), pin=pin)
    assert enrolment_secret_from_text(made.reveal()) == made
    assert enrolment_secret_from_text(f"  {made.reveal()}\n") == made


def test_a_secret_is_one_word_for_a_shell_and_a_file():
    made = EnrolmentSecret(lookup="look4321", secret=Secret(b"\xff" * 16), pin=PIN)
    assert set(made.reveal()) <= set(string.ascii_letters + string.digits + "._-")
    assert len(made.reveal()) == 8 + 1 + 22 + 1 + 64


@given(SECRETS)
def test_a_secret_shows_itself_only_when_it_is_asked_to(secret):
    made = EnrolmentSecret(lookup="look4321", secret=Secret(secret), pin=PIN)
    encoded = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    assert encoded not in repr(made)
    assert encoded not in f"{made}"
    assert repr(secret) not in repr(made)


OTHERS = [
    "",
    "look4321",
    f"look4321.{'A' * 22}",
    f"look432.{'A' * 22}.{PIN}",
    f"look43210.{'A' * 22}.{PIN}",
    f"LOOK4321.{'A' * 22}.{PIN}",
    f"look4321.{'A' * 21}.{PIN}",
    f"look4321.{'A' * 23}.{PIN}",
    f"look4321.{'A' * 22}==.{PIN}",
    f"look4321.{'A' * 21}+.{PIN}",
    f"look4321.{'A' * 21}/.{PIN}",
    f"look4321.{'A' * 22}.{PIN[:-1]}",
    f"look4321.{'A' * 22}.{PIN}a",
    f"look4321.{'A' * 22}.{PIN.upper()}",
    f"look4321.{'A' * 22}.{PIN}.more",
    f"look4321 {'A' * 22} {PIN}",
    f"{TEXT}\n{TEXT}",
    f"look432\u0661.{'A' * 22}.{PIN}",
    f"look4321.{'A' * 21}\u00e4.{PIN}",
    f"look4321.{'A' * 22}.{PIN}\x00",
]


@pytest.mark.parametrize("text", OTHERS, ids=range(len(OTHERS)))
def test_anything_else_is_refused_and_not_shown(text):
    with pytest.raises(ValueError, match="is no enrolment secret") as refusal:
        enrolment_secret_from_text(text)
    for part in filter(None, text.replace("\n", ".").replace(" ", ".").split(".")):
        assert part not in str(refusal.value)
    assert "evenrack enrolment create" in str(refusal.value)


@given(st.text())
def test_any_text_is_read_or_refused_without_showing_it(text):
    with pytest.raises(ValueError, match="is no enrolment secret"):
        enrolment_secret_from_text(text)


# Proofs

BYTES = st.binary(max_size=80)
SIDES = st.sampled_from(["region", "rack"])
SAID = st.lists(BYTES, max_size=3).map(tuple)
EXPORTERS = st.binary(min_size=32, max_size=32)
PROOFS = st.tuples(EXPORTERS, BYTES, SECRETS, SIDES, SAID)
CHANNEL = Channel(exporter=b"e" * 32, region_certificate=b"certificate")
SECRET = Secret(b"s" * 16)


def made_of(exporter, certificate, secret, side, said):
    channel = Channel(exporter=exporter, region_certificate=certificate)
    return channel.proof(Secret(secret), side, *said)


def proves(given_bytes, exporter, certificate, secret, side, said):
    channel = Channel(exporter=exporter, region_certificate=certificate)
    return channel.proves(given_bytes, Secret(secret), side, *said)


@given(PROOFS)
def test_a_right_proof_proves(parts):
    made = made_of(*parts)
    assert len(made) == 32
    assert proves(made, *parts)


@given(PROOFS, PROOFS)
def test_a_proof_made_from_anything_else_proves_nothing(mine, theirs):
    assert proves(made_of(*theirs), *mine) == (theirs == mine)


@given(PROOFS, PROOFS, st.integers(0, 4))
def test_a_proof_with_one_part_changed_proves_nothing(mine, theirs, place):
    changed = [theirs[n] if n == place else part for n, part in enumerate(mine)]
    assert proves(made_of(*changed), *mine) == (changed == [*mine])


@given(st.lists(BYTES, min_size=1, max_size=4), st.integers(0, 80))
def test_bytes_cannot_move_from_one_thing_that_was_said_to_the_next(said, split):
    joined = b"".join(said)
    moved = [joined[:split], joined[split:]]
    if moved != said:
        assert CHANNEL.proof(SECRET, "rack", *said) != CHANNEL.proof(SECRET, "rack", *moved)


def test_bytes_cannot_move_between_the_connection_and_the_certificate():
    moved = Channel(exporter=b"e" * 31, region_certificate=b"ecertificate")
    assert CHANNEL.proof(SECRET, "rack") != moved.proof(SECRET, "rack")


def test_a_proof_cannot_be_sent_back_as_the_other_sides():
    said = (b"request",)
    for side, other in (("region", "rack"), ("rack", "region")):
        assert not CHANNEL.proves(CHANNEL.proof(SECRET, side, *said), SECRET, other, *said)


def test_a_proof_overheard_on_another_connection_or_for_another_region_is_worth_nothing():
    made = CHANNEL.proof(SECRET, "rack", b"request")
    for other in (
        evolve(CHANNEL, exporter=b"f" * 32),
        evolve(CHANNEL, region_certificate=b"another"),
    ):
        assert not other.proves(made, SECRET, "rack", b"request")


@given(BYTES)
def test_any_other_bytes_prove_nothing_and_raise_nothing(given_bytes):
    assert not CHANNEL.proves(given_bytes, SECRET, "rack", b"request")


def test_the_proof_stays_what_it_is_from_version_to_version():
    assert CHANNEL.proof(SECRET, "rack", b"request").hex() == (
        "81864726956ca66609d22c82097eb9220e0daf56a68b3dc09bf4b25c8e850d3b"
    )
    assert CHANNEL.proof(SECRET, "region", b"request", b"a", b"b").hex() == (
        "2af466d013ec680cd92caa6bafbd5a660aa61e221c3bf216f06c767e4b18751c"
    )
