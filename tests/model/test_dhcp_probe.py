"""Questions whether hosts run, and their answers, as JSON."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.model.dhcp_probe import (
    MOST_PROBED,
    MOST_WHY_CHARACTERS,
    Probe,
    ProbeAnswer,
    probe_answers_from_json,
    probed_from_json,
)
from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import to_json
from tests.dhcp_fleet import rack_id

HERE = IPv4Address("10.1.0.2")
ANSWER = ProbeAnswer(address=HERE, found="unknown", why="no route")


def test_what_is_asked_and_told_is_read_as_it_was_written():
    assert probed_from_json(to_json((HERE,))) == (HERE,)
    assert probe_answers_from_json(to_json((ANSWER,))) == (ANSWER,)


@pytest.mark.parametrize("form", [None, {}, "10.1.0.2", [7], ["::1"], ["10.1.0.2"] * 257])
def test_what_is_no_question_is_refused(form):
    assert MOST_PROBED == 256
    with pytest.raises(ValueError, match=r".+"):
        probed_from_json(form)


@pytest.mark.parametrize(
    "form",
    [
        None,
        [7],
        [{"address": "10.1.0.2", "found": "gone", "why": ""}],
        [{"address": "10.1.0.2", "found": "silent", "why": "x" * (MOST_WHY_CHARACTERS + 1)}],
        [{"address": "10.1.0.2", "found": "silent", "why": ""}] * (MOST_PROBED + 1),
    ],
    ids=["nothing", "number", "word", "long", "many"],
)
def test_what_is_no_answer_is_refused(form):
    with pytest.raises(ValueError, match=r".+"):
        probe_answers_from_json(form)


def test_what_was_found_does_not_change_what_is_asked():
    probe = Probe(vlan=VlanId(1), asked=rack_id(2), target=rack_id(1), address=HERE)
    assert evolve(probe, found="unknown", why="no route", age=7.0).question == probe
