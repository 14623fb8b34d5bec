"""A DHCP client that nobody here wrote, run once on a host: udhcpc(8) or dhclient(8).

Nothing of the host or of this machine is changed: no address is set, no resolv.conf is written,
and the files that a client keeps are in a folder of their own, removed afterwards.

To the servers it is a machine that they never saw. One that they know is told, for a quarter of its
lease, what it was told before, and they note nothing (dhcpd.conf(5), dhcp-cache-threshold).
"""

import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

from evenrack.errors import CannotEverWork, EvenrackError, ProgramFailed
from evenrack.lab.hosts import Host

ClientName = Literal["udhcpc", "dhclient"]
SECONDS = 15.0
"""A cut is felt by these for 5 to 7 s, since they keep their own pauses."""
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs of the system are; those of root are not in the path of other users."""
_AFTER_SECONDS = 5.0
_ASK_AGAIN_SECONDS = 2
_CLIENT_IDENTIFIER = 61
_PACKAGES: Mapping[ClientName, str] = {"udhcpc": "udhcpc", "dhclient": "isc-dhcp-client"}
_TELL = (
    r"""printf '{"address": "%s", "server": "%s", "lease_seconds": "%s"}' """
    '"${ip:-$new_ip_address}" "${serverid:-$new_dhcp_server_identifier}" '
    '"${lease:-$new_dhcp_lease_time}"'
)
# udhcpc says in its argument what happened, dhclient in its environment. dhclient would stay, and
# give the lease back when told to end; killed, it leaves everything as it is.
_SCRIPT = f"""\
#!/bin/sh
case "${{reason:-$1}}" in
bound) {_TELL} >"$0.answer" ;;
BOUND | REBOOT) {_TELL} >"$0.answer"; kill -KILL "$PPID" ;;
esac
"""


class RealClientMissing(CannotEverWork):
    """The program of the DHCP client is not installed; the text names its package."""

    wire_code = b"REAL_CLIENT_MISSING"


class NoLease(EvenrackError):
    """The DHCP client ended, or was ended, without a lease."""

    wire_code = b"NO_LEASE"


@frozen(kw_only=True)
class Lease:
    """What a server gave to the client."""

    address: IPv4Address
    server: IPv4Address
    lease_seconds: int


def ask_for_lease(
    host: Host,
    interface: str,
    *,
    client: ClientName = "udhcpc",
    seconds: float = SECONDS,
    searched: str = SEARCHED,
) -> Lease:
    """Run the client once on a host: RealClientMissing, or NoLease when nobody gave one in time."""
    program = find_client(client, searched)
    with tempfile.TemporaryDirectory(prefix="evenrack-client-") as folder:
        script = Path(folder) / "script"
        script.write_text(_SCRIPT)
        script.chmod(0o700)
        arguments = _ARGUMENTS[client](program, interface, script, seconds)
        try:
            host.run(arguments, seconds=seconds + _AFTER_SECONDS)
            words = ""
        except ProgramFailed as failed:  # one that gives up, and dhclient that its script killed
            words = str(failed)
        answer = Path(f"{script}.answer")
        if not answer.exists():
            raise NoLease(f"{client} got no lease on {host.name}, {interface}: {words}")
        return _read(client, answer.read_text())


def find_client(client: ClientName, searched: str) -> str:
    """Find its program; RealClientMissing."""
    program = shutil.which(client, path=searched)
    if program is None:
        raise RealClientMissing(
            f"the program {client} is missing: apt-get install {_PACKAGES[client]}"
        )
    return program


def _read(client: ClientName, text: str) -> Lease:
    try:
        told: dict[str, Any] = json.loads(text)
        return Lease(
            address=IPv4Address(told["address"]),
            server=IPv4Address(told["server"]),
            lease_seconds=int(told["lease_seconds"]),
        )
    except ValueError as error:
        raise NoLease(f"{client} told of a lease that is none: {text!r}: {error}") from error


def _udhcpc(program: str, interface: str, script: Path, seconds: float) -> list[str]:
    times = max(1, int(seconds / _ASK_AGAIN_SECONDS))
    once = ["-f", "-n", "-q", "-t", str(times), "-T", str(_ASK_AGAIN_SECONDS)]
    identity = ["-x", f"{_CLIENT_IDENTIFIER:#x}:{_new_identity().hex()}"]
    return [program, *once, *identity, "-i", interface, "-s", str(script)]


def _dhclient(program: str, interface: str, script: Path, seconds: float) -> list[str]:
    settings = script.with_name("settings")
    identity = _new_identity().hex(":")
    settings.write_text(f"timeout {int(seconds)};\nsend dhcp-client-identifier {identity};\n")
    files = {"-sf": script, "-cf": settings, "-lf": f"{script}.leases", "-pf": f"{script}.pid"}
    words = [word for option, path in files.items() for word in (option, str(path))]
    return [program, "-4", "-1", "-d", *words, interface]


def _new_identity() -> bytes:
    """Make a client identifier (RFC 2132 section 9.14) of type 0, which is no hardware's."""
    return b"\0" + uuid.uuid4().bytes


_ARGUMENTS: Mapping[ClientName, Callable[[str, str, Path, float], list[str]]] = {
    "udhcpc": _udhcpc,
    "dhclient": _dhclient,
}
