"""What every power driver can do: look at a machine, turn it on and off, restart it from somewhere.

Each says what went wrong in one of three classes, and no other way:

* `CannotEverWork` (`BmcRefusedPassword`, `BmcRefused`, `BmcNotTrusted`, `ProgramFailed`): trying
  again is useless.
* `BmcUnreachable`, `BmcBusy`: it was not done; try again later.
* `BmcSilent`: it may have been done; look first.
"""

from typing import Protocol

from evenrack.model.power import BmcAccess, BootDevice, PowerState


class PowerDriver(Protocol):
    """A way to talk to BMCs of one kind.

    A driver has at most one conversation with a BMC at a time, and ends each, also when the wait
    for it is cancelled. What it sends, it sends within 10 seconds of being asked: a successor of
    this rack waits that long after the end of its lease.
    """

    async def query(self, access: BmcAccess) -> PowerState:
        """Look at the machine; `unknown` when the BMC does not say."""

    async def turn_on(self, access: BmcAccess) -> None:
        """Tell the BMC to turn the machine on; it may take its time after it has agreed."""

    async def turn_off(self, access: BmcAccess) -> None:
        """Tell the BMC to turn the machine off at once; it may take its time."""

    async def shut_down(self, access: BmcAccess) -> None:
        """Have the BMC ask the operating system to shut down; sent once, whatever happens."""

    async def reset(self, access: BmcAccess) -> None:
        """Tell the BMC to restart the machine at once; sent once, whatever happens."""

    async def boot_once(self, access: BmcAccess, device: BootDevice) -> None:
        """Let the next start be from this device, and no other; `access.boot_type` says how.

        It switches nothing, and may be told again.
        """
