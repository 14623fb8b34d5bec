"""The lab under trial: looking at it in short looks, breaking it, and putting it right again."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from ipaddress import IPv4Network
from typing import Any, TypeVar

from evenrack.client import Client, SocketTarget
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.bmc.state import bmc_rows, what_bmcs_miss
from evenrack.lab.clocks import Clocks
from evenrack.lab.dhcp_state import dhcp_row, dhcp_rows, mend_dhcp, what_dhcp_misses
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.kernel_links import links, read_sockets, region_ends
from evenrack.lab.drill.sight import Sight, uneven, uneven_hosts, uneven_owners
from evenrack.lab.events import events_after, is_move, newest_event, newest_of_a_deed
from evenrack.lab.fleet import Fleet, RackDaemon, rack_config
from evenrack.lab.fleet_status import (
    ANSWER_SECONDS,
    fleet_status,
    repeats_of,
    what_is_missing,
)
from evenrack.lab.lab_programs import LabPrograms, Running
from evenrack.lab.network.plan import vlan_subnet
from evenrack.lab.traffic.felt_file import FeltFile
from evenrack.lab.traffic.ledger import forgotten_line

LOOK_SECONDS = 0.03
GLANCE_SECONDS = 0.5
"""How long one process may take for a look, of which there are many. A change is sent only once."""
KEEP_SECONDS = 0.5
"""What holds must go on holding for so long."""
WHOLE_SECONDS = 40.0
STILL_BROKEN_SECONDS = 5.0
STEADY_SECONDS = 1.5
"""A voluntary move comes a second after the last event: a fleet is whole when none came."""
STEADY_LOOKS = 5
"""So many looks see nothing meanwhile: time in which all of the machine stood still is no time."""

PATIENCE_SECONDS = 15.0
"""How long a change is watched that never comes to an end."""

Question = Callable[[Sight], str | None]
"""Says what does not hold, or nothing when all is as promised."""
Seen = TypeVar("Seen")


class Trial:
    """One running lab, with everything that a check needs."""

    def __init__(self, fleet: Fleet, programs: LabPrograms, clocks: Clocks, seed: int) -> None:
        self.fleet = fleet
        self.programs = programs
        self.clocks = clocks
        self._seed = seed
        self._changed_racks: list[str] = []
        self._patience = WHOLE_SECONDS
        self._done: dict[Callable[[Trial], Any] | None, Any] = {}
        self.whole_after = 0.0
        """How long the last wait for a whole lab took, without the time in which nothing came."""

    def client_of(self, processes: Iterable[str], timeout: float = ANSWER_SECONDS) -> Client:
        """Make a client of these processes."""
        targets = [SocketTarget(path=self.fleet.process(name).socket) for name in processes]
        return Client(targets, timeout=timeout, repeats=repeats_of(self.clocks))

    def client(self, timeout: float = ANSWER_SECONDS) -> Client:
        """Make a client of the processes that run."""
        return self._client_of_serving(self.programs.look(), timeout)

    def pick(self, candidates: Sequence[str], why_needed: str) -> str:
        """Choose one by the seed, so that a run can be repeated."""
        if not candidates:
            raise CheckFailed(f"this check needs {why_needed}; the lab has none")
        return candidates[self._seed % len(candidates)]

    def pick_rack(self) -> RackDaemon:
        """Choose a rack by the seed."""
        name = self.pick([rack.name for rack in self.fleet.racks], "a rack")
        return next(rack for rack in self.fleet.racks if rack.name == name)

    def look(self) -> Sight | None:
        """Look at the fleet; nothing while no process answers."""
        programs = self.programs.look()
        status = fleet_status(self._client_of_serving(programs, GLANCE_SECONDS))
        return None if status is None else self._sight(status, programs)

    def must_look(self) -> Sight:
        """Look at a fleet that has to answer."""
        sight = self.look()
        if sight is None:
            raise CheckFailed("no region process answers")
        return sight

    def sight_of(self, status: dict[str, Any]) -> Sight:
        """Add what the kernel says to what the fleet says."""
        return self._sight(status, self.programs.look())

    def measure(
        self, since: float, question: Question, limit: float, *, keep: float = KEEP_SECONDS
    ) -> float:
        """Measure from the deed to the first look from which on it holds; late is a failure."""
        first_held: float | None = None
        patience = 2 * limit + 5
        while True:
            sight = self.look()
            seen_at = self.clocks.seconds()
            wrong = "no region process answers" if sight is None else question(sight)
            if wrong is not None:
                first_held = None
                if seen_at - since > patience:
                    raise CheckFailed(f"after {seen_at - since:.1f} s: {wrong}", seen_at - since)
            elif first_held is None:
                first_held = seen_at
            elif seen_at - first_held >= keep:
                return self._in_time(first_held - since, limit)
            self.clocks.sleep(LOOK_SECONDS)

    def longest_wrong(self, question: Question, changed: Callable[[Sight], bool]) -> float:
        """Watch until all is right and changed; give how long it was ever wrong at a stretch."""
        began = self.clocks.seconds()
        wrong_since: float | None = None
        longest = 0.0
        while True:
            sight = self.look()
            wrong = "no region process answers" if sight is None else question(sight)
            now = self.clocks.seconds()
            if wrong is not None:
                wrong_since = now if wrong_since is None else wrong_since
            if wrong_since is not None:
                longest = max(longest, now - wrong_since)
            if wrong is None:
                wrong_since = None
                if sight is not None and changed(sight):
                    return longest
            if now - began > PATIENCE_SECONDS:
                why = wrong or "the change is not printed"
                raise CheckFailed(f"after {now - began:.1f} s: {why}")
            self.clocks.sleep(LOOK_SECONDS)

    def once(self, experiment: Callable[["Trial"], Seen]) -> Seen:
        """Give what an experiment showed, which takes long: several checks judge the one."""
        if experiment not in self._done:
            self._done[experiment] = experiment(self)
        seen: Seen = self._done[experiment]
        return seen

    def has_done(self, experiment: Callable[["Trial"], Any] | None) -> bool:
        """Tell whether what an experiment showed is known already."""
        return experiment in self._done

    def forget(self, experiment: Callable[["Trial"], Any] | None) -> None:
        """Forget what an experiment showed: it is to be done again."""
        self._done.pop(experiment, None)

    def cut(self, host: str) -> list[str]:
        """Cut every cable of a host."""
        if self.fleet.network is None:
            raise CheckFailed("this check needs a lab with a network")
        cables = [cable.name for cable in self.fleet.network.cables_of(host)]
        self.programs.cut(cables)
        return cables

    def pid_of(self, name: str) -> int | None:
        """Give the process of a program; nothing when it does not run."""
        found = (running.pid for running in self.programs.look() if running.target == name)
        return next(found, None)

    def programs_of(self, host: str) -> list[str]:
        """Name the programs of a host, a rack's daemon before its DHCP server."""
        names = [running.target for running in self.programs.look()]
        return [name for name in names if name.startswith(f"{host}/")]

    def racks_on(self, vlan: str) -> list[str]:
        """Name the racks that hang on a VLAN."""
        cables = () if self.fleet.network is None else self.fleet.network.cables
        racks = {rack.rack for rack in self.fleet.racks}
        return [c.host for c in cables if c.network == vlan and c.host in racks]

    def dhcp_rows(self) -> list[dict[str, Any]]:
        """Give `dhcp status` of every VLAN."""
        return dhcp_rows(self.client())

    def dhcp_row(self, vlan: str) -> dict[str, Any]:
        """Give `dhcp status` of one VLAN."""
        return dhcp_row(self.client(), vlan)

    def forget_leases(self, vlan: str, subnet: IPv4Network | None = None) -> None:
        """Write into the ledger that a VLAN is served anew after its DHCP was off, or it was gone.

        Or that one of its subnets is. Servers know nothing then of leases from before. The deed
        was an operator's.
        """
        subnet = subnet or vlan_subnet(int(vlan.removeprefix("vlan")))
        line = forgotten_line(subnet, self.clocks.seconds())
        for client in self.fleet.clients:
            if client.network == vlan:
                with closing(FeltFile(client.crowd.ledger)) as ledger:
                    ledger.append(line)

    def owners_now(self) -> dict[str, str | None]:
        """Say which rack owns each BMC, if any."""
        return {row["name"]: row["owner"] for row in bmc_rows(self.client())}

    def newest_event(self) -> int:
        """Remember where the events are now."""
        return newest_event(self.client())

    def events_since(self, event: int) -> list[dict[str, Any]]:
        """List what happened since."""
        return list(events_after(self.client(), event))

    def moves_since(self, event: int) -> list[dict[str, Any]]:
        """List what each move since then says."""
        return [found["data"] for found in self.events_since(event) if is_move(found)]

    def forget_regions(self, rack: RackDaemon) -> None:
        """Take from a rack that does not run what it remembers of regions; it stays itself."""
        memory = rack.state / "regions.json"
        if not memory.exists():
            raise CheckFailed(f"{rack.rack} remembers no region: {memory} is not there")
        memory.unlink()

    def configure(self, rack: RackDaemon) -> None:
        """Write a rack's configuration file anew; the trial's end puts the lab's own back."""
        self._changed_racks.append(rack.rack)
        rack.config.write_text(rack_config(rack))

    def wait_until_whole(self) -> None:
        """Wait until everything runs, is connected, managed, and nothing moves any more."""
        began = steady_since = self.clocks.seconds()
        newest, looks = -1, 0
        wrong: str | None = "nothing was seen"

        def whole() -> bool:
            nonlocal steady_since, newest, looks, wrong
            wrong, event = self._what_is_wrong(newest)
            now, looks = self.clocks.seconds(), looks + 1
            if wrong is not None or event != newest:
                steady_since, newest, looks = now, event, 0
            return now - steady_since >= STEADY_SECONDS and looks >= STEADY_LOOKS

        in_time = self.clocks.wait_until(whole, seconds=self._patience, every=0.1)
        # what was not mended for so long is hardly mended now: the rest of the drill says so soon
        self._patience = WHOLE_SECONDS if in_time else STILL_BROKEN_SECONDS
        if not in_time:
            raise CheckFailed(
                f"the lab was not whole before this check: {wrong or 'events go on and on'}"
            )
        self.whole_after = steady_since - began

    def restore(self) -> None:
        """Leave the lab as it was found: everything runs, with the lab's own settings."""
        if cut := self.programs.cables_down():
            self.programs.mend(cut)
        for name in self.programs.hung():
            self.programs.heal(name)
        for rack in self.fleet.racks:
            if rack.rack in self._changed_racks:
                rack.config.write_text(rack_config(rack))
                self.programs.stop(rack.name)
        self._changed_racks.clear()
        for bmc in self.fleet.bmcs:
            bmc.chassis.be_slow(0)
        for name in self.programs.dead():
            self.programs.start(name)

    def _client_of_serving(self, programs: Iterable[Running], timeout: float) -> Client:
        serving = {row.target for row in programs if row.serves}
        names = [process.name for process in self.fleet.processes if process.name in serving]
        return self.client_of(names, timeout)

    def _sight(self, status: dict[str, Any], programs: Sequence[Running]) -> Sight:
        sockets = read_sockets(programs, self.fleet)
        pids = {program.target: program.pid for program in programs if program.pid is not None}
        return Sight(
            status=status,
            links=links(sockets, self.fleet, pids),
            held=region_ends(sockets, self.fleet, pids),
            alive=frozenset(row.target for row in programs if row.serves),
        )

    def _what_is_wrong(self, last: int) -> tuple[str | None, int]:
        """Say what is wrong, and give the newest event; this one when nothing came after it."""
        if dead := self.programs.dead():
            return f"{', '.join(dead)} does not run", -1
        if cut := self.programs.cables_down():
            return f"{', '.join(sorted(cut))} is cut", -1
        try:
            client = self.client()
            status = client.get("/api/v1/status")
            missing = what_is_missing(self.fleet, status)
            if missing is None:
                missing = what_bmcs_miss(client, self.fleet.bmcs)
            if missing is None:
                missing = mend_dhcp(self.fleet, client, self.forget_leases) or what_dhcp_misses(
                    self.fleet, client
                )
            # or the moves that mend it would be put down to the next check
            newest = newest_event(client) if last < 0 else newest_of_a_deed(client, last)
            return missing or self._what_is_uneven(status), newest
        except (RegionUnreachable, ApiRefused) as error:
            return str(error), -1

    def _what_is_uneven(self, status: dict[str, Any]) -> str | None:
        sight = self.sight_of(status)
        racks = [rack.rack for rack in self.fleet.racks]
        owners = self.owners_now() if self.fleet.bmcs else {}
        return uneven(sight) or uneven_hosts(sight) or uneven_owners(owners, racks)

    def _in_time(self, seconds: float, limit: float) -> float:
        if seconds > limit:
            raise CheckFailed(f"right only after {seconds:.2f} s", seconds)
        return seconds
