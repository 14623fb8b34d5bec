"""What can be switched on and off: BMCs, and the machines that they switch."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import evolve, field, frozen

from evenrack.model.bmc_host import BmcHost
from evenrack.model.identifiers import BmcId, MachineId
from evenrack.model.power import BootType, Driver, Login, Privilege, default_port

CipherSuite = Literal[3, 17]
"""A cipher suite of IPMI 2.0 (table 22-20) that encrypts: 3 has SHA-1, 17 SHA-256."""


@frozen(kw_only=True)
class Bmc:
    """One baseboard management controller, without its secrets: those are never in a value."""

    id: BmcId
    name: str
    driver: Driver
    address: BmcHost
    user: str
    """1 to 16 printable bytes in UTF-8 (IPMI 2.0 section 22.28)."""
    port: int = field()
    """1 to 65535; UDP (IPMI 2.0 section 13.1.2), and TCP for Redfish."""
    cipher_suite: CipherSuite | None = None
    """Only this one; None tries 17 first, and 3 when the BMC refuses 17."""
    privilege: Privilege = "operator"
    boot_type: BootType = "uefi"
    k_g_set: bool = False
    """Whether it has a key of its own, K_g (IPMI 2.0 section 13.31), which is kept beside it."""
    login: Login = "session"
    """Of Redfish, as what follows."""
    system: str | None = None
    """Which of its systems; None for the only one."""
    certificate_sha256: str | None = None
    """The fingerprint of its certificate, 64 digits; None where an authority has signed that."""
    certificate_name: str | None = None
    """The name in a certificate that an authority has signed; None for the address."""

    @port.default
    def _usual_port(self) -> int:
        return default_port(self.driver)

    def changed(self, fields: Mapping[str, Any]) -> "Bmc":
        """Give it with other fields; a port that is usual goes along with the driver."""
        wanted = evolve(self, **fields)
        if "port" in fields or self.port != default_port(self.driver):
            return wanted
        return evolve(wanted, port=default_port(wanted.driver))


@frozen(kw_only=True)
class Machine:
    """One computer, and the BMC that switches it."""

    id: MachineId
    name: str
    bmc: BmcId
