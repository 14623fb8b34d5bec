"""What dhcpd prints, without what it prints each time: pure text."""

import re
from typing import Final, Literal

Family = Literal["-4", "-6"]
"""What a dhcpd serves, as it is told by its first argument: one never serves both."""

LISTENING: Final[dict[Family, str]] = {"-4": "Socket/fallback", "-6": "Sending on   Socket/"}
"""Stands in the line that dhcpd prints when it has opened its sockets for DHCP."""
NO_OMAPI: Final = "Can't start OMAPI protocol"
"""Then dhcpd goes on, but cannot be asked: the port is taken, mostly by another dhcpd."""

MOST_LINES: Final = 30
_ALWAYS: Final = (
    "Internet Systems Consortium DHCP Server",
    "Copyright ",
    "All rights reserved.",
    "For info, please visit",
    "Config file: ",
    "Database file: ",
    "PID file: ",
    "Wrote ",
    "Configuration file errors encountered -- exiting",
    "Listening on ",
    "Sending on ",
    "Bound to ",
    "unable to create icmp socket",
    "exiting.",
    "failover peer ",
)
_ADVICE: Final = re.compile(
    r"^If you think you have received this message.*", re.DOTALL | re.MULTILINE
)
"""Where to report bugs of dhcpd: the last that it says before `exiting.`"""
_GONE: Final = re.compile(r"^lease [0-9.]+: no subnet\.\n", re.MULTILINE)
"""A lease of a subnet that was removed: there may be thousands, and they are forgotten then."""
_IGNORED: Final = re.compile(r"^No subnet6? declaration for (\S+) \(", re.MULTILINE)


def complaints(printed: bytes, file_name: str) -> str:
    """Give what dhcpd complains of: `line 8: semicolon expected.`, the line and a caret, and so on.

    `file_name`, the configuration's, is left out, and so is each line of it that holds a key.
    """
    text = _GONE.sub("", _ADVICE.sub("", printed.decode(errors="replace")))
    text = text.replace(f"{file_name} line", "line")
    lines = [line.rstrip() for line in text.splitlines()]
    told = [_shown(line) for line in lines if line and not line.startswith(_ALWAYS)]
    return "\n".join(told[:MOST_LINES])


def ignored_interfaces(printed: bytes) -> tuple[str, ...]:
    """Name the interfaces that dhcpd was given and does not serve: no subnet is on them."""
    return tuple(_IGNORED.findall(printed.decode(errors="replace")))


def _shown(line: str) -> str:
    return "(a line with a key)" if "secret" in line else line
