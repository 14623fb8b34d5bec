"""One problem of one thing, as it is found."""

from attrs import frozen


@frozen(kw_only=True, order=True)
class Trouble:
    """One problem (`evenrack.problems`) of one thing."""

    code: str
    object: str
    affects: str
