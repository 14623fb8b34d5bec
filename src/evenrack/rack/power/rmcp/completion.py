"""What a BMC means when it does not do something (IPMI 2.0, tables 5-2 and 13-15): pure.

Three classes, as `rack.power.driver` names them; what is not known by its number passes. A BMC that
said no has done nothing, but for a few codes, which count where a command must not be done twice.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcRefusedSuite,
    BmcSilent,
    EvenrackError,
)

_NEVER: Final[Mapping[int, str]] = MappingProxyType(
    {
        0xC1: "it does not know the command",
        0xC2: "not for this part of it",
        0xC5: "reservation cancelled",
        0xC6: "request data truncated",
        0xC7: "request data length invalid",
        0xC8: "request data length limit exceeded",
        0xC9: "parameter out of range",
        0xCA: "cannot return so many bytes",
        0xCB: "what is asked for is not there",
        0xCC: "invalid data field in the request",
        0xCD: "the command is illegal for this sensor or record",
        0xD4: "the privilege is not sufficient, or the command is switched off",
        0xD6: "a part of it is switched off or not there",
    }
)

_NONE: Final[Mapping[int, str]] = MappingProxyType({})

_NOT_NOW: Final[Mapping[int, str]] = MappingProxyType(
    {
        0xC0: "it is busy",
        0xC3: "it took too long itself",
        0xC4: "it has no space left",
        0xCE: "it could not give its response",
        0xCF: "it has just done the same",
        0xD0: "its records are being updated",
        0xD1: "its firmware is being updated",
        0xD2: "it is starting",
        0xD3: "it cannot reach a part of itself",
        0xD5: "not in its present state",
        0xFF: "it gives no reason",
    }
)

_MAY_BE_DONE: Final = frozenset({0xC3, 0xCE, 0xCF, 0xFF})
"""With these a BMC may have done it all the same."""

_LEVEL: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x80: "this user has no such privilege",
        0x81: "the privilege is above what the channel or the user may have",
        0x82: "this privilege cannot be left",
    }
)
"""What Set Session Privilege Level has of its own (IPMI 2.0, 22.18)."""

_NO_SESSION: Final[Mapping[int, tuple[type[EvenrackError], str]]] = MappingProxyType(
    {
        0x01: (BmcBusy, "it has no session left"),
        0x02: (BmcBusy, "it does not know the session"),
        0x08: (BmcBusy, "its session has ended"),
        0x09: (BmcRefused, "it does not know the privilege that is asked for"),
        0x0A: (BmcRefused, "this user may not have the privilege that is asked for"),
        0x0B: (BmcBusy, "it has no session left with this privilege"),
        0x0C: (BmcRefusedPassword, "the user name has a length that it does not take"),
        0x0D: (BmcRefusedPassword, "it does not know the user, or lets it not in here"),
        0x0E: (BmcRefused, "it does not let this GUID in"),
        0x0F: (BmcRefusedPassword, "the user has another password"),
        0x12: (BmcRefused, "it does not understand what it was told"),
    }
)
"""Status codes while a session is agreed on (IPMI 2.0, table 13-15)."""

_OTHER_SUITE: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x04: "its authentication",
        0x05: "its integrity",
        0x10: "its encryption",
        0x11: "no suite of that kind",
    }
)


_MIXED_UP: Final = frozenset({0x02, 0x0F, 0x12})
"""What a BMC says to the rest of a session that it began again when it heard a message twice."""


def refusal(
    code: int, command: str, *, once: bool = False, of_its_own: Mapping[int, str] = _NONE
) -> EvenrackError:
    """Give the error for a completion code that is not 0.

    `once`: BmcSilent where it may have been done, for nobody must give the command again.
    `of_its_own`: what else refuses this command for good.
    """
    never = _NEVER.get(code) or of_its_own.get(code)
    if never is not None:
        return BmcRefused(f"the BMC refuses {command}: {never} (code 0x{code:02x})")
    why = _NOT_NOW.get(code, "it gives a reason of its own")
    if once and code in _MAY_BE_DONE:
        return BmcSilent(f"the BMC may have done {command} or not: {why} (code 0x{code:02x})")
    return BmcBusy(f"the BMC cannot do {command} now: {why} (code 0x{code:02x})")


def level_refusal(code: int, privilege: str) -> EvenrackError:
    """Give the error for a completion code of Set Session Privilege Level."""
    if code not in _LEVEL:
        return refusal(code, f"privilege {privilege}")
    return BmcRefused(f"the BMC refuses privilege {privilege}: {_LEVEL[code]} (code 0x{code:02x})")


def suite_refusal(status: int) -> EvenrackError | None:
    """Give the error when this answer to Open Session refuses the suite; no credential was sent."""
    if status not in _OTHER_SUITE:
        return None
    what = _OTHER_SUITE[status]
    return BmcRefusedSuite(f"the BMC refuses the cipher suite: {what} (status 0x{status:02x})")


def session_refusal(status: int, *, repeated: bool = False) -> EvenrackError:
    """Give the error for a status that is not 0; `repeated`: the BMC may have heard us twice."""
    if repeated and status in _MIXED_UP:
        return mixed_up(f"status 0x{status:02x}")
    kind, why = _NO_SESSION.get(status, (BmcRefused, "it gives a reason of its own"))
    return kind(f"the BMC gives no session: {why} (status 0x{status:02x})")


def mixed_up(what: str) -> BmcBusy:
    """Give the error for what may only mean that the BMC took a repeated message for a new one."""
    return BmcBusy(
        f"the BMC gives no session: it is so slow that it was told something twice, and does not go"
        f" on with the first, or its user or key K_g is another ({what})"
    )
