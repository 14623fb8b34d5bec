"""How what is said to a BMC goes wrong: in one way, in time, and without telling the password."""

import pytest

PROMISED_SECONDS = 7.0


async def failure_of(clock, password, kind, talk, seconds=PROMISED_SECONDS):
    """Give the words of what goes wrong, in this way and in no other, within so many seconds."""
    began = clock.seconds()
    with pytest.raises(kind) as failed:
        await talk
    assert failed.type is kind
    assert clock.seconds() - began < seconds
    assert password not in str(failed.value)
    return str(failed.value)
