"""What every user can see of a lab's programs in /proc, of those too that live for a moment."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from evenrack.lab.onlooker import Onlooker
from evenrack.runtime.process_table import PROC, ProcessRow, all_processes

LOOK_SECONDS = 0.03
"""ipmitool lives for about a tenth of a second."""

_PARTS = ("cmdline", "environ")


class ProcWatch(Onlooker):
    """Looks at arguments and environments of some processes and all below them, again and again.

    A program is looked at more than once: at first it is a copy of the one that started it.
    """

    def __init__(self, roots: Callable[[], Iterable[int]]) -> None:
        super().__init__()
        self._roots = roots
        self._seen: dict[tuple[str, int, str], set[bytes]] = {}

    @property
    def programs(self) -> frozenset[str]:
        """Name the programs that were seen."""
        return frozenset(name for name, _, _ in self._seen)

    @property
    def places(self) -> dict[str, bytes]:
        """Give all that was seen, by where."""
        return {
            f"the {part} of {name} ({pid})": b"\n".join(sorted(contents))
            for (name, pid, part), contents in self._seen.items()
        }

    def look(self) -> None:
        """Look once."""
        family = set(self._roots())
        rows = sorted(all_processes(), key=lambda row: row.started)  # parents before children
        for row in rows:
            if row.pid in family or row.parent in family:
                family.add(row.pid)
                self._note(row)

    def _look_on(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(LOOK_SECONDS)

    def _note(self, row: ProcessRow) -> None:
        for part in _PARTS:
            with suppress(OSError):  # it has ended meanwhile
                content = (PROC / str(row.pid) / part).read_bytes()
                self._seen.setdefault((row.name, row.pid, part), set()).add(content)


def not_seen(programs: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Name the programs that should have been looked at and were not."""
    seen = set(programs)
    return [each for each in wanted if each not in seen]
