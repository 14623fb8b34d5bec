"""The commands that are given within a session, and their answers (IPMI 2.0, 13.8 and appendix G).

A request and its response are as on IPMB, between the console and the BMC.
"""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from attrs import field, frozen

from evenrack.model.power import BootDevice, BootType, PowerState

Repeat = Literal["anew", "same", "never"]
"""What is done when no answer comes. `anew`: it is asked again. `same`: the same datagram is sent
again, which the BMC does not take a second time when it has the first (IPMI 2.0, 6.12.13).
`never`: it may have been done."""

USER: Final = 2
OPERATOR: Final = 3
ADMINISTRATOR: Final = 4
"""Levels of privilege (IPMI 2.0, 6.8); a session begins as USER."""

_CHASSIS: Final = 0x00
_APPLICATION: Final = 0x06
_BMC: Final = 0x20
_CONSOLE: Final = 0x81
_BEFORE_DATA: Final = 7
_LEAST_RESPONSE: Final = 8
_POWER_IS_ON: Final = 0x01

_BOOT_FLAGS: Final = 5
_BOOT_FLAGS_LAST: Final = 3
_KEEP_UNTIL_POWER: Final = 0x08
_ONCE: Final = 0x80
_UEFI: Final = 0x20
_DEVICES: Final[Mapping[BootDevice, int]] = MappingProxyType({"pxe": 1, "disk": 2, "bios": 6})
"""IPMI 2.0, table 28-14, parameter 5."""
_BOOT_REFUSALS: Final[Mapping[int, str]] = MappingProxyType(
    {0x80: "it has no such setting", 0x82: "this setting can only be read"}
)
"""IPMI 2.0, 28.12; 0x81, somebody else is setting it, passes."""


@frozen(kw_only=True)
class Command:
    """One command, without the number of its request."""

    name: str
    """For people."""
    function: int
    """The network function."""
    number: int
    data: bytes = b""
    privilege: int = OPERATOR
    """The least that may give it (IPMI 2.0, appendix G)."""
    repeat: Repeat
    may_be_refused: bool = False
    """Whether a BMC that refuses it has the next one all the same."""
    refusals: Mapping[int, str] = field(factory=dict)
    """Completion codes of its own by which a BMC refuses it for good, and what they mean."""

    def message(self, request: int) -> bytes:
        """Give the request with this number, 0 to 63 (IPMI 2.0, 13.8)."""
        head = bytes((_BMC, self.function << 2))
        rest = bytes((_CONSOLE, request << 2, self.number)) + self.data
        return head + bytes((_checksum(head),)) + rest + bytes((_checksum(rest),))

    def read(self, payload: bytes, request: int) -> tuple[int, bytes] | None:
        """Read the response: its completion code and data; None when it is that of another.

        Its checksums prove nothing that the integrity of the session has not proved.
        """
        if len(payload) < _LEAST_RESPONSE:
            return None
        _, function, _, _, number, command, code, *_ = payload
        if (function >> 2, number >> 2, command) != (self.function | 1, request, self.number):
            return None
        return code, payload[_BEFORE_DATA:-1]


STATUS: Final = Command(
    name="chassis status", function=_CHASSIS, number=0x01, privilege=USER, repeat="anew"
)
"""IPMI 2.0, 28.2."""


def _control(name: str, what: int, repeat: Repeat) -> Command:
    return Command(name=name, function=_CHASSIS, number=0x02, data=bytes((what,)), repeat=repeat)


OFF: Final = _control("power off", 0, "same")
ON: Final = _control("power on", 1, "same")
RESET: Final = _control("reset", 3, "never")
SOFT: Final = _control("soft shutdown", 5, "never")
"""IPMI 2.0, 28.3."""


def set_privilege(level: int) -> Command:
    """Rise to this level (IPMI 2.0, 22.18)."""
    return Command(
        name="set session privilege",
        function=_APPLICATION,
        number=0x3B,
        data=bytes((level,)),
        privilege=USER,
        repeat="anew",
    )


def close_session(bmc_session: int) -> Command:
    """End the session (IPMI 2.0, 22.19)."""
    return Command(
        name="close session",
        function=_APPLICATION,
        number=0x3C,
        data=struct.pack("<I", bmc_session),
        privilege=USER,
        repeat="same",
    )


def boot_once(device: BootDevice, boot_type: BootType) -> tuple[Command, ...]:
    """Let the next start be from this device, and only that one (IPMI 2.0, 28.12).

    First, that this holds until the machine starts: it would be forgotten after 60 seconds
    without a power command. Not every BMC knows that, and it is none the worse for it.
    """
    flags = bytes((_ONCE | (_UEFI if boot_type == "uefi" else 0), _DEVICES[device] << 2, 0, 0, 0))
    return (
        _boot_option(
            "keep boot device", _BOOT_FLAGS_LAST, bytes((_KEEP_UNTIL_POWER,)), may_be_refused=True
        ),
        _boot_option(f"boot once from {device}", _BOOT_FLAGS, flags),
    )


def _boot_option(
    name: str, parameter: int, value: bytes, *, may_be_refused: bool = False
) -> Command:
    return Command(
        name=name,
        function=_CHASSIS,
        number=0x08,
        data=bytes((parameter,)) + value,
        repeat="same",
        may_be_refused=may_be_refused,
        refusals=_BOOT_REFUSALS,
    )


def power_state(data: bytes) -> PowerState:
    """Read the answer to STATUS; `unknown` when it says nothing (IPMI 2.0, 28.2)."""
    if not data:
        return "unknown"
    return "on" if data[0] & _POWER_IS_ON else "off"


def _checksum(text: bytes) -> int:
    return -sum(text) & 0xFF
