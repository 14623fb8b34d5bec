"""M16: a server is called dead by itself when its host is, and never when only its daemons are."""

from contextlib import ExitStack
from typing import Any

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.crowds import crowd_on, refuse_given_twice
from evenrack.lab.drill.dhcp.dhcp_pool import CROWD, PREFIX, given_by, given_by_others
from evenrack.lab.drill.dhcp.dhcp_sight import (
    felt_and_after,
    refuse_long_waits,
    served_vlans,
    side_of,
)
from evenrack.lab.drill.dhcp.more_addresses import more_addresses
from evenrack.lab.drill.dhcp.partners import (
    SHORT_MCLT,
    begin_anew,
    kill_daemons,
    side_at,
    vlan_set,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import AUTO_PARTNER_DOWN_SECONDS, DHCP_HOLD_DOWN_SECONDS

_WITH_A_WITNESS = 3
"""The pair, and a rack beside it."""
_ASKED_SECONDS = 15.0
"""Racks are asked each ten seconds, and answer within two."""
NEVER_SECONDS = DHCP_HOLD_DOWN_SECONDS + _ASKED_SECONDS + AUTO_PARTNER_DOWN_SECONDS
"""Who was not called dead by evidence so long after its loss has something that speaks for it."""
_FORGOTTEN_SECONDS = 75.0
"""What a host said by ARP before it died the kernels of others forget within a minute."""
_LATE_SECONDS = 5.0
_CROWD_BEFORE_SECONDS = 10.0
"""So long before a server is called dead the crowd comes: who is not answered gives up later."""
_LONGEST_WAIT = 2.0
_LOOK_SECONDS = 0.1
_LOOKING_SECONDS = 2.0
"""The leader may have seen the evidence a little before it was seen here."""


def a_host_that_answers_is_not_called_dead(trial: Trial, limit: float) -> Measured:
    """Kill the daemons of a primary's host, which answers: that speaks for it."""
    vlan = _vlan_with_a_witness(trial)
    since, row = trial.clocks.seconds(), trial.dhcp_row(vlan)
    dead, left = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
    kill_daemons(trial, vlan, dead, left)
    seconds: float | None = None
    signs: list[str] = []
    while (now := trial.clocks.seconds()) - since < NEVER_SECONDS:
        row = trial.dhcp_row(vlan)
        refuse_called_dead(row)
        signs = [item["by"] for item in _evidence(row, dead) if item["says"] == "refused"]
        if seconds is None and left in signs and len(set(signs) - {left}) > 0:
            seconds = now - since
        trial.clocks.sleep(_LOOK_SECONDS)
    felt = felt_and_after(trial, vlan, since)
    if seconds is None or seconds > limit:
        raise CheckFailed(f"{dead} was found alive by {', '.join(signs) or 'nobody'}", seconds)
    refuse_long_waits(felt, vlan, _LONGEST_WAIT)
    return Measured(
        seconds=seconds,
        detail=f"{vlan}: {left} and others found the host of {dead} alive, and it was not called "
        f"dead in {NEVER_SECONDS:g} s; {felt.answers} answers, none waited over "
        f"{felt.longest_wait:.2f} s",
    )


def a_dead_host_is_called_dead(trial: Trial, limit: float) -> Measured:
    """Kill a primary's host: called dead by what two racks find, then every address is usable."""
    vlan = _vlan_with_a_witness(trial)
    row = trial.dhcp_row(vlan)
    dead, left = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
    served = [other["vlan"] for other in trial.dhcp_rows() if _has_side(other, dead)]
    with ExitStack() as settings:
        for each in served:
            mclt = trial.client().get(f"/api/v1/vlans/{each}")["mclt"]
            settings.enter_context(vlan_set(trial, each, "mclt", SHORT_MCLT, before=mclt))
        since = trial.clocks.seconds()
        made = settings.enter_context(more_addresses(trial, vlan, PREFIX))
        killed = trial.clocks.seconds()
        kill_daemons(trial, vlan, dead, left)
        trial.cut(dead)
        _wait_for_evidence(trial, vlan, dead)
        known = trial.clocks.seconds()
        trial.clocks.sleep(AUTO_PARTNER_DOWN_SECONDS - _CROWD_BEFORE_SECONDS)
        with crowd_on(trial, vlan, CROWD):
            seconds, who = _until_called_dead(trial, vlan, left, known, limit)
            called = trial.clocks.seconds()
            address = side_of(row, "primary")["address"]
            pool = made - given_by(trial, address, since)
            missing, promises = _until_all_given(trial, vlan, address, since, pool)
            usable = trial.clocks.seconds() - called
        begin_anew(trial, *served)  # before mclt is what it was: who comes back waits for it
    if missing:
        raise CheckFailed(f"{len(missing)} of {len(pool)} were given to nobody: {missing[0]}")
    if not who.startswith("leader "):
        raise CheckFailed(f"{dead} was called dead by {who}")
    if not AUTO_PARTNER_DOWN_SECONDS - _LOOKING_SECONDS <= seconds <= limit:
        raise CheckFailed(f"{dead} was called dead after {seconds:.1f} s of evidence", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{vlan}: evidence that the host of {dead} is dead after {known - killed:.1f} s, "
        f"{left} in partner-down {seconds:.1f} s later by {who}, all {len(pool)} addresses usable "
        f"{usable:.1f} s after that, with an MCLT of {SHORT_MCLT} s; {promises} promises, no "
        f"address twice; {', '.join(served)} normal again",
    )


def refuse_called_dead(row: dict[str, Any]) -> None:
    """See that no server of a VLAN was called dead."""
    if row["partner_down"] is not None:
        word = row["partner_down"]
        raise CheckFailed(f"{row['vlan']}: {word['dead']} was called dead by {word['who']}")


def _vlan_with_a_witness(trial: Trial) -> str:
    """Choose a VLAN with clients, a pair, and a rack beside it: of two none can say who is cut."""
    served = [v for v in served_vlans(trial) if len(trial.racks_on(v)) >= _WITH_A_WITNESS]
    return trial.pick(sorted(served), "a VLAN with clients, a pair and a third rack")


def _has_side(row: dict[str, Any], rack: str) -> bool:
    return any(side["rack"] == rack for side in row["sides"])


def _evidence(row: dict[str, Any], dead: str) -> list[dict[str, Any]]:
    evidence: list[dict[str, Any]] = side_at(row, dead)["evidence"]
    return evidence


def _wait_for_evidence(trial: Trial, vlan: str, dead: str) -> None:
    """Wait until nothing is missing that says that a host is dead."""
    missing: list[str] = ["no evidence at all"]

    def is_complete() -> bool:
        nonlocal missing
        row = trial.dhcp_row(vlan)
        refuse_called_dead(row)
        evidence = _evidence(row, dead)
        missing = [item["says"] for item in evidence if item["what"] == "missing"]
        return bool(evidence) and not missing

    if not trial.clocks.wait_until(is_complete, seconds=_FORGOTTEN_SECONDS, every=_LOOK_SECONDS):
        raise CheckFailed(f"{vlan}: is {dead} dead? {'; '.join(missing)}")


def _until_called_dead(
    trial: Trial, vlan: str, left: str, known: float, limit: float
) -> tuple[float, str]:
    """Give how long the evidence was there until the other server was in partner-down."""

    def is_called_dead() -> bool:
        return bool(side_at(trial.dhcp_row(vlan), left)["state"] == "partner-down")

    patience = limit + _LATE_SECONDS
    if not trial.clocks.wait_until(is_called_dead, seconds=patience, every=_LOOK_SECONDS):
        raise CheckFailed(f"{vlan}: {left} was not in partner-down {patience:g} s after evidence")
    seconds = trial.clocks.seconds() - known
    return seconds, str(trial.dhcp_row(vlan)["partner_down"]["who"])


def _until_all_given(
    trial: Trial, vlan: str, of_the_dead: str, since: float, pool: set[str]
) -> tuple[list[str], int]:
    """Wait until all of a pool was given; list what was not, and count promises of the lab."""

    def missing() -> set[str]:
        return pool - given_by_others(trial, vlan, of_the_dead, since)

    patience = SHORT_MCLT + 2 * _LATE_SECONDS
    trial.clocks.wait_until(lambda: not missing(), seconds=patience, every=2 * _LOOK_SECONDS)
    return sorted(missing()), refuse_given_twice(trial)


CHECKS = (
    Check(
        promise="M16",
        name="the daemons of a rack die, its host answers: it is not called dead",
        limit_seconds=DHCP_HOLD_DOWN_SECONDS + _ASKED_SECONDS,
        run=a_host_that_answers_is_not_called_dead,
        needs_network=True,
    ),
    Check(
        promise="M16",
        name="a rack host dies: it is called dead by evidence, and every address is usable",
        limit_seconds=AUTO_PARTNER_DOWN_SECONDS + _LATE_SECONDS,
        run=a_dead_host_is_called_dead,
        needs_network=True,
    ),
)
