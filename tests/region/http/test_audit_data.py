"""What the audit log keeps of a body: no secret, not too much, nothing PostgreSQL refuses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.network_rules import SETTING_LIMITS
from evenrack.region.http.audit_data import (
    MOST_ARGUMENT_BYTES,
    MOST_BYTES,
    MOST_DEED_CHARACTERS,
    arguments_data,
    audit_data,
    deed_of,
    is_secret,
)
from evenrack.region.http.bmc_pages import _BMCS, _MACHINES
from evenrack.region.http.inventory_json import KINDS
from evenrack.region.http.snippet_pages import SNIPPETS

SESAME = "SESAME-öpen"
names = st.one_of(st.text(max_size=20), st.sampled_from(["name", "password", "Api-Key", "auth"]))
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=100), st.just(SESAME)
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(names, inner, max_size=5)),
    max_leaves=50,
)
bodies = st.dictionaries(names, values, max_size=10)


@given(bodies)
def test_any_body_gives_data_of_bounded_size_that_postgresql_takes(body):
    kept = audit_data(json.dumps(body).encode())
    written = json.dumps(kept, allow_nan=False)
    assert len(written.encode()) <= MOST_BYTES
    assert "\\u0000" not in written.replace("\\\\", "")
    written.encode()
    assert json.loads(written) == kept


@given(st.binary(max_size=200))
def test_what_is_no_json_is_not_kept(body):
    kept = audit_data(body)
    assert kept == {} or "left_out" in kept or isinstance(json.loads(body), dict)


@pytest.mark.parametrize("depth", [0, 1, 3, 7])
@pytest.mark.parametrize(
    "name",
    [
        *("password", "PASSWORD", "bmc_password", "secret", "private_key", "key", "api-key"),
        *("pasword", "passwrod", "pssword", "secrt", "tokn", "passphrase", "credentials", "pin"),
        *("k_g", "K_G", "kg", "k-g", "bmc_k_g", "k_g_2"),
    ],
)
def test_what_stands_under_a_name_for_secrets_is_hidden_also_when_misspelt(name, depth):
    body = {name: {"x": SESAME}}
    for _ in range(depth):
        body = {"in": [body]}
    assert SESAME not in json.dumps(audit_data(json.dumps(body).encode()), ensure_ascii=False)


def test_the_fields_of_objects_are_kept_and_their_secrets_are_not():
    kinds = (*KINDS, _BMCS, _MACHINES)
    fields = {name for kind in kinds for name in kind.fields} | set(SETTING_LIMITS)
    fields |= {"machines", "action", "role", "days", "uses", "minutes", "rack"}
    assert {name for name in fields if is_secret(name)} == {"password", "k_g"}


def test_what_an_object_never_shows_the_audit_log_does_not_show_either():
    for kind in (*KINDS, _BMCS, _MACHINES, SNIPPETS):
        written = {name for name, each in kind.fields.items() if "writeOnly" in str(each.schema)}
        assert all(is_secret(name) for name in written | set(kind.hidden)), kind.noun


def test_a_token_is_hidden_wherever_it_stands():
    token = "evr_" + "x" * 43
    kept = audit_data(json.dumps({"name": f"see {token}", token: [token]}).encode())
    assert token not in json.dumps(kept)


def test_a_large_body_keeps_its_small_fields():
    body = {"name": "m1", "machines": [f"m{number}" for number in range(5000)]}
    kept = audit_data(json.dumps(body).encode())
    assert kept["name"] == "m1"
    assert kept["machines"].startswith("(left out: ")


def test_the_arguments_of_an_address_are_kept_without_secrets_and_as_what_postgresql_takes():
    assert arguments_data({}) == {}
    given = {b"gone": [b"false", b"true"], b"password": [b"SESAME"], b"\xff": [b"\0"]}
    kept = {"gone": "true", "password": "(hidden)", "\\xff": "\\0"}
    assert arguments_data(given) == {"arguments": kept}
    many = {f"a{number}".encode(): [b"1"] for number in range(2000)}
    left_out = arguments_data(many)["arguments"]
    assert left_out.startswith("(left out: ")
    assert len(json.dumps(left_out)) < MOST_ARGUMENT_BYTES


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{}" + b" " * (1 << 20), b'{"a":' * 5000, b"1"])
def test_a_hostile_body_is_left_out(body):
    assert audit_data(body) == {"left_out": f"{len(body)} bytes"}


@given(st.text(), st.text())
def test_a_deed_is_one_short_line_of_printable_ascii(method, path):
    deed = deed_of(method, path)
    assert deed.isascii()
    assert deed.isprintable()
    assert len(deed) <= MOST_DEED_CHARACTERS
