"""Pages drawn on a terminal with rich; only imported when something is drawn there."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from evenrack.cli.show import Block, Line, Table

_STYLES = {
    "running": "green",
    "degraded": "yellow",
    "draining": "yellow",
    "dead": "red",
    "nobody": "red",
    "off": "dim",
}


def draw_page(blocks: Sequence[Block], *, colour: bool) -> None:
    """Draw a page on the terminal."""
    Console(no_color=not colour, highlight=False).print(page(blocks))


def page(blocks: Sequence[Block]) -> RenderableType:
    """Compose the page; long cells fold onto more lines, nothing is cut off."""
    return Group(*(_line(block) if isinstance(block, Line) else _table(block) for block in blocks))


def _line(line: Line) -> Text:
    return Text.assemble((f"{line.name}: ", "bold"), (line.value, "" if line.good else "red"))


def _table(table: Table) -> RenderableType:
    if not table.rows:
        return Text.assemble((f"{table.title}: ", "bold"), table.when_empty)
    drawn = RichTable(
        title=table.title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for index, column in enumerate(table.columns):
        is_number = all(isinstance(row[index], int) for row in table.rows)
        # a word a line: a heading makes no column wider than what stands in it, nor breaks a word
        heading = "\n".join(column.split(" "))
        drawn.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for row in table.rows:
        # Text, not a string: a name with brackets must not become markup
        drawn.add_row(*(Text(str(cell), style=_STYLES.get(str(cell), "")) for cell in row))
    return drawn
