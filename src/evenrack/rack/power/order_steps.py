"""Decides what a power order needs next, and how one that stops has ended: pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from attrs import frozen

from evenrack.model.power import (
    BootDevice,
    Phase,
    PowerAction,
    PowerOutcome,
    PowerState,
    next_start_words,
)

Step = Literal[
    "look",
    "send off",
    "send on",
    "send soft",
    "send reset",
    "note off",
    "note on",
    "done",
    "undone",
    "unfit",
]
"""`look`: again, later. `note`: what was asked for has been seen. `done` and `undone`: the end, and
the machine is, or is no longer, as the order wants it; `unfit`: it never could be."""

PHASE_AFTER: Final[Mapping[Step, Phase]] = MappingProxyType(
    {
        "send off": "OFF_SENT",
        "note off": "OFF_SEEN",
        "send on": "ON_SENT",
        "send soft": "OFF_SENT",
        "send reset": "RESET_SENT",
        "note on": "ON_SEEN",
    }
)
"""What is recorded for a step: of those that send, before they do."""

_OFF_THEN_ON: Final[Mapping[PowerAction, Mapping[Phase, tuple[Step, Step]]]] = MappingProxyType(
    {
        "query": {"NEW": ("done", "done")},
        "on": {
            "NEW": ("send on", "done"),
            "ON_SENT": ("send on", "note on"),
            "ON_SEEN": ("undone", "done"),
        },
        "off": {
            "NEW": ("done", "send off"),
            "OFF_SENT": ("note off", "send off"),
            "OFF_SEEN": ("done", "undone"),
        },
        "cycle": {
            "NEW": ("note off", "send off"),
            "OFF_SENT": ("note off", "send off"),
            "OFF_SEEN": ("send on", "note on"),
            "ON_SENT": ("send on", "note on"),
            "ON_SEEN": ("undone", "done"),
        },
        "soft": {
            "NEW": ("done", "send soft"),
            "OFF_SENT": ("note off", "look"),
            "OFF_SEEN": ("done", "undone"),
        },
        "reset": {"NEW": ("unfit", "send reset"), "RESET_SENT": ("look", "done")},
    }
)
"""For each action and phase: what to do when the machine is off, and when it is on."""

_NEEDS_NO_RECORD: Final = frozenset({"OFF_SEEN", "ON_SEEN"})


def next_step(
    action: PowerAction,
    phase: Phase,
    seen: PowerState,
    *,
    unrecorded: bool = False,
    from_there: bool = True,
) -> Step:
    """Decide what to do, from what was asked, what was done, and what was seen a moment ago.

    Nothing is sent to a machine that nobody can see. `unrecorded` says that more may have been done
    than the phase tells: a machine that is on may have been off, and is not turned off again.
    `from_there` says whether it may have started from where it is to: its BMC was told so before.
    What is on already did not, and what somebody else turned on.
    """
    if seen == "unknown":
        return "look"
    if unrecorded and (action, phase, seen) == ("cycle", "OFF_SENT", "on"):
        return "look"
    when_off, when_on = _OFF_THEN_ON[action][phase]
    if seen == "off":
        return when_off
    return "unfit" if when_on in {"done", "note on"} and not from_there else when_on


def must_finish(action: PowerAction, phase: Phase) -> bool:
    """Say whether stopping now would leave off what a `cycle` has turned off."""
    return action == "cycle" and phase in {"OFF_SEEN", "ON_SENT"}


def may_go_unrecorded(
    action: PowerAction, recorded: Phase, phase: Phase, *, region_hears: bool
) -> bool:
    """Say whether to go on although the phase cannot be recorded.

    Seeing something sends nothing. A `cycle` of which OFF_SENT is recorded is an intention that is
    finished; a second `off` belongs to no intention. At OFF_SENT it is finished only while a region
    process hears this rack, and has no database: a rack that none hears is taken over, and its
    successor would take a machine that was turned on again for one that was not yet turned off.
    """
    if phase in _NEEDS_NO_RECORD:
        return True
    if action != "cycle" or phase != "ON_SENT":
        return False
    return recorded != "NEW" and (recorded != "OFF_SENT" or region_hears)


@frozen(kw_only=True)
class Known:
    """What a rack knows of an order when it stops."""

    seen: PowerState
    """What the newest look showed; `unknown` when it showed nothing."""
    sent: bool
    """Whether a command may have reached the BMC, in this attempt or an earlier one."""
    in_doubt: bool
    """Whether the newest command may still have an effect: it was not answered, or its answer
    went to a rack that is gone."""
    next_start: BootDevice | None = None
    """From where the BMC may have been told to have the machine start next."""
    told_again: bool = False
    """Whether it was told so when the machine may have started from there already."""


def done(known: Known) -> PowerOutcome:
    """Tell that the machine is as it should be."""
    why = f"the start after this one may be from {known.next_start}, too: its BMC was told it twice"
    error = why if known.told_again else ""
    return PowerOutcome(result="ok", state=known.seen, error=error, sent=known.sent)


def stopped(known: Known, why: str, *, retryable: bool) -> PowerOutcome:
    """Tell how an order ended that could not be brought to its end.

    It has failed when no command of it can have an effect any more, and what it left is known.
    """
    doubtful = known.in_doubt or (known.sent and known.seen == "unknown")
    if known.next_start is not None:
        why += f"; {next_start_words(known.next_start)}"
    return PowerOutcome(
        result="unknown" if doubtful else "failed",
        state=known.seen,
        error=why,
        retryable=retryable,
        sent=known.sent,
    )
