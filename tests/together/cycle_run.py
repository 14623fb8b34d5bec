"""Cycles every machine of a lab, breaks what a round says, and tells what came of each order."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from attrs import frozen

from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.bmc.state import owners_of_machines, what_bmcs_miss
from evenrack.lab.deeds import Deed, Meant, do_deed, find_meant
from evenrack.lab.drill.sight import uneven_owners
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import Size
from evenrack.lab.fleet_status import (
    fleet_client,
    fleet_status,
    repeats_of,
    what_is_missing,
)
from tests.together.cycle_judge import MOST_SECONDS, Loss, Run, seconds_of
from tests.together.cycle_plan import LOSSES, Break, How, Round, target_of

WHOLE_SECONDS = 60.0
LATE_SECONDS = 3.0
"""How long a lab that is whole again is watched for what racks may still do."""
_LOOK_SECONDS = 0.2
_DEEDS: dict[How, Deed] = {
    "rack killed": "kill",
    "rack hung": "hang",
    "rack cut": "cut",
    "rack cut from the regions": "cut",
    "region process killed": "kill",
    "database killed": "kill",
}


class NotWhole(Exception):
    """The lab was not whole before a round, or not again after it."""


@frozen(kw_only=True)
class Lived:
    """What came of a round."""

    orders: Sequence[int]
    """Those that were given."""
    runs: Sequence[Run]
    broken: frozenset[int]
    """The orders that had not ended when the break came that was meant for them."""
    said: Sequence[str]
    """Each break, and whom it met."""


def size_for(machines: int) -> Size:
    """Give the size of a lab for rounds: of five racks one at least is always left alone."""
    return Size(region_hosts=2, processes=1, racks=5, vlans=0, clients=0, bmcs=machines)


def cycle_through(trial: Trial, plan: Round) -> Lived:
    """Live through one round; the lab is whole before and after it. NotWhole.

    Nobody else gives orders: a machine takes one at a time.
    """
    if trial.fleet.power_traffic is not None:
        trial.programs.stop(trial.fleet.power_traffic.name)
    return _Cycling(trial, plan).live_through()


class _Cycling:
    """One round, while it lasts."""

    def __init__(self, trial: Trial, plan: Round) -> None:
        self._trial = trial
        self._plan = plan
        self._bmcs = {bmc.machine: bmc for bmc in trial.fleet.bmcs}
        self._told_before: dict[str, int] = {}
        self._client = fleet_client(trial.fleet, repeats=repeats_of(trial.clocks))
        self._meant: dict[tuple[str, Break], Meant] = {}
        self._began: dict[str, float] = {}
        self._lost: dict[str, Loss] = {}
        self._shared: list[Loss] = []

    def live_through(self) -> Lived:
        self._wait_until_whole()
        owners = {m: str(owner) for m, owner in owners_of_machines(self._client).items()}
        victims = self._plan.victims(owners)
        for machine, bmc in self._bmcs.items():
            bmc.chassis.press("on")
            bmc.chassis.be_slow(self._plan.slow[machine])
            self._told_before[machine] = len(bmc.chassis.told())
        orders = self._give_orders()
        self._break_and_mend(victims)
        rows = self._see_the_end(orders)
        for bmc in self._bmcs.values():
            bmc.chassis.be_slow(0)
        self._wait_until_whole()
        self._trial.clocks.sleep(LATE_SECONDS)
        broken = (
            row["order"]
            for row in rows
            if owners[row["machine"]] in victims
            and _ended_after(row, self._began[owners[row["machine"]]])
        )
        return Lived(
            orders=orders,
            runs=[self._run(row) for row in rows],
            broken=frozenset(broken),
            said=[f"{rack}: {each}" for rack, each in victims.items()],
        )

    def _give_orders(self) -> list[int]:
        """Order it of all machines; one that was asked about a moment ago is waited for."""
        machines, boot = list(self._plan.machines), self._plan.boot
        wanted = {"machines": machines, "action": "cycle", "boot": boot}
        orders: list[int] = []

        def taken() -> bool:
            try:
                orders[:] = [row["order"] for row in self._client.post("/api/v1/orders", wanted)]
            except ApiRefused as refused:
                if refused.problem.get("code") != "OrderUnderWay":
                    raise
            return bool(orders)

        if not self._trial.clocks.wait_until(taken, seconds=WHOLE_SECONDS, every=_LOOK_SECONDS):
            raise NotWhole("a machine has an order that does not end")
        return orders

    def _break_and_mend(self, victims: dict[str, Break]) -> None:
        clocks = self._trial.clocks
        began = clocks.seconds()
        for after, moment, rack, each in sorted(_timeline(victims), key=lambda moment: moment[0]):
            clocks.sleep(max(0.0, began + after - clocks.seconds()))
            if moment == "break":
                self._break(rack, each)
            else:
                self._mend(rack, each)

    def _break(self, rack: str, each: Break) -> None:
        fleet, programs = self._trial.fleet, self._trial.programs
        self._began[rack] = self._now()
        known = next((m for (_, other), m in self._meant.items() if other == each), None)
        if known is None:  # what is everybody's is broken once
            deed = _DEEDS[each.how]
            known = find_meant(deed, target_of(each.how, rack), fleet, programs)
            self._began[rack] = self._now()
            do_deed(deed, known, programs)
        self._meant[rack, each] = known

    def _mend(self, rack: str, each: Break) -> None:
        programs, meant = self._trial.programs, self._meant[rack, each]
        if _DEEDS[each.how] != "kill":
            do_deed("heal", meant, programs)
        else:
            for name in set(meant.programs) & set(programs.dead()):
                programs.start(name)
        loss = Loss(began=self._began[rack], ended=self._now())
        if each.how in LOSSES:
            self._lost[rack] = loss
        else:
            self._shared.append(loss)

    def _see_the_end(self, orders: Sequence[int]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []

        def ended() -> bool:
            nonlocal rows
            rows = self._read(orders) or rows
            return len(rows) == len(orders) and all(row["result"] is not None for row in rows)

        self._trial.clocks.wait_until(ended, seconds=MOST_SECONDS, every=_LOOK_SECONDS)
        return rows

    def _read(self, orders: Sequence[int]) -> list[dict[str, Any]]:
        try:
            ids = ",".join(map(str, orders))
            rows: list[dict[str, Any]] = self._client.get(
                f"/api/v1/orders?ids={ids}&limit={len(orders)}"
            )
        except (RegionUnreachable, ApiRefused):
            return []
        return rows

    def _wait_until_whole(self) -> None:
        fleet, wrong = self._trial.fleet, "nothing was seen"

        def whole() -> bool:
            nonlocal wrong
            missing = what_is_missing(fleet, fleet_status(self._client))
            missing = missing or what_bmcs_miss(self._client, fleet.bmcs)
            wrong = missing or self._what_is_uneven() or ""
            return not wrong

        if not self._trial.clocks.wait_until(whole, seconds=WHOLE_SECONDS, every=_LOOK_SECONDS):
            raise NotWhole(f"after {WHOLE_SECONDS:g} s: {wrong}")

    def _what_is_uneven(self) -> str | None:
        """Say who owns too much: each break is to meet the same number of machines."""
        racks = [rack.rack for rack in self._trial.fleet.racks]
        try:
            return uneven_owners(self._trial.owners_now(), racks)
        except (RegionUnreachable, ApiRefused) as error:
            return str(error)

    def _run(self, row: dict[str, Any]) -> Run:
        chassis = self._bmcs[row["machine"]].chassis
        told = chassis.told()[self._told_before[row["machine"]] :]
        return Run(
            row=row, told=told, power=chassis.power, lost=self._lost, shared=tuple(self._shared)
        )

    def _now(self) -> float:
        return self._trial.clocks.now().timestamp()


def _timeline(
    victims: dict[str, Break],
) -> Iterator[tuple[float, Literal["break", "mend"], str, Break]]:
    for rack, each in victims.items():
        yield each.after, "break", rack, each
        yield each.after + each.seconds, "mend", rack, each


def _ended_after(row: dict[str, Any], moment: float) -> bool:
    return row["ended"] is None or seconds_of(row["ended"]) > moment
