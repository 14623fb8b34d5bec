"""What the leader tells of its decisions: one event for each, with the reason."""

from typing import Any

from evenrack.balance.circuit_breaker import BreakerChange
from evenrack.balance.dhcp_pairs import PairMove
from evenrack.balance.partner_down_evidence import Evidence
from evenrack.balance.spread_values import Move
from evenrack.model.dhcp_roles import Service
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, RackId, VlanId
from evenrack.region.database.event_store import Event
from evenrack.region.database.process_store import Incarnation
from evenrack.region.troubles.trouble import Trouble


def went_back(highest: FleetNumber, number: FleetNumber) -> Event:
    """Say that a rack knows more than the database."""
    return Event(
        kind="database",
        object="database",
        text=f"the database went back: a rack follows plan {highest}; numbers go on at {number}",
    )


def another_database(number: FleetNumber) -> Event:
    """Say that the numbers begin a new era."""
    return Event(
        kind="database",
        object="database",
        text=f"another database or timeline answers: era {number.era} begins",
    )


def leads(process: str, epoch: int) -> Event:
    """Say who leads now."""
    return Event(
        kind="leader",
        object=f"process:{process}",
        text=f"{process} leads in epoch {epoch}",
        data={"epoch": epoch},
    )


def died(who: Incarnation) -> Event:
    """Say that a process was given up."""
    return Event(
        kind="loss",
        object=f"process:{who.process}",
        text=f"{who.process} is dead: its beat stands still",
        data={"incarnation": who.incarnation},
    )


def moved(fleet: Fleet, move: Move) -> Event:
    """Say which process manages a rack now, and why."""
    name = _name(fleet, move.item)
    data: dict[str, Any] = {
        "what": "managing",
        "item": move.item,
        "name": name,
        "from": move.before,
        "to": move.to,
        "forced": move.forced,
        "reason": move.reason,
    }
    text = f"{name} is managed by {move.to} instead of {move.before}: {move.reason}"
    if move.before is None:
        text = f"{name} is managed by {move.to}: {move.reason}"
    return Event(kind="move", object=f"rack:{move.item}", text=text, data=data)


def checked(fleet: Fleet, rack: RackId) -> Event:
    """Say that a rack's arrival was a reason to look, though nothing had to move for it."""
    name, manager = _name(fleet, rack), fleet.manager_of(rack)
    return Event(
        kind="balance",
        object=f"rack:{rack}",
        text=f"{name} connected: balance checked, {manager} goes on managing it",
        data={"what": "managing", "item": rack, "name": name, "from": manager, "to": manager},
    )


def breaker_changed(change: BreakerChange | None) -> list[Event]:
    """Say that the circuit breaker trips or ends; what it only remembers is not told."""
    if change is None or not (change.trips or change.now is None):
        return []
    state, text = "over", "the circuit breaker ends: enough of what was lost is back, or deleted"
    if change.now is not None:
        state = "open"
        text = f"the circuit breaker trips, only forced moves go on: {change.now.why}"
    return [Event(kind="breaker", object="balance", text=text, data={"state": state})]


def opened(trouble: Trouble) -> Event:
    """Say that a problem began."""
    kind = "loss" if trouble.code == "RackLost" else "problem"
    return Event(
        kind=kind,
        object=trouble.object,
        text=f"{trouble.code}: {trouble.affects}",
        data={"code": trouble.code, "state": "open"},
    )


def closed(fleet: Fleet, code: str, where: str) -> Event:
    """Say that a problem is over."""
    kind = "join" if code == "RackLost" else "problem"
    known = fleet.racks.get(RackId(where.removeprefix("rack:")))
    return Event(
        kind=kind,
        object=where,
        text=f"{code} is over: {where if known is None else known.hostname}",
        data={"code": code, "state": "over"},
    )


def designated(fleet: Fleet, move: PairMove) -> Event:
    """Say which rack is designated for a role of a VLAN now, and why."""
    vlan = _vlan_name(fleet, move.vlan)
    before, to = (None if rack is None else _name(fleet, rack) for rack in (move.before, move.to))
    return Event(
        kind="move",
        object=f"vlan:{vlan}",
        text=f"{vlan}: {to or 'nobody'} is designated {move.role}"
        f"{'' if before is None else f' instead of {before}'}: {move.reason}",
        data={
            "what": f"dhcp {move.role}",
            "item": str(move.vlan),
            "name": vlan,
            "from": before,
            "to": to,
            "forced": True,
            "reason": move.reason,
        },
    )


def owned(fleet: Fleet, move: Move) -> Event:
    """Say which rack carries out the orders of a BMC now, and why."""
    known = fleet.bmcs.get(BmcId(int(move.item)))
    name = f"BMC {move.item}" if known is None else known.name
    before, to = (None if rack is None else _name(fleet, rack) for rack in (move.before, move.to))
    reason = move.reason
    if move.before is not None and before is not None:
        reason = reason.replace(move.before, before)  # people know racks by their names
    return Event(
        kind="move",
        object=f"bmc:{name}",
        text=f"{name} is owned by {to or 'nobody'}"
        f"{'' if before is None else f' instead of {before}'}: {reason}",
        data={
            "what": "bmc",
            "item": move.item,
            "name": name,
            "from": before,
            "to": to,
            "forced": move.forced,
            "reason": reason,
        },
    )


def serves(fleet: Fleet, vlan: VlanId, service: Service | None) -> Event:
    """Say who is to have a VLAN in its file from now on."""
    name = _vlan_name(fleet, vlan)
    known = fleet.vlans.get(vlan)
    why = "no rack has an address on it" if known and known.dhcp_on else "it has no DHCP"
    if known is not None and known.dhcp_on and known.relay_vlan is not None:
        why = f"{_vlan_name(fleet, known.relay_vlan)} relays it"
    text = f"{name} is served by nobody any more: {why}"
    if service is not None:
        primary = _name(fleet, service.primary.rack)
        text = f"{name} is served by {primary} alone"
        if service.secondary is not None:
            secondary = _name(fleet, service.secondary.rack)
            text = f"{name} is served by a pair: {primary} is primary, {secondary} secondary"
            if service.leaving is not None:
                text = (
                    f"{name}: {_name(fleet, service.leaving)} is to stop serving it; until it "
                    "has stopped nothing changes for the other one"
                )
    racks = () if service is None else service.racks
    return Event(kind="dhcp", object=f"vlan:{name}", text=text, data={"racks": list(racks)})


def relayed(fleet: Fleet, vlan: VlanId, by: VlanId | None) -> Event:
    """Say in whose files a relayed VLAN stands from now on."""
    name = _vlan_name(fleet, vlan)
    text = f"{name} is no longer to be served by the racks of another VLAN"
    if by is not None:
        text = f"{name} is to be served by the racks of {_vlan_name(fleet, by)}, which relays it"
    return Event(kind="dhcp", object=f"vlan:{name}", text=text)


def has_turn(fleet: Fleet, rack: RackId, together: int) -> Event:
    """Say that a rack may restart its DHCP server, and with how many others."""
    others = together - 1
    company = "" if not others else f", together with {others} other{'' if others == 1 else 's'}"
    return Event(
        kind="dhcp",
        object=f"rack:{rack}",
        text=f"{_name(fleet, rack)} has its turn to restart its DHCP server{company}",
    )


def lost_turn(fleet: Fleet, rack: RackId) -> Event:
    """Say that a rack did not restart in time."""
    return Event(
        kind="dhcp",
        object=f"rack:{rack}",
        text=f"{_name(fleet, rack)} did not restart its DHCP server in its turn",
    )


def the_leader(fleet: Fleet) -> str:
    """Name who decides, where others may decide the same."""
    return f"leader {fleet.leadership.holder}"


def called_dead(fleet: Fleet, evidence: Evidence) -> Event:
    """Say that a lost server counts as dead now, and by which evidence."""
    vlan = _vlan_name(fleet, evidence.vlan)
    dead, survivor = _name(fleet, evidence.dead), _name(fleet, evidence.survivor)
    items = [f"{dead} is lost", *map(str, evidence.items)]
    return Event(
        kind="dhcp",
        object=f"vlan:{vlan}",
        text=f"{the_leader(fleet)} takes {dead} for dead for {vlan}: {survivor} takes over; "
        f"evidence: {'; '.join(items)}",
        data={"dead": dead, "survivor": survivor, "evidence": items},
    )


def unfounded(fleet: Fleet, vlan: VlanId) -> Event:
    """Say that the leader takes back that a server is dead, before anything came of it."""
    name, dead = _vlan_name(fleet, vlan), _name(fleet, fleet.partner_downs[vlan].dead)
    text = f"{name}: {dead} counts as dead no more: the evidence is not so any more"
    return Event(kind="dhcp", object=f"vlan:{name}", text=text)


def partner_down_over(fleet: Fleet, vlan: VlanId) -> Event:
    """Say that the word that a server is dead is over, and why."""
    word, name = fleet.partner_downs[vlan], _vlan_name(fleet, vlan)
    dead = _name(fleet, word.dead)
    why = f"{dead} is back, and was not taken for dead"
    if word.taken_at is not None:
        why = "its servers are normal again, or are other ones"
    return Event(
        kind="dhcp", object=f"vlan:{name}", text=f"{name}: {dead} counts as dead no more: {why}"
    )


def _name(fleet: Fleet, rack: str) -> str:
    known = fleet.racks.get(RackId(rack))
    return rack if known is None else known.hostname


def _vlan_name(fleet: Fleet, vlan: VlanId) -> str:
    known = fleet.vlans.get(vlan)
    return f"VLAN {vlan}" if known is None else known.name
