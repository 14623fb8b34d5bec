"""Reads a table from CSV: a header that names the columns, then one row a line.

Everything that is wrong is told with its line. A value does not go over the end of its line: a
quote that somebody forgot to close spoils one row and not all that follow, and lines are counted as
an editor counts them.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

from attrs import frozen

from evenrack.errors import CannotEverWork
from evenrack.model.findings import shown

MOST_BYTES = 16 << 20
MOST_LINES = 100_000
"""Those that are skipped count too."""
MOST_COLUMNS_TOLD = 20
"""Problems of one header; a file that is no CSV may seem to have any number of columns."""

Read = Callable[[str], Any]
"""From the text of a value to what it means; ValueError says what is wrong, without the column."""


@frozen(kw_only=True)
class LineProblem:
    """One thing that is wrong in a file."""

    line: int
    """From 1 on."""
    field: str = ""
    """The column; empty when it is about the whole line."""
    detail: str
    """What is wrong, and the cure."""

    @property
    def sentence(self) -> str:
        """Say all of it."""
        place = f"line {self.line}, {self.field}" if self.field else f"line {self.line}"
        return f"{place}: {self.detail}"


@frozen(kw_only=True)
class Row:
    """One line, read."""

    line: int
    values: Mapping[str, Any]
    """By the names of the columns."""


@frozen(kw_only=True)
class Lines:
    """All rows that could be read, and what is wrong with the others."""

    rows: tuple[Row, ...]
    problems: tuple[LineProblem, ...]


class FileRefused(CannotEverWork):
    """The file as a whole is not what it has to be, so no row of it was read."""

    wire_code = b"FILE_REFUSED"

    def __init__(self, problems: Iterable[LineProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.sentence for problem in self.problems))


def read_lines(
    content: bytes,
    columns: Mapping[str, Read],
    *,
    required: Sequence[str],
    one_of: Sequence[str] = (),
    shows: bool = True,
) -> Lines:
    """Read UTF-8, with or without a byte order mark; FileRefused when it has no useful header.

    That has the required columns, and at least `one_of` others.

    Empty lines, and those that begin with `#`, are skipped. Spaces around a value do not count.
    Without `shows` no problem shows what stands in the file: it may have no header, but passwords.
    """
    lines = _numbered(_text_lines(content))
    header = next(lines, None)
    if header is None:
        raise FileRefused([LineProblem(line=1, detail=f"no header; {_first_line(columns)}")])
    needed = [*((name,) for name in required), *([one_of] if one_of else [])]
    names = _header(*header, columns, needed, shows=shows)
    rows: list[Row] = []
    problems: list[LineProblem] = []
    for number, line in lines:
        values: dict[str, Any] = {}
        wrong = [
            LineProblem(line=number, field=field, detail=detail)
            for field, detail in _read_row(line, names, columns, values)
        ]
        if wrong:
            problems += wrong
        else:
            rows.append(Row(line=number, values=values))
    return Lines(rows=tuple(rows), problems=tuple(problems))


def _text_lines(content: bytes) -> list[str]:
    if len(content) > MOST_BYTES:
        detail = f"the file has over {MOST_BYTES >> 20} MiB; import it in parts"
        raise FileRefused([LineProblem(line=1, detail=detail)])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        number = content.count(b"\n", 0, problem.start) + 1
        detail = "this is no UTF-8; save the file as UTF-8"
        raise FileRefused([LineProblem(line=number, detail=detail)]) from None
    # not splitlines(): that also parts at signs that no editor takes for the end of a line
    lines = text.removesuffix("\n").split("\n")
    if len(lines) > MOST_LINES:
        detail = f"the file has over {MOST_LINES} lines; import it in parts"
        raise FileRefused([LineProblem(line=MOST_LINES + 1, detail=detail)])
    return lines


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        bare = line.removesuffix("\r")
        if bare.strip() and not bare.lstrip().startswith("#"):
            yield number, bare


def _header(
    number: int,
    line: str,
    columns: Mapping[str, Read],
    needed: Sequence[Sequence[str]],
    *,
    shows: bool,
) -> list[str]:
    """Read the names of the columns; of each group that is needed one has to be there."""
    try:
        names = [name.lower() for name in _values_of(line)]
    except ValueError as problem:
        raise FileRefused([LineProblem(line=number, detail=str(problem))]) from None
    unknown = islice(
        ((place, name) for place, name in enumerate(names, 1) if name not in columns),
        MOST_COLUMNS_TOLD,
    )
    wrong = [
        _unknown(name, columns) if shows else f"the name in place {place} is no column"
        for place, name in unknown
    ]
    wrong += [
        f"the column {name} is named twice; remove one" for name in columns if names.count(name) > 1
    ]
    wrong += [
        f"the column {' or '.join(group)} is missing"
        for group in needed
        if not set(group) & set(names)
    ]
    if wrong:
        told = [f"{detail}; {_first_line(columns)}" for detail in wrong[:MOST_COLUMNS_TOLD]]
        raise FileRefused(LineProblem(line=number, detail=detail) for detail in told)
    return names


def _unknown(name: str, columns: Mapping[str, Read]) -> str:
    if ";" in name or "\t" in name:
        return f"{shown(name)} is no column; between columns stand commas"
    alike = get_close_matches(name[:100], list(columns), n=1)
    meant = f", did you mean {alike[0]}?" if alike else ""
    return f"{shown(name)} is no column{meant}"


def _first_line(columns: Mapping[str, Read]) -> str:
    return f"the first line names the columns, in any order: {','.join(columns)}"


def _read_row(
    line: str, names: Sequence[str], columns: Mapping[str, Read], values: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """Read one line into `values`, and tell what is wrong with it: column and detail."""
    try:
        found = _values_of(line)
    except ValueError as problem:
        yield "", str(problem)
        return
    if len(found) != len(names):
        more = len(found) > len(names)
        cure = "a value with a comma needs quotes" if more else "write an empty value all the same"
        yield "", f"{len(found)} values, and the header names {len(names)} columns; {cure}"
        return
    for name, value in zip(names, found, strict=True):
        try:
            values[name] = columns[name](value)
        except ValueError as problem:
            yield name, str(problem)


def _values_of(line: str) -> list[str]:
    try:
        # the reader also leaves out spaces in front of a quote, which else would be part of a value
        (values,) = csv.reader([line], strict=True, skipinitialspace=True)
    except csv.Error as problem:
        raise ValueError(f"this is no CSV ({problem}); see its quotes and commas") from None
    return [value.strip() for value in values]
