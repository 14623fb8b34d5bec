"""Replace a file whole: after a crash it holds the old content or the new, never a part."""

import os
import tempfile
from pathlib import Path


def safe_write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write the data beside the file, bring it to the disk, then put it in the file's place."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _bring_to_disk(path.parent)


def replace_safely(new: Path, path: Path) -> None:
    """Put a file that is on the disk, in the same folder, into another one's place."""
    new.replace(path)
    _bring_to_disk(path.parent)


def _bring_to_disk(folder: Path) -> None:
    """Without this the new name itself can be lost in a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
