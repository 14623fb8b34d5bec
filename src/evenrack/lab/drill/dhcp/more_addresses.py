"""A second subnet on a VLAN for a while: addresses that no client ever had."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network

from evenrack.lab.drill.trial import Trial

_NOBODYS = IPv4Network("100.64.0.0/10")
"""Addresses that are no others' on a provider's own network (RFC 6598)."""
_OF_A_VLAN = 20
"""The prefix length of a VLAN's part."""


@contextmanager
def more_addresses(trial: Trial, vlan: str, prefix: int) -> Iterator[set[str]]:
    """Give a VLAN a subnet of this prefix length more, and wait until both servers have it."""
    number = int(vlan.removeprefix("vlan"))
    part = list(_NOBODYS.subnets(new_prefix=_OF_A_VLAN))[number]
    subnet = next(part.subnets(new_prefix=prefix))
    _, _, first, *others = subnet.hosts()
    trial.client().post("/api/v1/subnets", {"vlan": vlan, "cidr": str(subnet)})
    try:
        ends = {"first": str(first), "last": str(others[-1])}
        trial.client().post("/api/v1/ranges", {"subnet": str(subnet), **ends})
        trial.wait_until_whole()
        yield {str(address) for address in (first, *others)}
    finally:
        trial.forget_leases(vlan, subnet)
        trial.client().delete(f"/api/v1/subnets/{str(subnet).replace('/', '%2F')}")
