"""The handle of a running load program: `many_racks` in a process of its own."""

import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from benchmarks.many_racks import LoadSettings
from benchmarks.measure import PROJECT
from benchmarks.rig import Rig, wait_for
from evenrack.trust.files import TrustFiles

ANSWER_SECONDS = 60.0
EVEN_SHARE = 0.7
"""Of the mean: a process that manages so much has got its share back."""


@frozen
class State:
    """What all racks say at one moment."""

    managed_by: dict[str, str | None]
    """By the newest plan of each rack."""
    lease_of: dict[str, str | None]
    links: dict[str, list[str]]
    cpu: float
    """Seconds that the load program has used."""

    def is_whole(self, processes: Sequence[str]) -> bool:
        """Tell whether each rack is linked to all of these, and managed by one that says so."""
        return all(
            set(self.links[rack]) == set(processes)
            and manager in processes
            and self.lease_of[rack] == manager
            for rack, manager in self.managed_by.items()
        )

    def is_even(self, processes: Sequence[str]) -> bool:
        """Tell whether every process manages about its share."""
        counts = Counter(self.managed_by.values())
        share = int(EVEN_SHARE * len(self.managed_by) / len(processes))
        return min(counts[process] for process in processes) >= max(1, share)


class Load:
    """Racks without number; `follows` grows by one entry for each plan that a rack takes."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.follows: list[dict[str, Any]] = []
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        with log.open("wb") as complaints:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.many_racks", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                bufsize=1,
                cwd=PROJECT,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._answer("ready")

    def start(self) -> float:
        """Let all racks begin to connect; gives the moment, of the monotonic clock."""
        self._say("start")
        return float(self._answer("started")["at"])

    def state(self) -> State:
        """Ask all racks."""
        self._say("state")
        answer = self._answer("state")
        racks: dict[str, Any] = answer["racks"]
        return State(
            {rack: told[0] for rack, told in racks.items()},
            {rack: told[1] for rack, told in racks.items()},
            {rack: told[2] for rack, told in racks.items()},
            answer["cpu"],
        )

    def wait_until_whole(self, rig: Rig, seconds: float, *, even: bool = True) -> State:
        """Wait until each rack is linked to every process and managed, and all evenly."""
        last: list[State] = []

        def whole() -> bool:
            last[:] = [self.state()]
            processes = rig.processes
            return last[0].is_whole(processes) and (not even or last[0].is_even(processes))

        wait_for(whole, seconds, "each rack is linked to all, and managed evenly")
        return last[0]

    def told_since(self, at: float, racks: Set[str], but: Sequence[str]) -> dict[str, float]:
        """Give when each of these racks first took a plan of a process that is none of `but`.

        Reads no further back than `at`: while this searches, what the racks say is not read.
        """
        found: dict[str, float] = {}
        for event in reversed(self.follows.copy()):
            if event["at"] <= at:
                break
            if event["process"] not in but and event["rack"] in racks:
                found[event["rack"]] = event["at"]
        return found

    def stop(self) -> None:
        """End all racks."""
        self._program.stdin.close()
        self._program.wait(ANSWER_SECONDS)
        self._reader.join()
        self._program.stdout.close()

    def _say(self, word: str) -> None:
        self._program.stdin.write(f"{word}\n")

    def _answer(self, kind: str) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise TimeoutError(f"the load program does not answer: {kind}") from None
        if answer["told"] != kind:
            raise RuntimeError(f"the load program said {answer}, not {kind}")
        return answer

    def _read(self) -> None:
        for line in self._program.stdout:
            said = json.loads(line)
            if said["told"] == "follows":
                self.follows.append(said)
            else:
                self._answers.put(said)


@contextmanager
def new_load(
    rig: Rig, racks: int, *, ping_seconds: float = 1.0, silence_seconds: float = 3.0
) -> Iterator[Load]:
    """Make so many racks that know every process of the rig; they do not dial before `start`."""
    folder = Path(tempfile.mkdtemp(prefix="evenrack-load-"))
    authority = rig.authority()
    files = TrustFiles(folder, cure="")
    files.keep_identity(authority)
    files.keep_authorities([authority.certificate])
    settings = LoadSettings(
        racks=racks,
        endpoints=rig.endpoints,
        ping_seconds=ping_seconds,
        silence_seconds=silence_seconds,
    )
    (folder / "load.json").write_text(json.dumps(asdict(settings)))
    load = Load(folder, rig.folder / "racks.log")
    try:
        yield load
    finally:
        load.stop()
        shutil.rmtree(folder)


def wait_until_told(
    load: Load, at: float, racks: Sequence[str], but: Sequence[str], seconds: float
) -> dict[str, float]:
    """Wait until each of these racks took a plan of another process; gives when, after `at`."""
    wanted = frozenset(racks)
    wait_for(
        lambda: len(load.told_since(at, wanted, but)) == len(wanted), seconds, "all racks are told"
    )
    return {rack: when - at for rack, when in load.told_since(at, wanted, but).items()}
