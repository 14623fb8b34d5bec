"""One measured figure with its target and what it is compared with, and the table of them."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict, frozen

RESULTS = Path(__file__).parent / "results.json"
PROJECT = Path(__file__).parents[1]
"""Where `python -m benchmarks` is found."""


@frozen(kw_only=True)
class Figure:
    """One row of the table; smaller is better."""

    name: str
    value: float
    unit: str
    target: float | None
    peer: str = ""
    """What others need for the same, or what a user has without us."""
    limit: str = ""
    """What no program can beat, measured in the same run."""

    @property
    def ok(self) -> bool:
        return self.target is None or self.value <= self.target


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that is not below this share (0 to 100) of all."""
    return sorted(values)[max(0, math.ceil(len(values) * share / 100) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """Give the figures as text, one a line."""
    rows = [("", "figure", "value", "target", "limit in this run", "peer")]
    rows += [
        (
            "ok" if f.ok else "MISSED",
            f.name,
            f"{f.value:.3g} {f.unit}",
            "" if f.target is None else f"{f.target:g} {f.unit}",
            f.limit,
            f.peer,
        )
        for f in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def write(figures: Sequence[Figure]) -> None:
    """Write `results.json`, the same figures for programs."""
    rows = [asdict(f) | {"ok": f.ok} for f in figures]
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
