"""A thread that looks on, again and again, while something else is done."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Onlooker(ABC):
    """Looks on from the beginning of a `with` block to its end."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._looking.join()

    @abstractmethod
    def _look_on(self) -> None:
        """Look until `_over` is set; this is the thread."""
