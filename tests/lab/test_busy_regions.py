"""A lab goes on where a region process of a busy machine does not say whether it made a change."""

import time
from datetime import UTC, datetime

import pytest

from evenrack.errors import ApiRefused
from evenrack.lab.clocks import Clocks
from evenrack.lab.enrolling import new_secret
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.fleet_status import fleet_client, repeats_of
from evenrack.lab.hosts import OnLoopback
from tests.cli.small_api import small_api

CLOCKS = Clocks(seconds=time.monotonic, sleep=time.sleep, now=lambda: datetime.now(tz=UTC))
VLANS, SECRETS = "/api/v1/vlans", "/api/v1/enrolments"


@pytest.fixture
def fleet(tmp_path):
    fleet = lay_out(tmp_path, OnLoopback(number=1), Size(region_hosts=2, processes=1))
    for process in fleet.processes:
        process.socket.parent.mkdir(parents=True)
    return fleet


@pytest.fixture
def busy(fleet):
    """Give the process that is asked first, and does not answer."""
    with small_api(fleet.processes[0].socket) as api:
        for path in (VLANS, SECRETS):
            api.say_nothing(path, method="POST")
        yield api


@pytest.fixture
def other(fleet):
    with small_api(fleet.processes[1].socket) as api:
        api.answer(VLANS, {"name": "vlan1"}, method="POST", status=201)
        api.answer(SECRETS, {"secret": "s3cret"}, method="POST", status=201)
        yield api


def test_a_change_that_is_not_answered_is_asked_of_another_process_as_the_same_one(
    fleet, busy, other
):
    client = fleet_client(fleet, repeats=repeats_of(CLOCKS))
    assert client.post(VLANS, {"name": "vlan1"}) == {"name": "vlan1"}
    assert busy.keys == other.keys
    assert None not in other.keys


def test_instead_of_a_secret_that_may_have_been_made_another_one_is_made(fleet, busy, other):
    assert new_secret(fleet, fleet.racks[0]) == "s3cret"
    ((_, _, first, _),), ((_, _, second, _),) = busy.changes, other.changes
    assert first["rack"] == second["rack"] == "rack1"
    assert first["name"] != second["name"]


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (409, 1), (500, 1)])
def test_only_a_database_that_does_not_answer_is_asked_again_for_a_secret(fleet, status, tries):
    with small_api(fleet.processes[0].socket) as api:
        api.refuse(SECRETS, status, "Refused", "it says why", method="POST")
        with pytest.raises(ApiRefused, match="it says why"):
            new_secret(fleet, fleet.racks[0])
        assert len(api.changes) == tries
