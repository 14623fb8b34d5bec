"""P1: a host that is cut off is made good for, and welcome when it is back."""

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.power.power_sight import next_orders
from evenrack.lab.drill.sight import Sight, unserved
from evenrack.lab.drill.trial import Question, Trial
from evenrack.lab.fleet import RackDaemon


def region_host_cut(trial: Trial, limit: float) -> Measured:
    """Cut a region host that does not lead: no process of it says goodbye."""
    leading = _leading_host(trial)
    hosts = dict.fromkeys(process.region for process in trial.fleet.processes)
    others = [host for host in hosts if host != leading]
    return _cut_region_host(trial, limit, trial.pick(others, "a second region host"))


def leading_host_cut(trial: Trial, limit: float) -> Measured:
    """Cut the region host that leads: another process leads, and every rack is managed."""
    if trial.fleet.size.region_hosts == 1:
        raise CheckFailed("this check needs a second region host; the lab has none")
    return _cut_region_host(trial, limit, _leading_host(trial))


def rack_host_cut_and_healed(trial: Trial, limit: float) -> Measured:
    """Cut a rack host: it is shown lost; heal it: it is managed again, and no other moved."""
    rack = trial.pick_rack()
    before = trial.must_look().managers
    event = trial.newest_event()
    since = trial.clocks.seconds()
    cables = trial.cut(rack.rack)
    answered = next_orders(trial, since)
    lost_after = trial.measure(since, _shown_lost(rack), limit)
    all_answered = answered()
    healed_at = trial.clocks.seconds()
    trial.programs.mend(cables)
    back_after = trial.measure(healed_at, unserved, limit)
    moved = [
        move
        for move in trial.moves_since(event)
        # voluntary ones are right: the rack goes back to who had it, who may have more by now
        if move["name"] != rack.rack and move["forced"]
    ]
    if moved:
        told = "; ".join(f"{move['name']} ({move['reason']})" for move in moved)
        raise CheckFailed(f"others were moved too: {told}", back_after)
    after = trial.must_look().managers.get(rack.rack)
    return Measured(
        seconds=max(lost_after, back_after),
        detail=f"{rack.rack}: shown lost after {lost_after:.2f} s, managed {back_after:.2f} s "
        f"after it was healed (by {before.get(rack.rack)} before, {after} now){all_answered}",
    )


def _cut_region_host(trial: Trial, limit: float, host: str) -> Measured:
    managed = sorted(
        rack
        for rack, manager in trial.must_look().managers.items()
        if manager is not None and manager.startswith(f"{host}/")
    )
    event = trial.newest_event()
    since = trial.clocks.seconds()
    trial.cut(host)
    answered = next_orders(trial, since)
    seconds = trial.measure(since, _served_and_led, limit)
    moved = [move["name"] for move in trial.moves_since(event) if move["forced"]]
    if strangers := sorted(set(moved) - set(managed)):
        raise CheckFailed(f"racks of others were moved: {', '.join(strangers)}", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{host} cut off; it managed {', '.join(managed) or 'no rack'}{answered()}",
    )


def _served_and_led(sight: Sight) -> str | None:
    leader = sight.status["leader"]
    if leader not in sight.alive:
        return "nobody leads" if leader is None else f"{leader} still leads and is cut off"
    return unserved(sight)


def _shown_lost(rack: RackDaemon) -> Question:
    def question(sight: Sight) -> str | None:
        row = sight.rack(rack.rack)
        if row is None:
            return f"{rack.rack} is not known"
        if row["connections"] or row["managed_by"] is not None or row["state"] != "dead":
            return (
                f"{rack.rack}, cut off, is shown {row['state']} with {row['connections']} "
                f"connections, managed by {row['managed_by'] or 'nobody'}"
            )
        return unserved(sight)

    return question


def _leading_host(trial: Trial) -> str:
    leader = trial.must_look().status["leader"]
    if leader is None:
        raise CheckFailed("nobody leads")
    return str(leader).partition("/")[0]


CHECKS = (
    Check(
        promise="P1",
        name="region host cut",
        limit_seconds=5,
        run=region_host_cut,
        needs_network=True,
    ),
    Check(
        promise="P1",
        name="region host of the leader cut",
        limit_seconds=5,
        run=leading_host_cut,
        needs_network=True,
    ),
    Check(
        promise="P1",
        name="rack host cut and healed",
        limit_seconds=5,
        run=rack_host_cut_and_healed,
        needs_network=True,
    ),
)
