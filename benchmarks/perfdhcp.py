"""perfdhcp: what a lease costs a pair of evenrack's, against the same pair configured by hand.

perfdhcp(8) of Kea (Debian: kea-admin) asks each pair on a network of its own; the two take turns,
in one lab, so that whatever else runs is beside both.
"""

import json
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

from attrs import frozen

from benchmarks.measure import Figure
from benchmarks.real_lab import client_of, real_lab
from benchmarks.rig import wait_for
from benchmarks.used_cpu import cpu_of, more
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.network.plan import SWITCH
from evenrack.lab.record import read_record
from evenrack.runtime.child_process import ProgramId, start_detached, stop_program

SIZES = {"region-hosts": 1, "processes": 1, "racks": 2, "vlans": 1, "clients": 0, "bmcs": 0}
PERFDHCP = "perfdhcp"
DHCPD = "/usr/sbin/dhcpd"
POOL = IPv4Network("172.20.0.0/17")
FIRST, LAST = 10, -10
TURNS = 5
LEASES = 300
"""In each turn, to as many clients that no server knows."""
PER_SECOND = 50
"""Few enough for a slow disk, which has each lease written: what is dropped has no delay."""
MOST_LOST = 0.02
WAIT_SECONDS = 120.0
SETTLE_SECONDS = 20.0
"""A new file is applied, and a pool is shared out, in less."""
_DELAYS = re.compile(r"avg delay: ([0-9.]+) ms")
_RECEIVED = re.compile(r"received packets: ([0-9]+)")
_STATE = "my state normal"


@frozen(kw_only=True)
class Pair:
    """Two servers on one network, the primary first, and where clients ask them."""

    network: str
    client: str
    leases: tuple[Path, ...]
    pids: tuple[int, ...]

    def is_normal(self) -> bool:
        """Tell by what the servers write down."""
        return all(
            file.exists() and _STATE in file.read_text().rpartition("failover peer")[2]
            for file in self.leases
        )


@frozen(kw_only=True)
class Asked:
    """What perfdhcp saw in one turn, for each lease."""

    milliseconds: float
    """From the first question to the acknowledgement, but for the client's own time."""
    cpu: float
    """Of both servers, in milliseconds."""


def measure(leases: int = LEASES, pool: IPv4Network = POOL) -> list[Figure]:
    """Let perfdhcp ask both pairs in turn; FileNotFoundError where it is not installed."""
    if shutil.which(PERFDHCP) is None:
        raise FileNotFoundError(f"{PERFDHCP} is missing: apt-get install kea-admin")
    with real_lab(SIZES) as lab:
        keeper = _keeper(lab)
        with _by_hand(keeper, lab.parent, pool) as hand:
            ours = _ours(keeper, lab, pool)
            for pair in (ours, hand):
                wait_for(pair.is_normal, WAIT_SECONDS, f"the pair of {pair.network} is normal")
            turns = [
                (_asked(keeper, ours, turn, leases), _asked(keeper, hand, turn, leases))
                for turn in range(TURNS + 1)
            ][1:]  # the first is a rehearsal
    return _figures(turns, leases)


def _figures(turns: list[tuple[Asked, Asked]], leases: int) -> list[Figure]:
    def figure(name: str, of: Callable[[Asked], float], what: str) -> Figure:
        ours, hand = (statistics.median(map(of, side)) for side in zip(*turns, strict=True))
        told = f"{ours:.3g} ms of {what} for a lease, by hand {hand:.3g} ms; {leases} new clients"
        limit = f"{told} at {PER_SECOND}/s, median of {len(turns)} turns each"
        return Figure(name=name, value=ours / hand, unit="x by hand", target=1.1, limit=limit)

    return [
        figure("perfdhcp-delay-ratio", lambda it: it.milliseconds, "waiting"),
        figure("perfdhcp-cpu-ratio", lambda it: it.cpu, "CPU of both servers"),
    ]


def _keeper(lab: Path) -> Keeper:
    record = read_record(lab)
    assert record is not None  # noqa: S101  it is up
    assert record.keeper is not None  # noqa: S101  and has a network
    return record.keeper


def _ours(keeper: Keeper, lab: Path, pool: IPv4Network) -> Pair:
    """Give the lab's VLAN more addresses, and a client."""
    client = client_of(lab)
    client.post("/api/v1/subnets", {"vlan": "vlan1", "cidr": str(pool)})
    ends = {"first": str(pool[FIRST]), "last": str(pool[LAST])}
    client.post("/api/v1/ranges", {"subnet": str(pool), **ends})
    racks = [row["rack"] for row in client.get("/api/v1/dhcp/vlan1")["sides"]]
    folders = [lab / rack / "state" / "dhcp" for rack in racks]
    files = [folder / "dhcpd.conf" for folder in folders]
    given = str(pool[FIRST])
    wait_for(lambda: all(given in it.read_text() for it in files), WAIT_SECONDS, "both serve it")
    _cable(keeper, "perf-ours", "vlan1", "10.101.0.250/24")
    time.sleep(SETTLE_SECONDS)
    return Pair(
        network="vlan1",
        client="perf-ours",
        leases=tuple(folder / "dhcpd.leases" for folder in folders),
        pids=tuple(json.loads((it / "dhcpd.json").read_text())["pid"] for it in folders),
    )


@contextmanager
def _by_hand(keeper: Keeper, folder: Path, pool: IPv4Network) -> Iterator[Pair]:
    """Run two servers as someone would who has only their manual."""
    keeper.run(["ip", "-n", SWITCH, "link", "add", "name", "hand", "type", "bridge"])
    keeper.run(["ip", "-n", SWITCH, "link", "set", "hand", "up"])
    running: list[ProgramId] = []
    files = []
    try:
        for number, role in ((1, "primary"), (2, "secondary")):
            host = f"hand{number}"
            _cable(keeper, host, "hand", f"10.201.0.{1 + number}/24")
            config, leases = folder / f"{host}.conf", folder / f"{host}.leases"
            config.write_text(_BY_HAND.format(**_side(number, role), **_pool(pool)))
            leases.touch()
            files.append(leases)
            options = ["-4", "-f", "-q", "--no-pid", "-cf", str(config), "-lf", str(leases)]
            command = [*keeper.entrance_of(host), DHCPD, *options, "hand"]
            running.append(start_detached(command, log=folder / f"{host}.log"))
        _cable(keeper, "perf-hand", "hand", "10.201.0.250/24")
        pids = tuple(run.pid for run in running)
        yield Pair(network="hand", client="perf-hand", leases=tuple(files), pids=pids)
    finally:
        for run in running:
            stop_program(run, seconds=5.0)


def _side(number: int, role: str) -> dict[str, str]:
    of_primary = "mclt 3600; split 255;" if role == "primary" else ""
    own, peer = f"10.201.0.{1 + number}", f"10.201.0.{4 - number}"
    return {"role": role, "own": own, "peer": peer, "of_primary": of_primary}


def _pool(pool: IPv4Network) -> dict[str, object]:
    return {
        "network": pool.network_address,
        "netmask": pool.netmask,
        "first": pool[FIRST],
        "last": pool[LAST],
    }


def _cable(keeper: Keeper, host: str, network: str, address: str) -> None:
    """Make a host with one cable, named as the network in it."""
    port = f"{host}-port"
    keeper.run(["ip", "netns", "add", host])
    commands = {
        SWITCH: (
            f"link add name {port} type veth peer name {network} netns {host}",
            f"link set {port} master {network} up",
        ),
        host: (
            "link set lo up",
            f"addr add {address} brd + dev {network}",
            f"link set {network} up",
        ),
    }
    for where, lines in commands.items():
        text = "".join(f"{line}\n" for line in lines)
        keeper.run(["ip", "-n", where, "-batch", "-"], input_text=text)


def _asked(keeper: Keeper, pair: Pair, turn: int, leases: int) -> Asked:
    """Let new clients come; RuntimeError when many got no lease."""
    clients = ["-R", str(leases), "-n", str(leases), "-r", str(PER_SECOND)]
    base = ["-b", f"mac=00:0c:{turn:02x}:00:00:00", "-W", "500000"]
    command = [*keeper.entrance_of(pair.client), PERFDHCP, "-4", "-l", pair.network]
    before = cpu_of(pair.pids)
    said = subprocess.run(
        [*command, *clients, *base], stdout=subprocess.PIPE, text=True, timeout=120, check=False
    ).stdout
    cpu = more(before, cpu_of(pair.pids))
    got = int(_RECEIVED.findall(said)[-1])
    if got < (1 - MOST_LOST) * leases:
        raise RuntimeError(f"only {got} of {leases} clients of {pair.network} got a lease:\n{said}")
    delays = sum(float(delay) for delay in _DELAYS.findall(said))
    return Asked(milliseconds=delays, cpu=1_000 * cpu / got)


_BY_HAND = """\
authoritative;
ping-check off;
ddns-update-style none;
failover peer "dhcp" {{
  {role};
  address {own}; port 647;
  peer address {peer}; peer port 647;
  max-response-delay 60; max-unacked-updates 10; load balance max seconds 3;
  {of_primary}
}}
default-lease-time 600;
max-lease-time 600;
shared-network office {{
  subnet 10.201.0.0 netmask 255.255.255.0 {{
    option routers 10.201.0.1;
    option domain-name-servers 10.201.0.1;
  }}
  subnet {network} netmask {netmask} {{
    pool {{ failover peer "dhcp"; range {first} {last}; }}
  }}
}}
"""
