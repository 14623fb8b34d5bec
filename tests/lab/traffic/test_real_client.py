"""What is said of a real client that is missing, or that tells something odd; see test_probing."""

import pytest

from evenrack.lab.hosts import Host
from evenrack.lab.traffic.real_client import NoLease, RealClientMissing, ask_for_lease

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
