"""P13: a reservation is told to both servers of a pair while they run."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_boot import offers_to
from evenrack.lab.drill.dhcp.dhcp_sight import served_vlan
from evenrack.lab.drill.trial import Trial

_CARD = "02:ee:00:00:01:01"
_HOST_NUMBER = 51
_LOOK_SECONDS = 0.05


def a_reservation_needs_no_restart(trial: Trial, limit: float) -> Measured:
    """Keep an address for a card, and give it up again: both tell so, and run on."""
    row = served_vlan(trial)
    servers = {side["address"]: side["rack"] for side in row["sides"]}
    network = next(iter(servers)).rpartition(".")[0]
    kept = _Kept(
        trial=trial, vlan=row["vlan"], address=f"{network}.{_HOST_NUMBER}", servers=servers
    )
    before = kept.dhcpds()
    reservation = {"mac": _CARD, "address": kept.address, "hostname": "drill"}
    made = trial.client().post("/api/v1/reservations", reservation)
    try:
        came = kept.until(wanted=True, limit=limit)
    finally:
        trial.client().delete(f"/api/v1/reservations/{made['id']}")
    went = kept.until(wanted=False, limit=limit)
    if (after := kept.dhcpds()) != before:
        raise CheckFailed(f"the DHCP servers were restarted: {before} before, {after} now")
    return Measured(
        seconds=max(came, went),
        detail=f"{kept.vlan}: {' and '.join(sorted(servers.values()))} kept {kept.address} after "
        f"{came:.2f} s, and no more {went:.2f} s after the end; no restart",
    )


@frozen(kw_only=True)
class _Kept:
    """An address that is kept for the card, or is not any more."""

    trial: Trial
    vlan: str
    address: str
    servers: Mapping[str, str]
    """The racks of the pair, by their addresses on the VLAN."""

    def dhcpds(self) -> dict[str, Any]:
        return {rack: self.trial.pid_of(f"{rack}/dhcpd") for rack in self.servers.values()}

    def until(self, *, wanted: bool, limit: float) -> float:
        """Wait until each server keeps the address for the card, or does not; gives the seconds."""
        began = self.trial.clocks.seconds()
        while wrong := self._not_so(wanted=wanted):
            if (seconds := self.trial.clocks.seconds() - began) > limit:
                deed = "did not keep" if wanted else "still kept"
                words = f"{' and '.join(wrong)} {deed} {self.address} for {_CARD}"
                raise CheckFailed(f"{self.vlan}: {words}", seconds)
            self.trial.clocks.sleep(_LOOK_SECONDS)
        return self.trial.clocks.seconds() - began

    def _not_so(self, *, wanted: bool) -> list[str]:
        """Name the racks that told the card something else, or nothing."""
        offers = offers_to(self.trial, self.vlan, _CARD)
        told = {it["server"]: it["address"] for it in offers if it["machine"] == "reserved"}
        is_so = {server: (told[server] == self.address) is wanted for server in told}
        return sorted(rack for server, rack in self.servers.items() if not is_so.get(server))


CHECKS = (
    Check(
        promise="P13",
        name="a reservation comes and goes: both peers tell so, and none restarts",
        limit_seconds=5,
        run=a_reservation_needs_no_restart,
        needs_network=True,
    ),
)
