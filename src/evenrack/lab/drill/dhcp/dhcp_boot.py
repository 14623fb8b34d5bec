"""P13: either peer tells a machine the same, whatever its firmware, reserved or not."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import client_on, served_vlan
from evenrack.lab.drill.trial import Trial
from evenrack.lab.inventory import NASTY_ADDRESS, NASTY_NAME, nasty_mac
from evenrack.lab.traffic.booting import BOOTING_MODULE

_SETTINGS = {
    "next_server": "rack",
    "boot_bios": "pxelinux.0",
    "boot_uefi_x64": "x64/shim.efi",
    "boot_uefi_arm64": "arm64/grub.efi",
    "boot_http_x64": "http://192.0.2.1/x64.efi",
    "boot_http_arm64": "http://192.0.2.1/arm64.efi",
    "boot_ipxe": "http://192.0.2.1/ipxe",
}
_NOTHING = dict.fromkeys(_SETTINGS, "") | {"next_server": None}
_HOSTNAME, _VENDOR_CLASS = "12", "60"
_PROGRAM_SECONDS = 15.0
_LOOK_SECONDS = 0.2

Offer = Mapping[str, Any]


def machines_boot_from_either_peer(trial: Trial, limit: float) -> Measured:
    """Set what machines boot, and ask both servers of a pair as machines of every kind."""
    row = served_vlan(trial)
    vlan, servers = row["vlan"], {side["address"]: side["rack"] for side in row["sides"]}
    began = trial.clocks.seconds()
    address = f"/api/v1/vlans/{vlan}"
    trial.client().patch(address, _SETTINGS)
    try:
        while (
            wrong := what_is_wrong(offers := offers_to(trial, vlan, nasty_mac(vlan)), servers)
        ) is not None:
            if trial.clocks.seconds() - began > limit:
                raise CheckFailed(f"{vlan}: {wrong}", trial.clocks.seconds() - began)
            trial.clocks.sleep(_LOOK_SECONDS)
        seconds = trial.clocks.seconds() - began
    finally:
        trial.client().patch(address, _NOTHING)
    kinds = len({offer["machine"] for offer in offers})
    return Measured(
        seconds=seconds,
        detail=f"{vlan}: {kinds} kinds of machines were told the same by "
        f"{' and '.join(sorted(servers.values()))}",
    )


def offers_to(trial: Trial, vlan: str, card: str) -> list[dict[str, Any]]:
    """Give what each server offers to machines of every kind, and to this card as `reserved`."""
    words = ["--interface", vlan, "--card", card]
    command = [trial.programs.interpreter, "-P", "-m", BOOTING_MODULE, *words]
    told: list[dict[str, Any]] = json.loads(
        client_on(trial, vlan).run(command, seconds=_PROGRAM_SECONDS)
    )
    return told


def what_is_wrong(offers: Sequence[Offer], servers: Mapping[str, str]) -> str | None:
    """Say what a machine was not told, or differently by the two; nothing when all is right."""
    by_machine: dict[str, dict[str, Offer]] = {}
    for offer in offers:
        by_machine.setdefault(offer["machine"], {})[offer["server"]] = offer
    for machine in (*(name for name in _SETTINGS if name != "next_server"), "reserved"):
        told = by_machine.get(machine, {})
        for server, rack in servers.items():
            if server not in told:
                return f"{rack} answered no machine for {machine}"
            if wrong := _wrong_in(machine, told[server], server):
                return f"{rack} told a machine for {machine} {wrong}"
        one, *others = (offer["options"] for offer in told.values())
        if any(one != other for other in others):
            return f"a machine for {machine} was told {one} and {others}"
    return None


def _wrong_in(machine: str, offer: Offer, server: str) -> str | None:
    wanted = {"file": _SETTINGS["boot_bios" if machine == "reserved" else machine]}
    wanted["next_server"] = server
    if machine == "reserved":
        network = server.rpartition(".")[0]
        wanted["address"] = f"{network}.{NASTY_ADDRESS}"
    for name, value in wanted.items():
        if offer[name] != value:
            return f"{name} {offer[name] or 'nothing'}, not {value}"
    vendor_class = b"HTTPClient".hex() if machine.startswith("boot_http") else None
    if offer["options"].get(_VENDOR_CLASS) != vendor_class:
        return f"the vendor class {offer['options'].get(_VENDOR_CLASS)}"
    if machine == "reserved" and offer["options"].get(_HOSTNAME) != NASTY_NAME.encode().hex():
        return "another name than is kept for it"
    return None


CHECKS = (
    Check(
        promise="P13",
        name="machines of every kind boot the same from either peer",
        limit_seconds=10,
        run=machines_boot_from_either_peer,
        needs_network=True,
    ),
)
