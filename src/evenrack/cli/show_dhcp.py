"""DHCP as tables: how each VLAN is served, by whom, and who has which address. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from evenrack.cli.show import Block, Cell, Line, Table
from evenrack.model.free_in_words import free_in_words


def dhcp_page(vlans: Sequence[dict[str, Any]]) -> list[Block]:
    """Lay out `dhcp status`: who is designated, then what both sides say of themselves."""
    evidence = evidence_table(vlans)
    return [
        designations_table(vlans),
        sides_table(vlans),
        *([evidence] if evidence.rows else []),
        *_ipv6_tables(vlans),
        *_foreign_tables(vlans),
    ]


def partner_down_page(plan: dict[str, Any]) -> list[Block]:
    """Lay out what it means to call one server of a VLAN dead."""
    blocks: list[Block] = [
        Line(name="vlan", value=plan["vlan"]),
        Line(name="dead", value=plan["dead"]),
        Line(name="takes over", value=plan["survivor"] or "nobody"),
        Line(name="after", value=f"{plan['mclt_seconds']} s (mclt)"),
        Line(name="risk", value=plan["risk"]),
    ]
    if plan["hindrances"]:
        rows = [(why,) for why in plan["hindrances"]]
        blocks.append(Table(title="refused, for", columns=("why",), rows=rows))
    return blocks


def designations_table(vlans: Sequence[dict[str, Any]]) -> Table:
    """List the VLANs, each with the racks that are designated for it."""
    return Table(
        title="VLANs",
        columns=("vlan", "dhcp", "primary", "secondary", "files", "generation"),
        rows=[
            (
                row["vlan"],
                _dhcp_word(row),
                row["primary_rack"] or "-",
                row["secondary_rack"] or "-",
                "pending" if row["pending"] else "follow",
                row["generation"],
            )
            for row in vlans
        ],
    )


def _dhcp_word(row: dict[str, Any]) -> str:
    word, by = "on" if row["dhcp_on"] else "off", row.get("relay_vlan")
    return word if by is None else f"{word}, relayed by {by}"


def sides_table(vlans: Sequence[dict[str, Any]]) -> Table:
    """List what each server says, as it was last started."""
    rows: list[Sequence[Cell]] = [
        (
            row["vlan"],
            side["rack"],
            side["address"],
            side["role"] or "-",
            side["state"] if side["connected"] else f"{side['state']} ({_lost(side)})",
            _moment(side.get("since")),
            _free(side),
            side["applied"] or "-",
            "yes" if side["waiting"] else "no",
            _note(row, side),
        )
        for row in vlans
        for side in row["sides"]
    ]
    return Table(
        title="servers",
        columns=(
            *("vlan", "rack", "address", "role", "state", "since", "free+backup"),
            *("applied", "waits", "note"),
        ),
        rows=rows,
    )


def evidence_table(vlans: Sequence[dict[str, Any]]) -> Table:
    """List what says of each lost server that its host is dead, and what is missing for that."""
    return Table(
        title="is it dead?",
        columns=("vlan", "rack", "what", "told by", "says", "age"),
        rows=[
            (
                row["vlan"],
                side["rack"],
                item["what"],
                item["by"] or "-",
                item["says"],
                "-" if item["age"] is None else f"{item['age']:.0f} s",
            )
            for row in vlans
            for side in row["sides"]
            for item in side.get("evidence", ())  # a region of the version before tells none
        ],
    )


def _lost(side: dict[str, Any]) -> str:
    age = side.get("age")  # a region of the version before tells none, nor how many are free
    return "rack lost" if age is None else f"rack lost, {age:.0f} s ago"


def _free(side: dict[str, Any]) -> str:
    """Tell how many addresses the primary may give away, how many the secondary, of how many."""
    if side.get("total") is None:
        return "-"
    return f"{side['free']}+{side['backup']} of {side['total']}"


def _note(row: dict[str, Any], side: dict[str, Any]) -> str:
    """Tell an error, or what became of the word that the other server is dead."""
    word = row.get("partner_down")  # a region of the version before tells none
    if side["error"] or word is None or word["survivor"] != side["rack"]:
        return side["error"] or "-"
    if word["taken_at"] is None:
        return f"is told that {word['dead']} is dead: {word['refused'] or 'not answered yet'}"
    return f"{word['dead']} is dead: all free addresses from {word['usable_at']}"


def _ipv6_tables(vlans: Sequence[dict[str, Any]]) -> list[Block]:
    """List how each rack serves the IPv6 networks of a VLAN, where it has some."""
    rows = [line for row in vlans for line in _ipv6_rows(row)]
    columns = ("vlan", "rack", "of each range", "state", "free", "applied", "note")
    return [Table(title="IPv6", columns=columns, rows=rows)] if rows else []


def _ipv6_rows(row: dict[str, Any]) -> Iterator[Sequence[Cell]]:
    """Give a line for each rack, and one for what two of them have together."""
    # a region of the version before tells none of it, nor how many are free
    told = [(side["rack"], it) for side in row["sides"] if (it := side.get("ipv6")) is not None]
    for rack, ipv6 in told:
        state = "running" if ipv6["running"] else "down"
        done = ipv6["applied"] or "-", ipv6["error"] or "-"
        yield row["vlan"], rack, _half(ipv6), state, _free6(ipv6), *done
    left = row.get("ipv6_left")
    if len(told) > 1 and left is not None:
        yield row["vlan"], "all", "given away now", "-", _free6(left), "-", "-"


def _free6(left: dict[str, Any]) -> str:
    return "-" if left.get("total") is None else free_in_words(left["free"], left["total"])


def _half(told: dict[str, Any]) -> str:
    return f"{told['half']}, waits for leases of another" if told["held"] else str(told["half"])


def _foreign_tables(vlans: Sequence[dict[str, Any]]) -> list[Block]:
    """List the DHCP servers that are none of ours, and the racks that could not tell."""
    sides = [(row["vlan"], side) for row in vlans for side in row["sides"]]
    servers: list[Sequence[Cell]] = [
        (
            *(vlan, server["address"], server["mac"] or "not known", side["rack"]),
            *(_moment(server["since"]), _moment(server["heard"])),
        )
        for vlan, side in sides
        for server in side.get("foreign", ())  # a region of the version before tells none
    ]
    columns = ("vlan", "address", "mac", "heard by", "first", "last")
    deaf = {side["rack"]: why for _, side in sides if (why := side.get("not_listening"))}
    return [
        *([Table(title="other DHCP servers", columns=columns, rows=servers)] if servers else []),
        *(
            Line(name=f"{rack} hears no other DHCP servers", value=why)
            for rack, why in deaf.items()
        ),
    ]


def leases_page(found: dict[str, Any]) -> list[Block]:
    """Lay out `dhcp leases`: who has which address, then the racks that did not tell."""
    silent: list[Block] = [
        Line(name=f"not told by {side['rack']}", value=side["why"], good=False)
        for side in found["sides"]
        if not side["told"]
    ]
    if not found["sides"]:
        silent = [Line(name=f"nobody serves {found['vlan']}", value="no rack was asked")]
    return [leases_table(found), *silent]


def leases_table(found: dict[str, Any]) -> Table:
    """List the leases, each with the racks whose files know it."""
    return Table(
        title=f"leases of {found['vlan']}",
        columns=(
            *("address", "state", "mac or duid", "hostname", "vendor class"),
            *("starts", "ends", "known to"),
        ),
        rows=[
            (
                row["address"],
                row["state"],
                row.get("duid") or row["mac"] or "-",  # an older region tells no DUID
                row["hostname"] or "-",
                row["vendor_class"] or "-",
                _moment(row["starts"]),
                "never" if row["never_ends"] else _moment(row["ends"]),
                ", ".join(row["racks"]),
            )
            for row in found["leases"]
        ],
    )


def _moment(time: str | None) -> str:
    """Shorten a time of the API, which is UTC, to what people read."""
    return "-" if time is None else time[:19].replace("T", " ")
