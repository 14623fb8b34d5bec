"""The lab's BMCs and machines in the regions' inventory, made over their API."""

from collections.abc import Sequence

from evenrack.client import Client
from evenrack.lab.bmc.simulator import USER, BmcSimulator
from evenrack.lab.bmc.state import PAGE, bmc_rows


def make_bmcs(client: Client, bmcs: Sequence[BmcSimulator], password: str) -> None:
    """Make what is not there yet: every BMC, and the machine that it switches."""
    known = {row["name"] for row in bmc_rows(client)}
    machines = {row["name"] for row in client.get(f"/api/v1/machines?limit={PAGE}")["machines"]}
    for bmc in bmcs:
        if bmc.bmc not in known:
            client.post(
                "/api/v1/bmcs",
                {
                    "name": bmc.bmc,
                    "driver": bmc.driver,
                    "address": bmc.address,
                    "user": USER,
                    "password": password,
                },
            )
        if bmc.machine not in machines:
            client.post("/api/v1/machines", {"name": bmc.machine, "bmc": bmc.bmc})
