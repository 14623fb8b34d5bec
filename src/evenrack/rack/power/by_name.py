"""BMCs with a name or an address of IPv6: where they are, and whether that is next to this rack.

The region knows the networks of racks for IPv4 only, and no name; so every rack is told of such
BMCs, and sees for itself which are in its own networks.
"""

from collections.abc import Awaitable, Callable, Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from evenrack.errors import BmcUnreachable, ProgramFailed
from evenrack.model.bmc_host import BmcHost, HostName
from evenrack.model.power import BmcAccess, BmcTarget, BootDevice, PowerState
from evenrack.rack.power import rmcp_ping
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.names import Addresses, Names
from evenrack.rack.power.tcp_probe import accepts

Networks = Collection[IPv4Network | IPv6Network]
Found = TypeVar("Found")

LOOKUP_SECONDS: Final = 0.9
"""To find out where a BMC is. Before a driver's 9 s for all the rest, so that nothing is sent later
than 10 s after it was asked for. A name that takes longer is there when it is asked for again."""

NETWORKS_SECONDS: Final = 5.0
"""So long the own networks are taken to be as they were."""


class OwnNetworks:
    """The networks in which this host has an address, of both families."""

    log = Logger()

    def __init__(self, read: Callable[[], Awaitable[Networks]], clock: IReactorTime) -> None:
        self._read = read
        self._clock = clock
        self._seen: Networks = ()
        self._until = float("-inf")
        self._waiting: list[Deferred[None]] | None = None
        """Who waits for the reading that is under way; None when there is none."""

    async def __call__(self) -> Networks:
        """Give them; those of before while they are read anew, as that may take long.

        A reading whose waiting is cancelled goes on for who asks next.
        """
        if self._waiting is None and self._clock.seconds() >= self._until:
            self._waiting = []
            Deferred.fromCoroutine(self._read_anew()).addErrback(self._bug)
        if self._waiting is not None and not self._seen:
            mine: Deferred[None] = Deferred()
            self._waiting.append(mine)
            await mine
        return self._seen

    async def _read_anew(self) -> None:
        try:
            self._seen = await self._read()
        except ProgramFailed as problem:
            self.log.warn("own networks not read: {problem}", problem=str(problem))
        finally:
            self._until = self._clock.seconds() + NETWORKS_SECONDS
            waiting, self._waiting = self._waiting or [], None
            for each in waiting:
                each.callback(None)  # which is nothing to who has given up

    def _bug(self, failure: Failure) -> None:
        self.log.failure("own networks not read", failure)


class Places:
    """Where BMCs are, seen from this rack."""

    def __init__(
        self, names: Names, networks: Callable[[], Awaitable[Networks]], clock: IReactorTime
    ) -> None:
        self._names = names
        self._networks = networks
        self._clock = clock

    async def near(self, host: BmcHost) -> IPv4Address | IPv6Address | None:
        """Give the address of a BMC in this rack's networks; None when it has none there.

        BmcUnreachable when its name cannot be looked up. Of IPv4 addresses the region has seen to
        it.
        """
        if isinstance(host, IPv4Address):
            return host
        addresses, networks = await self._in_time(host, self._look(host))
        return _first_in(networks, addresses)

    async def place_of(self, host: BmcHost) -> IPv4Address | IPv6Address:
        """Give the address at which a BMC is to be told something: a near one if there is one.

        BmcUnreachable when its name cannot be looked up.
        """
        if not isinstance(host, HostName):
            return host
        addresses, networks = await self._in_time(host, self._look(host))
        return _first_in(networks, addresses) or addresses[0]

    async def _look(self, host: IPv6Address | HostName) -> tuple[Addresses, Networks]:
        if isinstance(host, HostName):
            return await self._names.addresses_of(host), await self._networks()
        return (host,), await self._networks()

    async def _in_time(self, host: BmcHost, work: Any) -> tuple[Addresses, Networks]:
        began = self._clock.seconds()
        looking: Deferred[tuple[Addresses, Networks]] = Deferred.fromCoroutine(work)
        try:
            found = await looking.addTimeout(LOOKUP_SECONDS, self._clock)
        except WaitedTooLong:
            raise BmcUnreachable(self._what_takes_long(host)) from None
        took = self._clock.seconds() - began
        if took > LOOKUP_SECONDS:
            # This rack stood still: what a thread found is handled before timers that are due.
            raise BmcUnreachable(
                f"this rack had {host} looked up only after {took:.1f} s, as it was stopped or "
                "much too busy: the BMC was told nothing, as by now another rack may tell it"
            )
        return found

    def _what_takes_long(self, host: BmcHost) -> str:
        if isinstance(host, HostName) and not self._names.knows(host):
            return (
                f"looking up {host} takes this rack longer than {LOOKUP_SECONDS:g} s: see whether "
                f"its DNS servers answer (getent ahosts {host}), or give the BMC its address "
                "instead"
            )
        return (
            f"to read its own networks (ip -j addr) takes this rack longer than "
            f"{LOOKUP_SECONDS:g} s: see what keeps it so busy"
        )


class ByName:
    """Looks a BMC's name up before its driver is asked; promises what `driver.PowerDriver` does."""

    def __init__(self, driver: PowerDriver, places: Places) -> None:
        self._driver = driver
        self._places = places

    async def query(self, access: BmcAccess) -> PowerState:
        return await self._driver.query(await self._placed(access))

    async def turn_on(self, access: BmcAccess) -> None:
        await self._driver.turn_on(await self._placed(access))

    async def turn_off(self, access: BmcAccess) -> None:
        await self._driver.turn_off(await self._placed(access))

    async def shut_down(self, access: BmcAccess) -> None:
        await self._driver.shut_down(await self._placed(access))

    async def reset(self, access: BmcAccess) -> None:
        await self._driver.reset(await self._placed(access))

    async def boot_once(self, access: BmcAccess, device: BootDevice) -> None:
        await self._driver.boot_once(await self._placed(access), device)

    async def _placed(self, access: BmcAccess) -> BmcAccess:
        host = access.address
        if not isinstance(host, HostName):
            return access
        return evolve(
            access,
            address=await self._places.place_of(host),
            certificate_name=access.certificate_name or host,
        )


async def answers_here(reactor: Any, places: Places, target: BmcTarget) -> bool:
    """Say whether a BMC in this rack's networks answers, without a password.

    BmcUnreachable as `near`, and as `rmcp_ping.answers`.
    """
    address = await places.near(target.address)
    if address is None:
        return False
    if target.probe == "tcp":
        return await accepts(reactor, address, target.port)
    return await rmcp_ping.answers(reactor, address, target.port)


def _first_in(networks: Networks, addresses: Addresses) -> IPv4Address | IPv6Address | None:
    return next((each for each in addresses if any(each in one for one in networks)), None)
