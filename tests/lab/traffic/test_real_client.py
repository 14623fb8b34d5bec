"""What is said of a real client that is missing, or that tells something odd; see test_probing."""

import pytest

from evenrack.lab.hosts import Host
from evenrack.lab.traffic.real_client import NoLease, RealClientMissing, ask_for_lease
from evenrack.lab.traffic.real_client6 import ask_for_address

HERE = Host(name="client1", address="")


@pytest.mark.parametrize(
    ("client", "package"), [("udhcpc", "udhcpc"), ("dhclient", "isc-dhcp-client")]
)
def test_a_client_that_is_not_installed_is_named_with_its_package(tmp_path, client, package):
    with pytest.raises(RealClientMissing, match=f"{client} is missing: apt-get install {package}"):
        ask_for_lease(HERE, "vlan1", client=client, searched=str(tmp_path))


def test_a_lease_without_a_time_is_no_lease(tmp_path):
    program = tmp_path / "udhcpc"
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != -s ]; do shift; done\n'
        'ip=10.0.0.1 serverid=10.0.0.2 exec "$2" bound\n'
    )
    program.chmod(0o700)
    with pytest.raises(NoLease, match="told of a lease that is none"):
        ask_for_lease(HERE, "vlan1", searched=str(tmp_path))


DUID = "00:02:00:00:ab:11:01:ff"


def dhclient_that(does, folder):
    program = folder / "dhclient"
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != -sf ]; do [ "$1" = -lf ] && leases=$2; shift; done\n' + does
    )
    program.chmod(0o700)
    return {"searched": str(folder), "seconds": 5}


def test_a_machine_asks_with_its_own_duid_and_its_program_does_not_stay(tmp_path):
    how = dhclient_that(
        'cp "$leases" "${0%/*}/duid"\nreason=BOUND6 new_ip6_address=fd77:1::19 "$2"\nsleep 60\n',
        tmp_path,
    )
    assert str(ask_for_address(HERE, "vlan1", DUID, **how)) == "fd77:1::19"
    assert r"\000\002\000\000\253\021\001\377" in (tmp_path / "duid").read_text()


@pytest.mark.parametrize("does", ["exit 2", 'reason=BOUND6 new_ip6_address=10.0.0.1 "$2"'])
def test_a_machine_that_gets_no_ipv6_address_has_no_lease(does, tmp_path):
    with pytest.raises(NoLease, match="got no address on client1, vlan1"):
        ask_for_address(HERE, "vlan1", DUID, **dhclient_that(does, tmp_path))


def test_without_dhclient_its_package_is_named_for_ipv6_too(tmp_path):
    with pytest.raises(RealClientMissing, match="apt-get install isc-dhcp-client"):
        ask_for_address(HERE, "vlan1", DUID, searched=str(tmp_path))
