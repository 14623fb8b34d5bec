"""Files and folders that hold secrets: who else may use or replace them, and how to cure that.

A secret that was open to others is not believed: it is refused before anything is done with it.
"""

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from evenrack.config.file_text import read_file_text
from evenrack.errors import ConfigurationRefused

ONLY_OURS = 0o700
"""The mode of a folder with secrets."""

_ROOT = 0
_PERMISSIONS = 0o777
_OPEN_TO_OTHERS = 0o077
_WRITABLE_FOR_OTHERS = 0o022


def read_private_text(
    path: Path, *, most_bytes: int, cure: str, user: int | None = None
) -> tuple[str, list[str]]:
    """Read a file that only root and `user` may use; give its text, and a sentence per problem.

    The caller adds what is wrong with the text, so that the operator reads it all at once.
    `user` is a number; None is the user of this process. ConfigurationRefused, with the `cure`,
    when there is no text.
    """
    file = read_file_text(path, most_bytes=most_bytes)
    if file.problem:
        raise ConfigurationRefused(path, [f"{file.problem}; {cure}"])
    user = os.geteuid() if user is None else user
    problems = [
        *_link_problems(path, user),
        *_owner_problems(path, file.owner, user),
        *_mode_problems(path, file.permissions),
        *_folder_problems(path, user),
    ]
    return file.text, problems


def private_folder(folder: Path, *, secrets: Iterable[str] = (), user: int | None = None) -> None:
    """Make a folder that only `user` may use, or see that it is one.

    `secrets` are names in it: those that are there are looked at, too. `user` as above.
    ConfigurationRefused has all problems, each with its cure.
    """
    user = os.geteuid() if user is None else user
    problem = _make(folder, user)
    problems = [problem] if problem else list(_problems_within(folder, secrets, user))
    if problems:
        raise ConfigurationRefused(folder, problems)


def act_as_owner(folder: Path) -> None:
    """Let root become the user whose folder it is: what root makes there, that user cannot read.

    Nothing changes for anybody but root, and when the folder is root's or not there yet.
    ConfigurationRefused where root cannot become that user: in a container without it.
    """
    if os.geteuid() != _ROOT or not folder.exists():
        return
    status = folder.stat()
    if status.st_uid == _ROOT:
        return
    try:
        os.setgroups([])
        os.setgid(status.st_gid)
        os.setuid(status.st_uid)
    except OSError as error:
        problem = f"belongs to user {status.st_uid}, and root cannot become that one: {error}"
        raise ConfigurationRefused(folder, [problem]) from None


def _make(folder: Path, user: int) -> str:
    """Say why there cannot be this folder; nothing when there is."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=ONLY_OURS)
    except FileExistsError:
        return f"is not a folder; run `mv {_quoted(folder)} {_quoted(folder)}.old`"
    except OSError as error:
        cure = f"run `install -d -m 700 -o {user} {_quoted(folder)}` as root"
        return f"cannot be made: {error.strerror}; {cure}"
    return ""


def _problems_within(folder: Path, secrets: Iterable[str], user: int) -> Iterator[str]:
    status = folder.stat()
    yield from _link_problems(folder, user)
    if status.st_uid != user:  # root's is refused, too: what root makes there, `user` cannot read
        yield (
            f"belongs to user {status.st_uid}, and this runs as user {user}: run it as user "
            f"{status.st_uid}, or run `chown -R {user} {_quoted(folder)}`"
        )
    if status.st_mode & _PERMISSIONS != ONLY_OURS:
        yield (
            f"has mode {stat.S_IMODE(status.st_mode):04o}, and must be for its owner alone; "
            f"run `chmod 700 {_quoted(folder)}`"
        )
    for name in secrets:
        for problem in _secret_problems(folder / name, user):
            yield f"{name}: {problem}"


def _secret_problems(path: Path, user: int) -> Iterator[str]:
    yield from _link_problems(path, user)
    try:
        status = path.stat()
    except OSError:  # not there yet; or who reads it says why it cannot be read
        return
    yield from _owner_problems(path, status.st_uid, user)
    yield from _mode_problems(path, stat.S_IMODE(status.st_mode))


def _link_problems(path: Path, user: int) -> Iterator[str]:
    """Tell of a link that somebody else can turn to another file."""
    try:
        status = path.lstat()
    except OSError:
        return
    if stat.S_ISLNK(status.st_mode) and status.st_uid not in (_ROOT, user):
        yield f"is a link that user {status.st_uid} made; run `rm {_quoted(path)}`"


def _owner_problems(path: Path, owner: int, user: int) -> Iterator[str]:
    if owner not in (_ROOT, user):
        yield (
            f"belongs to user {owner}, and must be root's or of the user who reads it; "
            f"run `chown {user} {_quoted(path)}`"
        )


def _mode_problems(path: Path, permissions: int) -> Iterator[str]:
    if permissions & _OPEN_TO_OTHERS:
        yield (
            f"group or others may use it (mode {permissions:04o}); run `chmod 600 {_quoted(path)}`"
        )


def _folder_problems(path: Path, user: int) -> Iterator[str]:
    """Tell who could put another file in its place: that of a link, and that of the file."""
    for folder in sorted({path.absolute().parent, path.resolve().parent}):
        status = folder.stat()
        if status.st_uid not in (_ROOT, user):
            yield (
                f"user {status.st_uid} can replace it, who owns the folder; "
                f"run `chown {user} {_quoted(folder)}`"
            )
        if status.st_mode & _WRITABLE_FOR_OTHERS and not status.st_mode & stat.S_ISVTX:
            mode = stat.S_IMODE(status.st_mode)
            yield (
                f"group or others can replace it (mode {mode:04o} of the folder); "
                f"run `chmod go-w {_quoted(folder)}`"
            )


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
