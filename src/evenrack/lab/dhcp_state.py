"""How the lab's VLANs are served, as the regions tell it, and what is still missing."""

from collections.abc import Callable, Sequence
from typing import Any

from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.fleet import Fleet
from evenrack.lab.inventory import make_vlans, turn_dhcp

NORMAL = "normal"
ALONE = "alone"


def dhcp_rows(client: Client) -> list[dict[str, Any]]:
    """Give `dhcp status` of every VLAN."""
    rows: list[dict[str, Any]] = client.get("/api/v1/dhcp")
    return rows


def dhcp_row(client: Client, vlan: str) -> dict[str, Any]:
    """Give `dhcp status` of one VLAN."""
    row: dict[str, Any] = client.get(f"/api/v1/dhcp/{vlan}")
    return row


def what_dhcp_misses(fleet: Fleet, client: Client, down: Sequence[str] = ()) -> str | None:
    """Say which VLAN is not served as well as the living racks could; nothing when all are."""
    if fleet.network is None:
        return None
    try:
        rows = dhcp_rows(client)
    except (RegionUnreachable, ApiRefused) as error:
        return str(error)
    gone = {name.partition("/")[0] for name in down if name.startswith("rack")}
    found = (_vlan_misses(row, gone, _racks_on(fleet, row["vlan"])) for row in rows)
    return next((missing for missing in found if missing is not None), None)


def mend_dhcp(fleet: Fleet, client: Client, begins: Callable[[str], None]) -> str | None:
    """Begin to put right what a check left: VLANs that are off or gone.

    Says what it began with; nothing when all is as it was. `begins` is told of each VLAN that is
    served anew.
    """
    if fleet.network is None:
        return None
    rows = {row["vlan"]: row for row in dhcp_rows(client)}
    if not rows:
        return None  # this lab has no DHCP
    if missing := set(fleet.network.vlans) - rows.keys():
        for vlan in missing:
            begins(vlan)
        make_vlans(client, fleet.network)
        return "VLANs were missing"
    for vlan, row in rows.items():
        if not row["dhcp_on"]:
            begins(vlan)
            turn_dhcp(client, vlan, on=True)
            return f"DHCP of {vlan} was off"
    return None


def _racks_on(fleet: Fleet, vlan: str) -> set[str]:
    cables = () if fleet.network is None else fleet.network.cables
    return {c.host for c in cables if c.network == vlan and c.host.startswith("rack")}


def _vlan_misses(row: dict[str, Any], gone: set[str], racks: set[str]) -> str | None:
    """Say what is wrong with one VLAN; with a rack down only whether the others serve it."""
    sides = [side for side in row["sides"] if side["rack"] not in gone]
    if not row["dhcp_on"]:
        return None
    if not sides:
        return f"{row['vlan']} is served by nobody"
    missing = None
    if row["pending"] and not gone:
        missing = f"{row['vlan']} is not served by those who are designated yet"
    if len(row["sides"]) < min(2, len(racks)) and not gone:
        missing = f"{row['vlan']} is served by {sides[0]['rack']} only"
    return next(
        (found for side in sides if (found := _side_misses(row, side, gone)) is not None), missing
    )


def _side_misses(row: dict[str, Any], side: dict[str, Any], gone: set[str]) -> str | None:
    if side["waiting"] or side["error"]:
        return f"{row['vlan']}: {side['rack']} has not applied its newest plan"
    wanted = NORMAL if len(row["sides"]) > 1 else ALONE
    if not gone and side["state"] != wanted:
        return f"{row['vlan']}: {side['rack']} is {side['state']}, not {wanted}"
    return None
