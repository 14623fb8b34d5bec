"""The DHCP server of this host: ISC dhcpd, from a plan to a running program and its states."""

from collections.abc import Mapping, Sequence

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.dhcp_report import SideState
from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.rack.dhcp.omapi import Omapi
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from evenrack.rack.dhcp.systemd_unit import DhcpdUnit


class IscDhcpServer:
    """`converge.DhcpServer` over a real dhcpd."""

    def __init__(
        self, program: DhcpdProgram | DhcpdUnit, omapi: Omapi, access: OmapiAccess
    ) -> None:
        self._program = program
        self._omapi = omapi
        self._access = access

    def running(self) -> bool:
        return self._program.running()

    def serves(self, plan: DhcpPlan) -> bool:
        return bool(plan) and self._program.current_text() == self._text(plan)

    async def check(self, plan: DhcpPlan) -> None:
        await self._program.check(self._text(plan))

    async def restart(self, plan: DhcpPlan, interfaces: Sequence[str]) -> None:
        await self._program.restart(self._text(plan), interfaces)

    async def stop(self) -> None:
        await self._program.stop()

    async def states(self, plan: DhcpPlan) -> Mapping[VlanId, SideState]:
        names = {service.peer_name: service.vlan.id for service in plan if service.peer is not None}
        if not names:
            return {}
        states = await self._omapi.failover_states(list(names))
        return {names[name]: state for name, state in states.items()}

    async def put_back(self, service: VlanService, state: SideState) -> None:
        await self._omapi.set_failover_state(service.peer_name, state)

    async def mclt_seconds(self, service: VlanService) -> int:
        return await self._omapi.mclt_seconds(service.peer_name)

    def _text(self, plan: DhcpPlan) -> str:
        return dhcpd_conf(plan, self._access)
