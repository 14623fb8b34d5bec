"""What is still missing of the lab's BMCs, and how they are made known; a real API is asked."""

from pathlib import Path

import pytest

from evenrack.client import Client, SocketTarget
from evenrack.lab.bmc.inventory import make_bmcs
from evenrack.lab.bmc.state import owners_of_machines, what_bmcs_miss
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces
from tests.cli.small_api import small_api

BMCS = lay_out(Path("/lab"), InNamespaces(keeper=None), Size(bmcs=2)).bmcs
ALL_BMCS, ALL_MACHINES = "/api/v1/bmcs?limit=1000", "/api/v1/machines?limit=1000"


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "socket") as api:
        yield api


@pytest.fixture
def client(api):
    return Client([SocketTarget(path=api.path)], timeout=10)


def row(name, owner="rack1", reach=("rack1", "rack2")):
    return {"name": name, "owner": owner, "reach": list(reach)}


@pytest.mark.parametrize(
    ("rows", "down", "missing"),
    [
        ((row("b1"), row("b2", "rack2")), (), None),
        ((row("b1"),), (), "b2 is not known"),
        ((row("b1"), row("b2", None)), (), "b2 is owned by nobody"),
        ((row("b1"), row("b2", None)), ("bmcs/bmc2",), None),
        ((row("b1", "rack3"), row("b2")), (), "b1 is owned by rack3, which does not reach it"),
        ((row("b1", "rack3"), row("b2")), ("rack3/rackd",), None),
        ((row("b1", "rack3"), row("b2")), ("rack3/dhcpd",), "b1 is owned by rack3, which does not"),
    ],
)
def test_p11_bmcs_are_whole_when_each_is_owned_by_a_rack_that_reaches_it(
    api, client, rows, down, missing
):
    api.answer(ALL_BMCS, {"bmcs": list(rows), "next": None})
    said = what_bmcs_miss(client, BMCS, down)
    assert said is None if missing is None else said.startswith(missing)


def test_what_cannot_be_asked_is_missing_and_what_is_down_is_not_asked_about(api, client):
    assert "not here" in what_bmcs_miss(client, BMCS)
    assert what_bmcs_miss(client, ()) is None
    assert what_bmcs_miss(client, BMCS, ("bmcs/bmc1", "bmcs/bmc2")) is None


def test_p10_a_machine_s_owner_is_its_bmc_s(api, client):
    api.answer(ALL_BMCS, {"bmcs": [row("b1"), row("b2", None)], "next": None})
    machines = [{"name": "m1", "bmc": "b1"}, {"name": "m2", "bmc": "b2"}]
    api.answer(ALL_MACHINES, {"machines": machines, "next": None})
    assert owners_of_machines(client) == {"m1": "rack1", "m2": None}


def test_only_what_is_not_there_yet_is_made(api, client):
    api.answer(ALL_BMCS, {"bmcs": [row("b1")], "next": None})
    api.answer(ALL_MACHINES, {"machines": [], "next": None})
    for path in ("/api/v1/bmcs", "/api/v1/machines"):
        api.answer(path, {}, method="POST", status=201)
    make_bmcs(client, BMCS, "s3cret")
    assert [(path, body) for _, path, body, _ in api.changes] == [
        ("/api/v1/machines", {"name": "m1", "bmc": "b1"}),
        (
            "/api/v1/bmcs",
            {
                "name": "b2",
                "driver": "ipmitool",
                "address": "10.78.0.2",
                "user": "lab",
                "password": "s3cret",
            },
        ),
        ("/api/v1/machines", {"name": "m2", "bmc": "b2"}),
    ]
