"""Whether a DHCP server may be told that its partner is dead, and when that word is over: pure.

A server in `partner-down` gives its partner's addresses away. Where the partner lives that is an
address for two clients, so the word is refused wherever anything says that it may live.
"""

from attrs import frozen

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId

TAKES_IT = "communications-interrupted"
"""The only state from which a server is put into `partner-down`: it does not hear its partner."""


@frozen(kw_only=True)
class Candidate:
    """What giving the word would mean for a VLAN."""

    survivor: RackId | None
    """Whose server would be told; None when the other is in no pair there."""
    hindrances: tuple[str, ...] = ()
    """Why it is refused; none when it may be given."""


def candidate_of(fleet: Fleet, vlan: VlanId, dead: RackId) -> Candidate:
    """Say whether `dead` may be called dead for this VLAN, and who takes over."""
    service = fleet.services.get(vlan)
    peer = None if service is None or dead not in service.racks else service.peer_of(dead)
    name = _name(fleet, dead)
    where = fleet.served_in(vlan)
    if where != vlan:
        by = fleet.vlans[where].name
        return Candidate(survivor=None, hindrances=(f"{by} relays it: say it of {by}, for both",))
    if peer is None:
        return Candidate(survivor=None, hindrances=(f"{name} is not in a pair for this VLAN",))
    hindrances = _hindrances(fleet, vlan, dead, peer.rack)
    return Candidate(survivor=peer.rack, hindrances=tuple(hindrances))


def _hindrances(fleet: Fleet, vlan: VlanId, dead: RackId, survivor: RackId) -> list[str]:
    found, left = [], _name(fleet, survivor)
    word = fleet.partner_downs.get(vlan)
    if word is not None and word.survivor == dead and word.taken_at is not None:
        found.append(
            f"the server of {_name(fleet, dead)} took over from {left} before: with both in "
            "partner-down each would give away the other's addresses; bring it back first"
        )
    if fleet.is_connected(dead):
        found.append(f"{_name(fleet, dead)} is connected: it is not dead; to take it away drain it")
    if not fleet.is_connected(survivor):
        found.append(f"{left} is not connected, and cannot be told")
        return found
    side = fleet.dhcp_side(survivor, vlan)
    if side is None or side.peer != dead:
        found.append(f"{left} does not serve it with {_name(fleet, dead)}")
    elif side.state == "partner-down":
        found.append(f"the server of {left} is in partner-down already")
    elif side.state == "normal":
        found.append(f"the server of {left} still hears the other: only its rack daemon is away")
    elif side.state != TAKES_IT:
        found.append(f"the server of {left} is in {side.state}; it is told in {TAKES_IT} only")
    return found


def words_that_end(fleet: Fleet) -> tuple[VlanId, ...]:
    """Give the VLANs for which a word is over: taken back, without object, or healed."""
    return tuple(vlan for vlan in sorted(fleet.partner_downs) if _is_over(fleet, vlan))


def _is_over(fleet: Fleet, vlan: VlanId) -> bool:
    word, service = fleet.partner_downs[vlan], fleet.services.get(vlan)
    if service is None or set(service.racks) != {word.survivor, word.dead}:
        return True
    if word.taken_at is None:
        return fleet.is_connected(word.dead)  # it is not dead after all
    side = fleet.dhcp_side(word.survivor, vlan)
    return fleet.is_connected(word.survivor) and side is not None and side.state == "normal"


def _name(fleet: Fleet, rack: RackId) -> str:
    known = fleet.racks.get(rack)
    return rack if known is None else known.hostname
