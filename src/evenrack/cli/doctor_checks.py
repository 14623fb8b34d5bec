"""What `evenrack doctor` finds in the answers of a region: one finding a check, pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from attrs import frozen

from evenrack.model.clock_gap import in_words, is_wrong
from evenrack.problems import CATALOGUE

Verdict = Literal["ok", "WARN", "FAIL"]

UNSERVED_SEVERITY = 2
"""Problems up to this severity: something is not served, or not decided, now."""

LAST_DAY_SECONDS = 86400
ALREADY_CHECKED = frozenset({"DatabaseUnreachable", "NoLeader", "ClockSkew"})
"""Problems that a check of their own tells of."""

_SHOWN_AS_RUNNING = frozenset({"running", "degraded", "draining"})


@frozen(kw_only=True)
class Finding:
    """What one check saw; `cause` and `cure` are empty when all is well."""

    id: str
    """Of the check."""
    verdict: Verdict
    seen: str
    cause: str = ""
    cure: str = ""
    """A command, or what to do where none does it."""


def findings_of(status: Mapping[str, Any], condition: Mapping[str, Any] | None) -> list[Finding]:
    """Give every finding; `condition` is what /api/v1/doctor answers, None when it cannot."""
    known = [_NOT_KNOWN] if condition is None else _of_condition(condition)
    return [
        Finding(id="api", verdict="ok", seen="a region process answers"),
        _database(status),
        _leader(status),
        *known,
        *_clocks(status["regions"]),
        *_problems(status["problems"]),
    ]


_NOT_KNOWN = Finding(
    id="schema",
    verdict="WARN",
    seen="schema, sessions, standbys and certificates are not known",
    cause="The database does not answer, or the region process is of an earlier version.",
    cure="evenrack status",
)


def _of_condition(condition: Mapping[str, Any]) -> Iterator[Finding]:
    yield _schema(condition["schema"])
    yield _sessions(condition["sessions"])
    yield _standbys(condition["standbys"])
    yield from _certificates(condition["certificates"])


def _database(status: Mapping[str, Any]) -> Finding:
    if status["database"]["state"] == "ok":
        return Finding(id="database", verdict="ok", seen="PostgreSQL answers")
    entry = CATALOGUE["DatabaseUnreachable"]
    return Finding(
        id="database",
        verdict="FAIL",
        seen=status["database"]["detail"],
        cause=entry.meaning,
        cure=entry.do,
    )


def _leader(status: Mapping[str, Any]) -> Finding:
    if status["leader"] is not None:
        return Finding(id="leader", verdict="ok", seen=f"{status['leader']} leads")
    entry = CATALOGUE["NoLeader"]
    return Finding(
        id="leader", verdict="FAIL", seen="nobody leads", cause=entry.meaning, cure=entry.do
    )


def _schema(schema: Mapping[str, int]) -> Finding:
    needed, highest = schema["needed"], schema["highest"]
    seen = f"the programs need {needed}, the database serves {schema['lowest']} to {highest}"
    if not schema["lowest"] <= needed <= highest:
        return Finding(
            id="schema",
            verdict="FAIL",
            seen=seen,
            cause="The database was migrated for programs of another version.",
            cure="upgrade evenrack on this region host, or run evenrack-regiond migrate",
        )
    if needed < highest:
        return Finding(
            id="schema",
            verdict="WARN",
            seen=seen,
            cause="An upgrade of the programs is not finished.",
            cure="upgrade evenrack on this region host: systemctl restart evenrack-regiond.target",
        )
    return Finding(id="schema", verdict="ok", seen=seen)


def _sessions(sessions: Mapping[str, int]) -> Finding:
    needed, allowed, of_each = sessions["needed"], sessions["allowed"], sessions["of_each"]
    seen = f"{sessions['processes']} processes need {needed} of {allowed} sessions"
    cure = f"ALTER SYSTEM SET max_connections = {max(100, 2 * needed)}, and restart PostgreSQL"
    if needed > allowed:
        cause = "A process that gets no session can neither beat nor lead."
        return Finding(id="sessions", verdict="FAIL", seen=seen, cause=cause, cure=cure)
    if needed + of_each > allowed:
        cause = f"There is no room for one more process: each needs {of_each}."
        return Finding(id="sessions", verdict="WARN", seen=seen, cause=cause, cure=cure)
    return Finding(id="sessions", verdict="ok", seen=seen)


def _standbys(count: int) -> Finding:
    seen = f"{count} follow the primary" if count else "none: a lost server is not replaced"
    return Finding(id="standbys", verdict="ok", seen=seen)


def _clocks(regions: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Give one finding for each host whose clock is wrong; one for all when none is."""
    worst = [(region["id"], _furthest(region)) for region in regions]
    wrong = [(host, gap) for host, gap in worst if is_wrong(gap)]
    entry = CATALOGUE["ClockSkew"]
    for host, gap in wrong:
        yield Finding(
            id="clocks",
            verdict="WARN",
            seen=f"the clock of {host} is {in_words(gap)}",
            cause=entry.meaning,
            cure=entry.do,
        )
    if not wrong:
        known = sum(gap is not None for _, gap in worst)
        seen = f"{known} of {len(worst)} region hosts are within 5 s of the database"
        yield Finding(id="clocks", verdict="ok", seen=seen)


def _furthest(region: Mapping[str, Any]) -> Any:
    gaps = [
        process.get("clock_ahead")
        for process in region["processes"]
        if process["state"] in _SHOWN_AS_RUNNING
    ]
    return max((gap for gap in gaps if gap is not None), key=abs, default=None)


_CERTIFICATE_CURES = {
    "rack": "on that rack: systemctl start evenrack-rackd, and see its log; when it is too late: "
    "evenrack enrolment create NAME --rack {name}",
    "region": "on that host: evenrack-regiond init, and see the log of evenrack-regiond",
    "authority": "evenrack authority rotate",
}


def _certificates(near_end: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for row in near_end:
        days = max(0, round(row["seconds_left"] / LAST_DAY_SECONDS))
        yield Finding(
            id="certificates",
            verdict="FAIL" if row["seconds_left"] < LAST_DAY_SECONDS else "WARN",
            seen=f"{row['kind']} {row['name']}: good for {days} days, to {row['not_after']}",
            cause="It was not renewed when it was due.",
            cure=_CERTIFICATE_CURES[row["kind"]].format(name=row["name"]),
        )
    if not near_end:
        yield Finding(id="certificates", verdict="ok", seen="none is near its end")


def _is_checked(problem: Mapping[str, Any]) -> bool:
    """Tell whether a check of its own tells of it; that of clocks looks at region hosts only."""
    is_of_rack = problem["object"].startswith("rack:")
    return problem["code"] in ALREADY_CHECKED and not is_of_rack


def _problems(problems: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    others = [row for row in problems if not _is_checked(row)]
    for row in others:
        entry = CATALOGUE.get(row["code"])  # None: of a region that is newer than this program
        is_bad = entry is not None and entry.severity <= UNSERVED_SEVERITY
        yield Finding(
            id="problems",
            verdict="FAIL" if is_bad else "WARN",
            seen=f"{row['code']} {row['object']}: {row['affects']}",
            cause="" if entry is None else entry.meaning,
            cure=row["do"],
        )
    if not others:
        yield Finding(id="problems", verdict="ok", seen="none is open")
