"""What a Redfish service means when it does not do something (DSP0266, 8.2): pure.

Three classes, as `rack.power.driver` names them. What is not told yet is retryable, what was told
and answered as if something broke may have been done.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcSilent,
    EvenrackError,
)
from evenrack.rack.power.rest.answers import read_error, says, words_of

OK: Final = frozenset({200, 201, 202, 204})

_UNAUTHORIZED: Final = 401
_FIRST_REDIRECT, _FIRST_FAULT, _LAST_FAULT = 300, 500, 599
_BAD_REQUEST: Final = 400

_NOT_NOW: Final[Mapping[int, str]] = MappingProxyType(
    {
        408: "it took too long to hear it",
        409: "not in its present state",
        412: "it has changed meanwhile",
        423: "it is locked",
        425: "it is starting",
        429: "it is asked too often",
        503: "it is busy or starting",
    }
)
"""With these it has not done it, and may do so later (RFC 9110, 15; RFC 6585)."""

_NEVER: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "it does not take that",
        403: "this user may not do that",
        404: "there is no such thing",
        405: "nobody may do that",
        406: "it does not answer in JSON",
        410: "there is no such thing any more",
        501: "it does not know how",
        505: "it does not speak HTTP 1.1",
    }
)


def refusal(
    status: int, body: bytes, what: str, *, hidden: Sequence[str] = (), changes: bool = False
) -> EvenrackError:
    """Give the error for an answer that is none of OK; `changes`: it was told to do something."""
    return _refusal(status, words_of(read_error(body), hidden), what, changes=changes)


def login_refusal(status: int, body: bytes, *, hidden: Sequence[str] = ()) -> EvenrackError:
    """Give the error for a session that did not come about."""
    messages = read_error(body)
    if says(messages, "SessionLimitExceeded"):
        return BmcBusy(f"the BMC has no session left (HTTP {status})")
    if says(messages, "UnauthorizedLogin"):
        return BmcRefusedPassword(f"the BMC refuses the user name or password (HTTP {status})")
    return _refusal(status, words_of(messages, hidden), "a session", changes=False)


def _refusal(status: int, words: str, what: str, *, changes: bool) -> EvenrackError:
    if _FIRST_REDIRECT <= status < _BAD_REQUEST:
        return BmcRefused(f"the BMC sends {what} elsewhere, which is not followed (HTTP {status})")
    why, end = _NOT_NOW.get(status) or _NEVER.get(status, "it gives no reason"), f"(HTTP {status})"
    told = f"{why}: {words}" if words else why
    if status == _UNAUTHORIZED:
        return BmcRefusedPassword(f"the BMC refuses the user name or password {end}")
    if status in _NOT_NOW:
        return BmcBusy(f"the BMC cannot do {what} now: {told} {end}")
    if status in _NEVER or _BAD_REQUEST <= status < _FIRST_FAULT:
        return BmcRefused(f"the BMC refuses {what}: {told} {end}")
    if changes:
        return BmcSilent(f"the BMC may have done {what} or not: {told} {end}")
    return BmcBusy(f"the BMC cannot do {what} now: {told} {end}")
