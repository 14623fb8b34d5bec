"""What can be switched on and off: BMCs, and the machines that they switch."""

from ipaddress import IPv4Address
from typing import Literal

from attrs import frozen

from evenrack.model.identifiers import BmcId, MachineId
from evenrack.model.power import IPMI_PORT, BootType, Driver, Privilege

CipherSuite = Literal[3, 17]
"""A cipher suite of IPMI 2.0 (table 22-20) that encrypts: 3 has SHA-1, 17 SHA-256."""


@frozen(kw_only=True)
class Bmc:
    """One baseboard management controller, without its secrets: those are never in a value."""

    id: BmcId
    name: str
    driver: Driver
    address: IPv4Address
    user: str
    """1 to 16 printable bytes in UTF-8 (IPMI 2.0 section 22.28)."""
    port: int = IPMI_PORT
    """UDP, 1 to 65535 (IPMI 2.0 section 13.1.2)."""
    cipher_suite: CipherSuite | None = None
    """Only this one; None tries 17 first, and 3 when the BMC refuses 17."""
    privilege: Privilege = "operator"
    boot_type: BootType = "uefi"
    k_g_set: bool = False
    """Whether it has a key of its own, K_g (IPMI 2.0 section 13.31), which is kept beside it."""


@frozen(kw_only=True)
class Machine:
    """One computer, and the BMC that switches it."""

    id: MachineId
    name: str
    bmc: BmcId
