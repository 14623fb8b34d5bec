"""Two racks for the tests that need dhcpds which see each other, or at least a network."""

import os

import pytest

from evenrack.errors import ProgramFailed
from evenrack.lab.network.keeper import start_keeper
from evenrack.lab.refusals import LabFailed
from evenrack.runtime.child_process import run_program, stop_program
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.rack.dhcp.two_racks import CABLE, RackHost

HOSTS = ("rack1", "rack2")


@pytest.fixture(scope="session")
def own_network():
    """What stands before a program that gets a network of its own; skips where that cannot be."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--net", *user, "--"]
    try:
        run_program([*command, "ip", "link", "add", "name", "one", "type", "veth"], seconds=10)
    except ProgramFailed as failed:
        pytest.skip(f"this machine gives no network namespaces: {failed}")
    return command


@pytest.fixture(scope="session")
def two_hosts(tmp_path_factory):
    """Keep two namespaces with a cable between them; skips where that cannot be."""
    if DHCPD is None:
        pytest.skip("dhcpd is missing: isc-dhcp-server")
    try:
        keeper = start_keeper(tmp_path_factory.mktemp("keeper"))
    except (LabFailed, ProgramFailed) as failed:
        pytest.skip(f"this machine gives no network namespaces: {failed}")
    try:
        for name in HOSTS:
            keeper.run(["ip", "netns", "add", name])
        one, other = HOSTS
        link = f"link add {CABLE} netns {one} type veth peer name {CABLE} netns {other}"
        keeper.run(["ip", *link.split()])
        for number, name in enumerate(HOSTS, start=1):
            for command in (
                "link set lo up",
                f"addr add 10.7.0.{number}/24 brd + dev {CABLE}",
                f"link set {CABLE} up",
            ):
                keeper.run(["ip", "-n", name, *command.split()])
        yield keeper
    finally:
        stop_program(keeper.program, seconds=0)


@pytest.fixture
def racks(two_hosts, tmp_path):
    """Give both racks; their dhcpds end with the test."""
    found = [
        RackHost(keeper=two_hosts, name=name, number=number, folder=tmp_path / name)
        for number, name in enumerate(HOSTS, start=1)
    ]
    yield found
    for rack in found:
        rack.end()
