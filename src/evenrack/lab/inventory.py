"""What the lab's DHCP serves: a VLAN for each of its networks, made over the regions' API."""

from typing import Any

from evenrack.client import Client
from evenrack.lab.network.plan import NetworkPlan, vlan_subnet

LEASE_SECONDS = 600
FIRST, LAST = 100, 199
"""The range of each subnet; racks are below."""
NASTY_NAME = 'x"; } evil { "Zürich\n'
"""The host name of one reservation on each VLAN: it must reach a client just so."""
NASTY_ADDRESS = 50


def make_vlans(client: Client, network: NetworkPlan) -> None:
    """Make what is not there yet: a VLAN with a subnet, a range and a reservation each."""
    known = {vlan["name"] for vlan in client.get("/api/v1/vlans?limit=1000")["vlans"]}
    for name in network.vlans:
        if name not in known:
            _make_vlan(client, name)


def turn_dhcp(client: Client, vlan: str, *, on: bool) -> None:
    """Let a VLAN be served, or not."""
    client.patch(f"/api/v1/vlans/{vlan}", {"dhcp_on": on})


def nasty_mac(vlan: str) -> str:
    """Give the card for which the nasty host name of this VLAN is kept."""
    return f"02:ee:00:00:00:{_number(vlan):02x}"


def _make_vlan(client: Client, name: str) -> None:
    subnet = vlan_subnet(_number(name))
    base = subnet.network_address
    client.post("/api/v1/vlans", {"name": name, "vid": _number(name), "dhcp_on": False})
    client.post(
        "/api/v1/subnets",
        {
            "vlan": name,
            "cidr": str(subnet),
            "gateway": str(base + 1),
            "dns_servers": [str(base + 1)],
        },
    )
    _post_range(client, subnet, {"first": str(base + FIRST), "last": str(base + LAST)})
    client.post(
        "/api/v1/reservations",
        {
            "subnet": str(subnet),
            "mac": nasty_mac(name),
            "address": str(base + NASTY_ADDRESS),
            "hostname": NASTY_NAME,
        },
    )
    turn_dhcp(client, name, on=True)  # last, so that the servers begin with all of it


def _post_range(client: Client, subnet: Any, ends: dict[str, str]) -> None:
    client.post("/api/v1/ranges", {"subnet": str(subnet), **ends})


def _number(vlan: str) -> int:
    return int(vlan.removeprefix("vlan"))
