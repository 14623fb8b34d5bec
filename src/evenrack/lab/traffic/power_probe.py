"""Power's prober at work: orders over the regions' API, until it is told to end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evenrack.client import Client, Target
from evenrack.errors import ApiRefused, OutcomeUnknown, RegionUnreachable
from evenrack.lab.traffic.entry import Surroundings
from evenrack.lab.traffic.felt_file import BEGAN, ENDED, FeltFile
from evenrack.lab.traffic.power_prober import KIND, PowerProber

TURN_SECONDS = 0.05
"""How late it may be seen that an order ended."""
ANSWER_SECONDS = 1.0
"""How long one region process may take before another one is asked."""
_UNDER_WAY = "OrderUnderWay"
_FIRST_SERVER_FAULT = 500


def ask_about_power(
    targets: Sequence[Target], machines: Sequence[str], out: Path, surroundings: Surroundings
) -> None:
    """Ask about these machines in turn and write what is felt, until it is to end."""
    file = FeltFile(out)
    try:
        _ask(Client(targets, timeout=ANSWER_SECONDS), machines, surroundings, file)
    finally:
        file.close()


def _ask(
    client: Client, machines: Sequence[str], surroundings: Surroundings, file: FeltFile
) -> None:
    def tell(line: dict[str, Any]) -> None:
        file.append({"at": round(surroundings.wall(), 6), **line})

    prober = PowerProber(machines, tell)
    tell({"mono": surroundings.seconds(), "kind": BEGAN})
    while not surroundings.ended():
        machine = prober.tick(surroundings.seconds())
        if machine is not None:
            _order(client, prober, machine)
        if orders := prober.orders:
            prober.heard(_look_at(client, orders), surroundings.seconds())
        surroundings.sleep(TURN_SECONDS)
    tell({"mono": surroundings.seconds(), "kind": ENDED})


def _order(client: Client, prober: PowerProber, machine: str) -> None:
    """Order a query of this machine; when no region takes it, the next turn tries again."""
    try:
        (order,) = client.post("/api/v1/orders", {"machines": [machine], "action": KIND})
    except OutcomeUnknown:
        prober.doubtful(machine)
    except RegionUnreachable:
        return
    except ApiRefused as refusal:
        problem = refusal.problem
        if problem["status"] < _FIRST_SERVER_FAULT:  # else no region can at this moment
            prober.busy(machine, _running(problem))
    else:
        prober.ordered(machine, order["order"])


def _running(problem: dict[str, Any]) -> int | None:
    """Give the order that is in the way; none when the refusal has another reason."""
    if problem.get("code") != _UNDER_WAY:
        return None
    return next((int(each["order"]) for each in problem.get("running", [])), None)


def _look_at(client: Client, orders: Sequence[int]) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = client.get(f"/api/v1/orders?ids={','.join(map(str, orders))}")
    except (RegionUnreachable, ApiRefused):
        return []
    return rows
