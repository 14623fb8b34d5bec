"""What the lab tells the operator when it cannot do what was asked."""

from evenrack.errors import CannotEverWork, EvenrackError


class LabRefused(CannotEverWork):
    """The lab was asked for something that cannot be; nothing was changed."""

    wire_code = b"LAB_REFUSED"


class LabFailed(EvenrackError):
    """The lab tried and did not get there; the text names the culprit."""

    wire_code = b"LAB_FAILED"
