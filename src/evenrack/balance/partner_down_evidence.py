"""What says that the host of a lost DHCP server is dead, and when that is enough: pure.

A lost rack daemon says nothing of its host. So the partner of its server and other racks of the
VLAN are asked whether that host answers: all of them must hear nothing, one of the others must
reach the partner meanwhile, and it must stay so for a while. That is evidence, no proof; it counts
as the operator's word does (`partner_down`), and is refused wherever that is.
"""

from collections.abc import Collection, Iterator
from ipaddress import IPv4Address

from attrs import frozen

from evenrack.balance.partner_down import candidate_of
from evenrack.model.dhcp_probe import ALIVE, Probe
from evenrack.model.dhcp_roles import Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.partner_down import PartnerDown

MOST_WITNESSES = 2
"""Racks beside the pair that are asked: one is enough, and another may be lost meanwhile."""

FRESH_SECONDS = 45.0
"""An older answer is none: racks are asked every ten seconds."""


@frozen(kw_only=True)
class Item:
    """One piece of evidence."""

    what: str
    by: str | None
    """The rack that says so; None where the regions do."""
    says: str
    age: float | None = None
    """Seconds since it was said; None where that is not known, or nothing was said."""

    def __str__(self) -> str:
        by = "" if self.by is None else f"{self.by}: "
        return f"{by}{self.what}: {self.says}"


@frozen(kw_only=True)
class Evidence:
    """What is known of a lost rack whose server is in a pair."""

    vlan: VlanId
    dead: RackId
    survivor: RackId
    items: tuple[Item, ...]
    missing: tuple[str, ...]
    """What is not known, or speaks against it; nothing when the evidence is complete."""


def probe_changes(
    fleet: Fleet, lost: Collection[RackId]
) -> tuple[tuple[Probe, ...], tuple[Probe, ...]]:
    """Say what is to be found out that is not yet, and what no more.

    While the circuit breaker holds nothing begins: it would count for nothing, and where half of a
    large fleet is lost it would be very much. A rack about which others are asked is lost, though a
    new leader has not seen it away for long.
    """
    asked = {probe.question for of_vlan in fleet.probes.values() for probe in of_vlan}
    known = {probe.target for probe in asked}
    wanted = wanted_probes(fleet, known.union(lost))
    begun = () if fleet.breaker_holds else tuple(probe for probe in wanted if probe not in asked)
    ended = asked.difference(wanted)
    return begun, tuple(sorted(ended, key=lambda probe: (probe.vlan, probe.asked, probe.target)))


def wanted_probes(fleet: Fleet, lost: Collection[RackId]) -> tuple[Probe, ...]:
    """Say who is to ask whose host, for each VLAN of which one of these lost racks has a part."""
    found: list[Probe] = []
    for vlan, service in fleet.services.items() if lost else ():
        dead = lost_of(fleet, service)
        if dead in lost and dead is not None and not candidate_of(fleet, vlan, dead).hindrances:
            found += _probes(fleet, vlan, service, dead)
    return tuple(found)


def lost_of(fleet: Fleet, service: Service) -> RackId | None:
    """Name the one of a pair that is lost; None where it is neither of them, or both."""
    lost = [rack for rack in service.racks if not fleet.is_connected(rack)]
    return lost[0] if len(lost) == 1 and service.secondary is not None else None


def evidence_of(fleet: Fleet, vlan: VlanId, dead: RackId) -> Evidence | None:
    """Give what is known of a rack that is lost; None when it is in no pair for this VLAN."""
    candidate = candidate_of(fleet, vlan, dead)
    if candidate.survivor is None:
        return None
    survivor, probes = candidate.survivor, fleet.probes.get(vlan, ())
    side = fleet.dhcp_side(survivor, vlan)
    state = Item(
        what="failover state",
        by=_name(fleet, survivor),
        says="unknown" if side is None else side.state,
        age=0.0 if fleet.is_connected(survivor) else None,
    )
    return Evidence(
        vlan=vlan,
        dead=dead,
        survivor=survivor,
        items=(state, *(_item(fleet, probe) for probe in probes)),
        missing=(*candidate.hindrances, *_missing(fleet, probes, dead=dead, survivor=survivor)),
    )


def complete_evidence(fleet: Fleet) -> tuple[Evidence, ...]:
    """Give what lacks nothing, of the VLANs for which racks are asked."""
    lost = {vlan: lost_of(fleet, fleet.services[vlan]) for vlan in _asked_for(fleet)}
    found = (evidence_of(fleet, vlan, dead) for vlan, dead in lost.items() if dead is not None)
    return tuple(evidence for evidence in found if evidence is not None and not evidence.missing)


def words_without_evidence(fleet: Fleet) -> tuple[VlanId, ...]:
    """Give the VLANs whose word was given by evidence that is not so any more, and not taken."""
    words = [
        word
        for word in fleet.partner_downs.values()
        if word.by_evidence and word.taken_at is None and not _is_taken(fleet, word)
    ]
    complete = {(it.vlan, it.dead) for it in complete_evidence(fleet)} if words else set()
    return tuple(sorted(word.vlan for word in words if (word.vlan, word.dead) not in complete))


def why_not_now(
    fleet: Fleet, evidence: Evidence, *, held_seconds: float, after_seconds: float | None
) -> str | None:
    """Say why a rack is not called dead by this evidence now; None when it is.

    `held_seconds`: for how long it has been complete; `after_seconds`: for how long it must be,
    None for ever.
    """
    if evidence.missing:
        return "; ".join(evidence.missing)
    if after_seconds is None:
        return "only operators call a server dead here (balance.dhcp.auto_partner_down: off)"
    if fleet.is_held:
        return "the circuit breaker holds" if fleet.breaker_holds else "balancing is on hold"
    if evidence.vlan in fleet.partner_downs:
        return "it was said before"
    if held_seconds < after_seconds:
        return f"it has been so for {int(held_seconds)} s, and must be for {after_seconds:g} s"
    return None


def _is_taken(fleet: Fleet, word: PartnerDown) -> bool:
    """Tell whether the server follows it, though its answer is not noted yet."""
    side = fleet.dhcp_side(word.survivor, word.vlan)
    return side is not None and side.state == "partner-down"


def _asked_for(fleet: Fleet) -> list[VlanId]:
    return [vlan for vlan in sorted(fleet.probes) if vlan in fleet.services]


def _probes(fleet: Fleet, vlan: VlanId, service: Service, dead: RackId) -> Iterator[Probe]:
    silent, peer = service.own(dead), service.peer_of(dead)
    assert peer is not None  # noqa: S101  that is how the lost one was found
    yield Probe(vlan=vlan, asked=peer.rack, target=dead, address=silent.address)
    witnesses = (
        rack
        for rack in fleet.attached.get(vlan, ())
        if rack not in service.racks
        and fleet.is_connected(rack)
        and _is_beside(fleet, rack, (silent.address, peer.address))
    )
    for witness, _ in zip(witnesses, range(MOST_WITNESSES), strict=False):
        for server in (peer, silent):
            yield Probe(vlan=vlan, asked=witness, target=server.rack, address=server.address)


def _is_beside(fleet: Fleet, rack: RackId, addresses: Collection[IPv4Address]) -> bool:
    """Tell whether no router is between a rack and any of these addresses."""
    networks = [interface.network for interface in fleet.interfaces.get(rack, ())]
    return all(any(address in network for network in networks) for address in addresses)


def _missing(
    fleet: Fleet, probes: Collection[Probe], *, dead: RackId, survivor: RackId
) -> Iterator[str]:
    """Say what of the probes is not as it must be; a sign of life counts however old it is."""
    gone, left = _name(fleet, dead), _name(fleet, survivor)
    for probe in probes:
        if probe.target == dead and probe.found in ALIVE:
            yield f"{_name(fleet, probe.asked)} finds the host of {gone} alive ({probe.found})"
    silence = {p.asked for p in probes if p.target == dead and _is_fresh(fleet, p, silent=True)}
    reach = {p.asked for p in probes if p.target == survivor and _is_fresh(fleet, p, silent=False)}
    if survivor not in silence:
        yield f"{left} has not found the host of {gone} silent"
    if not (silence & reach) - {dead, survivor}:
        yield f"no third rack of the VLAN reaches {left} and finds the host of {gone} silent"


def _is_fresh(fleet: Fleet, probe: Probe, *, silent: bool) -> bool:
    """Tell whether a rack that is there has found just this a moment ago."""
    if not fleet.is_connected(probe.asked) or probe.age > FRESH_SECONDS:
        return False
    return probe.found == "silent" if silent else probe.found in ALIVE


def _item(fleet: Fleet, probe: Probe) -> Item:
    why = f" ({probe.why})" if probe.why else ""
    return Item(
        what=f"host of {_name(fleet, probe.target)} ({probe.address})",
        by=_name(fleet, probe.asked),
        says="not answered yet" if probe.found is None else f"{probe.found}{why}",
        age=None if probe.found is None else probe.age,
    )


def _name(fleet: Fleet, rack: RackId) -> str:
    known = fleet.racks.get(rack)
    return rack if known is None else known.hostname
