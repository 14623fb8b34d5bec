"""A rack without a DHCP server and without an interface, for tests that are about neither."""


class NoDhcpServer:
    """Nothing runs, and nobody may ask for anything else."""

    def running(self):
        return False

    def serves(self, plan):
        return False


async def no_interfaces():
    return ()
