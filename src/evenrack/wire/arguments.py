"""AMP argument types that AMP itself does not have."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from twisted.protocols import amp


class Json(amp.Argument):
    """A value carried as JSON in as many 64 KiB pieces as it needs."""

    def __init__(
        self,
        to_json: Callable[[Any], object],
        from_json: Callable[[Any], object],
        *,
        most_pieces: int = 64,
        optional: bool = False,
    ) -> None:
        super().__init__(optional=optional)
        self._most_pieces = most_pieces
        self._to_json = to_json
        self._from_json = from_json

    def toBox(
        self, name: bytes, strings: amp.AmpBox, objects: dict[str, Any], proto: amp.AMP
    ) -> None:
        value = self.retrieve(objects, name.decode(), proto)
        if self.optional and value is None:
            return
        text = json.dumps(self._to_json(value), sort_keys=True).encode()
        pieces = [
            text[start : start + amp.MAX_VALUE_LENGTH]
            for start in range(0, len(text), amp.MAX_VALUE_LENGTH)
        ]
        strings[name] = b"%d" % len(pieces)
        for number, piece in enumerate(pieces):
            strings[b"%s.%d" % (name, number)] = piece

    def fromBox(
        self, name: bytes, strings: amp.AmpBox, objects: dict[str, Any], proto: amp.AMP
    ) -> None:
        if self.optional and name not in strings:
            objects[name.decode()] = None
            return
        pieces = int(strings.pop(name))
        if not 0 < pieces <= self._most_pieces:
            raise ValueError(f"{name.decode()}: {pieces} pieces, at most {self._most_pieces}")
        text = b"".join(_pieces(name, pieces, strings))
        objects[name.decode()] = self._from_json(_parsed(text))


class Text(amp.Argument):
    """A value carried as UTF-8 text; what `from_text` refuses with ValueError is a bad argument."""

    def __init__(
        self,
        to_text: Callable[[Any], str],
        from_text: Callable[[str], Any],
        *,
        optional: bool = False,
    ) -> None:
        super().__init__(optional=optional)
        self._to_text = to_text
        self._from_text = from_text

    def toString(self, inObject: Any) -> bytes:
        return self._to_text(inObject).encode()

    def fromString(self, inString: bytes) -> Any:
        return self._from_text(inString.decode())


class YesNo(amp.Boolean):
    """A truth as Twisted carries it; whatever else comes is a bad argument."""

    def fromString(self, inString: bytes) -> bool:
        try:
            return bool(super().fromString(inString))
        except TypeError as problem:
            raise ValueError(str(problem)) from None


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def _pieces(name: bytes, count: int, strings: amp.AmpBox) -> Iterator[bytes]:
    for number in range(count):
        yield strings.pop(b"%s.%d" % (name, number))
