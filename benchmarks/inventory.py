"""VLANs with DHCP and BMCs for the racks of a load program, and who was decided to have them."""

import time
from typing import Any

from benchmarks.many_racks import RACKS_OF_VLAN, network_of
from benchmarks.rig import Rig, wait_for

BMCS_OF_VLAN = 2
DECIDED_SECONDS = 120.0
STILL_SECONDS = 3.0
"""Longer than the quiet window after which voluntary moves are made."""


def add_inventory(rig: Rig, racks: int) -> None:
    """Enter them, and wait until every VLAN has its pair, every BMC its owner, and all is still."""
    vlans = max(1, racks // RACKS_OF_VLAN)
    for vlan in range(vlans):
        _add_vlan(rig, vlan)
    rig.rows("NOTIFY evenrack")
    wait_for(
        lambda: len(others_decided(rig)) == vlans * (1 + BMCS_OF_VLAN),
        DECIDED_SECONDS,
        "every VLAN has its pair and every BMC its owner",
    )
    wait_for(lambda: _is_still(rig), DECIDED_SECONDS, "no BMC and no DHCP role moves any more")


def others_decided(rig: Rig) -> list[tuple[Any, ...]]:
    """Give who owns each BMC, and which two racks are designated for each VLAN."""
    return rig.rows(
        "SELECT 'bmc', bmc_id, rack_id, '' FROM bmc_owner UNION ALL "
        "SELECT 'vlan', vlan_id, primary_rack, secondary_rack FROM dhcp_pair "
        "WHERE secondary_rack IS NOT NULL"
    )


def others_moved(rig: Rig, after: int) -> list[str]:
    """Tell of each change of a BMC's owner or of a DHCP role, in the events after this one."""
    told = rig.rows(
        "SELECT text FROM event WHERE kind = 'move' AND object NOT LIKE 'rack:%%' AND id > %s "
        "ORDER BY id",
        after,
    )
    return [text for (text,) in told]


def last_event(rig: Rig) -> int:
    """Give the number of the newest event."""
    ((number,),) = rig.rows("SELECT coalesce(max(id), 0) FROM event")
    return int(number)


def _is_still(rig: Rig) -> bool:
    before = others_decided(rig)
    time.sleep(STILL_SECONDS)
    return before == others_decided(rig)


def _add_vlan(rig: Rig, number: int) -> None:
    network = network_of(number * RACKS_OF_VLAN)
    ((vlan,),) = rig.rows(
        "INSERT INTO vlan (name, fabric, vid, dhcp_on, lease_seconds, max_response_delay, mclt, "
        "split, era, generation) VALUES (%s, %s, 1, true, 600, 60, 600, 128, 1, 1) RETURNING id",
        f"vlan{number}",
        f"fabric{number}",
    )
    ((subnet,),) = rig.rows(
        "INSERT INTO subnet (vlan_id, cidr, gateway, dns_servers, ntp_servers, domain, era, "
        "generation) VALUES (%s, %s, null, '{}', '{}', '', 1, 1) RETURNING id",
        vlan,
        f"{network}.0/24",
    )
    rig.rows(
        "INSERT INTO ip_range (subnet_id, first, last, era, generation) VALUES (%s, %s, %s, 1, 1)",
        subnet,
        f"{network}.200",
        f"{network}.250",
    )
    for bmc in range(BMCS_OF_VLAN):
        rig.rows(
            'INSERT INTO bmc (name, driver, address, port, "user", password, era, generation) '
            "VALUES (%s, 'ipmitool', %s, 623, 'admin', '', 1, 1)",
            f"bmc{number}-{bmc}",
            f"{network}.{100 + bmc}",
        )
