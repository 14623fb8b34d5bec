"""The statements that tell a machine what to boot, by its firmware's architecture: pure text.

Every machine of a VLAN gets them, reserved or not, from both servers alike.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from evenrack.model.boot import BOOT_FILES, HTTP_ARCHITECTURES, TFTP_ARCHITECTURES
from evenrack.model.dhcp_plan import VlanService
from evenrack.rack.dhcp.statements import block, quoted, statement

IS_IPXE: Final = 'option user-class = "iPXE"'
FIRST_ARCHITECTURE: Final = "substring(option arch, 0, 2)"
ANSWERS_HTTP: Final = 'option vendor-class-identifier "HTTPClient"'
"""UEFI takes an answer without it for one to PXE (UEFI specification, section 24.7.2)."""


def architecture_option(service: VlanService) -> str:
    """Declare the option that dhcpd has no name for, where the VLAN tells what to boot."""
    if not _has_files(service):
        return ""
    return statement("option arch code 93 = unsigned integer 16")


def boot_statements(service: VlanService) -> str:
    """Write what the machines of a VLAN boot; nothing where nothing is set."""
    cases = [
        block(f"{'if' if number == 0 else 'elsif'} {it}", *told)
        for number, (it, told) in enumerate(_cases(service))
    ]
    return _next_server(service) + "".join(cases)


def _next_server(service: VlanService) -> str:
    match service.vlan.boot.next_server:
        case None:
            return ""
        case "rack":
            return statement("next-server", service.address)
        case address:
            return statement("next-server", address)


def _cases(service: VlanService) -> Iterator[tuple[str, list[str]]]:
    """Give conditions, of which the first that is met counts, and what is told then.

    iPXE comes first: it tells the architecture of the firmware that loaded it.
    """
    boot = service.vlan.boot
    if boot.boot_ipxe:
        yield IS_IPXE, [_filename(service, "boot_ipxe")]
    for field, types in TFTP_ARCHITECTURES.items():
        if getattr(boot, field):
            yield _is_one_of(types), [_filename(service, field)]
    for field, types in HTTP_ARCHITECTURES.items():
        if getattr(boot, field):
            yield _is_one_of(types), [statement(ANSWERS_HTTP), _filename(service, field)]


def _filename(service: VlanService, field: str) -> str:
    what = f"{field} of VLAN {service.vlan.id}"
    return statement("filename", quoted(getattr(service.vlan.boot, field), what))


def _is_one_of(types: Iterable[int]) -> str:
    """Compare with the first type that a machine names: it may be able to be several."""
    return " or ".join(f"{FIRST_ARCHITECTURE} = 00:{number:02x}" for number in types)


def _has_files(service: VlanService) -> bool:
    return any(getattr(service.vlan.boot, field) for field in BOOT_FILES)
