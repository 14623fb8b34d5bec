"""What BMCs and machines must fulfil, each alone and beside the others."""

from collections.abc import Collection, Iterable, Iterator

from attrs import frozen

from evenrack.model.bmc import Bmc, Machine
from evenrack.model.bmc_host import bmc_host_from_text, problem_of
from evenrack.model.findings import MOST_SHOWN, shown
from evenrack.model.host_port import HIGHEST_PORT, LOWEST_PORT
from evenrack.model.network_rules import NAME
from evenrack.model.power import (
    MOST_NAME_CHARACTERS,
    MOST_PASSWORD_BYTES,
    MOST_USER_BYTES,
    k_g_bytes,
)


@frozen(kw_only=True)
class Breach:
    """One rule that an object would break."""

    field: str
    """Of the object that is to be written."""
    sentence: str
    """Names the object and the cure."""


def bmc_breaches(bmc: Bmc, others: Collection[Bmc]) -> tuple[Breach, ...]:
    """Find everything that is wrong with this BMC, alone and beside the others."""
    return _breaches(f"bmc {shown(bmc.name)}", _about_bmc(bmc, others))


def machine_breaches(machine: Machine, others: Collection[Machine]) -> tuple[Breach, ...]:
    """Find everything that is wrong with this machine, alone and beside the others."""
    return _breaches(f"machine {shown(machine.name)}", _about_machine(machine, others))


def password_breaches(bmc: Bmc, password: bytes) -> tuple[Breach, ...]:
    """Find everything that is wrong with a BMC's password; no sentence shows it."""
    return _breaches(f"bmc {shown(bmc.name)}", _about_password(password))


def k_g_breaches(bmc: Bmc, text: bytes) -> tuple[Breach, ...]:
    """Find what is wrong with the key of a BMC; no sentence shows it."""
    try:
        key = k_g_bytes(text.decode())
    except ValueError as problem:
        return _breaches(f"bmc {shown(bmc.name)}", [("k_g", f"its key K_g cannot be: {problem}")])
    if any(key):
        return ()
    # Not in `k_g_bytes`, which also reads those that were stored before this was a rule.
    none = "a key K_g of nothing but zeros means that the BMC has none: leave it out (--no-k-g)"
    return _breaches(f"bmc {shown(bmc.name)}", [("k_g", none)])


def moved_breaches(bmc: Bmc, before: Bmc) -> tuple[Breach, ...]:
    """Find what is wrong with a BMC that keeps its password: who is at its address would get it."""
    if bmc.address != before.address:
        # Not to which: in a file with its columns mixed up that is something else, as a password.
        what = f"its address is {before.address} no more, and who is at the new one would be sent"
    elif bmc.driver == "redfish" and _is_told(bmc) != _is_told(before):
        what = "whom Redfish trusts at its address changes, and would be sent"
    else:
        return ()
    sentence = f"{what} the password that is kept: give the password with it (--password-file)"
    return _breaches(f"bmc {shown(bmc.name)}", [("password", sentence)])


def _is_told(bmc: Bmc) -> tuple[object, ...]:
    """Give all that says who is told the password itself; IPMI never sends it."""
    return (bmc.driver, bmc.port, bmc.certificate_sha256, bmc.certificate_name)


def _breaches(name: str, found: Iterable[tuple[str, str]]) -> tuple[Breach, ...]:
    return tuple(Breach(field=field, sentence=f"{name}: {each}") for field, each in found)


def _about_bmc(bmc: Bmc, others: Collection[Bmc]) -> Iterator[tuple[str, str]]:
    yield from _about_name(bmc.name, "bmc", [each.name for each in others])
    problem = problem_of(bmc.address)
    if problem is not None:
        yield "address", problem
    if not LOWEST_PORT <= bmc.port <= HIGHEST_PORT:
        yield "port", f"its port must be {LOWEST_PORT} to {HIGHEST_PORT}"
    for other in others:
        if (other.address, other.port) == (bmc.address, bmc.port):
            yield (
                "address",
                f"{shown(other.name)} has {bmc.address} port {bmc.port} already; give another "
                "address or port",
            )
    yield from _about_user(bmc.user)
    if bmc.k_g_set and bmc.driver == "ipmitool":
        yield (
            "k_g",
            "ipmitool takes a key K_g only where other programs see it; choose --driver ipmi, "
            "or no key (--no-k-g)",
        )

    yield from _about_redfish(bmc) if bmc.driver == "redfish" else _only_redfish_has(bmc)


def _about_redfish(bmc: Bmc) -> Iterator[tuple[str, str]]:
    if bmc.k_g_set:
        yield "k_g", "Redfish knows no key K_g: leave it out (--no-k-g)"
    if bmc.cipher_suite is not None:
        yield "cipher_suite", "Redfish knows no cipher suites: leave it out (--no-cipher-suite)"
    if ":" in bmc.user:
        yield "user", "with Redfish its user cannot have a colon (RFC 7617); give another one"
    if bmc.certificate_sha256 is not None and bmc.certificate_name is not None:
        yield (
            "certificate_name",
            "a certificate with a known fingerprint may have any name: leave one of both out "
            "(--no-certificate-name, --no-certificate-sha256)",
        )
    for field in ("system", "certificate_name"):
        name = getattr(bmc, field)
        if name is not None and not (0 < len(name) <= MOST_NAME_CHARACTERS and name.isprintable()):
            yield field, f"its {field} must have 1 to {MOST_NAME_CHARACTERS} printable characters"
        elif name is not None and field == "certificate_name" and not _can_be_a_host(name):
            yield (
                field,
                "its certificate_name must be a host name or an address, as certificates have "
                "them: give the one that the BMC's certificate is for, as in bmc1.example.com, or "
                "leave it out (--no-certificate-name)",
            )


def _can_be_a_host(name: str) -> bool:
    try:
        bmc_host_from_text(name)
    except ValueError:
        return False
    return True


def _only_redfish_has(bmc: Bmc) -> Iterator[tuple[str, str]]:
    for field in ("system", "certificate_sha256", "certificate_name"):
        if getattr(bmc, field) is not None:
            option = field.replace("_", "-")
            yield field, f"only --driver redfish knows a {field}: leave it out (--no-{option})"


def _about_user(user: str) -> Iterator[tuple[str, str]]:
    used = len(user.encode(errors="replace"))
    if not user:
        yield "user", "its user must not be empty; give one that may switch power"
    if used > MOST_USER_BYTES:
        yield (
            "user",
            f"its user has {used} bytes, and IPMI 2.0 allows at most {MOST_USER_BYTES}; "
            "give a shorter one",
        )
    if not user.isprintable():
        yield "user", "its user must have printable characters only; correct it"


def _about_password(password: bytes) -> Iterator[tuple[str, str]]:
    if not password:
        yield "password", "its password must not be empty; give the one that is set in the BMC"
    if len(password) > MOST_PASSWORD_BYTES:
        yield (
            "password",
            f"its password has {len(password)} bytes, and IPMI 2.0 allows at most "
            f"{MOST_PASSWORD_BYTES}; set a shorter one in the BMC",
        )
    if not password.decode(errors="surrogateescape").isprintable():
        yield "password", "its password must have printable characters only; correct it"


def _about_machine(machine: Machine, others: Collection[Machine]) -> Iterator[tuple[str, str]]:
    yield from _about_name(machine.name, "machine", [each.name for each in others])
    for other in others:
        if other.bmc == machine.bmc:
            yield (
                "bmc",
                f"its BMC switches {shown(other.name)} already; give the machine's own",
            )


def _about_name(name: str, noun: str, taken: Collection[str]) -> Iterator[tuple[str, str]]:
    if NAME.fullmatch(name) is None:
        yield "name", "its name must be 1 to 63 letters, digits, dots, dashes or underscores"
    if name.isascii() and name.isdecimal():
        yield "name", f"digits alone read as an id; name it {noun}{name[:MOST_SHOWN]}"
    if name in taken:
        yield "name", f"another {noun} has this name; choose another"
