"""`evenrack snippet`: text of administrators for dhcpd.conf, for what has no setting."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

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
    set_fields,
)
from evenrack.cli.session import Session, say
from evenrack.cli.show import snippet_page, snippets_table
from evenrack.model.snippet_rules import MOST_TEXT_BYTES

_PLACES = (
    click.option("--vlan", help="It is for this VLAN."),
    click.option("--subnet", metavar="CIDR", help="It is for this subnet."),
    click.option("--pool", metavar="CIDR", help="It is for the ranges of this subnet."),
    click.option("--host", metavar="RESERVATION", help="It is for the cards of this reservation."),
)
_TEXTS = (
    click.option("--text", help="Its text, of one line or more."),
    click.option(
        "--file",
        type=click.Path(dir_okay=False, allow_dash=True),
        help="Read its text there; - is standard input.",
    ),
)
_enabled = click.option(
    "--enable/--disable",
    "enabled",
    default=None,
    help="Whether it stands in files; a new one does.",
)


def _with(options: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    return lambda command: reduce(lambda so_far, it: it(so_far), reversed(options), command)


@click.group(
    epilog=examples(
        "evenrack snippet list",
        "evenrack snippet create wpad --vlan vlan1 --text 'option domain-name \"a.example\";'",
    )
)
def snippet() -> None:
    """Show and change text that stands in dhcpd.conf as it is; administrators only."""


@snippet.command(
    "create",
    epilog=examples(
        "evenrack snippet create phones --file phones.conf",
        "evenrack snippet create only-phones --pool 10.0.0.0/24 "
        "--text 'allow members of \"phones\";'",
        "evenrack snippet create no-boot --host 52:54:00:12:34:56 --text 'deny booting;' --json",
    ),
)
@click.argument("name")
@_with(_TEXTS)
@_with(_PLACES)
@_enabled
@json_object
@click.pass_obj
def create_snippet(session: Session, /, name: str, *, as_json: bool, **options: Any) -> None:
    """Create a snippet, global if it is said to be for nothing.

    A global one stands once in the file of every rack, before all VLANs: there classes and options
    are declared. The others stand inside what evenrack writes of the VLAN, the subnet, its ranges,
    or each card. Each rack's dhcpd tries the text first; what it does not take changes nothing.
    """
    wanted = {"name": name, **_fields(**options)}
    if "text" not in wanted:
        raise click.UsageError("what is to stand there? give --text or --file")
    made = session.client().post("/api/v1/snippets", wanted)
    _show_done(session, made, deed="created", as_json=as_json)


@snippet.command(
    "list",
    epilog=examples("evenrack snippet list", "evenrack snippet list --vlan vlan1 --json"),
)
@click.option("--vlan", help="Only those for this VLAN, and for what is on it.")
@click.option("--subnet", metavar="CIDR", help="Only those for this subnet, and for what is in it.")
@json_list
@click.pass_obj
def list_snippets(session: Session, *, vlan: str | None, subnet: str | None, as_json: bool) -> None:
    """List snippets."""
    found = all_of(session.client(), "snippets", vlan=vlan, subnet=subnet)
    session.show(found, [snippets_table(found)], as_json=as_json)


@snippet.command("show", epilog=examples("evenrack snippet show phones"))
@click.argument("name", metavar="SNIPPET")
@json_object
@click.pass_obj
def show_snippet(session: Session, name: str, *, as_json: bool) -> None:
    """Show a snippet with its text, by its name or id."""
    found = session.client().get(address_of("snippets", name))
    session.show(found, snippet_page(found), as_json=as_json)


@snippet.command(
    "set",
    epilog=examples(
        "evenrack snippet set phones --file phones.conf",
        "evenrack snippet set phones --disable",
        "evenrack snippet set only-phones --pool 10.0.1.0/24 --if-generation 1.9",
    ),
)
@click.argument("old_name", metavar="SNIPPET")
@click.option("--name", help="Its new name.")
@_with(_TEXTS)
@click.option("--global", "everywhere", is_flag=True, help="It is for nothing, so for all.")
@_with(_PLACES)
@_enabled
@if_generation
@json_object
@click.pass_obj
def set_snippet(
    session: Session, /, old_name: str, *, if_generation: str | None, as_json: bool, **options: Any
) -> None:
    """Change a snippet, by its name or id."""
    path = address_of("snippets", old_name)
    changed = set_fields(session, path, _fields(**options), if_generation)
    _show_done(session, changed, deed="changed", as_json=as_json)


@snippet.command(
    "delete",
    epilog=examples("evenrack snippet delete phones --yes", "evenrack snippet delete 7 --plan"),
)
@click.argument("name", metavar="SNIPPET")
@deletion_options
@click.pass_obj
def delete_snippet(
    session: Session, /, name: str, *, if_generation: str | None, **how: bool
) -> None:
    """Delete a snippet, by its name or id."""
    deletion = Deletion(generation=if_generation, **how)
    gone = delete_after_plan(
        session, address_of("snippets", name), deletion, lambda _client, _goes: []
    )
    if gone is not None:
        say(f"snippet {gone['name']} deleted; next: evenrack snippet list")


def _fields(
    *,
    text: str | None,
    file: str | None,
    enabled: bool | None,
    name: str | None = None,
    everywhere: bool = False,
    **places: str | None,
) -> dict[str, Any]:
    place = _place_of({**places, "global": "" if everywhere else None})
    return given(name=name, text=_text_of(text, file), enabled=enabled, **place)


def _text_of(text: str | None, file: str | None) -> str | None:
    if text is not None and file is not None:
        raise click.UsageError("--text and --file are both given; give one of the two")
    if file is None:
        return text
    try:
        with click.open_file(file, "rb") as opened:
            # one byte more than is taken: the region says so, and it may be a device
            content: bytes = opened.read(MOST_TEXT_BYTES + 1)
        return content.decode()
    except (OSError, UnicodeDecodeError) as problem:
        raise click.UsageError(f"{file}: it cannot be read as text: {problem}") from None


def _place_of(places: dict[str, str | None]) -> dict[str, str]:
    """Give the fields that say for what it is; nothing when no option did."""
    wanted = given(**places)
    if len(wanted) > 1:
        options = " and ".join(f"--{level}" for level in wanted)
        raise click.UsageError(f"it is for one thing, not for {options}; make several snippets")
    for level, of in wanted.items():
        return {"level": level} if level == "global" else {"level": level, "of": of}
    return {}


def _show_done(session: Session, done: dict[str, Any], *, deed: str, as_json: bool) -> None:
    session.show(done, snippet_page(done), as_json=as_json)
    stands = done["enabled"]
    follow = "evenrack problems" if stands else f"evenrack snippet set {done['name']} --enable"
    say(f"snippet {deed}; next: {follow}")
