"""Pages as values and as plain text: tables that nothing is cut off from."""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen

Cell = str | int
_LIVE = frozenset({"running", "degraded", "draining"})
"""States of a process that runs: with all of its counterparts, with some, or soon with nothing."""


@frozen(kw_only=True)
class Table:
    """Rows under a heading."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    when_empty: str = "none"


@frozen(kw_only=True)
class Line:
    """One fact: a name and what it is."""

    name: str
    value: str
    good: bool = True


Block = Table | Line


def page_text(blocks: Iterable[Block]) -> str:
    """Write a page as text: an empty line around each table."""
    parts: list[str] = []
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Line):
            lines.append(f"{block.name}: {block.value}")
            continue
        if lines:
            parts.append("\n".join(lines))
            lines = []
        parts.append(table_text(block))
    if lines:
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def table_text(table: Table) -> str:
    """Write a table in columns as wide as their content, numbers to the right."""
    heading = f"{table.title}:" if table.title else ""
    if not table.rows:
        return f"{heading} {table.when_empty}".strip()
    cells = [[_one_line(str(cell)) for cell in row] for row in table.rows]
    widths = [
        max(len(text) for text in column) for column in zip(table.columns, *cells, strict=True)
    ]
    numbers = [
        all(isinstance(row[index], int) for row in table.rows)
        for index in range(len(table.columns))
    ]
    lines = [heading] if heading else []
    for row in (list(table.columns), *cells):
        padded = [
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(row, widths, numbers, strict=True)
        ]
        lines.append(f"  {'  '.join(padded)}".rstrip())
    return "\n".join(lines)


def status_page(status: dict[str, Any]) -> list[Block]:
    """Lay the fleet's status out: problems first, then the three questions, then the rest."""
    survives = status["survives"]
    database = status["database"]
    detail = f" ({database['detail']})" if database.get("detail") else ""
    return [
        problems_table(status["problems"]),
        processes_table(status["regions"]),
        racks_table(status["racks"]),
        Line(name="leader", value=status["leader"] or "nobody", good=status["leader"] is not None),
        Line(
            name="database",
            value=database["state"] + detail,
            good=database["state"] == "ok",
        ),
        Line(name="survives the next loss", value=_survives(survives), good=survives["yes"]),
        Line(name="generation", value=f"{status['era']}.{status['generation']}"),
    ]


def problems_table(problems: Sequence[dict[str, Any]]) -> Table:
    """List what is wrong, in the order the region gives: the worst first."""
    return Table(
        title="problems",
        columns=("code", "object", "since", "affects", "do"),
        rows=[
            (
                row["code"],
                row["object"] or "-",
                _text(row["since"]),
                _text(row["affects"]),
                row["do"],
            )
            for row in problems
        ],
    )


def processes_table(regions: Sequence[dict[str, Any]]) -> Table:
    """List every region host, and under it its processes."""
    rows: list[Sequence[Cell]] = []
    for region in regions:
        processes = region["processes"]
        connections = sum(process["connections"] for process in processes)
        running = sum(process["state"] in _LIVE for process in processes)
        rows.append(
            (
                region["id"],
                region["state"],
                f"{running} of {len(processes)} processes",
                region["racks_managed"],
                connections,
            )
        )
        rows.extend(
            (
                f"  {process['id']}",
                process["state"],
                f"pid {process['pid']}",
                process["racks_managed"],
                process["connections"],
            )
            for process in processes
        )
    return Table(
        title="regions",
        columns=("region", "state", "running", "racks managed", "connections"),
        rows=rows,
    )


def racks_table(racks: Sequence[dict[str, Any]]) -> Table:
    """List every rack: its connections, and who manages it."""
    return Table(
        title="racks",
        columns=(
            "rack",
            "id",
            "failure domain",
            "state",
            "connections",
            "region processes",
            "managed by",
            "plan",
        ),
        rows=[
            (
                rack["hostname"],
                rack["id"],
                rack["failure_domain"] or "its own",
                rack["state"],
                rack["connections"],
                f"{rack['processes_connected']} of {rack['processes_live']}",
                rack["managed_by"] or "nobody",
                _text(rack["applied_generation"]),
            )
            for rack in racks
        ],
    )


def object_page(row: dict[str, Any]) -> list[Block]:
    """Show one object: a line for each plain value, a table for each list."""
    lines: list[Block] = [
        Line(name=_words(key), value=_text(value))
        for key, value in row.items()
        if not isinstance(value, list)
    ]
    return lines + [
        _list_table(_words(key), value) for key, value in row.items() if isinstance(value, list)
    ]


def moves_table(moves: Sequence[dict[str, Any]], *, planned: bool = False) -> Table:
    """List moves, each with its reason; planned ones have no time yet."""
    time = () if planned else ("at",)
    return Table(
        title="would move" if planned else "",
        columns=(*time, "what", "item", "from", "to", "why it may", "reason"),
        rows=[
            (
                *(move[each] for each in time),
                move["what"],
                move.get("name") or move["item"],
                move["from"] or "nobody",
                move["to"] or "nobody",
                "forced" if move["forced"] else "voluntary",
                move["reason"],
            )
            for move in moves
        ],
        when_empty="nothing" if planned else "no moves yet",
    )


def vlans_table(vlans: Sequence[dict[str, Any]]) -> Table:
    """List VLANs, and whether DHCP is on."""
    return _columns_table(
        vlans, ("name", "id", "fabric", "vid", "dhcp_on", "relay_vlan"), "no VLANs yet"
    )


def subnets_table(subnets: Sequence[dict[str, Any]]) -> Table:
    """List subnets, and what their clients are told."""
    told = ("gateway", "dns_servers", "ntp_servers", "domain")
    return _columns_table(subnets, ("cidr", "id", "vlan", *told), "no subnets yet")


def ranges_table(ranges: Sequence[dict[str, Any]]) -> Table:
    """List ranges with both their ends."""
    columns = ("first", "last", "id", "subnet", "reserved")
    return _columns_table(ranges, columns, "no ranges yet")


def reservations_table(reservations: Sequence[dict[str, Any]]) -> Table:
    """List which address is kept for which card."""
    of_ipv6 = ("duid",) if any(kept.get("duid") for kept in reservations) else ()
    columns = ("mac", *of_ipv6, "address", "id", "hostname", "subnet", "other_macs")
    return _columns_table(reservations, columns, "no reservations yet")


def snippets_table(snippets: Sequence[dict[str, Any]]) -> Table:
    """List snippets without their texts, and what each is for."""
    return _columns_table(snippets, ("name", "id", "level", "of", "enabled"), "no snippets yet")


def snippet_page(snippet: dict[str, Any]) -> list[Block]:
    """Show one snippet; its lines have the numbers that messages about it name."""
    lines = enumerate(snippet["text"].splitlines(), start=1)
    facts = {name: value for name, value in snippet.items() if name != "text"}
    return [*object_page(facts), Table(title="text", columns=("line", ""), rows=list(lines))]


def interfaces_table(interfaces: Sequence[dict[str, Any]]) -> Table:
    """List addresses of racks, and the VLAN that each is on."""
    columns = ("rack", "name", "address", "vlan", "subnet", "said_by")
    return _columns_table(interfaces, columns, "no addresses are known")


def bmcs_table(bmcs: Sequence[dict[str, Any]]) -> Table:
    """List BMCs, and how each is reached."""
    access = ("driver", "address", "port", "user", "cipher_suite", "password_set")
    return _columns_table(bmcs, ("name", "id", *access, "owner", "reach"), "no BMCs yet")


def machines_table(machines: Sequence[dict[str, Any]]) -> Table:
    """List machines, each with what switches it."""
    power = ("power", "power_seen", "power_seen_by", "power_error")
    columns = ("name", "id", "bmc", *power)
    return _columns_table(machines, columns, "no machines yet")


def event_text(event: dict[str, Any]) -> str:
    """Write an event as one line."""
    reason = (event.get("data") or {}).get("reason")
    because = f" ({reason})" if reason and reason not in event["text"] else ""
    return f"{event['at']}  {event['kind']}  {event['object']}  {_one_line(event['text'])}{because}"


def _survives(survives: dict[str, Any]) -> str:
    if survives["yes"]:
        return "yes"
    return "no: " + "; ".join(f"{part['part']}: {part['why']}" for part in survives["not"])


def _columns_table(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], when_empty: str
) -> Table:
    return Table(
        title="",
        columns=[_words(column) for column in columns],
        rows=[[_cell(row[column]) for column in columns] for row in rows],
        when_empty=when_empty,
    )


def _list_table(title: str, rows: list[Any]) -> Table:
    if not all(isinstance(row, dict) for row in rows):
        return Table(title=title, columns=("value",), rows=[(_text(row),) for row in rows])
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return Table(
        title=title,
        columns=[_words(column) for column in columns],
        rows=[[_cell(row.get(column)) for column in columns] for row in rows],
    )


def _cell(value: Any) -> Cell:
    return value if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{_words(key)} {_text(part)}" for key, part in value.items()) or "-"
    return _one_line(str(value))


def _words(key: str) -> str:
    return key.replace("_", " ")


def _one_line(text: str) -> str:
    """Keep a hostile name from drawing lines of its own or moving the cursor."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
