"""The end of a program's log: most often it says why."""

from pathlib import Path

from evenrack.lab.fleet import Program

LINES = 12
_ENOUGH_BYTES = 64 * 1024


def last_lines(program: Program, count: int = LINES) -> str:
    """Give the last lines of this program's log, under its name."""
    lines = tail(program.log, count)
    return f"the last lines of {program.log}:\n" + "\n".join(f"  {line}" for line in lines)


def tail(log: Path, count: int) -> list[str]:
    """Give the last lines of a log; none when it is not there yet."""
    try:
        with log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - max(_ENOUGH_BYTES, count * 400)))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-count:]
