"""dhcp-render: what a rack with 100,000 reserved addresses does, and for how long nobody else may.

`python -m benchmarks.dhcp_render render|apply RESERVATIONS VLANS FOLDER` prints one JSON object.
"""

import gc
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater

from benchmarks.many_reservations import plan_with
from benchmarks.measure import PROJECT, Figure
from benchmarks.sockless import run_to_end
from benchmarks.used_cpu import own_cpu
from evenrack.model.dhcp_plan import DhcpPlan, VlanService, dhcp_fingerprint
from evenrack.model.dhcp_report import SideState
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.plan_outline import Content
from evenrack.model.rack_plan import RackPlan
from evenrack.rack.converge import Converge
from evenrack.rack.dhcp.both_families import BothFamilies
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.rack.dhcp.dhcpd_words import LISTENING
from evenrack.rack.dhcp.host_changes import HostChanges
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from evenrack.rack.dhcp.server import IscDhcpServer
from evenrack.rack.dhcp.server6 import Host6, IscDhcp6Server
from evenrack.rack.dhcp_host import Wanted
from evenrack.rack.newest_plan import NewestPlan
from evenrack.rack.plan_intake import PlanIntake
from evenrack.rack.state_folder import AppliedDhcp, StateFolder
from evenrack.region.links.plan_delivery import changes_since, deliver
from evenrack.runtime.thinking import think_beside
from evenrack.runtime.wall_clock import utc_now

RESERVATIONS = 100_000
VLANS = 100
LOOKS = 3
"""So many of the looks that come each second are measured."""
WAIT_SECONDS = 120.0
ACCESS = OmapiAccess(port=7911, key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")

DHCPD = """#!/bin/sh
case "$1" in -t) exec {dhcpd} "$@";; esac
echo "{listening}" >&2
exec sleep 600
"""


def measure(reservations: int = RESERVATIONS) -> list[Figure]:
    """Write the file of a rack with so many reservations, and let a rack follow such a plan."""
    render = run_part("render", reservations, VLANS)
    many, one = run_part("apply", reservations, VLANS), run_part("apply", reservations, 1)
    shape = f"{reservations:,} reservations in {VLANS} VLANs"
    return [
        Figure(name="dhcp-render", value=render["seconds"], unit="s", target=1.5, limit=shape),
        Figure(name="dhcp-render-memory", value=render["mebibytes"], unit="MB", target=300),
        _late("dhcp-late", many),
        _late("dhcp-late-one-vlan", one),
        Figure(name="dhcp-arrive", value=many["arrive"], unit="s", target=None),
        Figure(name="dhcp-arrive-changed", value=many["arrive_changed"], unit="s", target=None),
        Figure(
            name="dhcp-check",
            value=many["check"],
            unit="s",
            target=None,
            limit=f"dhcpd -t {many['dhcpd']:.3g} s",
        ),
        Figure(name="dhcp-check-changed", value=many["changed"], unit="s", target=None),
        Figure(name="dhcp-look-cpu", value=many["look_cpu"], unit="s of CPU", target=0.01),
        Figure(name="dhcp-apply-memory", value=many["mebibytes"], unit="MB", target=None),
    ]


def _late(name: str, took: dict[str, float]) -> Figure:
    parts = {key[5:]: took[key] for key in took if key.startswith("late_")}
    told = ", ".join(f"{part} {late:.2g}" for part, late in parts.items())
    told = f"{took['idle']:.2g} s with nothing to do; {told}"
    latest = max(parts.values())
    return Figure(name=name, value=latest, unit="s", target=0.05, limit=told)


def run_part(what: str, reservations: int, vlans: int) -> dict[str, float]:
    """Do one part in a process of its own; gives its seconds and its memory."""
    command = [sys.executable, "-m", "benchmarks.dhcp_render", what, str(reservations), str(vlans)]
    with tempfile.TemporaryDirectory(prefix="evenrack-bench-") as folder:
        said = subprocess.run(
            [*command, folder], check=True, stdout=subprocess.PIPE, cwd=PROJECT
        ).stdout
    took: dict[str, float] = json.loads(said.splitlines()[-1])
    return took


class Lateness:
    """How late the reactor came at most, at what should have been done each millisecond."""

    def __init__(self) -> None:
        self._due = 0.0
        self._next: IDelayedCall
        self.most = 0.0
        self.go_on()

    def pause(self) -> None:
        """Do not look, which takes time itself."""
        self._next.cancel()

    def go_on(self) -> None:
        """Look again."""
        self._due = time.monotonic()
        self._next = reactor.callLater(0, self._tick)

    def _tick(self) -> None:
        now = time.monotonic()
        self.most = max(self.most, now - self._due)
        self._due = now + 0.001
        self._next = reactor.callLater(0.001, self._tick)

    def taken(self) -> float:
        """Give the longest since it was asked last."""
        late, self.most = self.most, 0.0
        return late


class NormalPairs:
    """An OMAPI whose pairs are all normal."""

    async def failover_states(self, names: list[str]) -> dict[str, SideState]:
        """Say so of each."""
        return dict.fromkeys(names, "normal")

    async def change_hosts(self, changes: HostChanges) -> None:
        """Take them: dhcpd needs some milliseconds for that, and nobody waits in its reactor."""


class Rack:
    """A rack's DHCP side as it really is, with a dhcpd that checks and does not serve."""

    def __init__(self, folder: Path) -> None:
        binary = folder / "dhcpd"
        real = shutil.which("dhcpd", path="/usr/sbin:/usr/local/sbin") or "true"
        binary.write_text(DHCPD.format(dhcpd=real, listening=LISTENING))
        binary.chmod(0o700)
        self.program = DhcpdProgram(folder / "dhcp", str(binary), reactor)
        self.newest = NewestPlan(RackId("rack0001"))
        self._sent: RackPlan | None = None
        self._think = think_beside(reactor)
        self._state = StateFolder(folder)
        self._intake = PlanIntake(self.newest, self._follow, self._think)
        four = IscDhcpServer(self.program, NormalPairs(), ACCESS, think_beside(reactor))
        program6 = DhcpdProgram(folder / "dhcp6", str(binary), reactor, family="-6")
        host = Host6(
            interfaces=self._no_interfaces, clock=reactor, wall_clock=utc_now, think=self._think
        )
        six = IscDhcp6Server(program6, self._state, host)
        self.converge = Converge(
            BothFamilies(four, six),
            AppliedDhcp(self._state, self._think),
            self._wanted,
            self._no_interfaces,
            reactor,
        )

    async def take(self, dhcp: DhcpPlan) -> float:
        """Get a plan as a region sends it; gives the seconds until it is on the disk."""
        number = max(service.number for service in dhcp)
        plan = RackPlan(
            rack=RackId("rack0001"), number=number, managed_by=ProcessId("r/1"), dhcp=dhcp
        )
        began = time.monotonic()
        await deliver(
            lambda _command, **says: Deferred.fromCoroutine(self._answer(**says)),
            plan,
            await think_beside(reactor)(lambda: changes_since(self._sent, plan)),
        )
        self._sent = plan
        return time.monotonic() - began

    async def _answer(self, **says: Any) -> dict[str, Any]:
        """Answer what is said on a link, as `region_session` does."""
        if "outline" in says:
            missing = await self._intake.offer(says["outline"])
            return {"missing": missing, "generation": None, "fingerprint": None}
        if "change" in says:
            await self._intake.change(says["vlan"], says["base"], says["change"])
            return {}
        content = Content(sha256=says["vlan"], length=says["length"])
        await self._intake.take(content, says["start"], says["text"])
        return {}

    async def _follow(self, plan: RackPlan) -> None:
        await self._think(lambda: (self._state.keep_plan(plan), plan.fingerprint))
        self.newest.follow(plan)
        self.converge.trigger()

    async def until(self, happened: Callable[[], bool]) -> float:
        """Wait for it; gives the seconds."""
        began = time.monotonic()
        while not happened():
            if time.monotonic() > began + WAIT_SECONDS:
                raise TimeoutError(f"not within {WAIT_SECONDS:g} s: {self.converge.report}")
            await deferLater(reactor, 0.005)
        return time.monotonic() - began

    def _wanted(self) -> Wanted:
        plan = self.newest.plan
        return Wanted(plan=() if plan is None else plan.dhcp, from_region=True)

    async def _no_interfaces(self) -> tuple[()]:
        return ()


async def apply(folder: Path, plan: DhcpPlan) -> dict[str, float]:
    """Follow a plan, look at it for a while, and follow the next one, with one VLAN changed."""
    newer = (*plan[:-1], with_one_less(plan[-1]))
    names = [dhcp_fingerprint(each) for each in (plan, newer)]
    rack, late = Rack(folder), Lateness()
    rack.converge.startService()
    await deferLater(reactor, 0.1)
    late.taken()
    await deferLater(reactor, LOOKS)
    idle = late.taken()
    try:
        took = {"idle": idle, "arrive": await rack.take(plan), "late_arrive": late.taken()}
        took |= {"check": await rack.until(lambda: rack.converge.report.waiting == names[0])}
        took["late_check"] = late.taken()
        await rack.converge.take_turn(names[0])
        await rack.until(lambda: rack.converge.report.applied == names[0])
        took["late_apply"] = late.taken()
        await deferLater(reactor, LOOKS)
        took["late_look"] = late.taken()
        late.pause()
        used = own_cpu()
        await deferLater(reactor, LOOKS)
        took["look_cpu"] = (own_cpu() - used) / LOOKS
        late.go_on()
        took["arrive_changed"] = await rack.take(newer)
        took["late_arrive_changed"] = late.taken()
        took["changed"] = await rack.until(lambda: rack.converge.report.applied == names[1])
        took["late_changed"] = late.taken()
        took["dhcpd"] = await _bare_check(folder)
    finally:
        await rack.program.stop()
    return took | {"mebibytes": _most_mebibytes()}


def with_one_less(service: VlanService) -> VlanService:
    """Take the last reservation of a VLAN away."""
    subnet = service.vlan.subnets[0]
    subnet = evolve(subnet, reservations=subnet.reservations[:-1])
    number = FleetNumber(service.number.era, service.number.generation + 1)
    return evolve(service, vlan=evolve(service.vlan, subnets=(subnet,)), number=number)


async def _bare_check(folder: Path) -> float:
    """Let dhcpd alone read the file: no check is quicker."""
    (folder / "bare.leases").touch()
    configuration = folder / "dhcp" / "dhcpd.conf"
    began = time.monotonic()
    subprocess.run(  # noqa: ASYNC221  nothing else is measured meanwhile
        [folder / "dhcpd", "-t", "-4", "-cf", configuration, "-lf", folder / "bare.leases"],
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - began


def render(plan: DhcpPlan) -> dict[str, float]:
    """Write the file once."""
    began = time.monotonic()
    dhcpd_conf(plan, ACCESS)
    return {"seconds": time.monotonic() - began, "mebibytes": _most_mebibytes()}


def _most_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Do one part, in a process of its own."""
    plan = plan_with(int(sys.argv[2]), int(sys.argv[3]))
    if sys.argv[1] == "render":
        print(json.dumps(render(plan)))
        return
    gc.freeze()  # as the rack daemon does before it begins
    run_to_end(lambda: apply(Path(sys.argv[4]), plan))


if __name__ == "__main__":
    main()
