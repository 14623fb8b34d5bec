"""Judges one `cycle` by what its BMC was told, whatever was broken meanwhile: pure.

What the BMC was told is its own word. Of the order only what an operator is told counts: when it
was given, when and how it ended, and who sent what at which moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from evenrack.balance.power_routes import SURELY_ENDED_SECONDS
from evenrack.lab.bmc.chassis import Told
from evenrack.model.power import PowerState
from evenrack.region.database.order_store import ORDER_SECONDS

MOST_SECONDS = 90.0
"""Every order has ended by then."""
BLUR_SECONDS = 0.5
"""Moments are compared that programs wrote down which share few processors."""
RETURN_SECONDS = 10.0
"""A rack that is put right is heard again by then."""
_WORDS = {"OFF_SENT": "off", "ON_SENT": "on"}


@frozen(kw_only=True)
class Loss:
    """Something was broken; seconds since 1970."""

    began: float
    ended: float


@frozen(kw_only=True)
class Run:
    """One machine that was on, was cycled once, and what came of it."""

    row: Mapping[str, Any]
    """Its order, as the regions tell it when all is over."""
    told: Sequence[Told]
    """What its BMC was told since the order, until all was whole again."""
    power: PowerState
    """Of the machine, when all was whole again."""
    lost: Mapping[str, Loss]
    """Every rack that was lost meanwhile."""
    shared: Sequence[Loss] = ()
    """When region processes and the database were broken, which are everybody's."""


def what_is_wrong(runs: Sequence[Run], orders: Sequence[int]) -> list[str]:
    """Say what must not be, and then tell the story of each order with which it was so.

    `orders` are those that were given: each must be told of.
    """
    found = [(run, complaints(run)) for run in runs]
    lines = [line for _, wrong in found for line in wrong]
    told = {run.row["order"] for run in runs}
    lines += [f"order {order}: no region tells of it" for order in orders if order not in told]
    if not orders:
        lines.append("no order was given")
    return lines + [story(run) for run, wrong in found if wrong]


def complaints(run: Run) -> list[str]:
    """Say what must not be."""
    wrong = [*_outages(run), *_starts(run), *_ending(run), *_failed(run), *_unknown(run)]
    return [f"{_name(run)}: {each}" for each in wrong]


def story(run: Run) -> str:
    """Tell all that happened to it, in the order of time."""
    began = seconds_of(run.row["at"])
    moments = [(seconds_of(step["at"]), _step_text(step)) for step in run.row["steps"]]
    moments += [(told.at, f"its BMC is told: {told.what}") for told in run.told]
    for rack, loss in run.lost.items():
        moments += [(loss.began, f"{rack} is lost"), (loss.ended, f"{rack} is there again")]
    if run.row["ended"] is not None:
        ended = f"ends: {run.row['result']} ({run.row['error'] or 'no error'})"
        moments.append((seconds_of(run.row["ended"]), ended))
    lines = [f"  {at - began:6.2f} s  {what}" for at, what in sorted(moments)]
    return "\n".join([f"{_name(run)}; in the end the machine is {run.power}", *lines])


def seconds_of(text: str) -> float:
    """Read a moment of the API, in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def _name(run: Run) -> str:
    return f"order {run.row['order']}, cycle of {run.row['machine']}"


def _step_text(step: Mapping[str, Any]) -> str:
    return f"{step['step']} by {step['rack']}, attempt {step['attempt']}"


def _outages(run: Run) -> Iterable[str]:
    outages, power = 0, "on"
    for told in _switchings(run):
        outages += (power, told.what) == ("on", "off")
        power = told.what
    if outages > 1:
        yield f"{outages} outages: its BMC was told {', '.join(t.what for t in _switchings(run))}"
    if run.row["result"] == "ok" and not outages:
        yield "it is said to be ok, and the machine was never turned off"
    if run.row["result"] == "ok" and "off" in {power, run.power}:
        yield f"it is said to be ok, and the machine is {run.power}, told {power} at last"


def _switchings(run: Run) -> list[Told]:
    return [told for told in run.told if told.what in _WORDS.values()]


def _starts(run: Run) -> Iterable[str]:
    """Say where a BMC was not told anew, before a command, from where its machine is to start."""
    none = "no device"
    device = f"boot {run.row['boot']}" if run.row["boot"] else none
    before = none
    for told in run.told:
        if told.what in _WORDS.values() and before != device:
            yield f"its BMC was told {told.what} after {before}, not after {device}"
        before = none if told.what in _WORDS.values() else told.what


def _ending(run: Run) -> Iterable[str]:
    if run.row["result"] is None:
        yield f"it has not ended: it is at {run.row['phase']}"
        return
    ended = seconds_of(run.row["ended"])
    seconds = ended - seconds_of(run.row["at"])
    if seconds > MOST_SECONDS:
        yield f"it ended only after {seconds:.1f} s"
    if run.row["result"] == "unknown":
        return
    late = [told for told in run.told if told.at > ended + BLUR_SECONDS]
    if late:
        yield (
            f"it ended as {run.row['result']}, and {late[0].at - ended:.1f} s later its BMC was "
            f"told {late[0].what}"
        )


def _failed(run: Run) -> Iterable[str]:
    if run.row["result"] != "failed":
        return
    words = [told.what for told in run.told]
    if "off" in words and "on" in words[words.index("off") :]:
        yield "it is said to have failed, and its machine was off and on again"
    elif not _met(run):
        yield "it failed, and nothing was broken that it needs"


def _met(run: Run) -> bool:
    """Tell whether something broke before its end: a rack that had it, or what is everybody's."""
    racks = {step["rack"] for step in run.row["steps"]}
    losses = [loss for rack, loss in run.lost.items() if rack in racks or not racks]
    ended = seconds_of(run.row["ended"])
    return any(loss.began <= ended for loss in (*losses, *run.shared))


def _unknown(run: Run) -> Iterable[str]:
    if run.row["result"] != "unknown":
        return
    sent = [step for step in run.row["steps"] if step["step"] in _WORDS]
    if not sent or not _nobody_can_know(run, sent[-1]):
        yield "it ended as unknown, and its rack was not lost between sending and the answer"
    elif not _is_given_up(run, sent[-1]):
        yield "it ended as unknown before its time was over, and its rack was not away for long"


def _nobody_can_know(run: Run, step: Mapping[str, Any]) -> bool:
    """Tell whether it is unknown what became of the newest command."""
    return _lost_before_the_answer(run, step) or _may_be_unrecorded(run, step)


def _may_be_unrecorded(run: Run, step: Mapping[str, Any]) -> bool:
    """Tell whether a lost rack may have finished it, for all that the regions know.

    A region process that was started meanwhile does not know of outages.
    """
    loss, ended = run.lost.get(step["rack"]), seconds_of(run.row["ended"])
    is_newest = step["step"] == run.row["phase"] == "OFF_SENT"
    return (
        is_newest
        and loss is not None
        and seconds_of(step["at"]) - BLUR_SECONDS <= loss.began <= ended
        and any(each.began <= ended for each in run.shared)
    )


def _is_given_up(run: Run, step: Mapping[str, Any]) -> bool:
    """Tell whether its time was over, or its rack was away until it surely sent no more."""
    loss, ended = run.lost[step["rack"]], seconds_of(run.row["ended"])
    if ended >= seconds_of(run.row["at"]) + ORDER_SECONDS - BLUR_SECONDS:
        return True
    away = min(ended, loss.ended + RETURN_SECONDS) - loss.began
    return away >= SURELY_ENDED_SECONDS - BLUR_SECONDS


def _lost_before_the_answer(run: Run, step: Mapping[str, Any]) -> bool:
    """Tell whether the rack of a step was lost after it sent, and before the BMC did it.

    The BMC answers at once what it has done.
    """
    loss = run.lost.get(step["rack"])
    sent = seconds_of(step["at"])
    if loss is None or loss.began < sent - BLUR_SECONDS:
        return False
    word = _WORDS[step["step"]]
    return not any(
        told.what == word and sent <= told.at <= loss.began - BLUR_SECONDS for told in run.told
    )
