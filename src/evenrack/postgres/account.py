"""As whom the server runs: PostgreSQL refuses to run as root.

Root needs neither a system user nor a copy where a user namespace can be made: in it the same
user has another number, so the files stay root's. Where that is forbidden, the server runs under
a number that owns nothing else, from a copy of its programs that this number can read.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from evenrack.errors import ProgramFailed
from evenrack.postgres.binaries import PostgresBinaries
from evenrack.runtime.child_process import run_program

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
OTHER_NUMBER = 1000
PROBE_SECONDS = 10.0
PROGRAMS_FOLDER = "programs"


@frozen(kw_only=True)
class Account:
    """What stands before each of the server's programs, and who owns its files."""

    prefix: tuple[str, ...] = ()
    owner: int | None = None  # None: whoever runs this


DIRECTLY = Account()
IN_NAMESPACE = Account(prefix=NAMESPACE)


def as_number(number: int) -> Account:
    """Run under another number, without any right of root."""
    prefix = ("setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups", "--")
    return Account(prefix=prefix, owner=number)


def account_for(folder: Path, *, effective_user: int | None = None) -> Account:
    """Choose the account for a server in this folder; one made earlier keeps its own."""
    user = os.geteuid() if effective_user is None else effective_user
    if user != 0:
        return DIRECTLY
    if folder.exists() and (owner := folder.stat().st_uid) != 0:
        return as_number(owner)
    return new_account(_namespace_works)


def new_account(namespace_works: Callable[[], bool]) -> Account:
    """Choose for root, who has no server in the folder yet, or one in a namespace."""
    return IN_NAMESPACE if namespace_works() else as_number(OTHER_NUMBER)


def give(path: Path, account: Account) -> None:
    """Make a file or folder the account's own."""
    if account.owner is not None and path.stat().st_uid != account.owner:
        os.chown(path, account.owner, account.owner)


def readable_binaries(
    binaries: PostgresBinaries, account: Account, directory: Path
) -> PostgresBinaries:
    """Copy the programs next to the data when another number runs them.

    That number often cannot read a virtual environment, and permissions of folders that are not
    ours stay as they are. Programs find their libraries relative to themselves, so the whole
    installation is copied.
    """
    if account.owner is None or not _is_wheel(binaries):
        return binaries
    target = directory / PROGRAMS_FOLDER
    installation = binaries.folder.parent
    package = installation.parent
    copied = target / package.name / installation.name / binaries.folder.name
    if not copied.exists():
        unfinished = unfinished_copy(target)
        shutil.rmtree(unfinished, ignore_errors=True)
        libraries = f"{package.name}.libs"
        shutil.copytree(installation, unfinished / package.name / installation.name, symlinks=True)
        shutil.copytree(package.parent / libraries, unfinished / libraries, symlinks=True)
        unfinished.rename(target)
    return PostgresBinaries(folder=copied)


def unfinished_copy(programs: Path) -> Path:
    """Name the folder in which the copy is made, until it is whole."""
    return programs.with_name(f"{programs.name}.new")


def _is_wheel(binaries: PostgresBinaries) -> bool:
    package = binaries.folder.parent.parent
    return package.with_name(f"{package.name}.libs").is_dir()


def _namespace_works() -> bool:
    try:
        run_program([*NAMESPACE, "true"], seconds=PROBE_SECONDS)
    except ProgramFailed:
        return False
    return True
