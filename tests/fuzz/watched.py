"""The program that libFuzzer runs in: `python -m tests.fuzz.watched TARGET FOLDER -OPTION=VALUE`.

atheris tells it which branches of our code each input takes.
"""

import importlib
import sys

import atheris

from tests.fuzz.json_mutator import mutated
from tests.fuzz.limits import in_time

WATCHED = ("evenrack", "twisted.protocols.amp", "pypureomapi")

SLOWER = 8.0
"""By so much the watching slows the program down."""


def main():
    """Run until it is told to end, or until an input breaks the target."""
    _, name, *arguments = sys.argv
    with atheris.instrument_imports(include=[*WATCHED, f"tests.fuzz.{name}"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
    atheris.Setup(
        [sys.argv[0], *arguments],
        lambda data: in_time(target.run, data, slower=SLOWER),
        custom_mutator=_mutated,
    )
    atheris.Fuzz()


def _mutated(data, most, seed):
    """Change an input: every other time its JSON, if it has any."""
    changed = mutated(bytes(data), most, seed) if seed % 2 else None
    return atheris.Mutate(data, most) if changed is None else changed


if __name__ == "__main__":
    main()
