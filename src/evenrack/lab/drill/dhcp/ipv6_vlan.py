"""IPv6 on one VLAN of the lab, for a while.

It is there when a check wants it: so no lab needs a kernel with IPv6, or waits for a second server.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network
from typing import Any, Final

from attrs import frozen

from evenrack.errors import ProgramFailed
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import wait_for
from evenrack.lab.drill.trial import Trial
from evenrack.lab.record import read_record
from evenrack.model.halves import spans_of
from evenrack.model.network6 import Half

SUBNET: Final = IPv6Network("fd77:1::/64")
FIRST, LAST = SUBNET[0x1000], SUBNET[0x1FFF]
KEPT_FOR: Final = "00:02:00:00:ab:11:01:ff"
"""The DUID of the machine for which an address is kept."""
KEPT: Final = SUBNET[0x21]
_SERVED_SECONDS: Final = 20.0
_GONE_SECONDS: Final = 20.0


@frozen(kw_only=True)
class Ipv6Vlan:
    """Who serves IPv6 on a VLAN."""

    vlan: str
    halves: Mapping[str, Half]
    """Of each rack."""

    def with_half(self, half: Half) -> str:
        """Name the rack that gives this half away; CheckFailed when none does."""
        for rack, its_half in self.halves.items():
            if its_half == half:
                return rack
        raise CheckFailed(f"nobody has the {half} half of {self.vlan}: {dict(self.halves)}")

    def is_of(self, rack: str, address: IPv6Address) -> bool:
        """Tell whether it is this rack that may give an address away."""
        spans = spans_of((FIRST, LAST), self.halves[rack])
        return any(first <= address <= last for first, last in spans)


@contextmanager
def ipv6_on(trial: Trial, vlan: str) -> Iterator[Ipv6Vlan]:
    """Have IPv6 on a VLAN, wait until both racks of its pair serve it, and take it away again."""
    with _addresses(trial, vlan), _inventory(trial, vlan):
        wait_until_served6(trial, vlan)
        sides = sides6(trial, vlan)
        if held := [rack for rack, side in sides.items() if side["held"]]:
            raise CheckFailed(f"{held[0]} waits for leases of others, and nobody had any")
        yield Ipv6Vlan(vlan=vlan, halves={rack: it["half"] for rack, it in sides.items()})


def sides6(trial: Trial, vlan: str) -> dict[str, dict[str, Any]]:
    """Say how each rack serves IPv6 on a VLAN, where it said so."""
    sides = trial.dhcp_row(vlan)["sides"]
    return {side["rack"]: side["ipv6"] for side in sides if side["ipv6"] is not None}


def wait_until_served6(trial: Trial, vlan: str) -> None:
    """Wait until both racks of the pair serve its newest IPv6."""
    told = ""

    def both_serve() -> bool:
        nonlocal told
        row = trial.dhcp_row(vlan)
        found = {side["rack"]: side["ipv6"] for side in row["sides"]}
        told = ", ".join(f"{rack}: {side}" for rack, side in found.items())
        return all(
            side is not None and side["running"] and side["applied"] == row["generation"]
            for side in found.values()
        )

    wait_for(trial, both_serve, _SERVED_SECONDS, f"{vlan} is not served by both; {told}")


@contextmanager
def _addresses(trial: Trial, vlan: str) -> Iterator[None]:
    """Give each rack of the VLAN an address there, without which dhcpd serves nobody."""
    racks = trial.racks_on(vlan)
    try:
        for rack in racks:
            _ip(trial, rack, "add", SUBNET[_number(rack)], vlan, "nodad")
        yield
    finally:
        for rack in racks:
            _ip(trial, rack, "del", SUBNET[_number(rack)], vlan)


def _ip(trial: Trial, rack: str, verb: str, address: IPv6Address, *device: str) -> None:
    record = read_record(trial.fleet.directory)
    if record is None or record.keeper is None:
        raise CheckFailed("this check needs a lab with a network")
    place: Sequence[str] = (f"{address}/{SUBNET.prefixlen}", "dev", *device)
    try:
        record.keeper.run(["ip", "-n", rack, "addr", verb, *place])
    except ProgramFailed as failed:
        if verb == "add":
            raise CheckFailed(f"{rack} can have no IPv6 address: {failed}") from failed


@contextmanager
def _inventory(trial: Trial, vlan: str) -> Iterator[None]:
    client = trial.client()
    client.post("/api/v1/subnets", {"vlan": vlan, "cidr": str(SUBNET)})
    try:
        ends = {"first": str(FIRST), "last": str(LAST)}
        client.post("/api/v1/ranges", {"subnet": str(SUBNET), **ends})
        kept = {"subnet": str(SUBNET), "duid": KEPT_FOR, "address": str(KEPT)}
        client.post("/api/v1/reservations", kept)
        yield
    finally:
        trial.client().delete(f"/api/v1/subnets/{str(SUBNET).replace('/', '%2F')}")
    # only where all went well: who is dead cannot follow
    gone = f"IPv6 of {vlan} was deleted, and a server for it runs"
    wait_for(trial, lambda: not sides6(trial, vlan), _GONE_SECONDS, gone)


def _number(rack: str) -> int:
    return int(rack.removeprefix("rack"))
