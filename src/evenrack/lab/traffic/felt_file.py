"""The file of what clients felt: lines of JSON, only ever appended to, and never without end.

When it is full it takes the place of the one before it. So the last hours are always there, and
the two together have at most `MOST_BYTES`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_BYTES = 50 * 1024 * 1024
BEGAN = "began"
"""The kind of the line that a prober begins with: what waited in an earlier run waits no more."""
ENDED = "ended"


class FeltFile:
    """Appends lines, each whole at once."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most = most_bytes // 2
        self._file = path.open("ab", buffering=0)

    def append(self, line: dict[str, Any]) -> None:
        """Append one line."""
        if self._file.tell() >= self._most:
            self._file.close()
            self._path.replace(_before(self._path))
            self._file = self._path.open("ab", buffering=0)
        self._file.write(json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def read_felt(path: Path) -> Iterator[dict[str, Any]]:
    """Give every line, the oldest first; none when nothing was written yet."""
    for part in (_before(path), path):
        try:
            with part.open("rb") as file:
                yield from _lines(file)
        except FileNotFoundError:
            continue


def remove_felt(path: Path) -> None:
    """Remove what an earlier lab wrote: its clock may have begun anew since."""
    for part in (_before(path), path):
        part.unlink(missing_ok=True)


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _lines(file: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for text in file:
        try:
            line = json.loads(text)
        except ValueError:  # it is being written at this moment, or its writer was killed
            continue
        if isinstance(line, dict):
            yield line
