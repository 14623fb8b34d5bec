"""M18: authority and key are changed while everything runs, and no link ends."""

import shutil
from collections.abc import Callable, Sequence
from typing import Any

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.trial import Trial
from evenrack.lab.drill.trust.strangers import rack_links, refuse_changes

_STEPS_SECONDS = 20.0
_ADD_KEY_SECONDS = 20.0


def the_authority_is_changed(trial: Trial, limit: float) -> Measured:
    """Put another authority in the place of the cluster's, under load: no link ends."""
    before, event = rack_links(trial), trial.newest_event()
    client = trial.client()
    since = trial.clocks.seconds()
    client.post("/api/v1/authorities", {})
    _step(trial, "next", lambda found: not found["not_trusted_by"], "was not trusted by all")
    client.post(f"/api/v1/authorities/{_pin(trial, 'next')}", {})
    _step(trial, "retiring", lambda found: found["certificates"] == 0, "was in use still")
    client.delete(f"/api/v1/authorities/{_pin(trial, 'retiring')}")
    seconds = trial.clocks.seconds() - since
    refuse_changes(trial, before, event, seconds)
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"all {len(trial.fleet.racks)} racks and all regions have certificates of another "
        f"authority; {len(before)} links, none ended",
    )


def the_key_is_changed(trial: Trial, limit: float) -> Measured:
    """Put another key in the place of the one that encrypts, as the handbook says."""
    before, event = rack_links(trial), trial.newest_event()
    since = trial.clocks.seconds()
    first, *others = [p for p in trial.fleet.processes if p.instance == 1]
    client = trial.client_of([first.name])
    old = client.get("/api/v1/keys")["newest"]
    program = str(trial.programs.folder / "evenrack-regiond")
    first.host.run([program, "add-key", "--config", str(first.config)], seconds=_ADD_KEY_SECONDS)
    for other in others:
        shutil.copyfile(first.keys, other.keys)
    resealed = 0
    last: dict[str, Any] = {}

    def finished() -> bool:
        nonlocal resealed, last
        found = client.get("/api/v1/keys")
        newest = next(each for each in found["keys"] if each["id"] == found["newest"])
        if newest["id"] == old or newest["missing_at"]:
            return False  # the files are read again within a second
        last = client.post(f"/api/v1/keys/{newest['id']}", {})
        resealed += last["resealed"]
        return bool(last["finished"])

    if not trial.clocks.wait_until(finished, seconds=_STEPS_SECONDS, every=0.1):
        raise CheckFailed(f"the new key did not take over in {_STEPS_SECONDS:g} s: {last}")
    seconds = trial.clocks.seconds() - since
    left = [each for each in client.get("/api/v1/keys")["keys"] if each["state"] == "needed"]
    if left or not resealed:
        raise CheckFailed(f"{resealed} secrets are under the new key, others still not", seconds)
    refuse_changes(trial, before, event, seconds)
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(seconds=seconds, detail=f"{resealed} secrets under another key; no link ended")


def _authorities(trial: Trial) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = trial.client().get("/api/v1/authorities")
    return found


def _pin(trial: Trial, state: str) -> str:
    return str(next(each["pin"] for each in _authorities(trial) if each["state"] == state))


def _step(
    trial: Trial, state: str, reached: Callable[[dict[str, Any]], bool], why_not: str
) -> None:
    def done() -> bool:
        return all(reached(each) for each in _authorities(trial) if each["state"] == state)

    if not trial.clocks.wait_until(done, seconds=_STEPS_SECONDS, every=0.1):
        raise CheckFailed(f"the {state} authority {why_not} after {_STEPS_SECONDS:g} s")


CHECKS = (
    Check(
        promise="M18",
        name="the authority is changed under load, and no link ends",
        limit_seconds=20,
        run=the_authority_is_changed,
    ),
    Check(
        promise="M18",
        name="the key that encrypts is changed under load, and no link ends",
        limit_seconds=20,
        run=the_key_is_changed,
    ),
)
