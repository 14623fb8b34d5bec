"""What the checks of DHCP look at: sides, files, and what the clients felt."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.trial import Trial
from evenrack.lab.hosts import Host
from evenrack.lab.traffic.felt_file import read_felt
from evenrack.lab.traffic.meter import Felt, felt_since

_PAIR = 2
AFTER_SECONDS = 2.0
"""How long what clients feel is counted after all is right again."""


def served_vlan(trial: Trial) -> dict[str, Any]:
    """Choose a VLAN that a pair serves and where clients ask."""
    rows = served_vlans(trial)
    return rows[trial.pick(sorted(rows), "a VLAN with clients and a pair")]


def served_vlans(trial: Trial) -> dict[str, dict[str, Any]]:
    """Give all of these VLANs, by name."""
    networks = {client.network for client in trial.fleet.clients}
    return {
        row["vlan"]: row
        for row in trial.dhcp_rows()
        if len(row["sides"]) == _PAIR and row["vlan"] in networks
    }


def side_of(row: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Give the side of a VLAN that was started in this role."""
    for side in row["sides"]:
        if side["role"] == role:
            found: dict[str, Any] = side
            return found
    raise CheckFailed(f"{row['vlan']} has no {role}")


def client_on(trial: Trial, vlan: str) -> Host:
    """Give a client's host on this VLAN."""
    return next(client.host for client in trial.fleet.clients if client.network == vlan)


def dhcp_file(trial: Trial, rack: str, name: str) -> Path:
    """Give a file of a rack's DHCP server."""
    return next(r.state for r in trial.fleet.racks if r.rack == rack) / "dhcp" / name


def is_in_a_file(trial: Trial, vlan: str, racks: list[str]) -> bool:
    """Tell whether a server of these racks runs with a file that names the VLAN's addresses."""
    network = f"subnet 10.{100 + int(vlan.removeprefix('vlan'))}.0.0 "
    return any(
        trial.pid_of(f"{rack}/dhcpd") is not None
        and network in dhcp_file(trial, rack, "dhcpd.conf").read_text()
        for rack in racks
    )


def answers_since(trial: Trial, vlan: str, since: float, kind: str) -> list[dict[str, Any]]:
    """List what the clients of a VLAN were answered since a moment: `discover` or `rebind`."""
    return [
        line
        for client in trial.fleet.clients
        if client.network == vlan
        for line in read_felt(client.felt)
        if line["kind"] == kind and "server" in line and line["mono"] >= since
    ]


def felt_on(trial: Trial, vlan: str, since: float) -> Felt:
    """Sum up what the clients of a VLAN felt since a moment."""
    now = trial.clocks.seconds()
    felt = [
        felt_since(read_felt(client.felt), since, now=now)
        for client in trial.fleet.clients
        if client.network == vlan
    ]
    return sum(felt, start=Felt())


def wait_for(trial: Trial, holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Look until it holds; CheckFailed with what is wrong when the time is over."""
    began = trial.clocks.seconds()
    if not trial.clocks.wait_until(holds, seconds=seconds, every=0.05):
        raise CheckFailed(otherwise, trial.clocks.seconds() - began)


def refuse_felt(trial: Trial, vlan: str, since: float, most: float) -> Felt:
    """See that no client waited longer than this since the deed, and none was lost."""
    felt = felt_and_after(trial, vlan, since)
    refuse_long_waits(felt, vlan, most)
    return felt


def felt_and_after(trial: Trial, vlan: str, since: float) -> Felt:
    """Sum up what the clients of a VLAN felt since a moment, and feel for a while from now on."""
    trial.clocks.sleep(AFTER_SECONDS)
    return felt_on(trial, vlan, since)


def refuse_long_waits(felt: Felt, vlan: str, most: float) -> None:
    """See that no client of a VLAN waited longer than this, and none was lost."""
    if felt.lost or felt.longest_wait > most:
        raise CheckFailed(
            f"on {vlan} {felt.lost} clients were lost, one waited {felt.longest_wait:.2f} s",
            felt.longest_wait,
        )
    if not felt.answers:
        raise CheckFailed(f"nobody was answered on {vlan}")
