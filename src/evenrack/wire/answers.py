"""Answering AMP commands so that neither a bug nor a bad peer cuts the connection.

Use it as the first base, or as the locator: ``class RegionSession(Answers, amp.AMP)``.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

BAD_ARGUMENTS: Final = "arguments not understood"
"""Said of a command with arguments that its receiver cannot read. Older versions say it, too, and
the other end goes by these words: never change them."""


class Answers(amp.CommandLocator):
    """Every problem while answering becomes a named error for the peer; the link stays."""

    log = Logger()

    def locateResponder(self, name: bytes) -> Callable[[amp.AmpBox], Deferred[amp.AmpBox]] | None:
        found: Callable[[amp.AmpBox], Deferred[amp.AmpBox]] | None = super().locateResponder(name)
        if found is None:
            return None

        def answer(box: amp.AmpBox) -> Deferred[amp.AmpBox]:
            # maybeDeferred: AMP parses arguments before it makes its own Deferred
            answered = maybeDeferred(found, box)
            answered.addCallback(_refuse_if_too_large)
            answered.addErrback(self._name_the_error, name)
            return answered

        return answer

    def _name_the_error(self, failure: Failure, command_name: bytes) -> Any:
        if failure.check(amp.RemoteAmpError):
            return failure
        if failure.check(KeyError, ValueError, amp.InvalidSignature) and _while_parsing(failure):
            self.bad_arguments(command_name)  # counted and logged once a peer
            return Failure(amp.RemoteAmpError(b"BAD_ARGUMENTS", BAD_ARGUMENTS))
        self.log.failure("{command} failed", failure=failure, command=command_name)
        return Failure(amp.RemoteAmpError(b"INTERNAL", "internal error; see the log"))

    def bad_arguments(self, command_name: bytes) -> None:
        """Told of each command whose arguments could not be read."""


def _while_parsing(failure: Failure) -> bool:
    return any(frame[0] == "parseArguments" for frame in failure.frames)


def _refuse_if_too_large(box: amp.AmpBox) -> amp.AmpBox:
    """Refuse to send a value over AMP's 65,535 bytes: sending it would drop the connection."""
    for key, value in box.items():
        if len(value) > amp.MAX_VALUE_LENGTH:
            raise amp.RemoteAmpError(b"TOO_LARGE", f"{key.decode()}: {len(value)} bytes")
    return box
