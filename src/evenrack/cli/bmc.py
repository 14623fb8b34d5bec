"""`evenrack bmc`: what switches machines on and off."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

from evenrack.cli.bmc_import import import_bmcs
from evenrack.cli.examples import examples
from evenrack.cli.inventory import (
    Deletion,
    address_of,
    all_of,
    delete_after_plan,
    deletion_options,
    given,
    if_generation,
    json_list,
    json_object,
    one_or_none,
    set_fields,
    show_done,
)
from evenrack.cli.session import Session, say
from evenrack.cli.show import bmcs_table, object_page

_REMOVABLE = ("cipher_suite", "k_g", "system", "certificate_sha256", "certificate_name")

MOST_SECRET_FILE_BYTES = 4096
"""What is longer is some other file."""


Option = Callable[[Callable[..., Any]], Callable[..., Any]]

_FURTHER_OPTIONS: tuple[Option, ...] = (
    click.option(
        "--cipher-suite",
        type=click.Choice(["3", "17"]),
        help="Only this one; else 17, and 3 where the BMC refuses 17.",
    ),
    click.option(
        "--privilege",
        type=click.Choice(["user", "operator", "administrator"]),
        help="What is asked of the BMC; operator when not given, user may only look.",
    ),
    click.option(
        "--boot-type",
        type=click.Choice(["uefi", "legacy"]),
        help="The firmware for which a boot device is set; uefi when not given.",
    ),
    click.option(
        "--k-g-file",
        metavar="FILE",
        type=click.Path(allow_dash=True),
        help="The file with the BMC's own key K_g, if it has one: text, or 0x and digits.",
    ),
    click.option(
        "--login",
        type=click.Choice(["session", "basic"]),
        help="redfish: in a session when not given and it has them, or with each request.",
    ),
    click.option("--system", help="redfish: which of its systems, where it has several."),
    click.option(
        "--certificate-sha256",
        metavar="DIGITS",
        help="redfish: the fingerprint of its certificate; else an authority must have signed.",
    ),
    click.option(
        "--certificate-name",
        metavar="NAME",
        help="redfish: the name in a signed certificate; its address when not given.",
    ),
)
"""How a BMC is reached, where it is not as most are."""


def _access(*, required: bool) -> Option:
    """Add the options that say how a BMC is reached."""
    options = (*_needed_options(required=required), *_FURTHER_OPTIONS)

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        return reduce(lambda so_far, option: option(so_far), reversed(options), command)

    return add


def _needed_options(*, required: bool) -> tuple[Option, ...]:
    """Give those that a new BMC must have."""
    return (
        click.option(
            "--driver", required=required, help="How it is asked: ipmi, ipmitool, or redfish."
        ),
        click.option(
            "--address",
            required=required,
            help="Its IPv4 or IPv6 address, or a host name.",
        ),
        click.option(
            "--port",
            type=int,
            help="Its port, 1 to 65535; when not given 623 (UDP), of redfish 443 (TCP).",
        ),
        click.option("--user", required=required, help="At most 16 bytes."),
        click.option(
            "--password-file",
            required=required,
            metavar="FILE",
            type=click.Path(allow_dash=True),
            help="The file with its password, at most 20 bytes; - is standard input.",
        ),
    )


@click.group(
    epilog=examples(
        "evenrack bmc list",
        "evenrack bmc add b1 --driver ipmi --address 10.9.0.1 --user admin --password-file -",
        "evenrack bmc show b1",
    )
)
def bmc() -> None:
    """Show and change BMCs: what switches machines on and off."""


bmc.add_command(import_bmcs)


@bmc.command(
    "add",
    epilog=examples(
        "evenrack bmc add b1 --driver ipmi --address 10.9.0.1 --user admin --password-file f",
        "evenrack bmc add b2 --driver ipmitool --address 10.9.0.2 --port 6230 --user admin "
        "--password-file - --cipher-suite 17 --json",
        "evenrack bmc add b3 --driver redfish --address 10.9.0.3 --user admin --password-file f "
        f"--certificate-sha256 {'0f' * 32}",
        "evenrack bmc add b3 --driver ipmi --address bmc3.example.com --user admin "
        "--password-file f",
    ),
)
@click.argument("name")
@_access(required=True)
@json_object
@click.pass_obj
def add_bmc(session: Session, /, name: str, *, as_json: bool, **access: Any) -> None:
    """Add a BMC; its password is read from a file, or from standard input."""
    made = session.client().post("/api/v1/bmcs", {"name": name, **_fields(access)})
    follow = f"evenrack machine add NAME --bmc {made['name']}"
    show_done(session, made, as_json=as_json, deed=f"bmc {made['name']} added", follow=follow)


@bmc.command("list", epilog=examples("evenrack bmc list", "evenrack bmc list --json"))
@json_list
@click.pass_obj
def list_bmcs(session: Session, *, as_json: bool) -> None:
    """List BMCs."""
    found = all_of(session.client(), "bmcs")
    session.show(found, [bmcs_table(found)], as_json=as_json)


@bmc.command("show", epilog=examples("evenrack bmc show b1", "evenrack bmc show 3 --json"))
@click.argument("name")
@json_object
@click.pass_obj
def show_bmc(session: Session, name: str, *, as_json: bool) -> None:
    """Show one BMC with its machine, by name or id."""
    client = session.client()
    found = client.get(address_of("bmcs", name))
    found["machines"] = all_of(client, "machines", bmc=str(found["id"]))
    session.show(found, object_page(found), as_json=as_json)


@bmc.command(
    "set",
    epilog=examples(
        "evenrack bmc set b1 --address 10.9.0.21 --password-file -",
        "evenrack bmc set b1 --user operator --password-file - --if-generation 1.7",
        "evenrack bmc set b1 --name old-b1 --no-cipher-suite",
        "evenrack bmc set b1 --driver ipmi --k-g-file key",
    ),
)
@click.argument("name")
@click.option("--name", "new_name", help="Call it so from now on.")
@_access(required=False)
@click.option("--no-cipher-suite", is_flag=True, help="Try 17, and 3 where the BMC refuses 17.")
@click.option("--no-k-g", is_flag=True, help="It has no key of its own any more.")
@click.option("--no-system", is_flag=True, help="It has one system only.")
@click.option("--no-certificate-sha256", is_flag=True, help="An authority has signed it.")
@click.option("--no-certificate-name", is_flag=True, help="Its certificate is for --address.")
@if_generation
@json_object
@click.pass_obj
def set_bmc(
    session: Session,
    /,
    name: str,
    *,
    if_generation: str | None,
    as_json: bool,
    **access: Any,
) -> None:
    """Change a BMC, by name or id; another address takes the password again."""
    removed = {field: access.pop(f"no_{field}") for field in _REMOVABLE}
    fields = {**given(name=access.pop("new_name")), **_fields(access)}
    for field, remove in removed.items():
        fields = one_or_none(fields, field, remove=remove)
    changed = set_fields(session, address_of("bmcs", name), fields, if_generation)
    follow = f"evenrack bmc show {changed['name']}"
    show_done(session, changed, as_json=as_json, deed="bmc changed", follow=follow)


@bmc.command(
    "delete", epilog=examples("evenrack bmc delete b1 --plan", "evenrack bmc delete 3 --yes")
)
@click.argument("name")
@deletion_options
@click.pass_obj
def delete_bmc(session: Session, /, name: str, *, if_generation: str | None, **how: bool) -> None:
    """Delete a BMC that switches no machine."""
    deletion = Deletion(generation=if_generation, **how)
    gone = delete_after_plan(session, address_of("bmcs", name), deletion, lambda _client, _goes: [])
    if gone is not None:
        say(f"bmc {gone['name']} deleted; next: evenrack bmc list")


def _fields(access: dict[str, Any]) -> dict[str, Any]:
    path, suite = access.pop("password_file"), access.pop("cipher_suite")
    key_path = access.pop("k_g_file")
    if path == key_path == "-":
        raise click.UsageError("standard input holds one secret: give the other in a file")
    return given(
        **access,
        cipher_suite=None if suite is None else int(suite),
        password=None if path is None else _secret("--password-file", path),
        k_g=None if key_path is None else _secret("--k-g-file", key_path),
    )


def _secret(option: str, path: str) -> str:
    """Read a secret without the line's end; no complaint shows it."""
    try:
        with click.open_file(path, "rb") as file:
            content: bytes = file.read(MOST_SECRET_FILE_BYTES + 1)
    except OSError as problem:
        raise _unusable(option, path, f"it cannot be read: {problem.strerror}") from None
    if len(content) > MOST_SECRET_FILE_BYTES:
        raise _unusable(option, path, f"it is larger than {MOST_SECRET_FILE_BYTES} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise _unusable(option, path, "it is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _unusable(option: str, path: str, reason: str) -> click.UsageError:
    return click.UsageError(f"{option} {path}: {reason}")
