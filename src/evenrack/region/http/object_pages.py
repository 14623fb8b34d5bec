"""What pages have in common: conditions, and problems."""

import re

from evenrack.errors import KeyMissing, OutcomeUnknown
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId
from evenrack.region.http.json_pages import HttpProblem, Query

MOST_KEY_LETTERS = 255
REQUEST_KEY = re.compile(f"[!-~]{{1,{MOST_KEY_LETTERS}}}")


def condition_of(query: Query) -> FleetNumber | None:
    """Read If-Match: the generation that was seen, or `*` for any; HttpProblem 400 otherwise."""
    if query.if_match is None or query.if_match.strip() == "*":
        return None
    try:
        return FleetNumber.from_text(query.if_match.strip().strip('"'))
    except ValueError:
        raise bad_request(
            'If-Match: give the object\'s generation as it was answered, as in "1.12", or *'
        ) from None


def request_key_of(query: Query) -> str | None:
    """Read Idempotency-Key; HttpProblem 400 when it cannot be one."""
    key = query.idempotency_key
    if key is not None and REQUEST_KEY.fullmatch(key) is None:
        raise bad_request(
            f"Idempotency-Key: give 1 to {MOST_KEY_LETTERS} printable ASCII characters without "
            "blanks, other ones for each request, as a UUID has them"
        )
    return key


def only_known(query: Query, known: tuple[str, ...]) -> None:
    """Refuse arguments that mean nothing: a filter with a typing error would show everything."""
    for name in query.arguments:
        if name not in known:
            those = f"known are {', '.join(known)}" if known else "none is known here"
            raise bad_request(f"{name}: this argument is unknown; {those}")


def bad_request(detail: str) -> HttpProblem:
    """Say that the request means nothing."""
    return HttpProblem(
        status=400, code="BadRequest", title="The request was not understood", detail=detail
    )


def not_found(detail: str) -> HttpProblem:
    """Say that there is no such object."""
    return HttpProblem(status=404, code="NotFound", title="There is no such object", detail=detail)


def find_rack(fleet: Fleet, name: str) -> RackId:
    """Find a rack by its name or its id; HttpProblem 404."""
    found = [rack.id for rack in fleet.racks.values() if name in {rack.id, rack.hostname}]
    if len(found) != 1:
        raise not_found(f'no rack, or more than one, is called "{name}"; see `evenrack rack list`')
    return found[0]


def changed_meanwhile(detail: str, present: object, number: FleetNumber) -> HttpProblem:
    """Say that the object is not as it was seen, and how it is."""
    return HttpProblem(
        status=412,
        code="ChangedMeanwhile",
        title="The object is not as it was seen; nothing was changed",
        detail=detail,
        more={"present": present},
        headers={"ETag": f'"{number}"'},
    )


def outcome_unknown(problem: OutcomeUnknown) -> HttpProblem:
    """Say that nobody knows whether it was done."""
    return HttpProblem(
        status=504,
        code="OutcomeUnknown",
        title="The change may have been done or not",
        detail=str(problem),
    )


def key_missing(problem: KeyMissing) -> HttpProblem:
    """Say so in the way that makes the client ask another region process, which may have it."""
    return HttpProblem(
        status=503,
        code="KeyMissing",
        title="This host cannot encrypt passwords; nothing was changed",
        detail=str(problem),
    )
