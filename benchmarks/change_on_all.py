"""A change that restarts every DHCP server of a fleet: how long until all have it and are whole.

In a lab with real `dhcpd` and pairs spread over all racks. A global snippet is in the file of each
rack, so each restarts once, in turn, and is `normal` with its peers before a peer of it follows.
What cannot be beaten one after the other is racks x (restart and `normal`), which is measured in
the same run: a change of one VLAN restarts the two racks of its pair.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure
from benchmarks.real_lab import client_of, real_lab
from benchmarks.rig import wait_for
from evenrack.lab.dhcp_state import NORMAL, dhcp_rows
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.runtime.child_process import ProgramId

SIZES = {"region-hosts": 2, "processes": 1, "racks": 4, "vlans": 4, "clients": 0, "bmcs": 0}
ROUNDS = 5
PAUSE_SECONDS = 3.0
WAIT_SECONDS = 120.0


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Change one VLAN, and what all racks have, in turn."""
    with real_lab(SIZES) as lab:
        fleet = _Fleet(lab)
        singles, wholes = [], []
        for number in range(rounds):
            singles.append(fleet.change_vlan(number))
            wholes.append(fleet.change_all(number))
        racks = len(fleet.serving())
    one_rack, whole = statistics.median(singles) / 2, statistics.median(wholes)
    told = f"{min(wholes):.2g} to {max(wholes):.2g} s in {rounds} times; {racks} racks, 4 pairs"
    return [
        Figure(name="change-on-all", value=whole, unit="s", target=None, limit=told),
        Figure(
            name="change-on-all-ratio",
            value=whole / (racks * one_rack),
            unit="x",
            target=1.0,
            limit=f"{racks} x {one_rack:.2g} s for restart and `normal`",
        ),
    ]


class _Fleet:
    """The racks of a lab, and which `dhcpd` each of them runs."""

    def __init__(self, lab: Path) -> None:
        self._lab = lab
        self._client = client_of(lab)
        wait_for(self._is_whole, WAIT_SECONDS, "all pairs are whole")
        time.sleep(PAUSE_SECONDS)

    def change_vlan(self, number: int) -> float:
        """Change the lease time of one VLAN: the two racks of its pair restart."""
        row = self._rows()[number % SIZES["vlans"]]
        racks = [side["rack"] for side in row["sides"]]
        path = f"/api/v1/vlans/{row['vlan']}"
        seconds = self._client.get(path)["lease_seconds"] + 1
        return self._restarted(racks, lambda: self._client.patch(path, {"lease_seconds": seconds}))

    def change_all(self, number: int) -> float:
        """Change what stands in the file of each rack."""
        snippet = {"name": f"s{number}", "text": f'option domain-name "n{number}.example.com";'}
        racks = self.serving()
        return self._restarted(racks, lambda: self._client.post("/api/v1/snippets", snippet))

    def serving(self) -> list[str]:
        """Name the racks that serve a VLAN: a rack that came last may have none to serve."""
        return sorted({side["rack"] for row in self._rows() for side in row["sides"]})

    def _restarted(self, racks: list[str], change: Callable[[], Any]) -> float:
        """Give the seconds until these racks run other servers, and all pairs are whole."""
        before = {rack: self._server(rack) for rack in racks}
        began = time.monotonic()
        change()

        def done() -> bool:
            others = all(self._server(rack) not in {before[rack], None} for rack in racks)
            return others and self._is_whole()

        wait_for(done, WAIT_SECONDS, "all racks have it")
        took = time.monotonic() - began
        time.sleep(PAUSE_SECONDS)
        return took

    def _server(self, rack: str) -> ProgramId | None:
        """Give the server of a rack; None between two."""
        (leases,) = (self._lab / rack).glob("**/dhcp/dhcpd.leases")
        return DhcpdFiles(leases.parent).running()

    def _is_whole(self) -> bool:
        return all(
            len(row["sides"]) == 2  # noqa: PLR2004  a pair
            and all(side["state"] == NORMAL for side in row["sides"])
            for row in self._rows()
        )

    def _rows(self) -> list[dict[str, Any]]:
        return dhcp_rows(self._client)
