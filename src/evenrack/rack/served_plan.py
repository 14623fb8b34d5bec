"""Tells what the DHCP server of this rack serves, piece by piece, to whoever asks for it."""

import json
from collections.abc import Callable

from evenrack.model.dhcp_plan import DhcpPlan, dhcp_fingerprint
from evenrack.model.json_form import to_json
from evenrack.model.served_piece import MOST_PIECE_BYTES, ServedPiece


class ServedPlan:
    """The text is made once for all of its pieces, and kept until the last was given."""

    def __init__(self, applied: Callable[[], DhcpPlan]) -> None:
        """Tell what `applied` gives: what is served now."""
        self._applied = applied
        self._plan: DhcpPlan | None = None
        self._name = ""
        self._text = b""

    def piece(self, plan: str, start: int) -> ServedPiece:
        """Give what follows `start` in the plan with this fingerprint.

        Of another plan the first piece is given, whatever `start` is.
        """
        applied = self._applied()
        if self._plan != applied:
            self._plan, self._name = applied, dhcp_fingerprint(applied)
            self._text = json.dumps(to_json(applied)).encode()
        begin = max(start, 0) if plan == self._name else 0
        text = self._text[begin : begin + MOST_PIECE_BYTES]
        more = begin + len(text) < len(self._text)
        told = ServedPiece(plan=self._name, text=text, more=more)
        if not more:
            self._plan, self._text = None, b""
        return told
