"""DHCP as operators see it: pure, from one reading to the JSON of `evenrack dhcp status`."""

from typing import Any

from evenrack.model.dhcp_roles import Pair, Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId
from evenrack.model.moments import as_text
from evenrack.model.network import Vlan


def dhcp_status_of(fleet: Fleet) -> list[dict[str, Any]]:
    """Give each VLAN with its designations, and both sides as their racks tell them."""
    return [_vlan(fleet, vlan) for vlan in fleet.vlans.values()]


def is_pending(pair: Pair | None, service: Service | None) -> bool:
    """Tell whether the files do not yet say what was designated."""
    if pair is None or service is None:
        return pair is not None or service is not None
    return pair.racks != service.racks


def _vlan(fleet: Fleet, vlan: Vlan) -> dict[str, Any]:
    pair, service = fleet.pairs.get(vlan.id), fleet.services.get(vlan.id)
    number = fleet.leadership.number if service is None else service.number
    return {
        "vlan": vlan.name,
        "dhcp_on": vlan.dhcp_on,
        "primary_rack": None if pair is None else _name(fleet, pair.primary),
        "secondary_rack": None
        if pair is None or pair.secondary is None
        else _name(fleet, pair.secondary),
        "pinned": [],
        "pending": is_pending(pair, service),
        "partner_down": _partner_down(fleet, vlan),
        "generation": str(number),
        "sides": [] if service is None else [_side(fleet, vlan, service, r) for r in service.racks],
    }


def _partner_down(fleet: Fleet, vlan: Vlan) -> dict[str, Any] | None:
    """Show the word that one of its servers is dead, if it was given, and what came of it."""
    word = fleet.partner_downs.get(vlan.id)
    if word is None:
        return None
    return {
        "survivor": _name(fleet, word.survivor),
        "dead": _name(fleet, word.dead),
        "who": word.who,
        "at": as_text(word.at),
        "taken_at": None if word.taken_at is None else as_text(word.taken_at),
        "usable_at": None if word.usable_at is None else as_text(word.usable_at),
        "refused": word.refused or None,
    }


def _side(fleet: Fleet, vlan: Vlan, service: Service, rack: RackId) -> dict[str, Any]:
    """Show one side: `role` and `applied` are what its server was last started with."""
    told = fleet.dhcp_report(rack)
    report = next((r for r in told.vlans if r.vlan == vlan.id), None)
    error = next((e.error for e in told.errors if e.vlan == vlan.id), None)
    return {
        "rack": _name(fleet, rack),
        "address": str(service.own(rack).address),
        "connected": fleet.is_connected(rack),
        "role": None if report is None else report.role,
        "state": "down" if report is None else report.state,
        "applied": None if report is None else str(report.number),
        "waiting": bool(told.waiting),
        "error": error,
    }


def _name(fleet: Fleet, rack: RackId) -> str:
    known = fleet.racks.get(rack)
    return rack if known is None else known.hostname
