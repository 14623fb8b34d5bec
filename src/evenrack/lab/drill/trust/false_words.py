"""M8: what a rack says of another rack's links, orders and reports is not believed."""

import json
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.power.power_sight import Ordered, make_slow
from evenrack.lab.drill.trial import Trial
from evenrack.lab.drill.trust.impostors import SPOKEN_VERSION
from evenrack.lab.drill.trust.strangers import run_intruder
from evenrack.lab.fleet import RackDaemon
from evenrack.lab.intruder.false_words import FALSE_WORD
from evenrack.trust.files import IDENTITY_FILE

_COMMANDS = 250
_SLOW_SECONDS = 1.0
_ORDER_SECONDS = 30.0
_TAKEN_SECONDS = 10.0

_ROWS = """
SELECT json_build_object(
  'links', (SELECT coalesce(json_agg(c.link), '[]')
    FROM connection c JOIN rack r ON r.id = c.rack_id
    WHERE c.rack_holds AND r.hostname <> '{rack}'),
  'stopped', (SELECT coalesce(json_agg(hostname), '[]')
    FROM rack WHERE stopped AND hostname <> '{rack}'),
  'reported', (SELECT coalesce(json_agg(r.hostname), '[]')
    FROM rack_dhcp d JOIN rack r ON r.id = d.rack_id WHERE d.report::text LIKE '%{word}%'),
  'orders', (SELECT coalesce(json_agg(json_build_array(o.id, o.attempt, o.phase, 'ON_SEEN')), '[]')
    FROM power_order o JOIN rack r ON r.id = o.rack_id
    WHERE o.result IS NULL AND r.hostname <> '{rack}'))
"""


@frozen(kw_only=True)
class Others:
    """What the tables have of racks that are not the impostor."""

    links: frozenset[str]
    """Those that count."""
    stopped: frozenset[str]
    """Racks that said goodbye."""
    reported: frozenset[str]
    """Racks, the impostor too, whose report has the false word."""
    orders: tuple[tuple[int, int, str, str], ...]
    """Under way with others: number, attempt, phase, and the phase that the impostor tells."""


def words_about_others_change_nothing(trial: Trial, limit: float) -> Measured:
    """Let a rack with its own certificate tell of others' links and reports: nothing changes."""
    rack = trial.pick_rack()
    trial.programs.stop(rack.name)
    _must_be_gone(trial, rack)
    before = read_others(trial, rack)
    since = trial.clocks.seconds()
    told = _speak(trial, rack, before)
    seconds = trial.clocks.seconds() - since
    after = read_others(trial, rack)
    if wrong := what_was_believed(rack.rack, told, before, after):
        raise CheckFailed(wrong, seconds)
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{told['answered']} commands of {rack.rack} about {len(before.links)} links of "
        "others and their reports: none was believed",
    )


def words_about_orders_change_nothing(trial: Trial, limit: float) -> Measured:
    """Let a rack tell how far others are with their orders: nothing is recorded, all are done."""
    rack = trial.pick_rack()
    owners = trial.owners_now()
    others = [bmc for bmc in trial.fleet.bmcs if owners[bmc.bmc] != rack.rack]
    trial.programs.stop(rack.name)
    _must_be_gone(trial, rack)
    since = trial.clocks.seconds()
    ordered = Ordered(trial, others, "cycle", since, _ORDER_SECONDS, slow_seconds=_SLOW_SECONDS)
    before = read_others(trial, rack)

    def taken() -> bool:
        nonlocal before
        before = read_others(trial, rack)
        return bool(before.orders)

    trial.clocks.wait_until(taken, seconds=_TAKEN_SECONDS, every=0.05)
    if not before.orders:
        raise CheckFailed("no order of another rack is under way: this check can show nothing")
    told = _speak(trial, rack, before)
    make_slow(others, 0)
    if told["recorded"]:
        raise NeverMayBe(f"{told['recorded']} phases of others' orders were recorded")
    _, rows = ordered.wait()
    seconds = trial.clocks.seconds() - since
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{told['answered']} commands of {rack.rack} about {len(before.orders)} orders of "
        f"others: none was recorded, all {len(rows)} were done",
    )


def read_others(trial: Trial, rack: RackDaemon) -> Others:
    """Read from PostgreSQL itself what it has of all racks but this one."""
    query = _ROWS.format(rack=rack.rack, word=FALSE_WORD)
    form = json.loads(trial.programs.postgres.ask(query))
    return Others(
        links=frozenset(form["links"]),
        stopped=frozenset(form["stopped"]),
        reported=frozenset(form["reported"]),
        orders=tuple((each[0], each[1], each[2], each[3]) for each in form["orders"]),
    )


def what_was_believed(
    impostor: str, told: dict[str, Any], before: Others, after: Others
) -> str | None:
    """Say what was believed of an impostor, or why this shows nothing; None when nothing was."""
    if told["answered"] <= _COMMANDS or not before.links:
        return (
            f"{told['answered']} commands about {len(before.links)} links were answered: "
            "this shows nothing"
        )
    if impostor not in after.reported:
        return f"not even what {impostor} says of itself was heard: this shows nothing"
    return next(_believed(impostor, told, before, after), None)


def _believed(impostor: str, told: dict[str, Any], before: Others, after: Others) -> Iterator[str]:
    if lost := before.links - after.links:
        yield f"{len(lost)} links of other racks count no more"
    if stopped := after.stopped - before.stopped:
        yield f"{', '.join(sorted(stopped))} counts as stopped"
    if reported := after.reported - {impostor}:
        yield f"{', '.join(sorted(reported))} has a report that {impostor} made"
    if told["recorded"]:
        yield f"{told['recorded']} phases of others' orders were recorded"


def _speak(trial: Trial, rack: RackDaemon, others: Others) -> dict[str, Any]:
    about = json.dumps(
        {
            "protocol": SPOKEN_VERSION,
            "hostname": rack.rack,
            "links": sorted(others.links),
            "orders": others.orders,
        }
    )
    where = trial.fleet.processes[0]
    identity = str(rack.state / IDENTITY_FILE)
    words = (identity, where.host.address, str(where.port), str(_COMMANDS), about)
    return run_intruder(trial, rack.host, "speak", *words)


def _must_be_gone(trial: Trial, rack: RackDaemon) -> None:
    """Wait until no link of the rack's own daemon is left, which would refuse another run."""

    def gone() -> bool:
        row = trial.must_look().rack(rack.rack)
        return row is not None and not row["connections"]

    if not trial.clocks.wait_until(gone, seconds=_TAKEN_SECONDS, every=0.05):
        raise CheckFailed(f"{rack.rack} is connected though its daemon was stopped")


CHECKS = (
    Check(
        promise="M8",
        name="a rack's word about other racks is not believed",
        limit_seconds=15,
        run=words_about_others_change_nothing,
    ),
    Check(
        promise="M8",
        name="a rack's word about other racks' power orders is not believed",
        limit_seconds=30,
        run=words_about_orders_change_nothing,
        needs_bmcs=True,
    ),
)
