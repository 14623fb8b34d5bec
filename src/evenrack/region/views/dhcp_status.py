"""DHCP as operators see it: pure, from one reading to the JSON of `evenrack dhcp status`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from evenrack.balance.partner_down_evidence import Item, evidence_of
from evenrack.model.dhcp_lease import LATEST
from evenrack.model.dhcp_report import AddressCount, ForeignServer, Ipv6Addresses, Ipv6Side
from evenrack.model.dhcp_roles import Pair, Pins, Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.moments import as_text
from evenrack.model.network import Vlan
from evenrack.region.troubles.foreign_troubles import foreign_servers
from evenrack.region.troubles.pool6_troubles import ipv6_left

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dhcp_status_of(fleet: Fleet, now: datetime) -> list[dict[str, Any]]:
    """Give each VLAN with its designations, and both sides as their racks tell them."""
    return [_vlan(fleet, vlan, now) for vlan in fleet.vlans.values()]


def is_pending(pair: Pair | None, service: Service | None) -> bool:
    """Tell whether the files do not yet say what was designated."""
    if pair is None or service is None:
        return pair is not None or service is not None
    return pair.racks != service.racks


def _vlan(fleet: Fleet, vlan: Vlan, now: datetime) -> dict[str, Any]:
    where = fleet.served_in(vlan.id)
    pair, service = fleet.pairs.get(where), fleet.services.get(where)
    is_there = where == vlan.id or fleet.relayed.get(vlan.id) == where
    number = fleet.leadership.number if service is None else service.number
    racks = service.racks if service is not None and is_there else ()
    return {
        "vlan": vlan.name,
        "dhcp_on": vlan.dhcp_on,
        "relay_vlan": None if vlan.relay_vlan is None else fleet.vlans[vlan.relay_vlan].name,
        "primary_rack": None if pair is None else _name(fleet, pair.primary),
        "secondary_rack": None
        if pair is None or pair.secondary is None
        else _name(fleet, pair.secondary),
        "pinned": _pinned(fleet.pins.get(where, Pins())),
        "pending": is_pending(pair, service) or not is_there,
        "partner_down": _partner_down(fleet, where),
        "generation": str(number),
        "ipv6_left": _ipv6_left(ipv6_left(fleet, vlan.id)),
        "sides": [
            {
                **_side(fleet, vlan.id, where, rack),
                "age": _age(fleet, rack, now),
                "evidence": _evidence(fleet, where, rack, now),
            }
            for rack in racks
        ],
    }


def _pinned(pins: Pins) -> list[str]:
    named = {"primary": pins.primary, "secondary": pins.secondary}
    return [role for role, rack in named.items() if rack is not None]


def _partner_down(fleet: Fleet, vlan: VlanId) -> dict[str, Any] | None:
    """Show the word that one of its servers is dead, if it was given, and what came of it."""
    word = fleet.partner_downs.get(vlan)
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


def _side(fleet: Fleet, vlan: VlanId, where: VlanId, rack: RackId) -> dict[str, Any]:
    """Show one side: `role` and `applied` are what its server was last started with.

    `where` is the VLAN in whose part of the file this one stands.
    """
    told = fleet.dhcp_report(rack)
    report = fleet.dhcp_side(rack, where)
    if report is not None and where != vlan and vlan not in report.relayed:
        report = None
    error = next((e.error for e in told.errors if e.vlan == where), None)
    return {
        "rack": _name(fleet, rack),
        "address": str(fleet.services[where].own(rack).address),
        "connected": fleet.is_connected(rack),
        "role": None if report is None else report.role,
        "state": "down" if report is None else report.state,
        "since": None if report is None else _moment(report.since, told.clock_ahead),
        **_addresses(None if report is None else report.addresses_of(vlan)),
        "applied": None if report is None else str(report.number),
        "waiting": bool(told.waiting),
        "error": error,
        "foreign": _foreign(fleet, vlan, rack),
        "not_listening": told.not_listening or None,
        "ipv6": None if report is None else _ipv6(report.ipv6, vlan),
    }


def _ipv6_left(left: Ipv6Addresses | None) -> dict[str, int] | None:
    return None if left is None else {"free": left.free, "total": left.total}


def _ipv6(side: Ipv6Side | None, vlan: VlanId) -> dict[str, Any] | None:
    """Show how IPv6 is served, and what is left of this half of this VLAN."""
    if side is None:
        return None
    left = _ipv6_left(side.addresses_of(vlan))
    return {
        "half": side.half,
        "held": side.held,
        "free": None if left is None else left["free"],
        "total": None if left is None else left["total"],
        "running": side.running,
        "applied": None if side.applied is None else str(side.applied),
        "error": side.error or None,
    }


def _foreign(fleet: Fleet, vlan: VlanId, rack: RackId) -> list[dict[str, Any]]:
    ahead = fleet.dhcp_report(rack).clock_ahead
    return [_server(server, ahead) for server in foreign_servers(fleet, vlan, rack)]


def _server(server: ForeignServer, clock_ahead: int | None) -> dict[str, Any]:
    return {
        "address": str(server.address),
        "mac": server.mac,
        "since": _moment(server.since, clock_ahead),
        "heard": _moment(server.heard, clock_ahead),
    }


def _moment(unix: int | None, clock_ahead: int | None) -> str | None:
    """Say by the database's clock what a rack says by its own."""
    if unix is None:
        return None
    return as_text(_EPOCH + timedelta(seconds=max(0, min(unix - (clock_ahead or 0), LATEST))))


def _addresses(count: AddressCount | None) -> dict[str, int | None]:
    if count is None:
        return dict.fromkeys(("free", "backup", "total"))
    return {"free": count.free, "backup": count.backup, "total": count.total}


def _age(fleet: Fleet, rack: RackId, now: datetime) -> float | None:
    """Tell how old what is known of a side is: seconds since its rack was lost.

    A connected one tells each change within a second or two. None for one that was stopped, and
    where the loss was not noted.
    """
    if fleet.is_connected(rack):
        return 0.0
    lost = fleet.open_problems.get(("RackLost", f"rack:{rack}"))
    return None if lost is None else max(0.0, round((now - lost).total_seconds(), 1))


def _evidence(fleet: Fleet, vlan: VlanId, rack: RackId, now: datetime) -> list[dict[str, Any]]:
    """Show what says that a lost server of a pair is dead, and what is missing for that."""
    found = None if fleet.is_connected(rack) else evidence_of(fleet, vlan, rack)
    if found is None:
        return []
    lost = {"what": "rack daemon", "by": None, "says": "lost", "age": _age(fleet, rack, now)}
    missing = ({"what": "missing", "by": None, "says": why, "age": None} for why in found.missing)
    return [lost, *(_item(item) for item in found.items), *missing]


def _item(item: Item) -> dict[str, Any]:
    age = None if item.age is None else round(item.age, 1)
    return {"what": item.what, "by": item.by, "says": item.says, "age": age}


def _name(fleet: Fleet, rack: RackId) -> str:
    known = fleet.racks.get(rack)
    return rack if known is None else known.hostname
