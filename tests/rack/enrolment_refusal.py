"""See that a rack cannot enrol, and why."""

import pytest

from evenrack.rack.register import register
from tests.rack.enrolment_desk import newcomer


async def refusal(region, kind, who=None):
    """See that one cannot join there, and give what it is told."""
    with pytest.raises(kind) as refused:
        await register(region.endpoint, who or newcomer())
    return str(refused.value)
