"""Look for inputs that break a target: `python -m tests.fuzz.engine TARGET --seconds 60`.

What breaks the target is in `build/fuzz/TARGET`, and it ends with an error: with the cure it is put
into the corpus, as `broke-` and the name that it would have. With `--keep` the few inputs that
together run most of the code become the rest of the corpus. It needs atheris; the tests that replay
the corpus do not.
"""

import argparse
import hashlib
import importlib
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import BROKE, CORPUS, TARGETS, corpus_of

BUILD = Path("build") / "fuzz"
MOST_INPUT_BYTES = 2048
MOST_MEGABYTES = 450
"""With the program itself, which has 100 to 200."""

HANG_SECONDS = 20
"""Of real time; the target's own seconds are counted by `limits`."""

KEPT_FILES = 12


def main():
    """Run one target in a program of its own, for libFuzzer ends the one it runs in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="renew the committed corpus")
    asked = parser.parse_args()
    folder = BUILD / asked.target
    found = _begin(asked.target, folder)
    code = _run(asked.target, asked.seconds, folder, found)
    if code == 0 and asked.keep:
        _keep(asked.target, found)
    return code


def _begin(name, folder):
    """Lay out what is known so far: the seeds, the corpus, and what earlier runs found."""
    found = folder / "found"
    found.mkdir(parents=True, exist_ok=True)
    target = importlib.import_module(f"tests.fuzz.{name}")
    for data in [*target.SEEDS, *(path.read_bytes() for path in corpus_of(name))]:
        (found / _name_of(data)).write_bytes(data)
    quoted = ["".join(f"\\x{byte:02x}" for byte in word) for word in target.WORDS]
    (folder / "words").write_text("".join(f'"{word}"\n' for word in quoted))
    return found


def _run(name, seconds, folder, found):
    program = [sys.executable, "-m", "tests.fuzz.watched", name, str(found)]
    options = {
        "max_total_time": seconds,
        "max_len": MOST_INPUT_BYTES,
        "rss_limit_mb": MOST_MEGABYTES,
        "timeout": HANG_SECONDS,
        "dict": folder / "words",
        "artifact_prefix": f"{folder}/",
        "print_final_stats": 1,
        "verbosity": 1,
    }
    given = [f"-{option}={value}" for option, value in options.items()]
    return subprocess.run([*program, *given], check=False).returncode  # noqa: S603  our own


def _keep(name, found):
    """Choose the few small inputs that together run most lines, the one that adds most first."""
    target = importlib.import_module(f"tests.fuzz.{name}")
    inputs = sorted(
        (path.read_bytes() for path in found.iterdir()), key=lambda data: (len(data), data)
    )
    inputs = [data for data in inputs if len(data) <= MOST_INPUT_BYTES]
    lines = {data: _lines_of(target, data) for data in inputs}
    kept, seen = [], set()
    while len(kept) < KEPT_FILES:
        best = max(inputs, key=lambda data: (len(lines[data] - seen), -len(data)))
        if not lines[best] - seen:
            break
        kept.append(best)
        seen |= lines[best]
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for path in corpus_of(name):
        if not path.name.startswith(BROKE):
            path.unlink()
    for data in kept:
        (folder / _name_of(data)).write_bytes(data)


def _lines_of(target, data):
    """Which lines of ours an input runs."""
    seen = set()

    def watch(frame, event, _argument):
        if "/evenrack/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
        return watch

    sys.settrace(watch)
    try:
        target.run(data)
    finally:
        sys.settrace(None)
    return seen


def _name_of(data):
    return hashlib.sha256(data).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
