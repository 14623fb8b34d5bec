"""Who reaches and owns the lab's BMCs, as the regions tell it, and what is still missing."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.bmc.simulator import BmcSimulator

PAGE = 1000

Row = Mapping[str, Any]


def bmc_rows(client: Client) -> list[dict[str, Any]]:
    """Give every BMC: {"name", "owner", "reach", ..}."""
    rows: list[dict[str, Any]] = client.get(f"/api/v1/bmcs?limit={PAGE}")["bmcs"]
    return rows


def owners_of_machines(client: Client) -> dict[str, str | None]:
    """Say which rack owns the BMC of each machine."""
    owners = {row["name"]: row["owner"] for row in bmc_rows(client)}
    machines = client.get(f"/api/v1/machines?limit={PAGE}")["machines"]
    return {row["name"]: owners.get(row["bmc"]) for row in machines}


def what_bmcs_miss(
    client: Client, bmcs: Sequence[BmcSimulator], down: Collection[str] = ()
) -> str | None:
    """Say which BMC nobody owns who reaches it; nothing when all have such an owner.

    A BMC that is itself down lacks nothing more; a rack that is down keeps its BMCs for a while.
    """
    up = [bmc for bmc in bmcs if bmc.name not in down]
    if not up:
        return None
    try:
        rows = {row["name"]: row for row in bmc_rows(client)}
    except (RegionUnreachable, ApiRefused) as error:
        return str(error)
    gone = {name.removesuffix("/rackd") for name in down if name.endswith("/rackd")}
    found = (_bmc_misses(bmc.bmc, rows.get(bmc.bmc), gone) for bmc in up)
    return next((missing for missing in found if missing is not None), None)


def _bmc_misses(bmc: str, row: Row | None, gone: Collection[str]) -> str | None:
    if row is None:
        return f"{bmc} is not known"
    if row["owner"] in gone:
        return None
    if row["owner"] is None:
        return f"{bmc} is owned by nobody"
    if row["owner"] not in row["reach"]:
        return f"{bmc} is owned by {row['owner']}, which does not reach it"
    return None
