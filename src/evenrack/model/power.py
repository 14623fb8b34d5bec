"""Power of machines: what a BMC is to do, who may ask it, how far that got, how it ended."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, Literal, cast, get_args

from attrs import Attribute, field, frozen

from evenrack.model.bmc_host import BmcHost, HostName
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.json_form import LATER, from_json, to_json

PowerAction = Literal["on", "off", "cycle", "query", "soft", "reset"]
"""The state that is wanted; `cycle` is off and then on, and `query` only looks. `soft` asks the
operating system to shut down, and `reset` restarts a machine that is on: both are sent once."""

PowerState = Literal["on", "off", "unknown"]

Phase = Literal["NEW", "OFF_SENT", "OFF_SEEN", "ON_SENT", "ON_SEEN", "RESET_SENT"]
"""How far an order got. A phase is recorded before its command is sent."""

Result = Literal["ok", "failed", "unknown"]

PHASES: Final[Mapping[PowerAction, tuple[Phase, ...]]] = MappingProxyType(
    {
        "on": ("NEW", "ON_SENT", "ON_SEEN"),
        "off": ("NEW", "OFF_SENT", "OFF_SEEN"),
        "cycle": ("NEW", "OFF_SENT", "OFF_SEEN", "ON_SENT", "ON_SEEN"),
        "query": ("NEW",),
        "soft": ("NEW", "OFF_SENT", "OFF_SEEN"),
        "reset": ("NEW", "RESET_SENT"),
    }
)
"""The phases of each action, in their order."""

Driver = Literal["ipmi", "ipmitool", "redfish"]
"""How a BMC is asked: by the rack daemon itself, or `ipmitool` by that program."""

Privilege = Literal["user", "operator", "administrator"]
"""What is asked of the BMC for a session (IPMI 2.0, 6.8); switching power needs an operator."""

BootDevice = Literal["pxe", "disk", "bios"]
"""From where a machine starts, once."""

BOOTS: Final[frozenset[PowerAction]] = frozenset({"on", "cycle", "reset"})
"""What starts a machine; a boot device can be given with these."""

BootType = Literal["uefi", "legacy"]
"""The firmware for which the device of the next start is set."""

Login = Literal["session", "basic"]
"""How a Redfish service is told who asks: in a session of its own (DSP0266, 13.3.4), or with each
request (13.3.3)."""

Probe = Literal["rmcp", "tcp"]
"""How a BMC is asked whether it is there."""

SENT_ONCE: Final[frozenset[PowerAction]] = frozenset({"soft", "reset"})
"""What no look can tell from a second one: it is sent once, and never taken over once it was."""

CIPHER_SUITES: Final = (17, 3)
"""Those that are spoken, the better one first; both encrypt (IPMI 2.0, table 22-20)."""

IPMI_PORT: Final = 623
REDFISH_PORT: Final = 443
MOST_PASSWORD_BYTES: Final = 20
MOST_K_G_BYTES: Final = 20
K_G_DIGITS: Final = "0x"
"""What a key K_g begins with that is given in hexadecimal digits."""
MOST_USER_BYTES: Final = 16
MOST_NAME_CHARACTERS: Final = 253
"""Of a system's name, and of the name in a certificate (RFC 1035, 2.3.4)."""
SHA256_DIGITS: Final = 64
MOST_PORT: Final = 65535


def _check_port(_access: Any, _field: "Attribute[int]", port: int) -> None:
    if not 0 < port <= MOST_PORT:
        raise ValueError(f"a port is 1 to {MOST_PORT}")


def _check_user(_access: Any, _field: "Attribute[str]", user: str) -> None:
    if not user.isprintable() or not 0 < len(user.encode()) <= MOST_USER_BYTES:
        raise ValueError(f"the user name of a BMC has 1 to {MOST_USER_BYTES} printable bytes")


def _check_password(_access: Any, _field: "Attribute[str]", password: str) -> None:
    """Refuse what IPMI, or a file that a tool reads, cannot carry; never show it."""
    if not password.isprintable() or not 0 < len(password.encode()) <= MOST_PASSWORD_BYTES:
        raise ValueError(f"the password of a BMC has 1 to {MOST_PASSWORD_BYTES} printable bytes")


def _check_suite(_access: Any, _field: "Attribute[int | None]", suite: int | None) -> None:
    if suite is not None and suite not in CIPHER_SUITES:
        spoken = " and ".join(str(one) for one in CIPHER_SUITES)
        raise ValueError(f"cipher suite {suite} is not spoken; {spoken} are")


def k_g_bytes(text: str) -> bytes:
    """Give the key of a BMC; ValueError, which never shows it, when the text is none.

    It is text, or 0x and hexadecimal digits: many BMCs have one that nobody can print.
    """
    if text.startswith(K_G_DIGITS):
        try:
            key = bytes.fromhex(text[len(K_G_DIGITS) :])
        except ValueError:
            raise ValueError("behind 0x it must have pairs of hexadecimal digits") from None
    elif text.isprintable():
        key = text.encode()
    else:
        raise ValueError("it must have printable characters only, or be 0x and digits")
    if not 0 < len(key) <= MOST_K_G_BYTES:
        raise ValueError(f"it has {len(key)} bytes, and IPMI 2.0 allows 1 to {MOST_K_G_BYTES}")
    return key


def _check_k_g(_access: Any, _field: "Attribute[str]", text: str) -> None:
    if text:
        k_g_bytes(text)


def fingerprint_from_text(text: str) -> str:
    """Give the SHA-256 of a certificate as 64 small digits; ValueError when the text is none.

    Tools print it with colons, and in capitals.
    """
    digits = text.replace(":", "").lower()
    if len(digits) != SHA256_DIGITS or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"a SHA-256 fingerprint has {SHA256_DIGITS} hexadecimal digits")
    return digits


def default_port(driver: Driver) -> int:
    """Give the port that BMCs of this kind have unless somebody has changed it."""
    return REDFISH_PORT if driver == "redfish" else IPMI_PORT


def probe_for(driver: Driver) -> Probe:
    """Give how to find out whether a BMC of this kind is there."""
    return "tcp" if driver == "redfish" else "rmcp"


def _check_fingerprint(_access: Any, _field: "Attribute[str]", text: str) -> None:
    if text and text != fingerprint_from_text(text):
        raise ValueError("a fingerprint on the wire has small digits and no colons")


def _check_name(_access: Any, field: "Attribute[str]", text: str) -> None:
    if not text.isprintable() or len(text) > MOST_NAME_CHARACTERS:
        raise ValueError(f"{field.name} has at most {MOST_NAME_CHARACTERS} printable characters")


def _check_phase(order: "PowerOrder", _field: "Attribute[Phase]", phase: Phase) -> None:
    if phase not in PHASES[order.action]:
        raise ValueError(f"an order `{order.action}` has no phase {phase}")


def _check_boot(
    order: "PowerOrder", _field: "Attribute[BootDevice | None]", boot: BootDevice | None
) -> None:
    if boot is not None and order.action not in BOOTS:
        raise ValueError(f"an order `{order.action}` starts nothing from {boot}")
    if boot not in {*get_args(BootDevice), None}:
        raise ValueError(f"a machine starts from one of {', '.join(get_args(BootDevice))}")


def _check_seconds(_order: Any, _field: "Attribute[float]", seconds: float) -> None:
    if not isfinite(seconds):
        raise ValueError("an order has a finite time")


@frozen(kw_only=True)
class BmcAccess:
    """Where a BMC is, and how to log in (IPMI 2.0, 13.17 and 22.30)."""

    address: BmcHost
    port: int = field(default=IPMI_PORT, validator=_check_port)
    user: str = field(validator=_check_user)
    """1 to 16 bytes in UTF-8."""
    password: str = field(repr=False, validator=_check_password)
    """1 to 20 bytes in UTF-8. On the wire it is shown, in a repr or a log never."""
    cipher_suite: int | None = field(default=None, validator=_check_suite)
    """17 or 3; None for 17, and 3 when the BMC refuses 17."""
    driver: Driver = field(default="ipmitool", metadata=LATER)
    k_g: str = field(default="", repr=False, validator=_check_k_g, metadata=LATER)
    """The key of the BMC itself, as `k_g_bytes` reads it; empty for none. Shown like `password`."""
    privilege: Privilege = field(default="operator", metadata=LATER)
    boot_type: BootType = field(default="uefi", metadata=LATER)
    login: Login = field(default="session", metadata=LATER)
    """Of `redfish`, as what follows."""
    system: str = field(default="", validator=_check_name, metadata=LATER)
    """Which of its systems; empty for the only one."""
    certificate_sha256: str = field(default="", validator=_check_fingerprint, metadata=LATER)
    """The fingerprint of the BMC's certificate; empty where an authority has to have signed it."""
    certificate_name: str = field(default="", validator=_check_name, metadata=LATER)
    """The name in a certificate that an authority signed; empty for the address."""

    @property
    def ip(self) -> IPv4Address | IPv6Address:
        """Give the address; ValueError while it is still a name (`rack.power.by_name`)."""
        if isinstance(self.address, HostName):
            raise ValueError(f"{self.address} was not looked up")  # noqa: TRY004  a value, too
        return self.address


@frozen(kw_only=True)
class BmcTarget:
    """A BMC that a rack is to try to reach: it lies in the network of one of its addresses.

    Only of IPv4 addresses the region knows that; for all others the rack sees for itself.
    """

    bmc: BmcId
    address: BmcHost
    port: int = IPMI_PORT
    probe: Probe = field(default="rmcp", metadata=LATER)


@frozen(kw_only=True)
class BmcReach:
    """Which of its BMCs answer a rack, as far as it knows."""

    answering: tuple[BmcId, ...] = ()
    unknown: tuple[BmcId, ...] = ()
    """Those that it has not asked often enough since its daemon began, or since they are its: what
    was known of these stays. Of all that are in neither it is known that they do not answer."""


NO_ORDER: Final = OrderId(0)
"""The id of a `query` that nobody ordered: it is answered, and counts for nothing."""


@frozen(kw_only=True)
class PowerOrder:
    """One thing to do to one BMC, as this attempt at it finds it."""

    id: OrderId
    attempt: int
    """Grows with each take-over: with the id, the fence."""
    bmc: BmcId
    access: BmcAccess
    action: PowerAction
    phase: Phase = field(default="NEW", validator=_check_phase)
    """What earlier attempts have recorded."""
    seconds_left: float = field(validator=_check_seconds)
    """Until the deadline of the order, counted from when the rack gets it; may be negative."""
    unrecorded: bool = field(default=False, metadata=LATER)
    """Whether more may have been done than `phase` tells: there was no database meanwhile."""
    boot: BootDevice | None = field(default=None, validator=_check_boot, metadata=LATER)
    """From where the machine is to start, this time only; None for what it does by itself."""


@frozen(kw_only=True)
class PowerOutcome:
    """How an attempt at an order ended."""

    result: Result
    """`ok`: it is done, and was seen. `failed`: it is not done. `unknown`: it may be done or may
    still happen; look before anything is repeated."""
    state: PowerState
    """As last seen."""
    error: str = ""
    """For people; empty when all is well."""
    retryable: bool = False
    """Whether another attempt, by this rack or another, may succeed without the operator."""
    sent: bool = False
    """Whether a command may have reached the BMC, in this attempt or an earlier one."""


def power_order_to_json(order: PowerOrder) -> Any:
    """Give an order's form on the wire; the password is in it."""
    return to_json(order)


def power_order_from_json(form: Any) -> PowerOrder:
    """Read an order; ValueError, which never shows a secret, when the form is not one."""
    access = form.get("access") if isinstance(form, dict) else None
    if not isinstance(access, dict) or not isinstance(access.get("password"), str):
        raise ValueError("it has no access with a password that is text")  # noqa: TRY004  as all
    if not isinstance(access.get("k_g", ""), str):
        raise ValueError("it has no k_g that is text")  # noqa: TRY004  as all
    if type(form.get("seconds_left")) not in {int, float}:
        raise ValueError("seconds_left is no number")
    return from_json(form, PowerOrder)


def power_outcome_to_json(outcome: PowerOutcome) -> Any:
    """Give an outcome's form on the wire."""
    return to_json(outcome)


def power_outcome_from_json(form: Any) -> PowerOutcome:
    """Read an outcome; ValueError when the form is not one."""
    return from_json(form, PowerOutcome)


def deed_of(action: PowerAction, boot: BootDevice | None) -> str:
    """Write an action with its boot device in one text, as people read it and tables have it.

    A region process that knows of no boot devices finds no action of this name, and sends nothing.
    """
    return action if boot is None else f"{action} from {boot}"


def next_start_words(boot: BootDevice) -> str:
    """Say what is left of an order with a boot device that did not end well."""
    return f"its next start may be from {boot}"


def deed_from_text(text: str) -> tuple[PowerAction, BootDevice | None]:
    """Read what `deed_of` wrote."""
    action, _, boot = text.partition(" from ")
    return cast("PowerAction", action), cast("BootDevice", boot) if boot else None


def phases_between(before: Phase, after: Phase) -> tuple[Phase, ...]:
    """Give the phases from one to another, both with it: those of a `cycle`, which has most."""
    way = PHASES["cycle"]
    if before not in way or after not in way[way.index(before) :]:
        return before, after
    return way[way.index(before) : way.index(after) + 1]


def phase_from_text(text: str) -> Phase:
    """Read a phase; ValueError when it is none."""
    if text not in get_args(Phase):
        raise ValueError(f"a phase is one of {', '.join(get_args(Phase))}")
    return cast("Phase", text)


def bmc_ids_from_json(form: Any) -> tuple[BmcId, ...]:
    """Read a list of BMC ids; ValueError when it is none."""
    if not isinstance(form, list) or not all(type(each) is int for each in form):
        raise ValueError("BMC ids are a list of whole numbers")
    return tuple(BmcId(each) for each in form)
