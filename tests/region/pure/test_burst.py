"""What lost a link since it was last quiet."""

from evenrack.region.leading.burst import Burst

ALL = {"a": ("p", "q"), "b": ("p", "q")}


def seen(*looks):
    burst = Burst()
    for reach, quiet in looks:
        burst.look(reach, quiet=quiet)
    return burst.losers


def test_a_process_that_lost_a_link_and_the_rack_at_its_other_end_are_remembered():
    assert seen((ALL, True), ({"a": ("q",), "b": ("p", "q")}, False)) == {"p", "a"}


def test_they_are_remembered_until_it_is_quiet():
    lost = {"a": ("q",), "b": ("p", "q")}
    assert seen((ALL, True), (lost, False), (lost, False)) == {"p", "a"}
    assert seen((ALL, True), (lost, False), (lost, True)) == set()


def test_a_rack_that_is_deleted_lost_its_links_and_a_new_link_is_no_loss():
    assert seen((ALL, True), ({"b": ("p", "q")}, False)) == {"p", "q", "a"}
    assert seen(({"a": ("p",)}, True), (ALL, False)) == set()
