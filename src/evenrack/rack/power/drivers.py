"""Every power driver of a rack, each by the name that a BMC is declared with."""

from collections.abc import Mapping
from typing import Any

from evenrack.model.power import BmcAccess, BmcTarget, Driver, PowerState
from evenrack.rack.power import rmcp_ping
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.ipmi import IpmiDriver
from evenrack.rack.power.ipmitool import IpmitoolDriver
from evenrack.rack.power.redfish import RedfishDriver
from evenrack.rack.power.tcp_probe import accepts


def every_driver(reactor: Any) -> "Drivers":
    """Make those that there are."""
    return Drivers(
        {
            "ipmi": IpmiDriver(reactor),
            "ipmitool": IpmitoolDriver(reactor),
            "redfish": RedfishDriver(reactor),
        }
    )


async def answers(reactor: Any, target: BmcTarget) -> bool:
    """Say whether a BMC is there, without a password. Raises as `rmcp_ping.ping`."""
    if target.probe == "tcp":
        return await accepts(reactor, target.address, target.port)
    return await rmcp_ping.answers(reactor, target.address, target.port)


class Drivers:
    """Asks each BMC by its own driver; promises what `driver.PowerDriver` does."""

    def __init__(self, drivers: Mapping[Driver, PowerDriver]) -> None:
        self._drivers = drivers

    async def query(self, access: BmcAccess) -> PowerState:
        return await self._drivers[access.driver].query(access)

    async def turn_on(self, access: BmcAccess) -> None:
        await self._drivers[access.driver].turn_on(access)

    async def turn_off(self, access: BmcAccess) -> None:
        await self._drivers[access.driver].turn_off(access)

    async def shut_down(self, access: BmcAccess) -> None:
        await self._drivers[access.driver].shut_down(access)

    async def reset(self, access: BmcAccess) -> None:
        await self._drivers[access.driver].reset(access)
