"""The desk of power orders: whatever happens to its rack, a `cycle` is one outage at most."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from evenrack.errors import BmcSilent
from tests.rack.power.desk.at_desk import LIMIT, AtDesk


class Stories(RuleBasedStateMachine):
    """A cycle that a region process asks for, again and again, as long as it has no end."""

    @initialize(turns_in=st.sampled_from([0.0, 1.0, 3.0]))
    def begin(self, turns_in):
        self.at = AtDesk()
        self.at.bmc().turns_in = turns_in
        self.was_away = False
        self.asked = self.at.take(action="cycle")

    @rule(
        seconds=st.sampled_from([0.5, 1.0, 2.0, 5.0]),
        lease=st.booleans(),
        database=st.booleans(),
        restarts=st.booleans(),
    )
    def go_on(self, seconds, lease, database, restarts):
        """Let time pass with a lease and a database or without, and the daemon restart then."""
        self.at.lease, self.at.has_database = lease, database
        self.was_away |= not database
        self.at.wait(seconds)
        if restarts:
            self.at.restart()
            self.ask()

    @rule(what=st.sampled_from(["off", "on", "query"]), does_it=st.booleans())
    def silence(self, what, does_it):
        """Let the BMC not answer this the next time, and do it or not."""
        self.at.bmc().troubles[what] = [BmcSilent("nothing came")]
        self.at.bmc().does_it_silently = does_it

    @rule()
    def ask(self):
        """Ask as a region process does: from what is recorded, and with what it cannot know."""
        unrecorded = self.was_away and self.at.recorded == "OFF_SENT"
        self.asked = self.at.take(action="cycle", phase=self.at.recorded, unrecorded=unrecorded)

    @invariant()
    def is_one_outage_at_most(self):
        assert self.at.bmc().outages <= 1, self.at.told()

    def teardown(self):
        """See how it ends when all is well again and it is asked once more."""
        self.at.lease = self.at.has_database = True
        self.ask()
        self.at.wait(LIMIT + 5)
        self.is_one_outage_at_most()
        outcome = self.asked.value()
        assert outcome.result != "ok" or self.at.bmc().state == "on"


TestStories = Stories.TestCase
# what went wrong once took three such steps in order, and a restart after the last
TestStories.settings = settings(max_examples=settings().max_examples * 10, stateful_step_count=15)
