"""Log events as one flat JSON object a line, as journald and people can read them."""

import json
import math
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import FileLogObserver, LogEvent, formatEvent
from twisted.python.failure import Failure

PLAIN = (str, int, float, bool)


def line_of(event: LogEvent) -> str:
    """Write one event as one line of JSON."""
    line: dict[str, Any] = {
        "time": _moment(event["log_time"]),
        "level": event["log_level"].name if "log_level" in event else "info",
        "message": formatEvent(event),
        "from": event.get("log_namespace", ""),
    }
    for key, value in event.items():
        if not key.startswith("log_") and isinstance(value, PLAIN) and key not in line:
            line[key] = value if _is_json(value) else str(value)
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["failure"] = failure.getTraceback()
    return json.dumps(line, ensure_ascii=False) + "\n"


def error_text(problem: BaseException) -> str:
    """Name an error for a log. Unlike `repr` it never fails: that of some of Twisted's does."""
    return f"{type(problem).__name__}: {problem}"


def _is_json(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")


def json_lines(stream: TextIO) -> FileLogObserver:
    """Make an observer that writes events to this stream."""
    return FileLogObserver(stream, line_of)
