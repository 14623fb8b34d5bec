"""Every power driver of a rack, each by the name that a BMC is declared with."""

from collections.abc import Mapping
from typing import Any

from evenrack.model.power import BmcAccess, Driver, PowerState
from evenrack.rack.power.by_name import ByName, Places
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.ipmi import MOST_SESSIONS, IpmiDriver
from evenrack.rack.power.ipmitool import IpmitoolDriver
from evenrack.rack.power.redfish import RedfishDriver


def every_driver(reactor: Any, places: Places, *, most_sessions: int = MOST_SESSIONS) -> "Drivers":
    """Make those that there are."""
    return Drivers(
        {
            "ipmi": ByName(IpmiDriver(reactor, most_sessions=most_sessions), places),
            "ipmitool": ByName(IpmitoolDriver(reactor), places),
            "redfish": ByName(RedfishDriver(reactor, most_sessions=most_sessions), places),
        }
    )


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
