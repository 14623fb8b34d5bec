"""lab.json: what was started, so that any later command finds it, and the marker of a lab's folder.

Nothing is ever deleted in a folder without this file.
"""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

from attrs import asdict, evolve, field, frozen

from evenrack.lab.fleet import Fleet, Size, lay_out
from evenrack.lab.hosts import InNamespaces, OnLoopback, Wiring
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.network.plan import POSTGRES_HOST
from evenrack.lab.refusals import LabRefused
from evenrack.runtime.child_process import ProgramId
from evenrack.runtime.safe_write import safe_write

_FORMAT = 3

Stage = Literal["starting", "up", "down"]


@frozen(kw_only=True)
class Record:
    """What lab.json says."""

    network: bool
    """Whether hosts are network namespaces; else all are this machine."""
    number: int
    """Tells the loopback addresses of one lab from those of another."""
    size: Size
    retain: bool
    stage: Stage
    owner: ProgramId
    """The command that brings the lab up; when it is gone at stage "starting", it was killed."""
    keeper: Keeper | None = None
    """What holds the network of a lab that has one."""
    primary: str = POSTGRES_HOST
    """The PostgreSQL server that takes changes, or is to when it runs."""
    programs: Mapping[str, ProgramId] = field(factory=dict)
    """The last run of each program by its name; PostgreSQL keeps its own record."""

    @property
    def wiring(self) -> Wiring:
        return InNamespaces(keeper=self.keeper) if self.network else OnLoopback(number=self.number)

    def fleet(self, directory: Path) -> Fleet:
        """Lay the fleet out again."""
        return lay_out(directory, self.wiring, self.size)


def record_path(directory: Path) -> Path:
    """Give the file that marks a folder as a lab's."""
    return directory / "lab.json"


def read_record(directory: Path) -> Record | None:
    """Read lab.json; nothing when there is none."""
    path = record_path(directory)
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _from_json(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise LabRefused(
            f"{path} is not a lab's record ({error}); if the folder is a lab's, remove it by hand"
        ) from None


def write_record(directory: Path, record: Record) -> None:
    """Write lab.json whole."""
    text = json.dumps(_to_json(record), indent=1)
    safe_write(record_path(directory), text.encode())


def change_record(directory: Path, change: Callable[[Record], Record]) -> Record:
    """Read, change and write lab.json while no other command does."""
    with _lock(directory):
        record = read_record(directory)
        if record is None:
            raise LabRefused(f"the lab in {directory} was taken down meanwhile")
        changed = change(record)
        write_record(directory, changed)
        return changed


def note_program(directory: Path, name: str, program: ProgramId) -> Record:
    """Write down that this is now the run of that daemon."""
    return change_record(
        directory, lambda record: evolve(record, programs={**record.programs, name: program})
    )


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    with (directory / "lab.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _to_json(record: Record) -> dict[str, Any]:
    return {
        "evenrack_lab": _FORMAT,
        "network": record.network,
        "number": record.number,
        "size": asdict(record.size),
        "retain": record.retain,
        "stage": record.stage,
        "owner": _program_to_json(record.owner),
        "primary": record.primary,
        "keeper": None if record.keeper is None else _keeper_to_json(record.keeper),
        "programs": {name: _program_to_json(run) for name, run in record.programs.items()},
    }


def _from_json(data: dict[str, Any]) -> Record:
    if data["evenrack_lab"] != _FORMAT:
        raise ValueError(f"format {data['evenrack_lab']}, this version knows {_FORMAT}")
    if data["stage"] not in {"starting", "up", "down"}:
        raise ValueError(f"stage {data['stage']}")
    return Record(
        network=bool(data["network"]),
        number=int(data["number"]),
        size=Size(**data["size"]),
        retain=bool(data["retain"]),
        stage=cast("Stage", data["stage"]),
        owner=_program_from_json(data["owner"]),
        keeper=None if data["keeper"] is None else _keeper_from_json(data["keeper"]),
        primary=str(data.get("primary", POSTGRES_HOST)),
        programs={name: _program_from_json(run) for name, run in data["programs"].items()},
    )


def _keeper_to_json(keeper: Keeper) -> dict[str, Any]:
    return {**_program_to_json(keeper.program), "user_namespace": keeper.user_namespace}


def _keeper_from_json(data: dict[str, Any]) -> Keeper:
    return Keeper(program=_program_from_json(data), user_namespace=bool(data["user_namespace"]))


def _program_to_json(program: ProgramId) -> dict[str, int]:
    return {"pid": program.pid, "started": program.started}


def _program_from_json(data: dict[str, int]) -> ProgramId:
    return ProgramId(int(data["pid"]), int(data["started"]))
