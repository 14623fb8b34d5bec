"""Says that a long request is still under way, while the program waits for its answer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EACH_SECONDS = 5.0


@contextmanager
def told_while_waiting(
    say: Callable[[str], None], words: str, *, each_seconds: float = EACH_SECONDS
) -> Iterator[None]:
    """Say the words at once, and again now and then with the time that has gone by."""
    over = threading.Event()

    def tell() -> None:
        looks = 0
        while not over.wait(each_seconds):
            looks += 1
            say(f"{words} ({looks * each_seconds:.0f} s)")

    say(words)
    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    try:
        yield
    finally:
        over.set()
        telling.join()
