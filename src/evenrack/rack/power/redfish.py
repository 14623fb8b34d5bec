"""The power driver that speaks Redfish (DSP0266) over HTTPS, asynchronously.

Find, log in, do, log out: a BMC has one conversation of this rack at a time, and no session is
kept. PowerCycle is never asked for: many BMCs do not know it, and a `cycle` of ours is ForceOff and
then On, each recorded before it is sent.
"""

from collections.abc import Awaitable, Callable, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from evenrack.errors import BmcBusy, BmcRefused, EvenrackError
from evenrack.model.power import BmcAccess, BootDevice, PowerState
from evenrack.rack.power.rest.answers import System, kind_for
from evenrack.rack.power.rest.conversation import Conversation, Known, Way, converse
from evenrack.rack.power.rest.exchange import Request
from evenrack.rack.power.rest.trust import BmcTrust
from evenrack.rack.power.turns import Turns

Result = TypeVar("Result")

SECONDS: Final = 9.0
"""For all of it: waiting for a place, logging in, telling the BMC. So nothing is sent later than
that after it was asked for, which a successor of this rack counts on (10 s)."""

MOST_SESSIONS: Final = 64
"""Conversations of one rack at a time, each with another BMC."""

_TARGETS: Final = MappingProxyType({"pxe": "Pxe", "disk": "Hdd", "bios": "BiosSetup"})
_MODES: Final = MappingProxyType({"uefi": "UEFI", "legacy": "Legacy"})
"""BootSourceOverrideTarget and -Mode of the schema ComputerSystem."""


class RedfishDriver:
    """BMCs that have a Redfish service; promises what `driver.PowerDriver` does."""

    def __init__(
        self, reactor: Any, *, authorities: Any = None, most_sessions: int = MOST_SESSIONS
    ) -> None:
        self._reactor = reactor
        self._trust = BmcTrust(authorities)
        self._turns = Turns(reactor, most_sessions)
        self._known: dict[tuple[Any, int, str], Known] = {}

    async def query(self, access: BmcAccess) -> PowerState:
        async def talk(conversation: Conversation) -> PowerState:
            return (await conversation.look()).power

        return await self._converse(access, talk)

    async def turn_on(self, access: BmcAccess) -> None:
        await self._reset(access, ("On", "ForceOn"), wanted="on")

    async def turn_off(self, access: BmcAccess) -> None:
        await self._reset(access, ("ForceOff",), wanted="off")

    async def reset(self, access: BmcAccess) -> None:
        """Restart the machine at once; BmcSilent must not be followed by another one."""
        await self._reset(access, ("ForceRestart",))

    async def shut_down(self, access: BmcAccess) -> None:
        """Ask the machine's operating system to end; BmcSilent as above."""
        await self._reset(access, ("GracefulShutdown",))

    async def boot_once(self, access: BmcAccess, device: BootDevice) -> None:
        """Let the next start be from this device, in the way of `access.boot_type`."""

        async def talk(conversation: Conversation) -> None:
            system = await conversation.look()
            target, what = _TARGETS[device], f"boot once from {device}"
            if system.boot_devices is not None and target not in system.boot_devices:
                raise BmcRefused(f"the BMC does not do {what}: it has no {target}")
            boot = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target}
            if system.has_boot_mode:
                boot["BootSourceOverrideMode"] = _MODES[access.boot_type]
            request = Request(
                method="PATCH", path=system.path, form={"Boot": boot}, if_match=system.etag
            )
            await conversation.tell(request, what)

        await self._converse(access, talk)

    async def _reset(
        self, access: BmcAccess, kinds: Sequence[str], wanted: PowerState | None = None
    ) -> None:
        async def talk(conversation: Conversation) -> None:
            system = await conversation.look()
            request, kind = _reset_request(system, kinds)
            try:
                await conversation.tell(request, kind)
            except (BmcRefused, BmcBusy):
                if wanted is None or system.power != wanted:
                    raise
                return  # it says that it is so already
            if wanted is not None:
                await conversation.wait_until(wanted)

        await self._converse(access, talk)

    async def _converse(
        self, access: BmcAccess, talk: Callable[[Conversation], Awaitable[Result]]
    ) -> Result:
        """Talk, and remember where things are while that goes well."""
        ends = self._reactor.seconds() + SECONDS
        key = (access.address, access.port, access.system)
        async with self._turns.alone(access, ends):
            way = Way(access=access, trust=self._trust, ends=ends, known=self._known.get(key))
            try:
                result, self._known[key] = await converse(self._reactor, way, talk)
            except EvenrackError:
                self._known.pop(key, None)
                raise
            return result


def _reset_request(system: System, kinds: Sequence[str]) -> tuple[Request, str]:
    if system.reset is None:
        raise BmcRefused("the BMC does not say where its system is told to switch")
    kind = kind_for(system, kinds)
    return Request(method="POST", path=system.reset, form={"ResetType": kind}), kind
