"""The text of a small file, or a sentence that says why there is none.

Nothing is raised from here: an exception would carry the content along (UnicodeDecodeError
does), and the content may be secret.
"""

import os
import stat
from pathlib import Path

from attrs import field, frozen

MISSING = "there is no such file"


@frozen(kw_only=True)
class FileText:
    """What was found at a path."""

    text: str = field(default="", repr=False)
    permissions: int = 0
    owner: int = -1
    """The number of the user whose file it is."""
    problem: str = ""
    """Why there is no text; empty when all is well."""


def read_file_text(path: Path, *, most_bytes: int) -> FileText:
    """Read a whole file as UTF-8; a larger file is refused before it fills the memory."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(most_bytes + 1)
    except OSError as error:
        return FileText(problem=_sentence(error))
    if len(content) > most_bytes:
        return FileText(problem=f"is larger than {most_bytes} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return FileText(problem=f"is not UTF-8 text: see byte {error.start + 1}")
    return FileText(text=text, permissions=stat.S_IMODE(status.st_mode), owner=status.st_uid)


def _sentence(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return MISSING
        case IsADirectoryError():
            return "is a folder, not a file"
        case PermissionError():
            return "this user may not read it"
        case _:
            return f"cannot be read: {error.strerror}"
