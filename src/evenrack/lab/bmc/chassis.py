"""The chassis of a simulated machine, by its files: its power, and what its BMC was told."""

from pathlib import Path

from attrs import frozen

from evenrack.model.power import PowerState

PROGRAM = Path(__file__).with_name("chassis.sh")
"""What a BMC runs, with the interpreter `sh`; it says what is in the files."""
_ON = "1"
_OFF = "0"
_WORDS = {("power", _ON): "on", ("power", _OFF): "off"}
_LINE_WORDS = 3
_TENTHS = 10


@frozen(kw_only=True)
class Told:
    """One thing that a BMC was told to do."""

    at: float
    """Seconds since 1970."""
    what: str
    """`on` or `off`; anything else in the simulator's own words."""


@frozen(kw_only=True)
class Chassis:
    """One machine; its BMC and the lab see the same files."""

    folder: Path

    @property
    def power(self) -> PowerState:
        """Whether it is on, as its BMC would say."""
        try:
            seen = self._power.read_text().strip()
        except FileNotFoundError:
            return "off"
        # it is empty while the BMC writes it
        return {_ON: "on", _OFF: "off"}.get(seen, "unknown")  # type: ignore[return-value]

    def press(self, state: PowerState) -> None:
        """Turn it on or off by its button: its BMC is told nothing."""
        self._power.write_text(f"{_ON if state == 'on' else _OFF}\n")

    def told(self) -> list[Told]:
        """List what its BMC was told, in order."""
        try:
            return read_told((self.folder / "told").read_text())
        except FileNotFoundError:
            return []

    def be_slow(self, seconds: float) -> None:
        """Let so long pass before each answer, in steps of 0.1 s; 0 ends it, at once."""
        tenths = round(seconds * _TENTHS)
        if tenths:
            self._slow.write_text(f"{tenths}\n")
        else:
            self._slow.unlink(missing_ok=True)

    @property
    def _power(self) -> Path:
        return self.folder / "power"

    @property
    def _slow(self) -> Path:
        return self.folder / "slow"


def read_told(text: str) -> list[Told]:
    """Read the log of what a BMC was told; a line that is being written is left out."""
    found = []
    for line in text.splitlines(keepends=True):
        words = line.split()
        if line.endswith("\n") and len(words) == _LINE_WORDS:
            at, name, value = words
            found.append(Told(at=float(at), what=_WORDS.get((name, value), f"{name} {value}")))
    return found
