"""Reads what was appended to dhcpd's file of leases since it was last read.

dhcpd writes the file anew once an hour and at each start, under another name that it then renames:
another inode. From then on the whole file is news.
"""

from collections.abc import Callable
from os import fstat
from pathlib import Path
from typing import Final

CHUNK_BYTES: Final = 256 * 1024


class LeaseFollower:
    """Remembers how far it has read, and in which file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._inode = -1
        self._read = 0

    def forget(self) -> None:
        """Read everything anew next time."""
        self._inode = -1

    def read_on(self, begin: Callable[[], None], take: Callable[[bytes], None]) -> None:
        """Give the new bytes to `take`, after `begin` where they are all of a file; OSError."""
        with self._file.open("rb") as opened:
            now = fstat(opened.fileno())
            if now.st_ino != self._inode or now.st_size < self._read:
                self._read = 0
                begin()
            self._inode = -1  # what is not read to the end is read anew
            opened.seek(self._read)
            while chunk := opened.read(CHUNK_BYTES):
                take(chunk)
                self._read += len(chunk)
            self._inode = now.st_ino
