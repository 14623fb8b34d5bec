"""Events of a lab: where one stopped reading, and whether anything happened since."""

import pytest

from evenrack.lab.events import events_after, newest_of_a_deed


class Region:
    """Gives its events two at a time."""

    def __init__(self, *kinds):
        self.events = [{"id": number, "kind": kind} for number, kind in enumerate(kinds, 1)]

    def get(self, path):
        after = int(path.partition("after=")[2].partition("&")[0])
        page = [event for event in self.events if event["id"] > after][:2]
        return {"events": page, "next": page[-1]["id"] if page else after}


def test_events_are_read_to_the_last_page():
    region = Region("loss", "move", "lease", "move", "dhcp")
    assert [event["id"] for event in events_after(region, 1)] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("last", "newest"),
    [(0, 3), (2, 3), (3, 3), (5, 5)],
)
def test_new_leases_of_clients_are_no_news_of_a_deed(last, newest):
    assert newest_of_a_deed(Region("loss", "lease", "move", "lease", "lease"), last) == newest
