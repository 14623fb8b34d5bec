"""What the checks of power do and look at: orders, owners, and what BMCs were told."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.bmc.simulator import BmcSimulator
from evenrack.lab.bmc.state import bmc_rows
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet_status import fleet_client, repeats_of
from evenrack.model.power import PowerAction

NEXT_ORDER_SECONDS = 10.0
"""P1: for the next order of each BMC, from the moment of the loss."""
_LOOK_SECONDS = 0.05
_UNDER_WAY = "OrderUnderWay"
_FIRST_SERVER_FAULT = 500

Row = Mapping[str, Any]


def pick_bmc(trial: Trial) -> BmcSimulator:
    """Choose a BMC by the seed."""
    name = trial.pick([bmc.name for bmc in trial.fleet.bmcs], "a BMC")
    return next(bmc for bmc in trial.fleet.bmcs if bmc.name == name)


def owners(trial: Trial) -> dict[str, str]:
    """Say which rack owns each BMC of the lab; CheckFailed when one has no owner who reaches it."""
    rows = {row["name"]: row for row in bmc_rows(trial.client())}
    return {bmc.bmc: _owner(bmc.bmc, rows.get(bmc.bmc)) for bmc in trial.fleet.bmcs}


def carried_out(
    trial: Trial, bmcs: Sequence[BmcSimulator], action: PowerAction, since: float, limit: float
) -> tuple[float, list[dict[str, Any]]]:
    """Order it of these machines and see it done: give the time since the deed, and the orders.

    CheckFailed when one is not done, or too late. An order of somebody else is waited for.
    """
    return Ordered(trial, bmcs, action, since, limit).wait()


class Ordered:
    """Orders that were taken when this was made, and can be waited for."""

    def __init__(
        self,
        trial: Trial,
        bmcs: Sequence[BmcSimulator],
        action: PowerAction,
        since: float,
        limit: float,
        *,
        slow_seconds: float = 0.0,
    ) -> None:
        """With `slow_seconds` the BMCs take so long for an answer from when the orders are taken.

        Before that they are quick, or a question of the power prober's could be in the way for as
        long as this is patient.
        """
        self._trial = trial
        self._action = action
        self._since = since
        self._limit = limit
        self._client = fleet_client(
            trial.fleet, last=trial.programs.not_serving(), repeats=repeats_of(trial.clocks)
        )
        self._given: list[int] = []
        self._give(bmcs, slow_seconds)

    def _give(self, bmcs: Sequence[BmcSimulator], slow_seconds: float) -> None:
        why = ""

        def taken() -> bool:
            nonlocal why
            if slow_seconds:  # a moment later they might have done it
                make_slow(bmcs, slow_seconds)
            why = _give(self._client, bmcs, self._action, self._given)
            if why and slow_seconds:
                make_slow(bmcs, 0)
            return not why

        if not self._within_patience(taken):
            raise CheckFailed(f"{self._action} was not taken: {why}", self._seconds())

    def count_from_now(self) -> None:
        """Let the time run from this moment: the deed comes after the orders."""
        self._since = self._trial.clocks.seconds()

    def are_with(self, rack: str) -> bool:
        """Tell whether a rack has all of them."""
        rows = _read(self._client, self._given, [])
        return bool(rows) and all(row["rack"] == rack for row in rows)

    def wait(self) -> tuple[float, list[dict[str, Any]]]:
        """See every order done; give the time since the deed, and the orders."""
        rows: list[dict[str, Any]] = []

        def ended() -> bool:
            nonlocal rows
            rows = _read(self._client, self._given, rows)
            return len(rows) == len(self._given) and all(row["result"] is not None for row in rows)

        in_time = self._within_patience(ended)
        seconds = self._seconds()
        refuse_not_done(rows, seconds)
        if not in_time or seconds > self._limit:
            raise CheckFailed(f"{self._action} was done only after {seconds:.2f} s", seconds)
        return seconds, rows

    def _seconds(self) -> float:
        return self._trial.clocks.seconds() - self._since

    def _within_patience(self, holds: Callable[[], bool]) -> bool:
        patience = 2 * self._limit + 5
        return self._trial.clocks.wait_until(holds, seconds=patience, every=_LOOK_SECONDS)


def next_orders(trial: Trial, since: float) -> Callable[[], str]:
    """Ask every BMC right after a deed; the answer waits for them, and says it for the report.

    Whoever asks goes on meanwhile: until all orders are taken, other things are right again.
    """
    if not trial.fleet.bmcs:
        return lambda: ""
    thread = ThreadPoolExecutor(1)
    asking = thread.submit(Ordered, trial, trial.fleet.bmcs, "query", since, NEXT_ORDER_SECONDS)
    thread.shutdown(wait=False)

    def answered() -> str:
        seconds, rows = asking.result().wait()
        return f"; the next order of {len(rows)} BMCs done within {seconds:.1f} s"

    return answered


def refuse_not_done(rows: Sequence[Row], seconds: float) -> None:
    """See that every order ended well."""
    for row in rows:
        if row["result"] != "ok":
            how = row["result"] or f"still at {row['phase']}"
            raise CheckFailed(
                f"{row['action']} of {row['machine']} by {row['rack'] or 'nobody'}: {how} "
                f"({row['error'] or 'no error'})",
                seconds,
            )


def make_slow(bmcs: Sequence[BmcSimulator], seconds: float) -> None:
    """Let each of these BMCs take so long for an answer; 0 ends it."""
    for bmc in bmcs:
        bmc.chassis.be_slow(seconds)


def told_words(bmc: BmcSimulator) -> list[str]:
    """List all that a BMC was ever told, in order."""
    return [told.what for told in bmc.chassis.told()]


def refuse_told(bmc: BmcSimulator, before: int, promised: Sequence[str], seconds: float) -> None:
    """See that a BMC was told exactly this since it had been told so many things."""
    told = told_words(bmc)[before:]
    if told != list(promised):
        raise NeverMayBe(
            f"{bmc.bmc} was told {', '.join(told) or 'nothing'}, "
            f"not {', '.join(promised) or 'nothing'}",
            seconds,
        )


def _owner(bmc: str, row: Row | None) -> str:
    if row is None or row["owner"] is None:
        raise CheckFailed(f"{bmc} is owned by nobody")
    if row["owner"] not in row["reach"]:
        raise CheckFailed(f"{bmc} is owned by {row['owner']}, which does not reach it")
    return str(row["owner"])


def _give(
    client: Client, bmcs: Sequence[BmcSimulator], action: PowerAction, given: list[int]
) -> str:
    """Try to order it; say why it was not taken, and nothing when it was."""
    wanted = {"machines": [bmc.machine for bmc in bmcs], "action": action}
    try:
        given[:] = [row["order"] for row in client.post("/api/v1/orders", wanted)]
    except RegionUnreachable as error:
        return str(error)
    except ApiRefused as refusal:
        problem = refusal.problem
        if problem.get("code") != _UNDER_WAY and problem["status"] < _FIRST_SERVER_FAULT:
            raise
        return str(refusal)
    return ""


def _read(
    client: Client, orders: Sequence[int], before: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Read how far orders are; what was seen before, when nobody can say."""
    try:
        rows: list[dict[str, Any]] = client.get(f"/api/v1/orders?ids={','.join(map(str, orders))}")
    except (RegionUnreachable, ApiRefused):
        return before
    return rows
