"""Pages on a terminal: everything is there, also on a narrow one."""

from io import StringIO

from rich.console import Console

from evenrack.cli.draw import page
from evenrack.cli.show import Line, Table, racks_table, status_page
from tests.cli.test_show import STATUS


def drawn(blocks, *, width):
    console = Console(file=StringIO(), width=width, no_color=True)
    console.print(page(blocks))
    return console.file.getvalue()


def test_the_status_is_drawn_whole():
    text = drawn(status_page(STATUS), width=200)
    for word in ("RackLost", "region1/2", "1 of 2", "leader: region1/1", "rack1"):
        assert word in text


def test_racks_are_a_line_each_on_a_terminal_of_80_columns():
    rack = {**STATUS["racks"][0], "hostname": "rack1", "managed_by": "region1/2"}
    text = drawn([racks_table([rack])], width=80)
    (line,) = [line for line in text.splitlines() if "rack1" in line]
    assert " ".join(line.split()) == "rack1 abcd1234 its own degraded 2 1 of 2 region1/2 1.12"
    for column in ("connections", "processes", "plan"):
        assert column in text


def test_long_cells_fold_and_lose_nothing():
    name = "".join(str(number % 10) for number in range(100))
    text = drawn([Table(title="t", columns=("name", "n"), rows=[(name, 1)])], width=30)
    assert "…" not in text
    digits = "".join(line.split()[0] for line in text.splitlines() if line.strip()[:1].isdigit())
    assert digits == name


def test_brackets_in_a_name_are_not_markup():
    assert "[red]x[/red]" in drawn([Line(name="a", value="[red]x[/red]")], width=80)
    table = Table(title="", columns=("name",), rows=[("[bold]y",)])
    assert "[bold]y" in drawn([table], width=80)


def test_an_empty_table_says_so():
    assert drawn([Table(title="problems", columns=("code",), rows=[])], width=80) == (
        "problems: none\n"
    )
