"""The ways in which a check of the drill says no."""

from evenrack.errors import EvenrackError


class CheckFailed(EvenrackError):
    """What a promise says was not seen, or not in time."""

    wire_code = b"CHECK_FAILED"

    def __init__(self, detail: str, seconds: float | None = None) -> None:
        self.detail = detail
        self.seconds = seconds
        super().__init__(detail)


class NeverMayBe(CheckFailed):
    """Something was seen that must not be, however slow the machine was meanwhile."""

    wire_code = b"NEVER_MAY_BE"
