"""`evenrack key`: what encrypts secrets in the database, and how a new key takes over."""

from collections.abc import Iterable
from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, confirm, json_object
from evenrack.cli.session import Session, say
from evenrack.cli.show import Line, Table, page_text
from evenrack.client import Client
from evenrack.errors import ApiRefused, OutcomeUnknown, RegionUnreachable

PROGRESS_SECONDS = 5.0
LOOK_SECONDS = 0.2
MOST_SECONDS_WAITING = 15.0
"""For region processes to notice which key encrypts, or for any of them to answer."""
SERVER_ERRORS = 500
"""HTTP statuses from here on say that the region could not do it just now."""


@click.group(
    epilog=examples(
        "evenrack key list", "evenrack key rotate --plan", "evenrack key rotate --yes --json"
    )
)
def key() -> None:
    """Show the keys that encrypt secrets in the database, and let a new one take over.

    On one region host: evenrack-regiond add-key. Then copy its key file to all other region hosts;
    nothing is restarted. Then rotate: everything is encrypted anew. When list shows the old key as
    unused, its line may be taken out of the file on every host.
    """


@key.command("list", epilog=examples("evenrack key list --json"))
@json_object
@click.pass_obj
def list_keys(session: Session, *, as_json: bool) -> None:
    """List keys: which encrypts, how much is sealed with each, and which processes have it."""
    found = session.client().get("/api/v1/keys")
    session.show(found, [_keys_table(found["keys"]), *_troubles(found)], as_json=as_json)
    unused = [each["id"] for each in found["keys"] if each["state"] == "unused"]
    if unused:
        say(f"unused: {', '.join(unused)}; the line may go from the key file on every region host")


@key.command("rotate", epilog=examples("evenrack key rotate --plan", "evenrack key rotate --yes"))
@click.option("--plan", "only_plan", is_flag=True, help="Only show what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_object
@click.pass_obj
def rotate(session: Session, *, only_plan: bool, yes: bool, as_json: bool) -> int:
    """Encrypt everything with the newest key of the file, and let it encrypt from now on.

    Everything stays readable meanwhile. Stopped half-way nothing is lost: run it again.
    """
    client = session.client()
    plan = _plan(client.get("/api/v1/keys"))
    if only_plan or not plan["to_do"]:
        session.show(plan, _plan_lines(plan), as_json=as_json)
        if not plan["to_do"]:
            say("nothing to do; for a new key, on a region host: evenrack-regiond add-key")
        return 0
    say(page_text(_plan_lines(plan)))
    confirm(session, yes=yes, question="rotate?", refusal="nothing was changed")
    end = _Rotation(session, client, plan).run()
    session.show(end, [_end_line(end), *_stuck_lines(end)], as_json=as_json)
    if end["finished"]:
        say("next: evenrack key list")
    return 0 if end["finished"] and not end["stuck"] else 1


class _Rotation:
    """Asks for one step after the other, and tells how far it is."""

    def __init__(self, session: Session, client: Client, plan: dict[str, Any]) -> None:
        self._clocks = session.clocks
        self._client = client
        self._address = address_of("keys", plan["key"])
        self._total = plan["to_encrypt"]
        self._done = 0
        self._told_at = self._moved_at = self._clocks.seconds()

    def run(self) -> dict[str, Any]:
        """Give what the last step answered, with how many were sealed anew in all.

        Not finished: some process has not noticed for long.
        """
        while True:
            step = self._step()
            if step["resealed"]:
                self._moved_at = self._clocks.seconds()
                self._done += step["resealed"]
            if step["finished"] or self._is_late():
                return {**step, "resealed": self._done}
            waiting = ", ".join(step["waiting_for"])
            self._tell(f"waiting for {waiting}" if waiting and not step["resealed"] else "")
            if not step["resealed"]:
                self._clocks.sleep(LOOK_SECONDS)

    def _step(self) -> dict[str, Any]:
        """Ask for a step; again, since that is safe, when no region could take it just now."""
        while True:
            try:
                step: dict[str, Any] = self._client.post(self._address, {})
            except (RegionUnreachable, OutcomeUnknown, ApiRefused) as problem:
                if _is_final(problem) or self._is_late():
                    raise
                self._tell(str(problem))
                self._clocks.sleep(LOOK_SECONDS)
            else:
                return step

    def _is_late(self) -> bool:
        return self._clocks.seconds() - self._moved_at >= MOST_SECONDS_WAITING

    def _tell(self, what: str) -> None:
        if self._clocks.seconds() - self._told_at >= PROGRESS_SECONDS:
            self._told_at = self._clocks.seconds()
            say(what or f"{self._done} of {max(self._total, self._done)}")


def _is_final(problem: Exception) -> bool:
    """Tell whether asking again is useless: it was refused, and that will not change by itself."""
    status = problem.problem.get("status") if isinstance(problem, ApiRefused) else None
    return isinstance(status, int) and status < SERVER_ERRORS


def _plan(found: dict[str, Any]) -> dict[str, Any]:
    """Say what rotating would do."""
    if found["newest"] is None:
        raise click.ClickException(
            "this region host has no key file: copy it from another, or run `evenrack-regiond init`"
        )
    newest = next(each for each in found["keys"] if each["id"] == found["newest"])
    now = [each["id"] for each in found["keys"] if each["state"] == "encrypts"]
    others = sum(each["sealed"] for each in found["keys"] if each["id"] != newest["id"])
    return {
        "key": newest["id"],
        "encrypts_now": now[0] if now else None,
        "to_encrypt": others,
        "missing_at": newest["missing_at"],
        "to_do": newest["state"] != "encrypts" or others > 0,
    }


def _plan_lines(plan: dict[str, Any]) -> list[Line]:
    missing = ", ".join(plan["missing_at"])
    return [
        Line(name="encrypts now", value=str(plan["encrypts_now"] or "none that is known")),
        Line(name="will encrypt", value=plan["key"]),
        Line(name="to encrypt anew", value=str(plan["to_encrypt"])),
        Line(name="missing at", value=missing or "none", good=not missing),
    ]


def _end_line(end: dict[str, Any]) -> Line:
    if not end["finished"]:
        waiting = ", ".join(end["waiting_for"]) or "those who write just now"
        value = f"not yet: waiting for {waiting}; run it again"
    else:
        value = f"encrypts; {end['resealed']} sealed anew"
    return Line(name=f"key {end['key']}", value=value, good=end["finished"])


def _stuck_lines(end: dict[str, Any]) -> Iterable[Line]:
    return [
        Line(name=each["place"], value=f"left as it is: {each['why']}", good=False)
        for each in end["stuck"]
    ]


def _keys_table(keys: list[dict[str, Any]]) -> Table:
    return Table(
        title="keys",
        columns=("id", "state", "sealed", "processes", "missing at", "fingerprint"),
        rows=[
            (
                each["id"],
                each["state"],
                each["sealed"],
                len(each["processes"]),
                ", ".join(each["missing_at"]) or "-",
                each["fingerprint"] or "-",
            )
            for each in keys
        ],
        when_empty="no keys: run `evenrack-regiond init`",
    )


def _troubles(found: dict[str, Any]) -> Iterable[Line]:
    if found["damaged"]:
        count = f"{found['damaged']} secrets: they were changed, or are of no key; set them anew"
        yield Line(name="damaged", value=count, good=False)
    for each in found["keys"]:
        if each["state"] in {"encrypts", "needed"} and each["missing_at"]:
            yield Line(
                name=f"key {each['id']}",
                value=f"missing at {', '.join(each['missing_at'])}: copy the key file there",
                good=False,
            )
