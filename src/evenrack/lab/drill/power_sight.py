"""What the checks of power do and look at: orders, owners, and what BMCs were told."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.bmc.simulator import BmcSimulator
from evenrack.lab.bmc.state import bmc_rows
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet_status import fleet_client
from evenrack.model.power import PowerAction

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
    patience = 2 * limit + 5
    client = fleet_client(trial.fleet, last=trial.programs.not_serving())
    given: list[int] = []
    why = ""

    def taken() -> bool:
        nonlocal why
        why = _give(client, bmcs, action, given)
        return not why

    if not trial.clocks.wait_until(taken, seconds=patience, every=_LOOK_SECONDS):
        raise CheckFailed(f"{action} was not taken: {why}", trial.clocks.seconds() - since)
    rows: list[dict[str, Any]] = []

    def ended() -> bool:
        nonlocal rows
        rows = _read(client, given, rows)
        return len(rows) == len(given) and all(row["result"] is not None for row in rows)

    in_time = trial.clocks.wait_until(ended, seconds=patience, every=_LOOK_SECONDS)
    seconds = trial.clocks.seconds() - since
    refuse_not_done(rows, seconds)
    if not in_time or seconds > limit:
        raise CheckFailed(f"{action} was done only after {seconds:.2f} s", seconds)
    return seconds, rows


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


def told_words(bmc: BmcSimulator) -> list[str]:
    """List all that a BMC was ever told, in order."""
    return [told.what for told in bmc.chassis.told()]


def refuse_told(bmc: BmcSimulator, before: int, promised: Sequence[str], seconds: float) -> None:
    """See that a BMC was told exactly this since it had been told so many things."""
    told = told_words(bmc)[before:]
    if told != list(promised):
        raise CheckFailed(
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
