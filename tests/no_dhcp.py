"""A rack without DHCP server, interface and BMC, for tests that are about none of them."""

from pathlib import Path

from evenrack.model.dhcp_lease import LeasePage
from evenrack.model.dhcp_probe import ProbeAnswer


class NoDhcpServer:
    """Nothing runs, and nobody may ask for anything else."""

    def running(self):
        return False

    def serves(self, plan):
        return False

    def was_started_with(self, plan):
        return False


async def no_leases(asked):
    return LeasePage()


NO_FILE = Path("/nonexistent/dhcpd.leases")


class NoListener:
    """It hears nothing."""

    def say(self, order):
        pass

    async def end(self):
        pass


async def no_listener(tell, ended):
    return NoListener()


async def think_here(work):
    """Do the work at once, as `runtime.thinking.Think`."""
    return work()


async def no_interfaces():
    return ()


async def no_host_answers(addresses):
    return tuple(ProbeAnswer(address=it, found="unknown", why="") for it in addresses)


async def no_bmc_answers(target):
    return False
