"""For each row of the table of who may send what: it is heard in its turn, its impostors never."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.errors import (
    ContentRefused,
    LeasesUnreadable,
    OrderOutdated,
    PartnerDownRefused,
    ProbeRefused,
    RecoverWaitRefused,
    StalePlan,
    TurnRefused,
)
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.plan_outline import outline_of
from evenrack.trust.tls import Peer
from evenrack.wire.rack_commands import (
    ApplyPlan,
    ChangeVlan,
    EndRecoverWait,
    OfferPlan,
    PowerBmc,
    ProbeAddresses,
    ReadLeases,
    ReadServed,
    TakePartnerDown,
    TakeTurn,
    TakeVlan,
)
from evenrack.wire.region_commands import Enrol, Hello, Ping
from tests.wire.authority_table import (
    BEFORE,
    CHANGE_SAYS,
    LACKING,
    LEASES,
    ORDER,
    OTHER,
    PLAN,
    TABLE,
    VLAN_SAYS,
)
from tests.wire.both_ends import RACK, Link
from tests.wire.test_commands import COMMANDS, RACK_ASKS, REGION_ASKS

SERIAL = "5e1a1"
FOLLOWED = evolve(PLAN, number=FleetNumber(1, 4), dhcp=(evolve(LACKING[0], vlan=BEFORE),))


def table():
    """The table as the documents have it."""
    lines = ["| command | who may send it | what is checked |", "|---|---|---|"]
    lines += [f"| `{c.__name__}` | {TABLE[c].who} | {TABLE[c].checked} |" for c in COMMANDS]
    return "\n".join(lines) + "\n"


def only(*, but=(), of=RACK_ASKS):
    """Give a test each of these commands."""
    commands = [command for command in of if command not in but and command in TABLE]
    return pytest.mark.parametrize("command", commands, ids=lambda command: command.__name__)


def link_of(rack, serial=SERIAL):
    """A link whose peer has this certificate, or none."""
    link = Link()
    link.desk.door.who = lambda _transport: Peer(rack=rack, serial=serial)
    return link


def send(end, command, **more):
    """Send a command as its row has it, with arguments that nobody asked for."""
    box = command.makeArguments(TABLE[command].says, None)
    said = {name.decode(): value for name, value in box.items()}
    return end.callRemoteString(command.commandName, **said, **more)


def heard(link):
    """All that the process was told, beside that somebody is there or gone."""
    return [each for each in link.desk.told + link.desk.door.told if each[0] != "gone"]


def is_cut_unheard(link, command, told=()):
    """Send it, and see that it is neither answered nor obeyed."""
    answered = link.wire.from_server
    outcome = link.ask(send(link.rack, command))
    assert link.wire.is_gone
    assert link.wire.from_server == answered
    assert not isinstance(outcome.error(), amp.RemoteAmpError)
    assert heard(link) == [*told]


def test_every_command_has_a_row():
    assert {c.__name__ for c in TABLE} == {c.__name__ for c in COMMANDS}


def test_no_command_of_a_rack_says_which_rack_it_is():
    for command in RACK_ASKS:
        assert b"rack" not in {name for name, _ in command.arguments}


@only(but=[Enrol])
def test_a_rack_with_its_certificate_is_heard_in_its_turn(command):
    link = link_of(RACK)
    if command is not Hello:
        link.introduce()
    link.ask(send(link.rack, command)).value()
    told = TABLE[command].told
    assert told is None or heard(link)[-1] == told or told in heard(link)


def test_who_has_no_certificate_is_heard_when_it_enrols():
    link = link_of(None)
    assert link.ask(send(link.rack, Enrol)).code() == b"ENROLMENT_REFUSED"
    assert [what for what, *_ in heard(link)] == ["enrol"]


@only(but=[Enrol])
def test_impostor_without_a_certificate(command):
    is_cut_unheard(link_of(None), command)


@only(but=[Enrol])
def test_impostor_that_has_tried_to_enrol_and_was_refused(command):
    link = link_of(None)
    link.ask(send(link.rack, Enrol))
    is_cut_unheard(link, command, told=link.desk.door.told)


@only(but=[Hello])
def test_impostor_with_a_certificate_before_its_hello(command):
    is_cut_unheard(link_of(RACK), command)


@only(but=[Hello, Ping])
def test_impostor_whose_hello_is_not_answered_yet(command):
    link = link_of(RACK)
    link.desk.slow = Deferred()
    link.ask(send(link.rack, Hello))
    is_cut_unheard(link, command, told=[("admit", RACK)])


@only()
def test_impostor_whose_certificate_was_revoked(command):
    link = link_of(RACK)
    link.desk.door.revoked.add(SERIAL)
    link.ask(send(link.rack, Hello)).error()
    assert link.wire.is_gone
    again = link_of(RACK)
    again.desk.door.revoked.add(SERIAL)
    send(again.rack, Hello).addErrback(lambda _: None)
    again.ask(send(again.rack, command)).error()
    assert again.wire.is_gone
    assert heard(link) == heard(again) == []


@only(of=[Enrol, Hello])
def test_impostor_that_begins_anew_on_a_link_that_is_up(command):
    link = link_of(RACK)
    link.ask(send(link.rack, Hello)).value()
    is_cut_unheard(link, command, told=[("admit", RACK)])


@only(but=[Enrol])
def test_impostor_with_the_certificate_of_another_rack_speaks_of_that_one_only(command):
    link = link_of(OTHER)
    if command is not Hello:
        link.introduce()
    link.desk.manages.add(RACK)
    answer = link.ask(send(link.rack, command, rack=RACK.encode())).value()
    assert {rack for _, rack, *_ in heard(link)} <= {OTHER}
    told = TABLE[command].told
    if told is not None:
        assert (told[0], OTHER, *told[2:]) in heard(link)
    if command is Ping:
        assert Ping.parseResponse(amp.Box(answer), None)["lease"] is False


@only(of=REGION_ASKS)
def test_a_region_that_answered_the_hello_is_obeyed(command):
    link = link_of(RACK).introduce()
    link.memory.waits_for = "waiting"
    link.memory.newest.follow(FOLLOWED)
    link.ask(link.memory.intake.offer(outline_of(evolve(PLAN, dhcp=LACKING)))).value()
    link.ask(send(link.region, command)).value()


@only(of=REGION_ASKS)
@pytest.mark.parametrize("stage", ["connected", "hello said"])
def test_impostor_of_a_region_before_it_answered_the_hello(command, stage):
    # Who is no region gets no further than TLS: tests/trust/test_tls_refusals.py.
    link = link_of(RACK)
    link.memory.waits_for = "waiting"
    link.desk.slow = Deferred()
    if stage == "hello said":
        link.ask(link.rack.greet())
    answered = link.wire.from_client
    outcome = link.ask(send(link.region, command))
    assert link.wire.is_gone
    assert link.wire.from_client == answered
    assert not isinstance(outcome.error(), amp.RemoteAmpError)
    assert (link.memory.newest.plan, link.memory.turns) == (None, [])


WRONG = {
    OfferPlan: [
        ({"outline": outline_of(evolve(PLAN, rack=OTHER))}, StalePlan),
        ({"outline": outline_of(evolve(PLAN, number=FleetNumber(1, 4)))}, StalePlan),
    ],
    TakeVlan: [(VLAN_SAYS, ContentRefused), ({**VLAN_SAYS, "vlan": "x"}, ContentRefused)],
    ChangeVlan: [(CHANGE_SAYS, ContentRefused)],
    ApplyPlan: [
        ({"plan": evolve(PLAN, rack=OTHER)}, StalePlan),
        ({"plan": evolve(PLAN, number=FleetNumber(1, 4))}, StalePlan),
    ],
    TakeTurn: [({"plan": "another"}, TurnRefused)],
    TakePartnerDown: [
        ({"vlan": 8, "dead": OTHER}, PartnerDownRefused),
        ({"vlan": 7, "dead": RACK}, PartnerDownRefused),
    ],
    ProbeAddresses: [({"addresses": (IPv4Address("10.9.0.2"),)}, ProbeRefused)],
    EndRecoverWait: [
        ({"vlan": 8, "peer": OTHER}, RecoverWaitRefused),
        ({"vlan": 7, "peer": RACK}, RecoverWaitRefused),
    ],
    PowerBmc: [({"order": evolve(ORDER, attempt=1)}, OrderOutdated)],
    ReadLeases: [({"asked": LEASES}, LeasesUnreadable)],
    ReadServed: [],
}


@only(of=REGION_ASKS)
def test_what_a_region_may_not_ask_is_refused_by_name(command):
    for says, refusal in WRONG[command]:
        link = link_of(RACK).introduce()
        link.memory.waits_for = "waiting"
        link.memory.page = None
        link.ask(link.region.apply_plan(PLAN)).value()
        assert isinstance(link.ask(link.region.callRemote(command, **says)).error(), refusal)
        assert link.memory.newest.plan == PLAN
        assert link.memory.turns == []
        assert not link.wire.is_gone


@only(of=[c for c in RACK_ASKS if c is not Enrol])
def test_a_rack_s_end_answers_nothing_that_racks_ask(command):
    # The rack's end has no answer to what a rack asks: a rack cannot be used as a region.
    link = link_of(RACK).introduce()
    assert isinstance(link.ask(send(link.region, command)).error(), amp.UnhandledCommand)


def test_the_page_on_security_has_the_table():
    page = Path(__file__).parents[2] / "docs" / "security.md"
    assert table() in page.read_text()
