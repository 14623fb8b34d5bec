"""Who gives a VLAN or a role away falls silent first: no address is given twice for it."""

import pytest
from attrs import evolve

from evenrack.errors import DhcpServerSilent
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.rack.acknowledging import ACKNOWLEDGED_TOGETHER, SETTLED_SECONDS
from evenrack.rack.converge import CHANGE_LOOK_SECONDS, LOOK_SECONDS
from evenrack.rack.failed_tries import FAILED_SECONDS
from evenrack.rack.failover_states import STARTUP_SECONDS
from evenrack.rack.hand_over import CALLED_BACK_SECONDS, PATIENCE_SECONDS, RECOVER_SECONDS
from evenrack.rack.role_change import DEMOTED_SECONDS, MEET_SECONDS, PROMOTED_SECONDS
from tests.dhcp_fleet import rack_id
from tests.rack.converging import FIRST, SECOND, RackHost, plan_of, refused
from tests.rack.small_dhcp_server import SmallDhcpServer
from tests.rack.test_converge_roles import SECONDARY

ONLY_ONE = FIRST[:1]
PAUSED, ALONE = "paused", "communications-interrupted"
A_MOMENT = 2 * LOOK_SECONDS
MANY = ACKNOWLEDGED_TOGETHER
FEW = MANY - 1
WAYS = pytest.mark.parametrize("after", [SECONDARY, ONLY_ONE], ids=["a role", "a VLAN"])


@pytest.fixture
def host(tmp_path):
    return RackHost(tmp_path).begin().serving(FIRST)


def daemon_that_follows(host, folder):
    """Another one, on the same host, which finds the server as it is."""
    host.crash()
    again = RackHost(folder)
    again.server, again.plan = host.server, host.plan
    again.server.clock = again.clock
    return again.begin()


@WAYS
def test_m12_who_gives_something_away_answers_nobody_until_its_partner_knows_every_lease(
    host, after
):
    given = 1 if after is SECONDARY else 2
    host.server.unshared = MANY
    host.follow(after)
    turn = host.turn(after)
    host.advance(PATIENCE_SECONDS / 2)
    assert host.server.states_now == {1: "normal", 2: "normal", given: PAUSED}
    assert host.server.runs == FIRST
    host.server.unshared = 0
    host.advance(LOOK_SECONDS)
    turn.value()
    assert host.server.runs == after


@WAYS
def test_m12_the_last_few_leases_which_a_partner_does_not_acknowledge_are_known_to_it(host, after):
    host.server.unshared = MANY
    host.follow(after)
    turn = host.turn(after)
    host.advance(PATIENCE_SECONDS / 2)
    host.server.unshared = FEW
    host.server.partner = ALONE
    host.advance(SETTLED_SECONDS / 2)
    assert host.server.runs == FIRST, "more may be on its way"
    host.advance(SETTLED_SECONDS)
    turn.value()
    assert host.server.runs == after


def test_m12_a_partner_that_did_not_hear_of_the_pause_may_lack_the_last_few_leases(host):
    host.server.unshared = FEW
    host.follow(SECONDARY)
    turn = host.turn(SECONDARY)
    host.advance(PATIENCE_SECONDS + LOOK_SECONDS)
    assert "does not know 4 of its leases" in refused(turn)


def demoted_and_met(host):
    """It has restarted as the secondary, and so has its peer as the primary."""
    host.server.away = {1}
    host.serving(SECONDARY)
    host.advance(LOOK_SECONDS)
    assert (host.server.runs, host.states[1]) == (SECONDARY, "startup")
    host.server.partner = ALONE
    host.server.states_now[1] = PAUSED
    host.server.away.clear()
    host.advance(LOOK_SECONDS)


def promoted_and_met(host, *, unshared):
    """It restarts as the primary, while its peer is its secondary already, and paused."""
    host.serving(SECONDARY)
    host.advance(A_MOMENT)
    assert (host.states[1], host.report.changing) == ("normal", False)
    host.server.begins_in = ALONE
    host.server.is_met = lambda _: False  # they do not become normal by themselves
    host.server.partner = PAUSED
    host.server.unshared = unshared
    host.server.states_now[1] = ALONE
    host.server.put_back_into.clear()
    host.serving(FIRST, ends=True)


def test_m12_who_gave_its_role_away_serves_again_when_its_peer_has_told_it_of_every_lease(host):
    demoted_and_met(host)
    assert (host.states[1], host.report.changing) == (PAUSED, True)
    host.server.partner = "normal"
    host.advance(LOOK_SECONDS)
    assert host.states == {1: "normal", 2: "normal"}
    assert not host.report.changing
    host.advance(2 * DEMOTED_SECONDS)
    assert host.server.runs == SECONDARY


def test_m12_who_has_met_its_peer_does_not_take_its_role_back_and_gets_all_it_lacks(host):
    demoted_and_met(host)
    host.server.is_met = lambda service: service.vlan.id != 1
    host.advance(DEMOTED_SECONDS)
    assert (host.server.runs, host.states[1]) == (SECONDARY, "recover")
    host.server.states_now[1] = "recover-wait"
    host.server.is_met = lambda _: True
    host.advance(A_MOMENT)
    assert host.states[1] == "normal", "it had told all: nothing waits for mclt"


def test_m12_who_has_met_its_peer_and_hears_no_more_of_it_serves_in_the_end(host, logged):
    demoted_and_met(host)
    host.server.is_met = lambda service: service.vlan.id != 1
    host.advance(DEMOTED_SECONDS + RECOVER_SECONDS + LOOK_SECONDS)
    assert (host.server.runs, host.states[1]) == (SECONDARY, ALONE)
    assert any("vlan1 is served though rack0002" in line for line in logged())


def test_m12_the_new_primary_says_that_all_is_told_when_it_is(host):
    promoted_and_met(host, unshared=MANY)
    host.advance(PROMOTED_SECONDS + LOOK_SECONDS)
    assert host.server.runs == FIRST, "it has met its peer"
    assert host.server.put_back_into == []
    host.server.unshared = 0
    host.advance(LOOK_SECONDS)
    assert (1, "normal") in host.server.put_back_into
    assert host.report.changing, "its peer has not heard it"
    host.server.partner = ALONE
    host.server.is_met = lambda _: True
    host.server.states_now[1] = "normal"
    host.advance(CHANGE_LOOK_SECONDS)
    assert host.server.put_back_into[-1] == (1, ALONE)
    host.server.partner = "normal"
    host.advance(LOOK_SECONDS)
    assert not host.report.changing


def test_m12_the_new_primary_does_not_wait_for_what_its_peer_will_not_acknowledge(host):
    promoted_and_met(host, unshared=MANY)
    host.advance(LOOK_SECONDS)
    host.server.unshared = FEW
    host.advance(SETTLED_SECONDS / 2)
    assert host.server.put_back_into == []
    host.advance(SETTLED_SECONDS + CHANGE_LOOK_SECONDS)
    assert (1, "normal") in host.server.put_back_into


def test_m12_the_new_primary_is_alone_again_when_its_peer_does_not_hear_that_all_is_told(host):
    promoted_and_met(host, unshared=MANY)
    host.server.unshared = 0
    host.server.is_met = lambda _: True
    host.advance(MEET_SECONDS + LOOK_SECONDS)
    assert host.server.put_back_into[-2:] == [(1, "normal"), (1, ALONE)]
    assert host.server.runs == FIRST
    assert not host.report.changing


def test_m12_who_says_nothing_for_a_moment_has_met_its_peer_all_the_same(host):
    promoted_and_met(host, unshared=MANY)
    host.advance(LOOK_SECONDS)
    host.server.silent = True
    host.advance(MEET_SECONDS)
    assert host.server.runs == FIRST
    assert not host.report.changing


def test_m12_paused_at_the_end_of_its_startup_says_nothing_of_its_peer(host):
    host.server.away = {1}
    host.serving(SECONDARY)
    host.advance(MEET_SECONDS + LOOK_SECONDS)
    host.server.states_now[1] = PAUSED
    host.advance(LOOK_SECONDS / 2)
    assert host.server.put_back_into[-1] == (1, PAUSED)


def test_m12_one_that_takes_its_role_back_serves_at_once_whoever_is_there(host):
    host.server.away = {1}
    host.serving(SECONDARY)
    host.advance(DEMOTED_SECONDS + LOOK_SECONDS)
    assert host.server.runs[0] == FIRST[0]
    assert host.server.put_back_into == [(1, PAUSED), (1, ALONE)]
    assert host.states[1] == ALONE


@pytest.mark.parametrize(
    ("role", "state"),
    [
        pytest.param("primary", ALONE, id="a primary's partner is none"),
        pytest.param("secondary", "recover", id="both may be secondaries"),
    ],
)
def test_m12_a_daemon_that_starts_in_between_lets_it_serve_only_where_that_is_safe(
    host, tmp_path, role, state
):
    host.server.away = {1}
    if role == "primary":
        host.server.unshared = MANY
        host.follow(SECONDARY)
        host.turn(SECONDARY)
    else:
        host.serving(SECONDARY)
    host.server.states_now[1] = PAUSED
    again = daemon_that_follows(host, tmp_path)
    again.advance(A_MOMENT)
    assert again.server.put_back_into == [(1, PAUSED), (1, state)]
    assert again.server.runs[0].role == role


def test_m12_one_that_has_its_partners_leases_does_not_wait_for_mclt(host, tmp_path):
    host.server.away = {1}
    host.serving(SECONDARY)
    host.server.states_now[1] = PAUSED
    again = daemon_that_follows(host, tmp_path)
    again.advance(A_MOMENT)
    host.server.states_now[1] = "recover-wait"
    again.advance(A_MOMENT)
    assert again.states[1] == "normal"
    host.server.states_now[1] = "recover-wait"
    again.advance(A_MOMENT)
    assert again.states[1] == "recover-wait", "that is for another reason"


def test_m12_where_the_partner_does_not_come_to_know_all_no_role_is_given_to_it(host):
    host.server.unshared = MANY
    host.follow(SECONDARY)
    turn = host.turn(SECONDARY)
    host.advance(PATIENCE_SECONDS + LOOK_SECONDS)
    assert "does not know 5 of its leases" in refused(turn)
    host.advance(A_MOMENT)
    assert (host.server.runs, host.states[1]) == (FIRST, "normal")
    assert host.report.waiting == dhcp_fingerprint(SECONDARY)
    assert "does not know 5" in host.report.failed, "it is not paused again each second"
    host.server.unshared = 0
    host.advance(FAILED_SECONDS)
    host.turn(SECONDARY).value()


@pytest.mark.parametrize("after", [ONLY_ONE, ()], ids=["a VLAN", "all"])
def test_a_vlan_is_given_away_after_a_while_whatever_the_partner_knows(host, after):
    host.server.unshared = MANY
    host.follow(after)
    if after:
        host.turn(after)
    host.advance(PATIENCE_SECONDS / 2)
    assert host.server.runs == FIRST
    host.advance(PATIENCE_SECONDS)
    assert host.server.runs == (after or None)


def test_a_restart_that_gives_nothing_away_waits_for_nobody(host):
    host.server.unshared = MANY
    host.serving(SECOND)
    assert host.server.put_back_into == []


@pytest.mark.parametrize("state", [ALONE, "partner-down", "recover"])
def test_where_the_partner_is_not_there_nobody_can_be_told(host, state):
    host.server.unshared = MANY
    host.server.away = {1, 2}
    host.server.states_now = dict.fromkeys((1, 2), state)
    host.serving(plan_of({1: (1, 2)}, generation=7))
    assert (2, PAUSED) not in host.server.put_back_into


def test_one_that_is_told_to_do_nothing_is_restarted_all_the_same(host, monkeypatch, logged):
    async def silent(_server, _services, **_more):
        raise DhcpServerSilent("no answer")

    monkeypatch.setattr(SmallDhcpServer, "unshared_leases", silent)
    host.serving(SECONDARY)
    assert any("may not know all: no answer" in line for line in logged())


def test_one_that_does_not_answer_is_told_to_go_on_at_the_next_look(host):
    host.server.unshared = MANY
    host.follow(SECONDARY)
    turn = host.turn(SECONDARY)
    host.advance(PATIENCE_SECONDS - LOOK_SECONDS)
    host.server.obeys = False
    host.advance(2 * LOOK_SECONDS)
    turn.error()
    assert host.states[1] == PAUSED
    host.server.obeys = True
    host.advance(A_MOMENT)
    assert host.states[1] == "normal"


@pytest.mark.parametrize("left", [ONLY_ONE, ()], ids=["a VLAN", "all"])
def test_one_whose_leaving_was_called_off_as_it_stopped_does_not_wait_for_mclt(host, left):
    """Its partner was never told that it left, and it begins anew: dhcpd makes it wait an hour."""
    leave(host, left)
    host.server.begins_in = "recover-wait"
    host.serving(FIRST)
    host.advance(A_MOMENT)
    assert host.states[2] == "normal"
    host.server.states_now[2] = "recover-wait"
    host.advance(A_MOMENT)
    assert host.states[2] == "recover-wait", "that is for another reason"


def called_back(host):
    """It stopped for good, and begins anew with the partner that it told all, which is gone."""
    leave(host, ())
    host.server.begins_in = "recover"
    host.server.is_met = lambda _: False
    host.serving(FIRST)


def test_one_that_was_called_back_serves_when_its_partner_has_gone_since(host):
    called_back(host)
    host.advance(STARTUP_SECONDS)
    assert host.states[2] == "recover", "its partner is looked for"
    host.advance(A_MOMENT)
    assert host.states[2] == ALONE


def test_one_that_was_called_back_and_hears_its_partner_gets_its_leases(host):
    called_back(host)
    host.server.is_met = lambda _: True
    host.advance(3 * STARTUP_SECONDS)
    assert (2, ALONE) not in host.server.put_back_into


def test_one_that_stopped_long_ago_is_a_newcomer_which_never_serves_alone(host):
    leave(host, ())
    host.advance(CALLED_BACK_SECONDS)
    host.server.begins_in = "recover"
    host.server.is_met = lambda _: False
    host.serving(FIRST)
    host.advance(3 * STARTUP_SECONDS)
    assert host.states[2] == "recover"


@pytest.mark.parametrize("why", ["not told all", "another partner", "served alone"])
def test_one_that_may_have_promised_what_its_partner_does_not_know_waits_for_mclt(host, why):
    if why == "not told all":
        host.server.unshared = MANY
    leave(host, ONLY_ONE, patience=2 * PATIENCE_SECONDS)
    again = FIRST
    if why == "another partner":
        again = (FIRST[0], evolve(FIRST[1], peer=evolve(FIRST[1].peer, rack=rack_id(3))))
    if why == "served alone":
        host.serving((FIRST[0], evolve(FIRST[1], peer=None, role="alone")))
        host.advance(A_MOMENT)
    host.server.begins_in = "recover-wait"
    host.serving(again)
    host.advance(A_MOMENT)
    assert host.states[2] == "recover-wait"


def leave(host, plan, *, patience=LOOK_SECONDS):
    """Serve this only, from now on."""
    host.follow(plan)
    if plan:
        host.turn(plan)
    host.advance(patience)
    assert host.server.runs == (plan or None)
