"""A lab for a benchmark: `evenrack lab up` as a user has it, and gone afterwards."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from evenrack.client import Client, SocketTarget

EVENRACK = str(Path(sys.executable).parent / "evenrack")
USUAL: Mapping[str, int] = MappingProxyType({})
ANSWER_SECONDS = 60


@contextmanager
def real_lab(sizes: Mapping[str, int] = USUAL, *options: str) -> Iterator[Path]:
    """Run a lab of these sizes (`racks`: 4), with the defaults for others; gives its folder."""
    counts = [word for name, count in sizes.items() for word in (f"--{name}", str(count))]
    with tempfile.TemporaryDirectory(prefix="evenrack-bench-") as name:
        folder = Path(name) / "lab"
        tell_lab(folder, "up", *counts, *options)
        try:
            yield folder
        finally:
            tell_lab(folder, "down")


def tell_lab(folder: Path, *words: str) -> None:
    """Run `evenrack lab` with these words; CalledProcessError when it fails."""
    command = [EVENRACK, "lab", *words, "--dir", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def client_of(lab: Path) -> Client:
    """Give a way to ask any region process of a lab."""
    sockets = sorted(lab.glob("region*/run/regiond-*.sock"))
    return Client([SocketTarget(path=path) for path in sockets], timeout=ANSWER_SECONDS)
