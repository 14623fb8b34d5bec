"""Who is dead is judged by the observer's own clock, and only for the time that it could see."""

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.identifiers import ProcessId
from evenrack.region.leading.beat_judge import BeatJudge

ONE, TWO = ProcessId("region1/1"), ProcessId("region2/1")
DEAD_AFTER = 3.0
MOST_BETWEEN = 2.0


def judge():
    return BeatJudge(dead_after_seconds=DEAD_AFTER, most_seconds_between_reads=MOST_BETWEEN)


def watched(*readings, server="s1"):
    """A judge that saw (now, beats) one after the other."""
    one = judge()
    for now, beats in readings:
        one.saw(now, server, beats)
    return one


def test_m1_a_process_whose_beat_stands_still_for_3_seconds_is_dead():
    standing = {ONE: (1, 5)}
    one = watched(*((float(second), standing) for second in range(3)))
    assert one.silent() == {}
    one.saw(3.0, "s1", standing)
    assert one.silent() == {ONE: (1, 5)}


def test_m1_a_process_that_is_silent_for_ten_minutes_stays_dead():
    one = watched(*((float(second), {ONE: (1, 5)}) for second in range(600)))
    assert one.silent() == {ONE: (1, 5)}


def test_a_process_that_beats_is_never_dead_and_one_beat_brings_it_back():
    one = watched(*((float(second), {ONE: (1, second)}) for second in range(60)))
    assert one.silent() == {}
    one = watched(*((float(second), {ONE: (1, 5)}) for second in range(10)))
    one.saw(10.0, "s1", {ONE: (1, 6)})
    assert one.silent() == {}


def test_a_new_incarnation_with_the_same_beat_is_alive():
    one = watched(*((float(second), {ONE: (1, 0)}) for second in range(10)))
    one.saw(10.0, "s1", {ONE: (2, 0)})
    assert one.silent() == {}


def test_the_wall_clock_and_the_first_reading_say_nothing():
    assert watched((1e9, {ONE: (1, 5)})).silent() == {}


def test_an_outage_of_the_database_kills_nobody():
    standing = {ONE: (1, 5), TWO: (1, 9)}
    one = watched((0.0, standing), (1.0, standing), (2.0, standing))
    one.was_blind()
    one.saw(600.0, "s1", standing)
    assert one.silent() == {}
    one.saw(602.9, "s1", standing)
    assert one.silent() == {}


def test_another_server_starts_the_count_again():
    standing = {ONE: (1, 5)}
    one = watched((0.0, standing), (1.0, standing), (2.0, standing))
    one.saw(3.0, "s2", standing)
    assert one.silent() == {}
    for second in (4.0, 5.0):
        one.saw(second, "s2", standing)
    assert one.silent() == {}
    one.saw(6.0, "s2", standing)
    assert one.silent() == {ONE: (1, 5)}


def test_an_observer_that_slept_counts_no_more_than_a_short_while_for_it():
    one = watched((0.0, {ONE: (1, 5)}), (600.0, {ONE: (1, 5)}))
    assert one.silent() == {}
    one.saw(601.0, "s1", {ONE: (1, 5)})
    assert one.silent() == {ONE: (1, 5)}


def test_a_clock_that_goes_back_counts_nothing():
    one = watched((10.0, {ONE: (1, 5)}), (5.0, {ONE: (1, 5)}), (5.5, {ONE: (1, 5)}))
    assert one.silent() == {}


def test_a_process_that_was_away_is_watched_anew():
    standing = {ONE: (1, 5)}
    one = watched((0.0, standing), (1.0, standing), (2.0, standing), (2.5, {}))
    assert one.silent() == {}
    one.saw(3.5, "s1", standing)
    assert one.silent() == {}


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.25, 0.5, 1.0, 1.5, 60.0]),
        st.sampled_from(["beats", "stands", "blind", "other server"]),
    ),
    max_size=40,
)


@given(STEPS)
def test_dead_is_exactly_who_stood_still_for_3_seconds_that_were_seen(steps):
    one, now, beat, still, server, read_before = judge(), 0.0, 0, 0.0, 0, False
    for passed, what in steps:
        now += passed
        if what == "blind":
            one.was_blind()
            still, read_before = 0.0, False
            continue
        if what == "other server":
            server += 1
            read_before = False
        if what == "beats":
            beat += 1
        standing = what == "stands" and read_before
        still = still + min(passed, MOST_BETWEEN) if standing else 0.0
        read_before = True
        one.saw(now, str(server), {ONE: (1, beat)})
        assert (ONE in one.silent()) == (still >= DEAD_AFTER)


def test_after_an_outage_of_the_database_the_others_have_time_to_find_it_again():
    one = BeatJudge(
        dead_after_seconds=DEAD_AFTER, most_seconds_between_reads=MOST_BETWEEN, grace_seconds=6.0
    )
    standing = {ONE: (1, 5)}
    one.saw(0.0, "s1", standing)
    one.was_blind()
    for second in range(20, 29):  # 8 s after the first good read
        one.saw(float(second), "s1", standing)
    assert one.silent() == {}
    one.saw(29.0, "s1", standing)
    assert one.silent() == {ONE: (1, 5)}


def test_an_observer_that_has_just_started_gives_no_such_time():
    one = BeatJudge(
        dead_after_seconds=DEAD_AFTER, most_seconds_between_reads=MOST_BETWEEN, grace_seconds=6.0
    )
    for second in range(4):
        one.saw(float(second), "s1", {ONE: (1, 5)})
    assert one.silent() == {ONE: (1, 5)}


def test_who_has_beaten_since_the_outage_is_found_dead_as_soon_as_ever():
    one = BeatJudge(
        dead_after_seconds=DEAD_AFTER, most_seconds_between_reads=MOST_BETWEEN, grace_seconds=6.0
    )
    one.saw(0.0, "s1", {ONE: (1, 5), TWO: (1, 9)})
    one.was_blind()
    one.saw(20.0, "s1", {ONE: (1, 5), TWO: (1, 9)})
    for second in range(21, 25):  # one beat of ONE, and then none
        one.saw(float(second), "s1", {ONE: (1, 6), TWO: (1, 9)})
    assert one.silent() == {ONE: (1, 6)}
