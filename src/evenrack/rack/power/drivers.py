"""Every power driver of a rack, each by the name that a BMC is declared with."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from evenrack.errors import CannotEverWork
from evenrack.model.power import BmcAccess, BootDevice, Driver, PowerState
from evenrack.rack.power.by_name import ByName, Places
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.ipmi import MOST_SESSIONS, IpmiDriver
from evenrack.rack.power.ipmitool import IpmitoolDriver


def every_driver(reactor: Any, places: Places, *, most_sessions: int = MOST_SESSIONS) -> "Drivers":
    """Make each that there is, when the first BMC asks for it."""
    makers: dict[Driver, Callable[[], PowerDriver]] = {
        "ipmi": partial(IpmiDriver, reactor, most_sessions=most_sessions),
        "ipmitool": partial(IpmitoolDriver, reactor),
        "redfish": partial(_redfish, reactor, most_sessions),
    }
    return Drivers({name: cache(partial(_by_name, make, places)) for name, make in makers.items()})


def _by_name(make: Callable[[], PowerDriver], places: Places) -> PowerDriver:
    return ByName(make(), places)


def _redfish(reactor: Any, most_sessions: int) -> PowerDriver:
    # imported late: what it needs for HTTP would be 2.5 MiB of every rack without such BMCs
    try:
        from evenrack.rack.power.redfish import RedfishDriver  # noqa: PLC0415
    except ImportError as problem:  # an upgrade has replaced the program under this process
        raise CannotEverWork(
            f"this rack daemon is older than its files ({problem}): restart evenrack-rackd"
        ) from problem

    return RedfishDriver(reactor, most_sessions=most_sessions)


class Drivers:
    """Asks each BMC by its own driver; promises what `driver.PowerDriver` does."""

    def __init__(self, drivers: Mapping[Driver, Callable[[], PowerDriver]]) -> None:
        self._drivers = drivers

    async def query(self, access: BmcAccess) -> PowerState:
        return await self._drivers[access.driver]().query(access)

    async def turn_on(self, access: BmcAccess) -> None:
        await self._drivers[access.driver]().turn_on(access)

    async def turn_off(self, access: BmcAccess) -> None:
        await self._drivers[access.driver]().turn_off(access)

    async def shut_down(self, access: BmcAccess) -> None:
        await self._drivers[access.driver]().shut_down(access)

    async def reset(self, access: BmcAccess) -> None:
        await self._drivers[access.driver]().reset(access)

    async def boot_once(self, access: BmcAccess, device: BootDevice) -> None:
        await self._drivers[access.driver]().boot_once(access, device)
