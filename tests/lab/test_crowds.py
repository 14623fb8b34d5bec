"""What the drill says of the ledgers that the clients of a lab wrote."""

from pathlib import Path

import pytest
from attrs import evolve, frozen

from evenrack.lab.clocks import Clocks
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.crowds import NEVER_TWICE
from evenrack.lab.drill.dhcp.dhcp_pool import given_by
from evenrack.lab.fleet import Fleet, Size, lay_out
from evenrack.lab.hosts import InNamespaces
from evenrack.lab.traffic.felt_file import FeltFile

CLOCKS = Clocks(seconds=lambda: 100.0, sleep=None, now=None)
GIVEN = {
    "mono": 10.0,
    "kind": "acknowledged",
    "mac": "02:00:00:00:00:01",
    "address": "10.101.0.100",
    "server": "10.101.0.2",
    "lease": 600,
}
TO_ANOTHER = {**GIVEN, "mono": 11.0, "mac": "02:00:00:00:00:02", "server": "10.101.0.3"}
ANSWERED = {"mono": 9.0, "kind": "discover", "wait": 0.1, "mac": "a", "server": "10.101.0.2"}


@frozen(kw_only=True)
class SomeLab:
    """All that reading ledgers asks of a trial."""

    fleet: Fleet
    clocks: Clocks = CLOCKS


@pytest.fixture
def trial(tmp_path):
    fleet = lay_out(Path("/lab"), InNamespaces(keeper=None), Size())
    clients = [evolve(each, folder=tmp_path / each.host.name) for each in fleet.clients]
    for client in clients:
        client.folder.mkdir()
    return SomeLab(fleet=evolve(fleet, clients=tuple(clients)))


def write(path, *lines):
    file = FeltFile(path)
    for line in lines:
        file.append(line)
    file.close()


def test_every_promise_of_every_ledger_is_counted(trial):
    first, second, *_ = trial.fleet.clients
    write(first.ledger, GIVEN)
    write(second.crowd.ledger, {**GIVEN, "address": "10.102.0.100"})
    assert NEVER_TWICE.run(trial, 1).detail == (
        "2 acknowledgements since the lab came up, all read"
    )


def test_an_address_that_two_programs_saw_given_to_two_clients_fails(trial):
    client, *_ = trial.fleet.clients
    write(client.ledger, GIVEN)
    write(client.crowd.ledger, TO_ANOTHER)
    with pytest.raises(CheckFailed, match=r"1 addresses were given twice: 10\.101\.0\.100 was"):
        NEVER_TWICE.run(trial, 1)


def test_where_nobody_was_answered_nothing_can_be_written_down(trial):
    assert NEVER_TWICE.run(trial, 1).detail.startswith("0 acknowledgements")


def test_clients_that_were_answered_and_no_ledger_that_knows_of_it_fails(trial):
    write(trial.fleet.clients[0].felt, ANSWERED)
    with pytest.raises(CheckFailed, match="1 clients were answered, and no ledger knows of it"):
        NEVER_TWICE.run(trial, 1)


def test_m16_what_a_server_gave_since_a_moment_is_no_address_to_wait_for(trial):
    client, *_ = trial.fleet.clients
    early = {**GIVEN, "mono": 9.0, "address": "10.101.0.99"}
    write(client.ledger, early, GIVEN, {**TO_ANOTHER, "address": "10.101.0.101"})
    assert given_by(trial, GIVEN["server"], since=10.0) == {GIVEN["address"]}
