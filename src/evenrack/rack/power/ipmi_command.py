"""The command lines of `ipmitool`, and what its exit code and words mean (ipmitool(1), 1.8.19).

With `-v` it tells a wrong password from a BMC that is not there; twice `-v` would show keys.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

from attrs import frozen

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcRefusedSuite,
    BmcSilent,
    BmcUnreachable,
    EvenrackError,
)
from evenrack.model.power import BmcAccess, BootDevice, PowerState

Command = Literal["status", "on", "off", "soft", "reset"] | BootDevice
"""A boot device alone is the command to start from it once."""

PASSWORD_DESCRIPTOR: Final = 3
"""Where the password is read, up to 20 bytes: it must not stand in arguments or environment."""

_SENDING: Final[Mapping[Command, tuple[str, ...]]] = MappingProxyType(
    {
        "status": ("-N", "4", "-R", "2"),
        "on": ("-N", "6", "-R", "1"),
        "off": ("-N", "6", "-R", "1"),
        "soft": ("-N", "6", "-R", "1"),
        "reset": ("-N", "6", "-R", "1"),
        **dict.fromkeys(get_args(BootDevice), ("-N", "6", "-R", "1")),
    }
)
"""Seconds to wait for an answer, and how often to ask. A change is sent once: who repeats it looks
first, and asks whether it still may."""

_SESSION_REASONS: Final[Mapping[str, tuple[type[EvenrackError], str]]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "invalid authentication algorithm",
                "invalid integrity algorithm",
                "invalid confidentiality algorithm",
                "no matching cipher suite",
            ),
            (BmcRefusedSuite, "the BMC refuses the cipher suite"),
        ),
        **dict.fromkeys(
            ("invalid name length", "unauthorized name", "invalid integrity check value"),
            (BmcRefusedPassword, "the BMC refuses the user name or password"),
        ),
        **dict.fromkeys(
            (
                "insufficient resources for session",
                "insufficient resources for role",
                "invalid session ID",
                "inactive session ID",
            ),
            (BmcBusy, "the BMC has no session to give"),
        ),
    }
)
"""IPMI 2.0, table 13-15, in ipmitool's words."""

_NOT_NOW: Final = frozenset(
    {
        "Node busy",
        "Timeout",
        "Out of space",
        "Command response could not be provided",
        "Cannot execute duplicated request",
        "Device firmeware in update mode",  # so it is spelt
        "BMC initialization in progress",
        "Destination unavailable",
        "Command not supported in present state",
        "Unspecified error",
    }
)
"""Completion codes that pass (IPMI 2.0, table 5-2)."""

_MAY_BE_DONE: Final = frozenset(
    {
        "Timeout",
        "Command response could not be provided",
        "Cannot execute duplicated request",
        "Unspecified error",
    }
)
"""Completion codes with which a BMC may have done it all the same."""

_SENT_ONCE: Final = re.compile(r"Set Chassis Power Control to (?:Soft|Reset) failed: (.+)")
"""What nobody must send again."""

_SESSION_REFUSED: Final = re.compile(
    r"Error in open session response message : (.+)|RAKP [24] message indicates an error : (.+)"
)
_OTHER_SUITE: Final = re.compile(r"algorithm 0x\w+ is not what we requested")
_OTHER_PASSWORD: Final = re.compile(
    r"RAKP 2 HMAC is invalid|RAKP 4 message has invalid integrity check value"
)
_COMMAND_REFUSED: Final = re.compile(
    r"(?:Set Session Privilege Level to \w+|Set Chassis Power Control to \S+"
    r"|Get Chassis Power Status|Set Chassis Boot Parameter \d+) failed: (.+)"
)
_NO_ANSWER: Final = re.compile(r"Unable to (?:get Chassis Power Status|set Chassis Power Control)")
_NO_SESSION: Final = "Error: Unable to establish IPMI v2 / RMCP+ session"
_STATE: Final = re.compile(r"^Chassis Power is (on|off)$", re.MULTILINE)
_DONE: Final = re.compile(
    r"^(?:Chassis Power Control: \S|Set Boot Device to (?:pxe|disk|bios)$)", re.MULTILINE
)
"""With a boot device ipmitool's exit code is 0 also when the BMC has refused it."""


@frozen(kw_only=True)
class Said:
    """What ipmitool left behind."""

    code: int | None
    """Its exit code; None when a signal ended it."""
    output: str
    errors: str


def ipmitool_arguments(access: BmcAccess, suite: int, command: Command) -> tuple[str, ...]:
    """Give the command line; the password is read from PASSWORD_DESCRIPTOR."""
    return (
        *("ipmitool", "-v", "-I", "lanplus", "-H", str(access.address), "-p", str(access.port)),
        *(
            "-U",
            access.user,
            "-f",
            f"/dev/fd/{PASSWORD_DESCRIPTOR}",
            "-L",
            access.privilege.upper(),
        ),
        # Without it ipmitool asks the BMC for its suites, which many do not answer: 10 s.
        *("-C", str(suite), *_SENDING[command]),
        *_words(access, command),
    )


def _words(access: BmcAccess, command: Command) -> tuple[str, ...]:
    if command not in get_args(BootDevice):
        return ("chassis", "power", command)
    way = ("options=efiboot",) if access.boot_type == "uefi" else ()
    return ("chassis", "bootdev", command, *way)


def read_state(said: Said) -> PowerState:
    """Read the answer to `status`; raises what the driver promises, BmcRefusedSuite too."""
    if said.code != 0:
        raise _failure(said)
    found = _STATE.search(said.output)
    if found is None:
        return "unknown"
    return "on" if found[1] == "on" else "off"


def read_done(said: Said) -> None:
    """Read the answer to a change; raises as `read_state` does."""
    if said.code != 0 or _DONE.search(said.output) is None:
        raise _failure(said)


def refuses_suite(said: Said) -> bool:
    """Say whether the BMC refused the cipher suite, before it was given any credential."""
    return said.code != 0 and isinstance(_failure(said), BmcRefusedSuite)


def _failure(said: Said) -> EvenrackError:
    """Find out what went wrong. What is not understood may have happened after it was sent."""
    for find in (_session_refused, _command_refused):
        found = find(said.errors)
        if found is not None:
            return found
    if _NO_ANSWER.search(said.errors):
        return BmcSilent("the BMC did not answer the command")
    if _NO_SESSION in said.errors:
        return BmcUnreachable(f"no session with the BMC came about: {_reason(said.errors)}")
    return BmcSilent(f"ipmitool ended with code {said.code}: {_last_line(said.errors)}")


def _session_refused(errors: str) -> EvenrackError | None:
    if _OTHER_SUITE.search(errors):
        return BmcRefusedSuite("the BMC chose another cipher suite than it was asked for")
    if _OTHER_PASSWORD.search(errors):
        return BmcRefusedPassword("the BMC has another password for this user")
    found = _SESSION_REFUSED.search(errors)
    if found is None:
        return None
    reason = (found[1] or found[2]).strip()
    kind, meaning = _SESSION_REASONS.get(reason, (BmcRefused, "the BMC refuses a session"))
    return kind(f"{meaning}: {reason}")


def _command_refused(errors: str) -> EvenrackError | None:
    found = _COMMAND_REFUSED.search(errors)
    if found is None:
        return None
    reason = found[1].strip()
    if reason in _MAY_BE_DONE and _SENT_ONCE.search(errors):
        return BmcSilent(f"the BMC may have done it or not: {reason}")
    if reason in _NOT_NOW or reason.startswith("Unknown"):
        return BmcBusy(f"the BMC cannot do it now: {reason}")
    return BmcRefused(f"the BMC refuses the command: {reason}")


def _reason(errors: str) -> str:
    """Give what it said before it gave up."""
    return _last_line(errors.partition(_NO_SESSION)[0])


def _last_line(text: str) -> str:
    lines = text.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it gave no reason")
