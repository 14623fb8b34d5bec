"""What a VLAN's boot settings must fulfil before any machine hears of them."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address

from evenrack.model.boot import BOOT_FILES, TFTP_ARCHITECTURES
from evenrack.model.findings import Finding, found, place_of, shown
from evenrack.model.host_address import is_for_hosts
from evenrack.model.network import Vlan

MOST_FILE_BYTES = 127
"""The field `file` of a DHCP message has 128, the last of them NUL (RFC 2131 section 2)."""

WEB_URL = re.compile("https?://[!-~]+")
IPXE_URL = re.compile("(?:https?|tftp)://[!-~]+")


def about_boot(vlan: Vlan) -> Iterator[Finding]:
    """Find what is wrong with the boot settings of one VLAN."""
    server = vlan.boot.next_server
    if isinstance(server, IPv4Address) and not is_for_hosts(server):
        yield _about(
            vlan, f"{server} cannot be the next server; give a host's address", "next_server"
        )
    for field in BOOT_FILES:
        text: str = getattr(vlan.boot, field)
        if text == "":
            continue
        wanted = _wanted(field, text)
        if wanted is not None:
            yield _about(vlan, f"{field} {shown(text)} must be {wanted}", field)
        elif field in TFTP_ARCHITECTURES and server is None:
            yield _about(
                vlan,
                f"{field} is fetched by TFTP, and no server is named; set next_server to its "
                "address, or to rack",
                field,
                "next_server",
            )


def _wanted(field: str, text: str) -> str | None:
    """Say what a boot file must be; None when it is."""
    if not text.isprintable() or len(text.encode()) > MOST_FILE_BYTES:
        return f"at most {MOST_FILE_BYTES} bytes of printable text"
    url = file_url(field)
    if url is not None and not url.fullmatch(text):
        return "a URL as in http://boot.example.com/file"
    return None


def file_url(field: str) -> re.Pattern[str] | None:
    """Give what the URL in this setting looks like; None where a path is meant."""
    if field in TFTP_ARCHITECTURES:
        return None
    return IPXE_URL if field == "boot_ipxe" else WEB_URL


def _about(vlan: Vlan, sentence: str, *fields: str) -> Finding:
    places = [place_of("vlan", vlan, field) for field in fields]
    return found(f"vlan {shown(vlan.name)}: {sentence}", *places)
