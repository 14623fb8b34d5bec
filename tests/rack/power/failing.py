"""How what is said to a BMC goes wrong: in one way, in time, and without telling the password."""

import pytest

PROMISED_SECONDS = 7.0


async def failure_of(stopwatch, password, kind, talk, seconds=PROMISED_SECONDS):
    """Give the words of what goes wrong, in this way and in no other, within so many seconds.

    `stopwatch` makes what counts them (tests/stopwatch.py).
    """
    with stopwatch() as taken, pytest.raises(kind) as failed:
        await talk
    assert failed.type is kind
    assert taken.seconds < seconds
    assert password not in str(failed.value)
    return str(failed.value)
