"""A VLAN that no rack is on, for a while: behind a router with a real relay (dhcrelay(8)).

It is made when a check wants it, so that no other lab has to wait for it; the keeper holds it.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network

from attrs import evolve, field, frozen

from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.trial import Trial
from evenrack.lab.hosts import Host
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.network.plan import SWITCH, vlan_subnet
from evenrack.lab.record import note_program, read_record
from evenrack.lab.traffic.program import TrafficProgram
from evenrack.lab.traffic.real_client import SEARCHED
from evenrack.runtime.child_process import stop_program

FAR = "far"
"""The VLAN, its client host, and the interface there."""
FAR_SUBNET = IPv4Network("10.200.0.0/24")
FIRST, LAST = 100, 199
_VID = 200
_ROUTER = "router"
_ROUTER_NUMBER = 254
"""Of its address on the VLAN where the racks are; no rack has so high a number."""
_STOP_SECONDS = 5.0
_FORWARD = "echo 1 >/proc/sys/net/ipv4/ip_forward"


@frozen(kw_only=True)
class FarVlan:
    """What a check asks of it."""

    client: TrafficProgram
    """Whose crowds come there; their files lie with those of a client of the VLAN that relays."""
    addresses: frozenset[str] = field(
        factory=lambda: frozenset(str(FAR_SUBNET[number]) for number in range(FIRST, LAST + 1))
    )


@contextmanager
def far_vlan(trial: Trial, here: str) -> Iterator[FarVlan]:
    """Have it relayed by a VLAN, wait until both servers know it, and take it away again."""
    command = [_relay_program(), *_relay_options(here), *_addresses(trial, here)]
    keeper = _keeper(trial)
    near = next(each for each in trial.fleet.clients if each.network == here)
    host = Host(name=FAR, address="", entrance=keeper.entrance_of(FAR))
    with (
        _network(keeper, here, trial.racks_on(here)),
        _relaying(trial, keeper, command),
        _inventory(trial, here),
    ):
        trial.wait_until_whole()
        yield FarVlan(client=evolve(near, host=host, network=FAR))


def _relay_program() -> str:
    program = shutil.which("dhcrelay", path=SEARCHED)
    if program is None:
        raise CheckFailed("the program dhcrelay is missing: apt-get install isc-dhcp-relay")
    return program


def _keeper(trial: Trial) -> Keeper:
    record = read_record(trial.fleet.directory)
    if record is None or record.keeper is None:
        raise CheckFailed("this check needs a lab with a network")
    return record.keeper


@contextmanager
def _network(keeper: Keeper, here: str, racks: Sequence[str]) -> Iterator[None]:
    """Have a router between the VLAN and a client host, and tell the racks the way."""
    router = vlan_subnet(int(here.removeprefix("vlan")))[_ROUTER_NUMBER]
    try:
        for host in (_ROUTER, FAR):
            keeper.run(["ip", "netns", "add", host])
        for host, commands in _cabling(here, router).items():
            _batch(keeper, host, *commands)
        keeper.run(["ip", "netns", "exec", _ROUTER, "sh", "-c", _FORWARD])
        for rack in racks:
            _batch(keeper, rack, f"route add {FAR_SUBNET} via {router}")
        yield
    finally:
        for rack in racks:
            _batch(keeper, rack, f"route flush {FAR_SUBNET}")
        for host in (_ROUTER, FAR):  # its cables go with it
            keeper.run(["ip", "-force", "-batch", "-"], input_text=f"netns del {host}\n")


def _cabling(here: str, router: IPv4Address) -> dict[str, tuple[str, ...]]:
    port = f"{_ROUTER}-{here}"
    return {
        SWITCH: (
            f"link add name {port} type veth peer name {here} netns {_ROUTER}",
            f"link set {port} master {here} up",
        ),
        _ROUTER: (
            "link set lo up",
            f"link add name {FAR} type veth peer name {FAR} netns {FAR}",
            f"addr add {router}/24 brd + dev {here}",
            f"addr add {FAR_SUBNET[1]}/24 brd + dev {FAR}",
            f"link set {here} up",
            f"link set {FAR} up",
        ),
        FAR: (f"link set {FAR} up",),
    }


def _batch(keeper: Keeper, host: str, *commands: str) -> None:
    text = "".join(f"{command}\n" for command in commands)
    keeper.run(["ip", "-n", host, "-batch", "-"], input_text=text)


def _relay_options(here: str) -> list[str]:
    return ["-4", "-d", "--no-pid", "-id", FAR, "-iu", here]


def _addresses(trial: Trial, here: str) -> list[str]:
    """Give the addresses of all racks that may serve: any of them may be in the pair."""
    cables = () if trial.fleet.network is None else trial.fleet.network.cables
    racks = trial.racks_on(here)
    on_vlan = [cable for cable in cables if cable.network == here and cable.host in racks]
    return [str(cable.address).partition("/")[0] for cable in on_vlan]


@contextmanager
def _relaying(trial: Trial, keeper: Keeper, command: Sequence[str]) -> Iterator[None]:
    host = Host(name=_ROUTER, address="", entrance=keeper.entrance_of(_ROUTER))
    run = host.start(command, log=trial.fleet.directory / "dhcrelay.log")
    note_program(trial.fleet.directory, f"{_ROUTER}/dhcrelay", run)
    try:
        yield
    finally:
        stop_program(run, seconds=_STOP_SECONDS)


@contextmanager
def _inventory(trial: Trial, here: str) -> Iterator[None]:
    """Have the VLAN relayed; when it is deleted servers know nothing of its leases any more."""
    client, base = trial.client(), FAR_SUBNET.network_address
    client.post("/api/v1/vlans", {"name": FAR, "vid": _VID, "dhcp_on": False})
    try:
        subnet = {"vlan": FAR, "cidr": str(FAR_SUBNET), "gateway": str(base + 1)}
        client.post("/api/v1/subnets", subnet)
        ends = {"first": str(base + FIRST), "last": str(base + LAST)}
        client.post("/api/v1/ranges", {"subnet": str(FAR_SUBNET), **ends})
        client.patch(f"/api/v1/vlans/{FAR}", {"relay_vlan": here, "dhcp_on": True})
        yield
    finally:
        trial.forget_leases(here, FAR_SUBNET)
        trial.client().delete(f"/api/v1/subnets/{str(FAR_SUBNET).replace('/', '%2F')}")
        trial.client().delete(f"/api/v1/vlans/{FAR}")
