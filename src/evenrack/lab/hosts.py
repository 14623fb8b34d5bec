"""A host of the lab: its addresses, and how a program is started on it.

Either every host is this machine under a loopback address of its own, or each is a network
namespace. Nothing but this knows which.
"""

import socket
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from evenrack.lab.network.keeper import Keeper
from evenrack.lab.network.plan import (
    BMC_HOST,
    NetworkPlan,
    plan_network,
    postgres_address,
    postgres_name,
    rack_address,
    region_address,
)
from evenrack.lab.refusals import LabRefused
from evenrack.runtime.child_process import ProgramId, run_program, start_detached

_LAB_NUMBERS = range(1, 255)
HTTP_PORT = 5240
_LOOPBACK = "127.0.0.1"


@frozen(kw_only=True)
class Host:
    """One host of the lab."""

    name: str
    address: str
    """Where the other hosts reach it; empty for a client, who has none of its own, and for the
    host of the BMCs, which has one for each."""
    http: str = f"{_LOOPBACK}:{HTTP_PORT}"
    """Where its API listens, for programs on the host itself."""
    entrance: tuple[str, ...] = ()
    """What stands before a program that is to run there."""

    def start(self, arguments: Sequence[str], *, log: Path) -> ProgramId:
        """Start a program there that outlives the one that starts it."""
        return start_detached([*self.entrance, *arguments], log=log)

    def run(self, arguments: Sequence[str], *, seconds: float) -> str:
        """Run a program there to its end."""
        return run_program([*self.entrance, *arguments], seconds=seconds)


@frozen(kw_only=True)
class OnLoopback:
    """Every host is this machine; 127.0.0.0/8 needs no set-up and no privilege."""

    number: int
    """Labs side by side have different ones."""

    def region(self, host: int) -> Host:
        """Give a region host."""
        address = _loopback_address(self.number, host)
        return Host(name=f"region{host}", address=address, http=f"{address}:{HTTP_PORT}")

    def rack(self, rack: int) -> Host:
        """Give a rack host."""
        return Host(name=f"rack{rack}", address=_LOOPBACK)

    def postgres(self, number: int) -> Host:
        """Give the host of a database server."""
        return Host(name=postgres_name(number), address=_LOOPBACK)

    def plan(
        self, *, region_hosts: int, racks: int, vlans: int, clients: int, bmcs: int, replicas: int
    ) -> None:
        """There is no network to plan."""


@frozen(kw_only=True)
class InNamespaces:
    """Each host is a network namespace inside the keeper."""

    keeper: Keeper | None
    """None before it is started, and when it is only asked what a lab would look like."""

    def region(self, host: int) -> Host:
        """Give a region host."""
        return self._host(f"region{host}", region_address(host))

    def rack(self, rack: int) -> Host:
        """Give a rack host."""
        return self._host(f"rack{rack}", rack_address(rack))

    def postgres(self, number: int) -> Host:
        """Give the host of a database server."""
        return self._host(postgres_name(number), postgres_address(number))

    def client(self, number: int) -> Host:
        """Give a client host."""
        return self._host(f"client{number}", "")

    def bmcs(self) -> Host:
        """Give the host that carries the addresses of all BMCs."""
        return self._host(BMC_HOST, "")

    def plan(
        self, *, region_hosts: int, racks: int, vlans: int, clients: int, bmcs: int, replicas: int
    ) -> NetworkPlan:
        """Plan the network between the hosts."""
        return plan_network(
            region_hosts=region_hosts,
            racks=racks,
            vlans=vlans,
            clients=clients,
            bmcs=bmcs,
            replicas=replicas,
        )

    def _host(self, name: str, address: str) -> Host:
        entrance = () if self.keeper is None else self.keeper.entrance_of(name)
        return Host(name=name, address=address, entrance=entrance)


Wiring = OnLoopback | InNamespaces


def this_machine(name: str) -> Host:
    """Give the machine that the lab runs on, as a host of this name."""
    return Host(name=name, address=_LOOPBACK)


def free_lab_number(region_hosts: int) -> int:
    """Give the first number whose addresses no other lab uses."""
    for number in _LAB_NUMBERS:
        if all(_is_free(_loopback_address(number, host + 1)) for host in range(region_hosts)):
            return number
    raise LabRefused("every address 127.77.1.1 to 127.77.254.1 is in use; stop another lab first")


def _loopback_address(lab_number: int, host_number: int) -> str:
    return f"127.77.{lab_number}.{host_number}"


def _is_free(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # without it, the sockets of a lab that just ended would make the address look used
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, HTTP_PORT))
        except OSError:
            return False
    return True
