"""DHCP as tables: how each VLAN is served, and by whom. Pure."""

from collections.abc import Sequence
from typing import Any

from evenrack.cli.show import Block, Cell, Table


def dhcp_page(vlans: Sequence[dict[str, Any]]) -> list[Block]:
    """Lay out `dhcp status`: who is designated, then what both sides say of themselves."""
    return [designations_table(vlans), sides_table(vlans)]


def designations_table(vlans: Sequence[dict[str, Any]]) -> Table:
    """List the VLANs, each with the racks that are designated for it."""
    return Table(
        title="VLANs",
        columns=("vlan", "dhcp", "primary", "secondary", "files", "generation"),
        rows=[
            (
                row["vlan"],
                "on" if row["dhcp_on"] else "off",
                row["primary_rack"] or "-",
                row["secondary_rack"] or "-",
                "pending" if row["pending"] else "follow",
                row["generation"],
            )
            for row in vlans
        ],
    )


def sides_table(vlans: Sequence[dict[str, Any]]) -> Table:
    """List what each server says, as it was last started."""
    rows: list[Sequence[Cell]] = [
        (
            row["vlan"],
            side["rack"],
            side["address"],
            side["role"] or "-",
            side["state"] if side["connected"] else f"{side['state']} (rack lost)",
            side["applied"] or "-",
            "yes" if side["waiting"] else "no",
            side["error"] or "-",
        )
        for row in vlans
        for side in row["sides"]
    ]
    return Table(
        title="servers",
        columns=("vlan", "rack", "address", "role", "state", "applied", "waits", "error"),
        rows=rows,
    )
