"""Files that only their owner may read, and that a lab that was kept goes on with."""

from collections.abc import Callable
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read."""
    path.touch(mode=0o600)
    path.write_text(text)


def kept_or_new(path: Path, make: Callable[[], str]) -> str:
    """Read the file of a lab that was kept, whose database knows it; else make its content."""
    return path.read_text() if path.exists() else make()
