"""Commands of the inventory that are used wrongly, refused, or of unknown outcome."""

import pytest


@pytest.mark.parametrize(
    "words",
    [
        ["vlan", "create"],
        ["vlan", "create", "v", "--vid", "one"],
        ["vlan", "set", "vlan1"],
        ["vlan", "set", "vlan1", "--vid", "3", "--no-vid"],
        ["subnet", "create", "10.0.0.0/24"],
        ["subnet", "set", "10.0.0.0/24", "--gateway", "10.0.0.1", "--no-gateway"],
        ["subnet", "set", "10.0.0.0/24", "--dns", "10.0.0.1", "--no-dns"],
        ["range", "create", "10.0.0.1"],
        ["reservation", "create", "52:54:00:12:34:56"],
        ["reservation", "set", "10.0.0.20"],
        ["reservation", "delete"],
    ],
)
def test_wrong_usage_is_2_and_changes_nothing(api, call, words):
    assert call(*words)[0] == 2
    assert api.changes == []


def test_one_wrong_field_is_one_line_and_several_are_one_each(api, call):
    sentence = "vlan: another has this name"
    api.refuse(
        *("/api/v1/vlans", 422, "FieldsRefused", sentence),
        method="POST",
        errors=[{"field": "name", "detail": sentence}],
    )
    code, printed, told = call("vlan", "create", "vlan1")
    assert (code, printed, told) == (1, "", f"evenrack: FieldsRefused: {sentence}\n")
    both = [{"field": "name", "detail": "name is taken"}, {"field": "vid", "detail": "vid too"}]
    api.refuse(
        *("/api/v1/vlans", 422, "FieldsRefused", "2 problems, see errors"),
        method="POST",
        errors=both,
    )
    assert call("vlan", "create", "vlan1")[2] == (
        "evenrack: FieldsRefused: 2 problems\n  name is taken\n  vid too\n"
    )


def test_an_unknown_outcome_is_3(api, call):
    api.say_nothing("/api/v1/vlans", method="POST")
    code, printed, told = call("vlan", "create", "vlan1")
    assert (code, printed) == (3, "")
    assert told.startswith("evenrack: OutcomeUnknown: ")
    assert len(api.keys) == 2, "asked twice"
    assert len(set(api.keys)) == 1, "with one key"


def test_what_has_changed_meanwhile_is_a_failure(api, call):
    detail = "vlan vlan1 has changed"
    api.refuse("/api/v1/vlans/vlan1", 412, "ChangedMeanwhile", detail, method="PATCH")
    code, _, told = call("vlan", "set", "vlan1", "--vid", "3", "--if-generation", "1.1")
    assert (code, told) == (1, f"evenrack: ChangedMeanwhile: {detail}\n")
