"""What a Redfish service answers (DSP0266; schemas ServiceRoot, ComputerSystem): pure.

Nothing in an answer is believed to have its form, and no link in it leads to another host.
"""

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

from attrs import field, frozen

from evenrack.errors import BmcRefused
from evenrack.model.power import PowerState

ROOT: Final = "/redfish/v1/"
"""Where every service begins (DSP0266, 6.6)."""

MOST_MEMBERS: Final = 64
MOST_SHOWN: Final = 5
MOST_WORDS: Final = 200
MOST_ERROR_BYTES: Final = 16 << 10
"""Of an answer that says no: a longer one is not read, which takes time and helps nobody."""

_PATH: Final = re.compile(r"/redfish/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{1,500}")
"""A place on the host itself: no scheme, no other host, no query, no part of a page."""

_STATES: Final[Mapping[str, PowerState]] = MappingProxyType({"On": "on", "Off": "off"})
"""PowerState of the schema Resource; what is on its way, or anything else, is not known."""

_RESET: Final = "#ComputerSystem.Reset"


@frozen(kw_only=True)
class Service:
    """Where things are."""

    systems: str
    sessions: str | None
    """None: it has no sessions."""


@frozen(kw_only=True)
class System:
    """What one computer system says of itself."""

    path: str
    power: PowerState
    reset: str | None
    """Where it is told to switch; None: nowhere."""
    resets: frozenset[str] | None
    """The kinds that it takes; None: it does not say."""
    boot_devices: frozenset[str] | None
    has_boot_mode: bool
    etag: str = field(default="", repr=False)


def read_object(body: bytes) -> dict[str, Any]:
    """Read an answer; ValueError when it is no JSON object."""
    try:
        form = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("what it answers is no JSON") from None
    if not isinstance(form, dict):
        raise ValueError("what it answers is no JSON object")  # noqa: TRY004  one error type
    return form


def path_of(text: object) -> str:
    """Give a place on the host itself; ValueError when it is none, which never shows all of it."""
    if not isinstance(text, str) or _PATH.fullmatch(text) is None:
        raise ValueError(f"a link of it leads elsewhere, or nowhere: {_shown(text)}")
    if ".." in unquote(text).split("/"):
        raise ValueError(f"a link of it goes up: {_shown(text)}")
    return text


def read_service(form: Mapping[str, Any]) -> Service:
    """Read the root of a service; ValueError."""
    systems = _link(form, "Systems")
    if systems is None:
        raise ValueError("it has no systems")
    sessions = _link(_below(form, "Links"), "Sessions")
    if sessions is None and (service := _link(form, "SessionService")) is not None:
        sessions = f"{service.rstrip('/')}/Sessions"
    return Service(systems=systems, sessions=sessions)


def read_members(form: Mapping[str, Any]) -> tuple[str, ...]:
    """Read where the members of a collection are; ValueError."""
    members = form.get("Members")
    if not isinstance(members, list):
        raise ValueError("it does not say which systems it has")  # noqa: TRY004  one error type
    if len(members) > MOST_MEMBERS:
        raise ValueError(f"it has {len(members)} systems; at most {MOST_MEMBERS} are looked at")
    return tuple(
        path_of(each.get("@odata.id") if isinstance(each, dict) else each) for each in members
    )


def system_among(members: Sequence[str], wanted: str) -> str:
    """Choose the system that is named, or the only one; BmcRefused."""
    named = {_name(path): path for path in members}
    if wanted:
        if wanted in named:
            return named[wanted]
        raise BmcRefused(f"the BMC has no system {_shown(wanted)}; {_there_are(named)}")
    if len(members) == 1:
        return members[0]
    which = ": say which one (--system)" if members else ""
    raise BmcRefused(f"the BMC has {len(members)} systems{which}; {_there_are(named)}")


def read_system(form: Mapping[str, Any], path: str, etag: str = "") -> System:
    """Read one system; ValueError. Of what is missing nothing is known."""
    reset = _below(_below(form, "Actions"), _RESET)
    boot = _below(form, "Boot")
    state = form.get("PowerState")
    return System(
        path=path,
        power=_STATES.get(state, "unknown") if isinstance(state, str) else "unknown",
        reset=path_of(reset["target"]) if "target" in reset else None,
        resets=_texts(reset.get("ResetType@Redfish.AllowableValues")),
        boot_devices=_texts(boot.get("BootSourceOverrideTarget@Redfish.AllowableValues")),
        has_boot_mode="BootSourceOverrideMode" in boot,
        etag=etag,
    )


def kind_for(system: System, kinds: Sequence[str]) -> str:
    """Choose the first of these kinds of reset that the system takes; BmcRefused."""
    if system.resets is None:
        return kinds[0]
    for kind in kinds:
        if kind in system.resets:
            return kind
    raise BmcRefused(f"the BMC does not do {kinds[0]}; it does {_list(system.resets)}")


def read_error(body: bytes) -> Sequence[Mapping[str, Any]]:
    """Read what an error says (DSP0266, 8.6): its messages; none when it is too long for one."""
    if len(body) > MOST_ERROR_BYTES:
        return ()
    try:
        error = _below(read_object(body), "error")
    except ValueError:
        return ()
    found = error.get("@Message.ExtendedInfo")
    extended = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return extended or [{"Message": error.get("message")}]


def words_of(messages: Sequence[Mapping[str, Any]], hidden: Sequence[str]) -> str:
    """Give what it says of an error, for people; empty when that is nothing.

    What was hidden from others is not shown either when a BMC says it back.
    """
    words = " ".join(filter(None, (_told(each, "Message") for each in messages)))
    if any(each in words for each in hidden if each):
        return "its words have the password in them, and are not shown"
    return _printable(words)


def says(messages: Sequence[Mapping[str, Any]], kind: str) -> bool:
    """Say whether one of its messages is of this kind, of any registry and version."""
    return any(_told(each, "MessageId").rpartition(".")[2].startswith(kind) for each in messages)


def _told(form: Mapping[str, Any], name: str) -> str:
    found = form.get(name)
    return found if isinstance(found, str) else ""


def _link(form: Mapping[str, Any], name: str) -> str | None:
    found = _below(form, name)
    return path_of(found["@odata.id"]) if "@odata.id" in found else None


def _below(form: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = form.get(name)
    return found if isinstance(found, dict) else {}


def _texts(form: object) -> frozenset[str] | None:
    if not isinstance(form, list):
        return None
    return frozenset(each for each in form if isinstance(each, str))


def _name(path: str) -> str:
    return unquote(path.rstrip("/").rpartition("/")[2])


def _there_are(named: Mapping[str, str]) -> str:
    return f"it has {_list(named)}"


def _list(names: "frozenset[str] | Mapping[str, str]") -> str:
    first = [_shown(each) for each in sorted(names)[:MOST_SHOWN]]
    more = ["..."] if len(names) > MOST_SHOWN else []
    return ", ".join(first + more) or "none"


def _shown(text: object) -> str:
    return _printable(text)[:80] if isinstance(text, str) else f"a {type(text).__name__}"


def _printable(words: str) -> str:
    plain = "".join(each if each.isprintable() else " " for each in words[: MOST_WORDS + 1])
    return plain if len(plain) <= MOST_WORDS else f"{plain[:MOST_WORDS]}..."
