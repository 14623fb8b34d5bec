"""Which BMCs answer this rack: who is asked when, and what is told of it."""

import gc
import itertools
from ipaddress import IPv4Address

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from evenrack.errors import BmcUnreachable
from evenrack.model.identifiers import BmcId
from evenrack.model.power import BmcReach, BmcTarget
from evenrack.rack.power.reach_watch import (
    AGAIN_SECONDS,
    LOOK_SECONDS,
    MOST_AT_ONCE,
    SILENT_SECONDS,
    UNANSWERED,
    ReachWatch,
)

STEP = 0.25


def known(answering, unknown=()):
    return BmcReach(answering=tuple(answering), unknown=tuple(unknown))


def target(number, **more):
    return BmcTarget(bmc=BmcId(number), address=IPv4Address("10.9.0.0") + number, **more)


class Watching:
    """A watch, what is in its plan, who answers, who was asked when, and what was told."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.plan = []
        self.answering = set()
        self.problem = None
        self.asked = []
        self.asking = self.most_asking = 0
        self.answers_in = 0.0
        self.told = []
        """Which answer, whenever that is other than before; `news` is all of it."""
        self.watch = ReachWatch(lambda: self.plan, self._ask, self.clock, **settings)
        self.news = []
        self.watch.on_change = self._hear

    def _hear(self):
        self.news.append(self.watch.reach)
        if not self.told or self.told[-1] != self.reached:
            self.told.append(self.reached)

    @property
    def reached(self):
        return self.watch.reach.answering

    async def _ask(self, asked):
        number = int(asked.address) - int(IPv4Address("10.9.0.0"))
        self.asked.append((self.clock.seconds(), number, asked.port))
        self.asking += 1
        self.most_asking = max(self.asking, self.most_asking)
        await deferLater(self.clock, self.answers_in)
        self.asking -= 1
        if self.problem is not None:
            raise self.problem
        return number in self.answering

    def begin(self, *numbers, answering=()):
        self.plan, self.answering = [target(n) for n in numbers], set(answering)
        self.watch.startService()
        self.wait(STEP)
        return self

    def follow(self, *targets):
        """A new plan."""
        self.plan = list(targets)
        self.watch.trigger()
        self.wait(STEP)

    def wait(self, seconds):
        for _ in range(int(seconds / STEP)):
            self.clock.advance(STEP)

    def times(self, number):
        return [when for when, asked, _ in self.asked if asked == number]


@pytest.fixture
def watching():
    watching = Watching()
    yield watching
    stopping = watching.watch.stopService()
    watching.wait(10)
    assert not isinstance(stopping, Deferred) or stopping.called
    assert watching.clock.getDelayedCalls() == []


def test_new_targets_are_asked_at_once_and_those_that_answer_are_told_together(watching):
    watching.begin(1, 2, 3, answering=[1, 3])
    assert watching.told == [(1, 3)]
    assert watching.reached == (1, 3)
    watching.answering.add(9)
    watching.follow(target(1), target(9))
    assert len(watching.times(9)) == 1
    assert watching.told[-1] == (1, 9)


def test_a_bmc_is_asked_at_the_port_that_the_plan_says(watching):
    watching.begin()
    watching.follow(target(1, port=6230))
    assert watching.asked[0][1:] == (1, 6230)


def test_one_that_answers_is_asked_every_20_s_and_one_that_does_not_every_5_s(watching):
    watching.begin(1, 2, answering=[1])
    watching.wait(62)
    for number, expected in ((1, AGAIN_SECONDS), (2, SILENT_SECONDS)):
        times = watching.times(number)
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert len(gaps) >= 2
        assert all(expected <= gap <= expected + LOOK_SECONDS + STEP for gap in gaps)


def test_one_failure_is_not_believed_and_two_are(watching):
    watching.begin(1, answering=[1])
    watching.answering.clear()
    watching.wait(AGAIN_SECONDS + LOOK_SECONDS)
    assert len(watching.times(1)) == 2
    assert watching.reached == (1,)
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    assert len(watching.times(1)) == 3
    assert watching.told == [(1,), ()]


def test_failures_count_only_in_a_row(watching):
    watching.begin(1, answering=[1])
    watching.answering.clear()
    watching.wait(AGAIN_SECONDS + LOOK_SECONDS)
    watching.answering.add(1)
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    watching.answering.clear()
    watching.wait(AGAIN_SECONDS + LOOK_SECONDS)
    assert watching.told == [(1,)]


def test_m20_a_bmc_that_answers_again_is_learnt_within_6_s_while_others_work(watching):
    watching.begin(1, 2, answering=[2])
    watching.answering.add(1)
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    assert watching.told == [(2,), (1, 2)]


def test_nothing_is_told_while_nothing_changes(watching):
    watching.begin(1, 2, answering=[1])
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    news = len(watching.news)
    watching.wait(120)
    assert watching.told == [(1,)]
    assert len(watching.news) == news


def test_after_a_restart_all_are_unknown_until_they_are_asked_and_then_none_is(watching):
    numbers = range(1, 101)
    watching.begin(*numbers, answering=numbers)
    assert watching.watch.reach == known(range(1, 33), unknown=range(33, 101))
    watching.wait(LOOK_SECONDS * 4)
    assert watching.watch.reach == known(numbers)
    assert len(watching.news) == 4


def test_a_new_one_that_does_not_answer_is_unknown_until_its_second_question(watching):
    watching.begin(1, 2, answering=[1])
    assert watching.watch.reach == known([1], unknown=[2])
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    assert watching.news == [known([1], unknown=[2]), known([1])]
    assert len(watching.times(2)) == 2


def test_the_answer_to_the_second_question_is_believed(watching):
    watching.begin(1)
    watching.answering.add(1)
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    assert watching.news == [known([], unknown=[1]), known([1])]


def test_one_that_was_known_is_not_unknown_again_when_it_fails_or_the_plan_changes(watching):
    watching.begin(1, 2, answering=[1])
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    watching.answering.clear()
    watching.wait(AGAIN_SECONDS + SILENT_SECONDS + LOOK_SECONDS)
    watching.follow(target(1), target(2), target(3))
    assert watching.watch.reach == known([], unknown=[3])
    assert [each.unknown for each in watching.news] == [(2,), (), (), (3,)]


def test_what_left_the_plan_is_not_unknown(watching):
    watching.begin(1, 2)
    watching.follow(target(2))
    assert watching.watch.reach == known([], unknown=[2])


def test_nothing_is_known_before_the_first_plan_and_an_empty_plan_says_that_there_is_none(watching):
    watching.plan = None
    watching.watch.startService()
    watching.wait(LOOK_SECONDS * 2)
    assert (watching.watch.reach, watching.news) == (None, [])
    watching.plan = ()
    watching.wait(LOOK_SECONDS)
    assert watching.news == [known([])]


def test_what_is_not_in_the_plan_any_more_is_forgotten_and_asked_no_more(watching):
    watching.begin(1, 2, answering=[1, 2])
    watching.follow(target(2))
    asked = len(watching.times(1))
    assert watching.told[-1] == (2,)
    watching.wait(60)
    assert len(watching.times(1)) == asked
    watching.answering.clear()
    watching.follow(target(1), target(2))
    assert len(watching.times(1)) == asked + 1, "as a new one"
    assert watching.reached == (2,)


def test_one_that_left_the_plan_while_it_was_asked_is_forgotten_too(watching):
    watching.answers_in = 2.0
    watching.begin(1, answering=[1])
    watching.plan = []
    watching.wait(10)
    assert watching.reached == ()
    assert watching.told in ([()], [(1,), ()])


def test_a_bmc_that_moved_to_another_address_is_a_new_target(watching):
    watching.begin(1, answering=[1])
    moved = BmcTarget(bmc=BmcId(1), address=IPv4Address("10.9.0.7"))
    watching.follow(moved)
    assert watching.told == [(1,), ()]
    assert watching.watch.reach == known([], unknown=[1])
    assert len(watching.times(7)) == 1
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    assert watching.watch.reach == known([])


def test_at_most_32_are_asked_at_once_and_all_have_their_turn(watching):
    numbers = range(1, 101)
    watching.answers_in = 0.5
    watching.begin(*numbers, answering=numbers)
    watching.wait(8)
    assert watching.most_asking == MOST_AT_ONCE == 32
    assert watching.reached == tuple(numbers)
    assert len(watching.asked) == 100


def test_the_rate_is_as_it_was_set():
    watching = Watching(most_at_once=3)
    watching.answers_in = 0.25
    watching.begin(*range(1, 10), answering=range(1, 10))
    watching.wait(5)
    seconds = [int(when) for when, *_ in watching.asked]
    assert [seconds.count(second) for second in (0, 1, 2, 3)] == [3, 3, 3, 0]
    assert watching.reached == tuple(range(1, 10))
    watching.watch.stopService()


def test_dead_bmcs_do_not_keep_the_others_from_being_asked(watching):
    watching.answers_in = 4.0
    watching.begin(*range(1, 65), answering=[64])
    watching.wait(12)
    assert watching.reached == (64,)


def test_a_question_that_cannot_be_asked_counts_as_no_answer(watching, logged):
    watching.problem = BmcUnreachable("this host cannot ask: no port is left")
    watching.begin(1, answering=[1])
    assert watching.reached == ()
    assert any("BMC 1: this host cannot ask" in line for line in logged())
    watching.problem = None
    watching.wait(SILENT_SECONDS + LOOK_SECONDS)
    assert watching.told == [(), (1,)]


def test_a_bug_in_asking_is_logged_and_the_bmc_is_asked_again(watching, logged_failures):
    watching.problem = RuntimeError("a bug")
    watching.begin(1, answering=[1])
    watching.wait(LOOK_SECONDS * 3)
    watching.problem = None
    watching.wait(LOOK_SECONDS * 2)
    assert watching.reached == (1,)
    gc.collect()
    assert logged_failures.take(RuntimeError)


def test_a_new_bmc_is_asked_before_thousands_that_wait_for_their_turn(watching):
    numbers = range(1, 2001)
    watching.begin(*numbers, answering=[*numbers, 5000])
    watching.wait(100)
    assert watching.clock.seconds() - min(watching.times(n)[-1] for n in numbers) > AGAIN_SECONDS
    began = watching.clock.seconds()
    watching.follow(*watching.plan, target(5000))
    watching.wait(LOOK_SECONDS * 2)
    assert watching.times(5000)[0] - began <= LOOK_SECONDS
    assert 5000 in watching.reached


def test_all_of_very_many_are_asked_again_and_again_at_a_limited_rate(watching):
    numbers = range(1, 601)
    watching.answers_in = 4.0
    watching.begin(*numbers)
    watching.wait(120)
    assert watching.most_asking <= UNANSWERED * MOST_AT_ONCE == 64
    assert min(len(watching.times(n)) for n in numbers) >= 2
    seconds = [int(when) for when, *_ in watching.asked]
    assert max(seconds.count(second) for second in set(seconds)) <= 2 * MOST_AT_ONCE


def test_a_silent_bmc_does_not_hold_up_what_answers(watching):
    watching.answers_in = 4.0
    watching.begin(1)
    watching.answers_in, watching.answering = 0.0, {2}
    watching.follow(target(1), target(2))
    watching.wait(1)
    assert watching.reached == (2,)


def test_a_stop_ends_the_questions_that_are_under_way():
    watching = Watching()
    watching.answers_in = 4.0
    watching.begin(1, 2)
    watching.watch.stopService()
    watching.wait(1)
    assert watching.clock.getDelayedCalls() == []
