"""`evenrack dhcp`: how each VLAN is served, by which racks, and what is in their files."""

from difflib import unified_diff
from typing import Any
from urllib.parse import quote, urlencode

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import confirm_by_name
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import page_text
from evenrack.cli.show_dhcp import dhcp_page, leases_page, partner_down_page
from evenrack.client import Client

ANY_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"""Stands where a rack puts its own key, which never leaves its host."""


LIST_LENGTH = 1_000
"""Leases asked for at once."""
LEASE_SECONDS = 60.0
"""For one answer: the region waits for racks that read a large file."""


@click.group(epilog=examples("evenrack dhcp status", "evenrack dhcp render --rack rack1"))
def dhcp() -> None:
    """Show how each VLAN is served, and by which racks."""


@dhcp.command(
    "status", epilog=examples("evenrack dhcp status", "evenrack dhcp status vlan1 --json")
)
@click.argument("vlan", required=False)
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_obj
def status(session: Session, vlan: str | None, *, as_json: bool) -> None:
    """Show the designated racks of each VLAN, and the state of both servers."""
    client = session.client()
    found = client.get("/api/v1/dhcp") if vlan is None else [client.get(_address(vlan))]
    session.show(found, dhcp_page(found), as_json=as_json)


@dhcp.command("reconfigure", epilog=examples("evenrack dhcp reconfigure vlan1 --now"))
@click.argument("vlan")
@click.option("--now", is_flag=True, help="Let its change wait for no rack that is away.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def reconfigure(session: Session, vlan: str, *, now: bool, as_json: bool) -> None:
    """Let the leader look at a VLAN now.

    It looks by itself whenever anything changes, so there is nothing to do as a rule: a second
    rack makes it a pair without this. While one rack of a pair is away changes to the other wait
    for ten minutes, unless --now says that they are not to: it restarts its server for them.
    """
    wish = {"now": True} if now else {}
    found = session.client().post(f"{_address(vlan)}/reconfigure", wish)
    if as_json:
        echo_json(found)
        return
    session.draw(dhcp_page([found]))
    say("the leader looked; next: evenrack dhcp status")


@dhcp.command(
    "partner-down",
    epilog=examples(
        "evenrack dhcp partner-down vlan1 --dead rack3 --plan",
        "evenrack dhcp partner-down vlan1 --dead rack3 --confirm=rack3",
    ),
)
@click.argument("vlan")
@click.option("--dead", required=True, metavar="RACK", help="Whose server is dead, by name or id.")
@click.option("--plan", "only_plan", is_flag=True, help="Only show what it would mean.")
@click.option(
    "--confirm", "confirmed", metavar="NAME", help="The rack's name again: nobody is asked for it."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def partner_down(
    session: Session,
    vlan: str,
    *,
    dead: str,
    only_plan: bool,
    confirmed: str | None,
    as_json: bool,
) -> None:
    """Call one server of a VLAN's pair dead: the other takes over its addresses.

    Until then the other gives away its own half of the free addresses only. It takes the rest after
    mclt, and renews every lease meanwhile. Refused where the server may live.
    """
    client, address = session.client(), f"{_address(vlan)}/partner-down"
    plan = client.get(f"{address}?dead={quote(dead, safe='')}")
    if only_plan:
        session.show(plan, partner_down_page(plan), as_json=as_json)
        return
    if plan["hindrances"]:
        raise click.ClickException("; ".join(plan["hindrances"]))
    say(page_text(partner_down_page(plan)))
    confirm_by_name(session, plan["dead"], confirmed, refusal="nothing was changed")
    given = client.post(address, {"dead": plan["dead"]})
    if as_json:
        echo_json(given)
    say(f"{given['survivor']} is told; next: evenrack dhcp status {given['vlan']}")


@dhcp.command(
    "render",
    epilog=examples(
        "evenrack dhcp render --rack rack1",
        "evenrack dhcp render --rack rack1 --ipv6",
        "evenrack dhcp render --rack rack1 --diff",
    ),
)
@click.option("--rack", required=True, help="By name or id.")
@click.option(
    "--diff", "only_changes", is_flag=True, help="Only how it differs from what is served."
)
@click.option("--ipv6", "only_ipv6", is_flag=True, help="The file of the server for IPv6.")
@click.pass_obj
def render(session: Session, rack: str, *, only_changes: bool, only_ipv6: bool) -> None:
    """Print the dhcpd.conf that a rack is to have; its key for OMAPI is left out.

    With --diff the rack is asked what it serves now, and what is still to change is printed, of
    both files. What only waits for the rack's turn, or was refused there, differs. The half of an
    IPv6 range stands there also while the rack holds it back.
    """
    client, address = session.client(), f"/api/v1/dhcp-plans/{quote(rack, safe='')}"
    found = client.get(address)
    files = _files_of(found["dhcp"])
    if only_changes:
        before = _files_of(client.get(f"{address}/served")["dhcp"])
        wanted = ["IPv6"] if only_ipv6 else list(files)
        _print_changes(found["rack"], before, {family: files[family] for family in wanted})
        return
    text = files["IPv6" if only_ipv6 else "IPv4"]
    if not text:
        say(f"{found['rack']} serves no {'IPv6' if only_ipv6 else 'VLAN'}")
    click.echo(text, nl=False)
    if files["IPv6"] and not only_ipv6:
        say(f"its file for IPv6: evenrack dhcp render --rack {found['rack']} --ipv6")


def _files_of(plan: Any) -> dict[str, str]:
    """Write both files for a plan, with words for the rack's own key; empty where there is none."""
    # imported late: only this command needs the renderer
    from evenrack.model.dhcp_plan import dhcp_plan_from_json
    from evenrack.rack.dhcp.dhcpd6_conf import dhcpd6_conf
    from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
    from evenrack.rack.dhcp.omapi_access import OmapiAccess

    if not plan:
        return {"IPv4": "", "IPv6": ""}
    services = dhcp_plan_from_json(plan)
    text = dhcpd_conf(services, OmapiAccess(port=7911, key=ANY_KEY))
    text = text.replace(ANY_KEY, "the key of this rack")
    return {"IPv4": text, "IPv6": dhcpd6_conf(services)}


def _print_changes(rack: str, before: dict[str, str], after: dict[str, str]) -> None:
    """Print a unified diff, as diff(1) and patch(1) know it."""
    changes = ""
    for family, text in after.items():
        kind = "" if family == "IPv4" else f" of {family}"
        lines = unified_diff(
            before[family].splitlines(keepends=True),
            text.splitlines(keepends=True),
            f"{rack}: what it serves{kind}",
            f"{rack}: its newest plan{kind}",
        )
        changes += "".join(lines)
    click.echo(changes, nl=False)
    if not changes:
        say(f"nothing changes on {rack}: it serves its newest plan")


@dhcp.command(
    "leases",
    epilog=examples("evenrack dhcp leases vlan1", "evenrack dhcp leases vlan1 --all --json"),
)
@click.argument("vlan")
@click.option("--all", "every_state", is_flag=True, help="Those that are not active, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def leases(session: Session, vlan: str, *, every_state: bool, as_json: bool) -> None:
    """Show the leases of a VLAN, as the files of both of its racks have them.

    Of two entries about one address the newer is shown, and which racks have one. Times are UTC.
    """
    found = _all_leases(session.client(seconds=LEASE_SECONDS), vlan, every_state=every_state)
    session.show(found, leases_page(found), as_json=as_json)


def _all_leases(client: Client, vlan: str, *, every_state: bool) -> dict[str, Any]:
    """Read them page by page; a rack that was silent once has not told all."""
    after: dict[str, str] = {}
    leases: list[dict[str, Any]] = []
    silent: dict[str, dict[str, Any]] = {}
    while True:
        wanted = {"all": "true" if every_state else "false", "limit": LIST_LENGTH, **after}
        page = client.get(f"{_address(vlan)}/leases?{urlencode(wanted)}")
        leases += page["leases"]
        for side in page["sides"]:
            if not side["told"]:
                silent.setdefault(side["rack"], side)
        if page["next"] is None:
            sides = [silent.get(side["rack"], side) for side in page["sides"]]
            return {"vlan": page["vlan"], "leases": leases, "sides": sides}
        after = {"after": page["next"]}


def _address(vlan: str) -> str:
    return f"/api/v1/dhcp/{quote(vlan, safe='')}"
