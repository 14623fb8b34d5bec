"""The keeper: one process that holds a lab's mount and network namespaces, and does nothing.

All that the lab makes is inside: its names of namespaces are in a /run of its own, so the machine's
own /run/netns never sees them, and when the keeper and the lab's programs are killed the kernel
takes every namespace, switch and cable away. Without root it has a user namespace as well, in
which it is root.
"""

import os
import shutil
from pathlib import Path

from attrs import frozen

from evenrack.errors import ProgramFailed
from evenrack.lab.refusals import LabFailed, LabRefused
from evenrack.runtime.child_process import (
    ProgramId,
    is_alive,
    run_program,
    start_detached,
    wait_until_ended,
)
from evenrack.runtime.process_table import read_process

KEEPER = "evenrack-keeper"
RUN = Path("/run")
ENTER_SECONDS = 10.0
_START_SECONDS = 5.0
_LOOK_SECONDS = 0.01
_NEEDED = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2"}
_SHELL = "sh"
_HOLD = 'read -r nothing <"$1"'
"""Waits for ever: nobody writes into the pipe. The folder in its arguments tells whose it is."""
_OWN_RUN = "mount -t tmpfs tmpfs /run && mkdir /run/netns"
_CHILD_SOCKETS = "/proc/sys/net/ipv4/tcp_child_ehash_entries"
_SMALL_TABLES = f"[ ! -w {_CHILD_SOCKETS} ] || echo 1024 >{_CHILD_SOCKETS}"
"""Each host gets a table of sockets of its own (Linux 6.1): that of the machine has hundreds of
thousands of rows, which the drill would go through for each host, many times a second."""
_PROBE = (
    f"{_OWN_RUN} && ip netns add a && ip netns exec a ip link add name one type bridge"
    " && ip -n a link add name two type veth peer name three"
)


@frozen(kw_only=True)
class Keeper:
    """A keeper that was started, and how to enter what it holds."""

    program: ProgramId
    user_namespace: bool

    @property
    def entrance(self) -> tuple[str, ...]:
        """Give what stands before a program that is to run inside."""
        user = ("-U", "--preserve-credentials") if self.user_namespace else ()
        return ("nsenter", "-t", str(self.program.pid), "-m", "-n", *user)

    def entrance_of(self, host: str) -> tuple[str, ...]:
        """Give what stands before a program that is to run on a host; each becomes the next."""
        return (*self.entrance, "ip", "netns", "exec", host)

    def run(self, arguments: list[str], *, input_text: str | None = None) -> str:
        """Run a short program inside."""
        command = [*self.entrance, *arguments]
        return run_program(command, seconds=ENTER_SECONDS, input_text=input_text)


def refuse_without_namespaces(directory: Path) -> None:
    """Say what is missing, and the cure, before anything is made."""
    for program, package in _NEEDED.items():
        if shutil.which(program) is None:
            raise LabRefused(
                f"the lab's network needs the program {program}: apt-get install {package}; "
                "or `evenrack lab up --no-net`"
            )
    if directory.is_relative_to(RUN):
        raise LabRefused(
            f"the lab's hosts have a {RUN} of their own and would not see {directory}; "
            "give another --dir, or `evenrack lab up --no-net`"
        )
    try:
        run_program([*_unshare(), _SHELL, "-c", _PROBE], seconds=ENTER_SECONDS)
    except ProgramFailed as failed:
        why = " ".join(failed.output.split()) or failed.outcome
        raise LabRefused(
            f"this machine gives no network namespaces here ({why}). Run it as root, or let users "
            "make namespaces: sysctl user.max_user_namespaces must not be 0, and where they exist "
            "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0; "
            "or `evenrack lab up --no-net`"
        ) from failed


def start_keeper(directory: Path) -> Keeper:
    """Start the keeper of this lab, and give it a /run of its own."""
    pipe = directory / "keeper"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe, mode=0o600)
    log = directory / "keeper.log"
    command = [*_unshare(), _SHELL, "-c", _HOLD, KEEPER, str(pipe)]
    program = start_detached(command, log=log)
    _wait_until_it_holds(program, log)
    keeper = Keeper(program=program, user_namespace=_needs_user_namespace())
    keeper.run([_SHELL, "-c", f"{_OWN_RUN} && {_SMALL_TABLES}"])
    return keeper


def _needs_user_namespace() -> bool:
    return os.geteuid() != 0


def _unshare() -> list[str]:
    user = ["--map-root-user"] if _needs_user_namespace() else []
    return ["unshare", "--mount", "--net", "--propagation", "private", *user, "--"]


def _wait_until_it_holds(program: ProgramId, log: Path) -> None:
    """Wait until it has become the shell: then the namespaces are made."""
    for _ in range(int(_START_SECONDS / _LOOK_SECONDS)):
        row = read_process(program.pid)
        if row is not None and row.name == _SHELL and is_alive(program):
            return
        if not wait_until_ended([program], seconds=_LOOK_SECONDS):
            break
    raise LabFailed(f"the lab's network cannot be held: {log.read_text().strip()}")
