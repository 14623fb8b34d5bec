"""One machine that asks for an IPv6 address: dhclient(8), by a DUID that is only its own.

As with `real_client` nothing of the host is changed, and it does not stay.
"""

import re
import tempfile
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import Final

from attrs import frozen

from evenrack.errors import ProgramFailed
from evenrack.lab.hosts import Host
from evenrack.lab.traffic.real_client import SEARCHED, NoLease, find_client

SECONDS: Final = 10.0
"""It waits for up to a second before it asks, and collects answers for another (RFC 8415)."""
_AFTER_SECONDS: Final = 5.0
_TOLD: Final = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)
# killed, it gives nothing back and leaves everything as it is
_SCRIPT = """\
#!/bin/sh
case "$reason" in
BOUND6) env >"$0.told"; kill -KILL "$PPID" ;;
esac
"""


@frozen(kw_only=True)
class Machine6:
    """The files of one machine, in a folder of its own."""

    folder: Path

    def begin(self, duid: str, settings: str = "") -> None:
        """Make a machine with this DUID, which has no address yet."""
        octal = "".join(f"\\{int(pair, 16):03o}" for pair in duid.split(":"))
        (self.folder / "leases").write_text(f'default-duid "{octal}";\n')
        (self.folder / "settings").write_text(settings)
        self._script.write_text(_SCRIPT)
        self._script.chmod(0o700)
        self._told.unlink(missing_ok=True)

    def command(self, program: str, interface: str) -> list[str]:
        """Give what asks once; it ends, killed, as soon as it has an address."""
        files = {"-cf": "settings", "-lf": "leases", "-pf": "pid", "-sf": "script"}
        words = [it for option, name in files.items() for it in (option, str(self.folder / name))]
        return [program, "-6", "-1", "-d", *words, interface]

    def told(self) -> Mapping[str, str]:
        """Give the variables of its script when it got an address; nothing if it got none."""
        return dict(_TOLD.findall(self._told.read_text())) if self._told.exists() else {}

    @property
    def _script(self) -> Path:
        return self.folder / "script"

    @property
    def _told(self) -> Path:
        return self.folder / "script.told"


def address_in(told: Mapping[str, str]) -> IPv6Address | None:
    """Read the address out of what a script was told; None for none."""
    try:
        return IPv6Address(told["new_ip6_address"])
    except (KeyError, AddressValueError):
        return None


def ask_for_address(
    host: Host, interface: str, duid: str, *, seconds: float = SECONDS, searched: str = SEARCHED
) -> IPv6Address:
    """Ask on a host as this machine: RealClientMissing, or NoLease when nobody gave one in time."""
    program = find_client("dhclient", searched)
    with tempfile.TemporaryDirectory(prefix="evenrack-client-") as folder:
        machine = Machine6(folder=Path(folder))
        machine.begin(duid)
        try:
            words = host.run(
                ["timeout", f"{seconds:g}", *machine.command(program, interface)],
                seconds=seconds + _AFTER_SECONDS,
            )
        except ProgramFailed as failed:  # one that its script killed, too
            words = str(failed)
        address = address_in(machine.told())
    if address is None:
        raise NoLease(f"dhclient -6 got no address on {host.name}, {interface}: {words}")
    return address
