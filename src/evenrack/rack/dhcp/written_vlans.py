"""How each VLAN was written lately: only one that changed is written anew. Pure."""

from attrs import frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.dhcpd_conf import VlanText, file_with, vlan_text
from evenrack.rack.dhcp.omapi_access import OmapiAccess

_REMEMBERED = 2
"""Texts of each VLAN: what is served, and what is to be served instead."""


@frozen
class _Written:
    service: VlanService
    text: VlanText

    def is_of(self, service: VlanService) -> bool:
        """Tell whether that service has this text."""
        return service.same_relation(self.service) and service.vlan == self.service.vlan


class WrittenVlans:
    """Writes files as `dhcpd_conf` does."""

    def __init__(self) -> None:
        self._written: dict[VlanId, tuple[_Written, ...]] = {}

    def file(self, plan: DhcpPlan, omapi: OmapiAccess) -> str:
        """Write the file of a plan; ValueError names the object that has no text for dhcpd."""
        services = sorted(plan, key=lambda service: service.vlan.id)
        return file_with(map(self._text, services), omapi)

    def forget_others(self, plan: DhcpPlan) -> None:
        """Forget the VLANs that this plan, which is served from now on, has not."""
        vlans = {service.vlan.id for service in plan}
        known = list(self._written.items())  # at once: another thread may write a file meanwhile
        self._written = {vlan: kept for vlan, kept in known if vlan in vlans}

    def _text(self, service: VlanService) -> VlanText:
        vlan = service.vlan.id
        known = self._written.get(vlan, ())
        found = next((it for it in known if it.is_of(service)), None)
        if found is None:
            before = (known[0].service, known[0].text) if known else None
            found = _Written(service, vlan_text(service, before))
        others = [it for it in known if it is not found]
        self._written[vlan] = (found, *others)[:_REMEMBERED]
        return found.text
