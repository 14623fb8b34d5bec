"""What `ip -batch` is told to build, cut and mend a lab's network: pure text."""

import json
from collections.abc import Iterable

from evenrack.lab.network.plan import SWITCH, Cable, NetworkPlan


def make_namespaces(plan: NetworkPlan) -> str:
    """Name a namespace for the switch and for every host."""
    return _lines(f"netns add {name}" for name in (SWITCH, *plan.hosts))


def build_switch(plan: NetworkPlan) -> str:
    """In the switch: a bridge for each network, and a cable from it into each host."""
    # no delay, or a new cable would be silent for 15 s
    bridges = [f"link add name {name} type bridge forward_delay 0" for name in plan.networks]
    bridges += [f"link set {name} up" for name in plan.networks]
    cables = []
    for cable in plan.cables:
        port = cable.switch_port
        cables += [
            f"link add name {port} type veth peer name {cable.network} netns {cable.host}",
            f"link set {port} master {cable.network} up",
        ]
    return _lines([*bridges, *cables])


def set_up_host(plan: NetworkPlan, host: str) -> str:
    """In a host: loopback, and the addresses of each cable that has some."""
    commands = ["link set lo up"]
    for cable in plan.cables_of(host):
        first = () if cable.address is None else (cable.address,)
        commands += [
            f"addr add {address} brd + dev {cable.network}"
            for address in (*first, *cable.more_addresses)
        ]
        commands.append(f"link set {cable.network} up")
    return _lines(commands)


def set_cables(cables: Iterable[Cable], *, up: bool) -> str:
    """In the switch: cut or mend cables; the host's end only sees that its carrier is gone."""
    return _lines(f"link set {cable.switch_port} {'up' if up else 'down'}" for cable in cables)


def read_cables_down(printed: str, plan: NetworkPlan) -> frozenset[str]:
    """Read from `ip -j link` in the switch which cables are down."""
    up = {link["ifname"] for link in json.loads(printed) if "UP" in link["flags"]}
    return frozenset(cable.name for cable in plan.cables if cable.switch_port not in up)


def _lines(commands: Iterable[str]) -> str:
    return "".join(f"{command}\n" for command in commands)
