"""The prober and real clients against real dhcpd, in network namespaces."""

import signal
from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.lab.network.keeper import refuse_without_namespaces
from evenrack.lab.refusals import LabRefused
from evenrack.lab.traffic.felt_file import read_felt
from evenrack.lab.traffic.ledger import acknowledgements, given_twice
from evenrack.lab.traffic.meter import ALWAYS, felt_since
from evenrack.lab.traffic.newcomers import Pace
from evenrack.lab.traffic.real_client import NoLease, ask_for_lease
from evenrack.lab.traffic.wait import LONG_SECONDS
from evenrack.runtime.child_process import send_signal, stop_program, wait_until_ended
from tests.lab.traffic.vlan_in_namespaces import (
    CLOCKS,
    DHCPD,
    LEASE_SECONDS,
    PATIENCE_SECONDS,
    VlanInNamespaces,
    seconds_of_processor,
)

pytestmark = [
    pytest.mark.dhcpd,
    pytest.mark.skipif(DHCPD is None, reason="dhcpd is missing: isc-dhcp-server"),
]
POOL = {f"10.101.0.{last}" for last in range(100, 151)}


@pytest.fixture
def vlan(tmp_path):
    try:
        refuse_without_namespaces(tmp_path)
    except LabRefused as refused:
        pytest.skip(str(refused))
    network = VlanInNamespaces(tmp_path)
    try:
        yield network
    finally:
        network.end()


def is_answer(line):
    return "server" in line


def is_rebind(line):
    return is_answer(line) and line["kind"] == "rebind"


def test_clients_are_answered_and_nothing_was_lost_before_dhcp_was_on(vlan):
    prober = vlan.start_prober()
    vlan.wait_for_line(lambda line: line["kind"] == "began")
    vlan.start_dhcpd()
    first = vlan.wait_for_line(is_answer)
    rebound = vlan.wait_for_line(is_rebind)
    assert (first["kind"], first["server"]) == ("discover", "10.101.0.2")
    assert {first["address"], rebound["address"]} <= POOL
    assert abs(first["mono"] - CLOCKS.seconds()) < 60
    assert first["mac"] != rebound["mac"]
    stop_program(prober, seconds=10)
    felt = vlan.felt()
    assert [line["kind"] for line in (felt[0], felt[-1])] == ["began", "ended"]
    sum_ = felt_since(felt, ALWAYS, now=CLOCKS.seconds())
    assert (sum_.lost, sum_.waiting) == (0, 0)
    assert vlan.client.log.read_text() == ""


def test_a_killed_server_is_felt_until_another_answers(vlan):
    server = vlan.start_dhcpd("rack1")
    vlan.start_prober()
    vlan.wait_for_line(is_rebind)
    killed_at = CLOCKS.seconds()
    send_signal(server, signal.SIGKILL)
    assert wait_until_ended([server], seconds=10) == []
    for kind in ("discover", "rebind"):
        vlan.wait_for_line(
            lambda line, kind=kind: line.get("waiting") and line["kind"] == kind, killed_at
        )
    during = felt_since(vlan.felt(), killed_at, now=CLOCKS.seconds())
    assert during.waiting > 0
    assert during.longest_wait >= LONG_SECONDS
    vlan.start_dhcpd("rack2")
    vlan.wait_for_line(lambda line: is_rebind(line) and line["server"] == "10.101.0.3", killed_at)
    after = vlan.wait_for_line(
        lambda line: is_answer(line) and line["server"] == "10.101.0.3", killed_at
    )
    waits = [line["wait"] for line in vlan.felt() if line["mono"] > killed_at and is_answer(line)]
    assert max(waits) >= LONG_SECONDS
    assert after["mono"] > killed_at


def test_the_prober_survives_a_cable_that_is_cut_and_healed(vlan):
    vlan.start_dhcpd()
    vlan.start_prober()
    vlan.wait_for_line(is_rebind)
    vlan.cables.cut({"client1:vlan1"})
    cut_at = CLOCKS.seconds()
    vlan.wait_for_line(lambda line: line.get("waiting"), cut_at)
    # its own end too: then sending and receiving fail, instead of being lost
    own_end = ["ip", "-n", "client1", "link", "set", "vlan1"]
    vlan.keeper.run([*own_end, "down"])
    CLOCKS.sleep(1.0)
    vlan.keeper.run([*own_end, "up"])
    vlan.cables.heal({"client1:vlan1"})
    healed_at = CLOCKS.seconds()
    for kind in ("discover", "rebind"):
        vlan.wait_for_line(
            lambda line, kind=kind: is_answer(line) and line["kind"] == kind, healed_at
        )
    assert felt_since(vlan.felt(), cut_at, now=CLOCKS.seconds()).longest_wait >= LONG_SECONDS


def test_a_prober_is_hardly_ever_at_work(vlan):
    vlan.start_dhcpd()
    prober = vlan.start_prober()
    vlan.wait_for_line(is_rebind)
    used = []
    for _ in range(5):
        before, began = seconds_of_processor(prober), CLOCKS.seconds()
        CLOCKS.sleep(1.0)
        used.append((seconds_of_processor(prober) - before) / (CLOCKS.seconds() - began))
    # a processor that is taken away counts as used by whoever was at work, for as long as that:
    # one of the five may be such a second
    assert sorted(used)[-2] < 0.05  # 1 % on an idle machine


def test_a_crowd_gets_leases_gives_them_back_and_others_get_the_same_addresses(vlan):
    vlan.start_dhcpd()
    whole_pool = Pace(per_second=200, most=51, hold_seconds=None)

    def promised():
        return {line.mac for line in acknowledgements(read_felt(vlan.client.crowd.ledger))}

    for first, so_far in ((100, 51), (200, 102)):
        crowd = vlan.start_crowd(evolve(whole_pool, first=first))
        assert CLOCKS.wait_until(lambda n=so_far: len(promised()) == n, seconds=PATIENCE_SECONDS)
        stop_program(crowd, seconds=10)
    promises = acknowledgements(read_felt(vlan.client.crowd.ledger))
    assert len({promise.mac for promise in promises}) == 102
    assert {promise.address for promise in promises} == POOL
    assert given_twice(read_felt(vlan.client.crowd.ledger)) == []
    assert vlan.client.crowd.log.read_text() == ""


def test_what_real_clients_are_promised_is_in_the_ledger(vlan):
    vlan.start_dhcpd()
    vlan.start_prober()
    vlan.wait_for_line(is_answer)
    lease = ask_for_lease(vlan.client.host, "vlan1")

    def written():
        promises = acknowledgements(read_felt(vlan.client.ledger))
        return str(lease.address) in {promise.address for promise in promises}

    assert CLOCKS.wait_until(written, seconds=PATIENCE_SECONDS)


@pytest.mark.parametrize("client", ["udhcpc", "dhclient"])
def test_a_real_client_gets_a_lease_as_a_new_machine_and_changes_nothing_on_its_host(vlan, client):
    vlan.start_dhcpd()
    vlan.start_prober()
    vlan.wait_for_line(is_answer)
    lease = ask_for_lease(vlan.client.host, "vlan1", client=client)
    assert str(lease.address) in POOL
    assert lease.server == IPv4Address("10.101.0.2")
    assert lease.lease_seconds == LEASE_SECONDS
    addresses = vlan.keeper.run(["ip", "-n", "client1", "-4", "address", "show", "dev", "vlan1"])
    assert "inet" not in addresses
    assert ask_for_lease(vlan.client.host, "vlan1", client=client).address != lease.address


@pytest.mark.parametrize("client", ["udhcpc", "dhclient"])
def test_a_real_client_that_nobody_answers_is_told_as_such(vlan, client):
    with pytest.raises(NoLease, match=f"{client} got no lease on client1, vlan1"):
        ask_for_lease(vlan.client.host, "vlan1", client=client, seconds=3)


def test_a_prober_without_its_interface_says_so_and_ends(vlan):
    program = vlan.start_prober(interface="vlan7")
    assert wait_until_ended([program], seconds=30) == []
    assert "LabFailed: vlan7: no raw socket" in vlan.client.log.read_text()
