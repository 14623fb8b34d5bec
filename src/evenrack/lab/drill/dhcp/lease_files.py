"""What the DHCP servers of the lab wrote into their lease files (dhcpd.leases(5))."""

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from evenrack.lab.drill.dhcp.dhcp_sight import dhcp_file, served_vlans, side_of
from evenrack.lab.drill.trial import Trial
from evenrack.lab.network.plan import vlan_subnet

_LEASE = re.compile(r"(?ms)^lease ([0-9.]+) \{\n(.*?)^\}")
_MAC = re.compile(r"hardware ethernet ([0-9a-f:]+);")
_SHARE = 30
"""Of the hundred addresses of a VLAN; dhcpd is content where a half is a tenth too small."""
_LOOK_SECONDS = 0.5
_SHARE_SECONDS = 150.0
"""dhcpd looks after a minute at the earliest (min-balance of dhcpd.conf(5))."""


def held_leases(leases: str) -> dict[str, str]:
    """Read who has which address by a lease file (dhcpd.leases(5)): the last entry counts."""
    held: dict[str, str] = {}
    for address, entry in _LEASE.findall(leases):
        mac = _MAC.search(entry)
        held.pop(address, None)
        if mac is not None and "\n  binding state active;" in f"\n{entry}":
            held[address] = mac[1]
    return held


def backup_addresses(leases: str, subnet: IPv4Network) -> int:
    """Count the free addresses of a subnet that only the secondary gives away."""
    last: dict[str, str] = dict(_LEASE.findall(leases))
    return sum(
        IPv4Address(address) in subnet and "\n  binding state backup;" in f"\n{entry}"
        for address, entry in last.items()
    )


def shared_vlan(trial: Trial) -> dict[str, Any]:
    """Choose a VLAN whose secondary has its share of the free addresses; it lives on them alone.

    A crowd may have left one without: those whom a server served that has left the VLAN meanwhile
    cannot give their leases back, and what others gave back is the primary's at first. Where no
    VLAN ever has one, any is as good: what clients then feel is for the check to say.
    """
    rows: dict[str, dict[str, Any]] = {}

    def some() -> bool:
        rows.update(
            {name: row for name, row in served_vlans(trial).items() if _is_shared(trial, row)}
        )
        return bool(rows)

    trial.clocks.wait_until(some, seconds=_SHARE_SECONDS, every=_LOOK_SECONDS)
    rows = rows or served_vlans(trial)
    return rows[trial.pick(sorted(rows), "a VLAN with clients and a pair")]


def _is_shared(trial: Trial, row: dict[str, Any]) -> bool:
    leases = dhcp_file(trial, side_of(row, "secondary")["rack"], "dhcpd.leases").read_text()
    return backup_addresses(leases, vlan_subnet(int(row["vlan"].removeprefix("vlan")))) >= _SHARE
