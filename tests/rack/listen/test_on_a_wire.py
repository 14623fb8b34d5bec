"""The program on a real wire, with real DHCP servers and clients at its other end."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from evenrack.errors import ProgramFailed
from evenrack.lab.refusals import LabFailed
from evenrack.model.dhcp_packets import Asker, request_selecting
from evenrack.rack.listen.heard import PROBE_MAC
from tests.rack.listen.wire import (
    BUSYBOX,
    CABLE,
    DHCPD,
    FOREIGN,
    HERE,
    PATIENCE_SECONDS,
    THERE,
    Wire,
)

ASKER = Asker(mac=b"\x02lab\x01\x02", transaction=7)
needs_dhcpd = pytest.mark.skipif(DHCPD is None, reason="dhcpd is missing: isc-dhcp-server")
needs_busybox = pytest.mark.skipif(BUSYBOX is None, reason="busybox is missing: busybox")


@pytest.fixture
def wire(tmp_path):
    try:
        found = Wire(tmp_path)
    except (LabFailed, ProgramFailed) as failed:
        pytest.skip(f"this machine gives no network namespaces: {failed}")
    yield found
    found.end()


def listens(interface=CABLE):
    return {"interface": interface, "server": None, "mac": None, "error": ""}


def heard(mac):
    return {"interface": CABLE, "server": FOREIGN, "mac": mac, "error": ""}


@needs_busybox
@pytest.mark.parametrize("server", ["udhcpd", pytest.param("dhcpd", marks=needs_dhcpd)])
def test_a_server_that_a_client_takes_is_heard_without_a_question_of_ours(wire, server):
    """The client says to all whose offer it takes, also where the answers are for it alone."""
    program = wire.listen()
    program.say(CABLE)
    assert program.told() == listens()
    wire.start_udhcpd() if server == "udhcpd" else wire.start_dhcpd(THERE)
    wire.get_an_address()
    found = program.told_until(heard(None))
    assert {(it["interface"], it["server"]) for it in found} == {(CABLE, FOREIGN)}


@pytest.mark.parametrize(
    "server",
    [pytest.param("udhcpd", marks=needs_busybox), pytest.param("dhcpd", marks=needs_dhcpd)],
)
def test_a_server_that_nobody_asks_is_heard_when_we_do_and_gives_nothing_away(wire, server):
    leases = wire.start_udhcpd() if server == "udhcpd" else wire.start_dhcpd(THERE)
    program = wire.listen()
    program.say(CABLE, probe_seconds=1.0)
    assert program.told() == listens()
    assert program.told() == heard(wire.mac(THERE))
    if leases is not None:  # an offer is not written down: it counts as free
        assert "\nlease " not in leases.read_text()
        assert f"DHCPDISCOVER from {PROBE_MAC.hex(':')}" in wire.words()


@needs_dhcpd
def test_what_this_host_serves_itself_is_not_heard_nor_asked(wire):
    wire.start_dhcpd(HERE)
    wire.start_dhcpd(THERE)
    program = wire.listen()
    program.say(CABLE, probe_seconds=1.0)
    assert [program.told(), program.told()] == [listens(), heard(wire.mac(THERE))]
    assert program.program.poll() is None
    assert f"DHCPOFFER on 10.7.0.100 to {PROBE_MAC.hex(':')}" in wire.words()


def test_a_server_of_a_tagged_vlan_is_not_one_of_the_vlan_that_carries_it(wire):
    """Its frames come by the same card, as those of eth0.7 by eth0."""
    program = wire.listen()
    program.say(CABLE)
    assert program.told() == listens()
    there, here = (
        request_selecting(ASKER, address=IPv4Address("10.7.0.100"), server=IPv4Address(server))
        for server in ("10.7.0.67", FOREIGN)
    )
    wire.send(THERE, there[:12] + b"\x81\x00\x00\x07" + there[12:], here)
    assert program.told() == heard(None)


def test_an_interface_that_is_not_there_is_told_of_once_and_heard_when_it_comes(wire):
    program = wire.listen()
    program.say("later")
    assert program.told()["error"] == "No such device"
    wire.ip(f"-n {HERE} link add later type bridge")
    assert program.told()["error"] == "Network is down"
    wire.ip(f"-n {HERE} link set later up")
    assert program.told() == listens("later")
    wire.ip(f"-n {HERE} link del later")
    assert program.told()["error"] == "No such device"


def test_without_the_capability_it_says_so_and_goes_on(wire):
    program = wire.listen(before=("setpriv", "--bounding-set", "-net_raw"))
    program.say(CABLE)
    why = "Operation not permitted: it needs CAP_NET_RAW"
    assert program.told() == {**listens(), "error": why}
    program.say("lo")
    assert program.told() == {**listens("lo"), "error": why}


@needs_dhcpd
def test_with_that_capability_and_no_other_it_hears_and_asks(wire):
    program = wire.listen(before=("setpriv", "--bounding-set", "-all,+net_raw"))
    wire.start_dhcpd(THERE)
    program.say(CABLE, probe_seconds=1.0)
    assert [program.told(), program.told()] == [listens(), heard(wire.mac(THERE))]
    status = Path(f"/proc/{program.program.pid}/status").read_text()
    assert "CapEff:\t0000000000002000\n" in status


def test_it_ends_when_rackd_does_and_refuses_what_is_no_order(wire):
    program = wire.listen()
    program.say(CABLE)
    assert program.told() == listens()
    program.program.stdin.close()
    assert program.program.wait(PATIENCE_SECONDS) == 0
    other = wire.listen()
    other.program.stdin.write(b"listen\n")
    other.program.stdin.flush()
    assert other.program.wait(PATIENCE_SECONDS) == 2
    assert "not an order of rackd" in wire.words()
