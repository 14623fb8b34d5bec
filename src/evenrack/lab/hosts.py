"""A host of the lab: its address, and how a program is started on it.

Now every host is this machine under a loopback address of its own. This is the one place that
changes when each host becomes a network namespace.
"""

import socket
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from evenrack.lab.refusals import LabRefused
from evenrack.runtime.child_process import ProgramId, start_detached

_LAB_NUMBERS = range(1, 255)
HTTP_PORT = 5240


@frozen(kw_only=True)
class Host:
    """One host of the lab."""

    name: str
    address: str

    @property
    def http_url(self) -> str:
        return f"http://{self.address}:{HTTP_PORT}"

    def start(self, arguments: Sequence[str], *, log: Path) -> ProgramId:
        """Start a program there that outlives the one that starts it."""
        return start_detached(arguments, log=log)


def region_address(lab_number: int, host_number: int) -> str:
    """Give the address of a region host; 127.0.0.0/8 needs no set-up and no privilege."""
    return f"127.77.{lab_number}.{host_number}"


def free_lab_number(region_hosts: int) -> int:
    """Give the first number whose addresses no other lab uses."""
    for number in _LAB_NUMBERS:
        if all(_is_free(region_address(number, host + 1)) for host in range(region_hosts)):
            return number
    raise LabRefused("every address 127.77.1.1 to 127.77.254.1 is in use; stop another lab first")


def _is_free(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # without it, the sockets of a lab that just ended would make the address look used
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, HTTP_PORT))
        except OSError:
            return False
    return True
