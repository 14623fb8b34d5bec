"""Configuration files of any content: settings, or every problem at once and nothing else."""

import os
import tempfile
from pathlib import Path

from evenrack.errors import ConfigurationRefused

SHIPPED = Path(__file__).parents[2] / "etc"


def seeds(name, *more):
    """The file as it is shipped, the same with all its defaults spelt out, and some others."""
    shipped = (SHIPPED / name).read_bytes()
    uncommented = b"\n".join(
        line[1:] if line[:1] == b"#" and line[1:2].strip() else line
        for line in shipped.splitlines()
    )
    return (_settings_only(shipped), _settings_only(uncommented), *more)


def words(name):
    """The names of the settings, and what YAML is made of."""
    text = (SHIPPED / name).read_text()
    names = {word.strip("#: ") for word in text.split() if word.endswith(":")}
    marks = ("- ", ": ", "{", "}", "[", "]", "&a", "*a", "<<", "!!", "|", ">", "? ", '"', "null")
    return sorted(word.encode() for word in {*names, *marks} if word)


def read(load, data):
    """Read the file; None when it is refused, which takes at least one sentence."""
    descriptor, name = tempfile.mkstemp(prefix="evenrack-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        return load(Path(name))
    except ConfigurationRefused as refusal:
        if not refusal.problems or not all(refusal.problems):
            raise AssertionError("it does not say why") from None
        return None
    finally:
        Path(name).unlink()


def _settings_only(text):
    """Without comments: a fuzzer has no use for them."""
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[:1] != b"#"]
    return b"\n".join(lines) + b"\n"
