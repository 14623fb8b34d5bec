"""Spans of time as people write them: `90s`, `30m`, `2h`, `7d`."""

import re

import click

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
MOST_DAYS = 366


class Duration(click.ParamType[int]):
    """A span of time in whole seconds, at most a year."""

    name = "duration"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the text; a number is seconds already."""
        if isinstance(value, int):
            return value
        found = _SPAN.fullmatch(value)
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
        if not 0 < seconds <= MOST_DAYS * _UNITS["d"]:
            self.fail(
                f'"{value}" is not a span of time such as 90s, 30m, 2h or 7d (at most '
                f"{MOST_DAYS}d)",
                param,
                ctx,
            )
        return seconds


DURATION = Duration()
