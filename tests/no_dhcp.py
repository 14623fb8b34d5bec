"""A rack without DHCP server, interface and BMC, for tests that are about none of them."""

from evenrack.model.dhcp_lease import LeasePage


class NoDhcpServer:
    """Nothing runs, and nobody may ask for anything else."""

    def running(self):
        return False

    def serves(self, plan):
        return False


async def no_leases(asked):
    return LeasePage()


async def no_interfaces():
    return ()


async def no_bmc_answers(address, port):
    return False
