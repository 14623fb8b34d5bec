"""What machines that boot from the network are told: from where, and which file."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from types import MappingProxyType
from typing import Any, Literal

from attrs import frozen

NextServer = IPv4Address | Literal["rack"]
"""Who has the boot files: a host, or whichever rack answers, by its address on the VLAN."""


@frozen(kw_only=True)
class BootSettings:
    """One boot file for each kind of firmware; empty for none."""

    next_server: NextServer | None = None
    """From whom the files are fetched by TFTP."""
    boot_bios: str = ""
    """A path on the TFTP server, as are those for UEFI."""
    boot_uefi_x64: str = ""
    boot_uefi_arm64: str = ""
    boot_http_x64: str = ""
    """A URL for firmware that boots over HTTP (UEFI specification, section 24.7)."""
    boot_http_arm64: str = ""
    boot_ipxe: str = ""
    """The URL of the script for machines that run iPXE already, whatever their firmware."""


TFTP_ARCHITECTURES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    # 9 is EFI byte code by IANA's list and x64 by RFC 4578; machines of both opinions exist
    {"boot_bios": (0,), "boot_uefi_x64": (7, 9), "boot_uefi_arm64": (11,)}
)
"""Which machines fetch the file of a setting by TFTP: their types in DHCP option 93 (RFC 4578)."""

HTTP_ARCHITECTURES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"boot_http_x64": (16,), "boot_http_arm64": (19,)}
)
"""The same for files that are fetched over HTTP."""

BOOT_FILES = (*TFTP_ARCHITECTURES, *HTTP_ARCHITECTURES, "boot_ipxe")
BOOT_FIELDS = ("next_server", *BOOT_FILES)


def next_server_from_text(text: str) -> NextServer:
    """Read an address or `rack`; ValueError when it is neither."""
    if text == "rack":
        return "rack"
    try:
        return IPv4Address(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is neither an IPv4 address nor rack") from None


def boot_fields(boot: BootSettings) -> dict[str, Any]:
    """Give the settings by their names, as plain JSON."""
    server = None if boot.next_server is None else str(boot.next_server)
    return {"next_server": server, **{name: getattr(boot, name) for name in BOOT_FILES}}
