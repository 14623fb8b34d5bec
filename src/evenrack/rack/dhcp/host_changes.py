"""What a running dhcpd can be told of a new plan: reservations that came, changed or went. Pure.

OMAPI's host object (dhcpd(8), "THE HOST OBJECT") holds all that a host of our files has.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from typing import Final

from attrs import evolve, frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.differing import unlike
from evenrack.model.identifiers import ReservationId
from evenrack.model.network import Reservation, Subnet, Vlan
from evenrack.rack.dhcp.dhcpd6_conf import dhcpd6_conf, what_text6_is_of
from evenrack.rack.dhcp.dhcpd_conf import (
    VlanText,
    card_of,
    host_name,
    hostname_option,
    vlan_text,
)

MOST_CHANGES: Final = 200
"""dhcpd brings each to the disk by itself, in 1 to 10 ms, and serves nobody meanwhile: so many take
as long as a restart with 50,000 hosts, which its partner bridges."""

_Card = tuple[ReservationId, str]
_Cards = Mapping[_Card, Reservation]


@frozen(kw_only=True)
class Host:
    """What dhcpd tells one card of a reservation."""

    name: str
    """That of its declaration in the file."""
    mac: bytes
    """Six bytes."""
    address: IPv4Address
    statements: str
    """As in the file: dhcpd.conf(5)."""


@frozen(kw_only=True)
class HostChanges:
    """What to tell dhcpd: first which hosts to forget, then which to know."""

    removed: tuple[str, ...] = ()
    """Names, also those of hosts that only come: a try that failed may have left them there."""
    added: tuple[Host, ...] = ()


def followable(served: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
    """Give what is served, with those VLANs as in the plan that differ in reservations only.

    It is `served` itself where there are none, or where it takes a restart: for very many changes,
    and for a card of several reservations, which OMAPI does not tell apart. ValueError as
    `dhcpd_conf`.
    """
    wanted = {service.vlan.id: service for service in plan}
    coming = tuple(_newer(old, wanted.get(old.vlan.id)) for old in served)
    if all(new is old for new, old in zip(coming, served, strict=True)):
        return served
    before, after = _that_differ(served, coming)
    changed = _changed(before, after)
    too_many = len(changed) > MOST_CHANGES
    return served if too_many or _is_one_of_several(changed, served, coming) else coming


def more_hosts(served: DhcpPlan, told: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
    """Give what a server was told, with more of the plan, where hosts only come; else `told`.

    All of it can be taken back to what is `served` at once, whatever of it was told. ValueError as
    above.
    """
    coming = followable(told, plan)
    if coming is told:
        return told
    before, after = _that_differ(told, coming)
    only_come = not any(card in before for card in _changed(before, after))
    too_many = len(_changed(*_that_differ(served, coming))) > MOST_CHANGES
    return coming if only_come and not too_many else told


def host_changes(served: DhcpPlan, plan: DhcpPlan) -> HostChanges:
    """Tell what to tell a server that follows from one plan to another; ValueError as above."""
    before, after = _that_differ(served, plan)
    changed, known = _changed(before, after), {**before, **after}
    return HostChanges(
        removed=tuple(host_name(known[card], card[1]) for card in changed),
        added=tuple(_host(after[card], card[1]) for card in changed if card in after),
    )


def _newer(old: VlanService, new: VlanService | None) -> VlanService:
    """Give the new one where only reservations make a difference to clients."""
    if new is None or not new.same_relation(old) or new.vlan.as_json == old.vlan.as_json:
        return old
    if not _same_ipv6(old, new):
        return old  # the server for IPv6 has to restart
    return new if _other_text(old) == _other_text(new) else old


def _same_ipv6(old: VlanService, new: VlanService) -> bool:
    if old.half_held != new.half_held:
        return False
    same_values = what_text6_is_of(old) == what_text6_is_of(new)
    return same_values or dhcpd6_conf((old,)) == dhcpd6_conf((new,))


def _other_text(service: VlanService) -> VlanText:
    """Write what stands in the file besides reservations; OMAPI tells of no snippet for one."""
    relayed = tuple(map(_without_hosts, service.vlan.relayed))
    return vlan_text(evolve(service, vlan=evolve(_without_hosts(service.vlan), relayed=relayed)))


def _without_hosts(vlan: Vlan) -> Vlan:
    """Leave out what OMAPI can tell of."""
    kept = {it.of for it in vlan.snippets if it.level == "host"}

    def left(net: Subnet) -> Subnet:
        here = net.reservations if kept else ()  # of very many, and mostly none is kept
        return evolve(net, reservations=tuple(it for it in here if it.id in kept))

    return evolve(vlan, subnets=tuple(map(left, vlan.subnets)))


def _that_differ(served: DhcpPlan, plan: DhcpPlan) -> tuple[_Cards, _Cards]:
    """Give the cards of those reservations that are not the same in both, as in each."""
    old, new = unlike(list(_reservations(served)), list(_reservations(plan)))
    before, after = ({it.id: it for it in each} for each in (old, new))
    ids = [number for number in {**before, **after} if before.get(number) != after.get(number)]
    return _cards(before, ids), _cards(after, ids)


def _reservations(plan: DhcpPlan) -> Iterator[Reservation]:
    for service in plan:
        for net in service.vlan.all_subnets:
            yield from net.reservations


def _cards(known: Mapping[ReservationId, Reservation], ids: Iterable[ReservationId]) -> _Cards:
    found = (known[number] for number in ids if number in known)
    return {(it.id, mac): it for it in found for mac in it.macs}


def _changed(before: _Cards, after: _Cards) -> list[_Card]:
    cards = {**before, **after}
    return [card for card in cards if _told(before.get(card)) != _told(after.get(card))]


def _told(reservation: Reservation | None) -> tuple[IPv4Address, str] | None:
    return None if reservation is None else (reservation.address, reservation.hostname)


def _is_one_of_several(changed: Iterable[_Card], *plans: DhcpPlan) -> bool:
    """Tell whether a card that changes has more than one reservation in one of the plans."""
    macs = {mac for _, mac in changed}
    for plan in plans:
        every = [it for it in _reservations(plan) if it.mac in macs or it.other_macs]
        times = Counter(mac for it in every for mac in it.macs if mac in macs)
        if any(number > 1 for number in times.values()):
            return True
    return False


def _host(reservation: Reservation, mac: str) -> Host:
    card = card_of(reservation, mac)
    return Host(
        name=host_name(reservation, mac),
        mac=bytes.fromhex(card.text.replace(":", "")),
        address=reservation.address,
        statements=hostname_option(reservation),
    )
