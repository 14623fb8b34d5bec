"""Objects that stay are left alone by the search for circular garbage; those that go, go."""

import gc
import weakref

import pytest

from evenrack.runtime.collection import made_to_last


class Thing:
    """Something that the search looks at."""


@pytest.fixture
def freed():
    """Leave nothing frozen that was not before."""
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@pytest.mark.usefixtures("freed")
def test_what_is_made_to_last_is_not_looked_at_again_and_goes_when_nobody_needs_it():
    with made_to_last():
        assert not gc.isenabled()
        things = [Thing() for _ in range(1_000)]
    assert gc.isenabled()
    assert not any(isinstance(it, Thing) for it in gc.get_objects())
    gone = weakref.ref(things[0])
    things.clear()
    assert gone() is None


@pytest.mark.usefixtures("freed")
def test_garbage_in_circles_is_taken_away_before():
    gc.collect()
    circle = Thing()
    circle.itself = circle
    gone = weakref.ref(circle)
    del circle
    with made_to_last():
        assert gone() is None


@pytest.mark.usefixtures("freed")
def test_the_search_goes_on_also_after_a_failure():
    with pytest.raises(ValueError, match="bad"), made_to_last():
        raise ValueError("bad")
    assert gc.isenabled()
