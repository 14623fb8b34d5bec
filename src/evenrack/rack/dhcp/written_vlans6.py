"""How each VLAN was written lately for `dhcpd -6`: only what changed is written anew. Pure."""

from collections.abc import Collection
from typing import Any, Final

from attrs import frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.dhcpd6_conf import (
    VlanText6,
    file6_with,
    vlan_text6,
    what_text6_is_of,
    with_ipv6_in_order,
)

_REMEMBERED: Final = 2
"""Texts of each VLAN, and whole files: what is served, and what is to be served instead."""


@frozen
class _Written:
    of: tuple[Any, ...]
    text: VlanText6


@frozen
class _File:
    plan: DhcpPlan
    held: frozenset[VlanId]
    text: str


class WrittenVlans6:
    """Writes files as `dhcpd6_conf` does."""

    def __init__(self) -> None:
        self._written: dict[VlanId, tuple[_Written, ...]] = {}
        self._files: tuple[_File, ...] = ()

    def known(self, plan: DhcpPlan, held: Collection[VlanId]) -> str | None:
        """Give the file of this very plan where it was written lately: that costs nothing."""
        found = (it.text for it in self._files if it.plan is plan and it.held == frozenset(held))
        return next(found, None)

    def file(self, plan: DhcpPlan, held: Collection[VlanId]) -> str:
        """Write the file of a plan; ValueError names the object that has no text for dhcpd."""
        text = self.known(plan, held)
        if text is None:
            texts = (self._text(it, is_held=it.vlan.id in held) for it in with_ipv6_in_order(plan))
            text = file6_with(texts)
            self._files = (_File(plan, frozenset(held), text), *self._files)[:_REMEMBERED]
        return text

    def forget_others(self, plan: DhcpPlan) -> None:
        """Forget the VLANs that this plan, which is served from now on, has not."""
        vlans = {service.vlan.id for service in plan}
        known = list(self._written.items())  # at once: another thread may write a file meanwhile
        self._written = {vlan: kept for vlan, kept in known if vlan in vlans}

    def _text(self, service: VlanService, *, is_held: bool) -> VlanText6:
        vlan, of = service.vlan.id, (is_held, what_text6_is_of(service))
        known = self._written.get(vlan, ())
        before = next((it for it in known if it.of == of), None)
        text = vlan_text6(service, is_held=is_held) if before is None else before.text
        # with the newer values, of which most will be the same objects next time
        others = [it for it in known if it is not before]
        self._written[vlan] = (_Written(of, text), *others)[:_REMEMBERED]
        return text
