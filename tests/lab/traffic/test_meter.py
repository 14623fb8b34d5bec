"""What clients felt: sums of the lines that probers wrote."""

from pathlib import Path

import pytest

from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces, OnLoopback
from evenrack.lab.traffic.felt_file import FeltFile
from evenrack.lab.traffic.meter import (
    ALWAYS,
    Felt,
    FeltOutage,
    dhcp_felt,
    felt_since,
    power_felt,
)


def line(mono, wait, *, kind="discover", mac="m1", **told):
    return {"at": 0.0, "mono": mono, "kind": kind, "wait": wait, "mac": mac, **told}


def answer(mono, wait, **told):
    return line(mono, wait, server="10.101.0.2", address="10.101.0.100", **told)


BEGAN, ENDED = {"mono": 1.0, "kind": "began"}, {"mono": 50.0, "kind": "ended"}


def test_answers_and_losses_since_the_moment_are_counted_and_the_longest_wait():
    lines = [BEGAN, answer(9, 0.5), answer(10, 0.25), answer(20, 3.0), line(41, 30.0, lost=True)]
    assert felt_since(lines, ALWAYS, now=42) == Felt(
        answers=3, lost=1, longest_wait=30.0, waiting=0, ever_answered=True
    )
    assert felt_since(lines, 10, now=42).answers == 2
    assert felt_since(lines[:-1], 10, now=42).longest_wait == pytest.approx(3.0)
    assert felt_since(lines, 50, now=60) == Felt(ever_answered=True)


def test_a_wait_counts_from_the_moment_on_only():
    assert felt_since([answer(20, 15.0)], 18, now=30).longest_wait == pytest.approx(2.0)


def test_who_still_waits_counts_with_the_wait_so_far():
    waiting = [answer(1, 0.1), line(11, 1.0, waiting=True)]
    felt = felt_since(waiting, ALWAYS, now=14)
    assert (felt.waiting, felt.longest_wait) == (1, pytest.approx(4.0))
    assert felt_since(waiting, 12, now=14).longest_wait == pytest.approx(2.0)
    for end in (answer(15, 5.0), line(40, 30.0, lost=True)):
        assert felt_since([*waiting, end], ALWAYS, now=99).waiting == 0
    for other in (answer(15, 5.0, mac="m2"), answer(15, 5.0, kind="rebind")):
        assert felt_since([*waiting, other], ALWAYS, now=16).waiting == 1


@pytest.mark.parametrize("end", [BEGAN, ENDED])
def test_when_the_prober_ended_nobody_waits(end):
    lines = [answer(1, 0.1), line(11, 1.0, waiting=True), end]
    assert felt_since(lines, ALWAYS, now=99) == Felt(
        answers=1, longest_wait=0.1, ever_answered=True
    )


def test_nothing_written_is_nothing_felt():
    assert felt_since([BEGAN], ALWAYS, now=99) == Felt()


def test_a_power_query_is_answered_by_a_rack_and_waits_by_its_machine():
    asked = {"at": 0.0, "kind": "query"}
    lines = [
        {**asked, "mono": 5.0, "wait": 0.2, "machine": "m1", "rack": "rack1"},
        {**asked, "mono": 6.0, "wait": 1.5, "machine": "m2", "waiting": True},
        {**asked, "mono": 6.5, "wait": 1.5, "machine": "m3", "waiting": True},
        {**asked, "mono": 7.0, "wait": 2.0, "machine": "m3", "lost": True},
    ]
    assert felt_since(lines, ALWAYS, now=8.0) == Felt(
        answers=1, lost=1, longest_wait=3.5, waiting=1, ever_answered=True
    )


def test_power_is_felt_where_there_are_bmcs(tmp_path):
    fleet = lay_out(tmp_path, InNamespaces(keeper=None), Size())
    fleet.power_traffic.folder.mkdir()
    file = FeltFile(fleet.power_traffic.felt)
    file.append({"mono": 5.0, "kind": "query", "wait": 0.2, "machine": "m1", "rack": "rack1"})
    file.close()
    assert power_felt(fleet, ALWAYS, now=9.0).answers == 1
    none = lay_out(tmp_path, InNamespaces(keeper=None), Size(bmcs=0))
    assert power_felt(none, ALWAYS, now=9.0) == Felt()


def test_vlans_are_told_apart_and_together():
    one = Felt(answers=2, lost=0, longest_wait=0.1, waiting=1, ever_answered=True)
    two = Felt(answers=3, lost=1, longest_wait=30.00049, ever_answered=True)
    outage = FeltOutage(vlans={"vlan1": one, "vlan2": two})
    assert outage.worst_vlan == "vlan2"
    assert outage.to_json() == {
        "answers": 5,
        "lost": 1,
        "longest_wait": 30.0,
        "waiting": 1,
        "vlans": {
            "vlan1": {"answers": 2, "lost": 0, "longest_wait": 0.1, "waiting": 1},
            "vlan2": {"answers": 3, "lost": 1, "longest_wait": 30.0, "waiting": 0},
        },
    }


def test_a_lab_is_felt_by_all_of_its_clients(tmp_path):
    fleet = lay_out(tmp_path, InNamespaces(keeper=None), Size(vlans=2, clients=3))
    for client in fleet.clients:
        client.folder.mkdir()
        file = FeltFile(client.felt)
        file.append(answer(5.0, client.number / 10))
        file.close()
    felt = dhcp_felt(fleet, ALWAYS, now=9.0)
    assert {vlan: each.answers for vlan, each in felt.vlans.items()} == {"vlan1": 2, "vlan2": 1}
    assert felt.together.longest_wait == pytest.approx(0.3)


def test_without_a_network_nobody_feels_anything():
    fleet = lay_out(Path("/lab"), OnLoopback(number=1), Size())
    assert dhcp_felt(fleet, ALWAYS, now=9.0).to_json() == {**Felt().to_json(), "vlans": {}}
