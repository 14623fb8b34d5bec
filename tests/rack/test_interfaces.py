"""What ip(8) prints of this host's interfaces, made up and real."""

import json
from ipaddress import IPv4Interface

import pytest
from hypothesis import given
from hypothesis import strategies as some
from twisted.internet import reactor

from evenrack.errors import ProgramFailed
from evenrack.lab.network.keeper import refuse_without_namespaces, start_keeper
from evenrack.lab.refusals import LabRefused
from evenrack.model.interface_list import Interface
from evenrack.rack.interfaces import (
    COMMAND,
    interfaces_printed,
    networks_printed,
    read_interfaces,
    read_networks,
)
from evenrack.runtime.child_process import stop_program
from evenrack.runtime.spawned import Ended, run_spawned


def link(name="eth0", *addresses, flags=("BROADCAST", "UP", "LOWER_UP"), operstate="UP"):
    return {
        "ifname": name,
        "flags": list(flags),
        "operstate": operstate,
        "addr_info": list(addresses),
    }


def address(text="10.1.0.2/24", **more):
    local, length = text.split("/")
    return {"family": "inet", "local": local, "prefixlen": int(length), "scope": "global"} | more


def read(*links):
    found = interfaces_printed(json.dumps(links).encode())
    return [(it.name, str(it.address)) for it in found]


def printing(output, code=0, errors=b""):
    async def run(arguments):
        assert tuple(arguments) == COMMAND
        return Ended(code=code, output=output, errors=errors)

    return run


def test_every_address_of_every_interface_is_listed_in_order():
    links = [
        link("eth1", address("10.1.2.2/16")),
        link("eth0", address("10.1.0.9/24"), address("10.1.0.2/24", secondary=True)),
        link("tun0", address("10.9.0.1/32"), flags=["POINTOPOINT", "UP"], operstate="UNKNOWN"),
    ]
    assert read(*links) == [
        ("eth0", "10.1.0.2/24"),
        ("eth0", "10.1.0.9/24"),
        ("eth1", "10.1.2.2/16"),
        ("tun0", "10.9.0.1/32"),
    ]
    assert read(*reversed(links)) == read(*links)


def test_an_interface_that_the_administrator_set_down_is_left_out():
    assert read(link("eth0", address(), flags=["BROADCAST"], operstate="DOWN")) == []


@pytest.mark.parametrize("operstate", ["DOWN", "LOWERLAYERDOWN", "DORMANT"])
def test_an_interface_whose_cable_is_cut_stays(operstate):
    cut = link("eth0", address(), flags=["NO-CARRIER", "BROADCAST", "UP"], operstate=operstate)
    assert read(cut) == [("eth0", "10.1.0.2/24")]


def test_loopback_is_left_out_whatever_its_addresses():
    local = address("127.0.0.1/8", scope="host")
    assert read(link("lo", local, address("10.255.0.1/32"), flags=["LOOPBACK", "UP"])) == []


@pytest.mark.parametrize(
    "other",
    [
        address("169.254.7.7/16", scope="link"),
        address("169.254.7.7/16"),
        address(family="inet6", local="2001:db8::1", prefixlen=64),
        address(tentative=True),
        address(dadfailed=True),
        address(deprecated=True),
        {},
    ],
)
def test_what_is_no_usable_global_address_is_left_out(other):
    assert read(link("eth0", other, address("10.5.0.1/24"))) == [("eth0", "10.5.0.1/24")]


def test_an_address_that_is_listed_twice_is_one():
    assert read(link("eth0", address(), address(label="eth0:1")), {}) == [("eth0", "10.1.0.2/24")]


GARBAGE = [
    b"",
    b"{",
    b"{}",
    b"7",
    b"\xff",
    b"[7]",
    b"[[7]]",
    b'[{"ifname": "eth0"}]',
    json.dumps([link(7, address())]).encode(),
    json.dumps([link("eth0", 7)]).encode(),
    json.dumps([link("eth0", address("10.1.0.300/24"))]).encode(),
    json.dumps([link("eth0", address("10.1.0.3/33"))]).encode(),
    json.dumps([link("eth0", address() | {"local": None})]).encode(),
    b"[" * 100_000,
]


@pytest.mark.parametrize("printed", GARBAGE, ids=range(len(GARBAGE)))
async def test_what_cannot_be_read_is_told_and_shown(printed):
    with pytest.raises(ProgramFailed, match="printed what cannot be read"):
        await read_interfaces(printing(printed))


async def test_a_failure_of_ip_is_told():
    with pytest.raises(ProgramFailed, match="exit code 2\nno netlink"):
        await read_interfaces(printing(b"", code=2, errors=b"no netlink\n"))


forms = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
)
links = some.fixed_dictionaries(
    {
        "ifname": forms | some.just("eth0"),
        "flags": forms | some.just(["UP"]),
        "addr_info": forms
        | some.lists(
            some.fixed_dictionaries(
                {
                    "family": some.just("inet"),
                    "scope": some.just("global"),
                    "local": forms | some.ip_addresses(v=4).map(str),
                    "prefixlen": forms | some.integers(0, 32),
                }
            )
        ),
    }
)


@given(forms | some.lists(links))
async def test_any_json_gives_interfaces_or_the_one_error(form):
    try:
        found = await read_interfaces(printing(json.dumps(form).encode()))
    except ProgramFailed:
        return
    assert all(isinstance(it.address, IPv4Interface) for it in found)


async def test_this_host_can_be_asked():
    found = await read_interfaces(lambda command: run_spawned(reactor, command, seconds=10))
    assert all(not it.address.is_loopback for it in found)


@pytest.fixture
def keeper(tmp_path):
    try:
        refuse_without_namespaces(tmp_path)
    except LabRefused as refused:
        pytest.skip(str(refused))
    keeper = start_keeper(tmp_path)
    yield keeper
    stop_program(keeper.program, seconds=0)


async def test_a_cable_that_is_cut_changes_nothing_and_an_interface_set_down_is_gone(keeper):
    async def read():
        return await read_interfaces(
            lambda command: run_spawned(reactor, [*keeper.entrance, *command], seconds=10)
        )

    def ip(command):
        keeper.run(["ip", *command.split()])

    ip("link set lo up")
    ip("link add name eth1 type veth peer name far1")
    ip("addr add 10.7.0.2/24 brd + dev eth1")
    assert await read() == ()
    ip("link set eth1 up")
    ip("link set far1 up")
    attached = (Interface(name="eth1", address=IPv4Interface("10.7.0.2/24")),)
    assert await read() == attached
    ip("link set far1 down")
    assert await read() == attached
    ip("link set eth1 down")
    assert await read() == ()


def test_the_networks_of_both_families_are_listed_once_each():
    links = [
        link("lo", address("127.0.0.1/8"), flags=["LOOPBACK", "UP"]),
        link("eth1", address("fd00:0:0:1::2/64", family="inet6"), address("10.1.0.2/24")),
        link("eth0", address("10.1.0.9/24"), address("fe80::1/64", family="inet6", scope="link")),
        link("eth2", address("10.2.0.9/24"), address("fd00::9/64", family="inet6", tentative=True)),
        link("eth3", address("10.3.0.9/24"), flags=["BROADCAST"]),
        {},
    ]
    found = networks_printed(json.dumps(links).encode())
    assert [str(each) for each in found] == ["10.1.0.0/24", "10.2.0.0/24", "fd00:0:0:1::/64"]


async def test_the_real_networks_are_those_of_the_real_addresses():
    async def run(arguments):
        return await run_spawned(reactor, arguments, seconds=5)

    addresses, networks = await read_interfaces(run), await read_networks(run)
    assert {it.address.network for it in addresses} <= {*networks}
    with pytest.raises(ProgramFailed):
        await read_networks(printing(b"[7]"))
