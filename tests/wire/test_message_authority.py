"""Who may send each command and what is checked, as a table; and for each row its impostors."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.balance.rack_plans import dhcp_plan_for
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
from evenrack.model.dhcp_lease import LeasesAsked
from evenrack.model.dhcp_probe import MOST_PROBED
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import BmcId, OrderId, ProcessId, RackId
from evenrack.model.new_leases import LeaseNews
from evenrack.model.plan_outline import content_of, outline_of
from evenrack.model.power import BmcAccess, BmcReach, PowerOrder
from evenrack.model.rack_plan import RackPlan
from evenrack.model.vlan_change import change_between
from evenrack.region.links.connected_racks import MOST_LINKS_OF_RACK
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
from evenrack.wire.region_commands import (
    Enrol,
    Goodbye,
    Hello,
    ListAuthorities,
    ListEndpoints,
    Ping,
    RecordPhase,
    RenewCertificate,
    ReportDhcp,
    ReportInterfaces,
    ReportLeases,
    ReportLostLink,
    ReportReach,
)
from tests.dhcp_fleet import dhcp_fleet, rack_id
from tests.wire.both_ends import RACK, Link
from tests.wire.test_commands import COMMANDS, RACK_ASKS, REGION_ASKS

OTHER = RackId("rack0007")
SERIAL = "5e1a1"
WORD = "hidden word"


@frozen(kw_only=True)
class Row:
    """One line of the table, and what the tests need to try it."""

    who: str
    checked: str
    says: dict
    """Right arguments."""
    told: tuple | None = None
    """What the process hears of it, with the rack's id in the second place."""


STRANGER = "who has no certificate; once a connection"
NEWCOMER = "a rack, by its certificate; once a connection"
GREETED = "a rack, by its certificate, after its hello"
ADMITTED = "a rack, by its certificate, once its hello is answered"
REGION = "a region process, by its certificate, after it answered the hello"
ITSELF = "it counts for the rack of the certificate only"
BELIEVED = "what a rack says of itself is believed, if by the tables this run of its daemon is it"
DHCP = DhcpReport(applied="", waiting="", running=False, vlans=(), errors=())
ORDER = PowerOrder(
    id=OrderId(7),
    attempt=2,
    bmc=BmcId(3),
    access=BmcAccess(address=IPv4Address("10.9.0.3"), user="me", password=WORD),
    action="cycle",
    phase="NEW",
    seconds_left=12.5,
)
LEASES = LeasesAsked(networks=(IPv4Network("10.1.0.0/24"),))
PLAN = RackPlan(rack=RACK, number=FleetNumber(1, 5), managed_by=ProcessId("region1/1"))

LACKING = dhcp_plan_for(dhcp_fleet({1: (1, 2)}, services={1: (1, 2)}), rack_id(1))
VLAN_SAYS = {
    "vlan": content_of(LACKING[0].vlan).sha256,
    "length": content_of(LACKING[0].vlan).length,
    "start": 0,
    "text": LACKING[0].vlan.as_json.encode(),
}
BEFORE = evolve(LACKING[0].vlan, name="before")
FOLLOWED = evolve(PLAN, number=FleetNumber(1, 4), dhcp=(evolve(LACKING[0], vlan=BEFORE),))
CHANGE_SAYS = {
    "vlan": content_of(LACKING[0].vlan),
    "base": content_of(BEFORE),
    "change": change_between(BEFORE, LACKING[0].vlan),
}

TABLE = {
    Enrol: Row(
        who=STRANGER,
        checked="the secret is known, open and not used up; the proof is of this connection and of "
        "this signing request; the request is for a P-256 key and signed with it. Which rack it "
        "is the region decides",
        says={"lookup": "look4321", "request": b"r", "proof": b"p", "hostname": "rack7"},
    ),
    Hello: Row(
        who=NEWCOMER,
        checked="the certificate is not revoked, and was not issued before the rack was; the "
        "version is spoken here; no other run of this rack answers on a link of its own; "
        f"the rack has fewer than {MOST_LINKS_OF_RACK} links here that answer; {ITSELF}",
        says={
            "protocol": 2,
            "run": "run1",
            "hostname": "rack1",
            "generation": BEFORE_ALL,
            "fingerprint": "",
        },
        told=("admit", RACK),
    ),
    RenewCertificate: Row(
        who=ADMITTED,
        checked="the request is for a P-256 key and signed with it; neither the certificate of the "
        "link nor all of the rack's are revoked; it is the rack's only renewal within a minute; "
        "the new certificate is for the rack of the old one",
        says={"request": b"r"},
        told=("renew", RACK),
    ),
    ListAuthorities: Row(
        who=ADMITTED, checked=ITSELF, says={"known": "abc"}, told=("authorities", RACK, "abc")
    ),
    Ping: Row(
        who=GREETED,
        checked="a lease is for the rack of the certificate, only from the process that manages "
        "it, and only on a link that is recorded",
        says={},
    ),
    ListEndpoints: Row(who=ADMITTED, checked="nothing more: it is told to every rack", says={}),
    ReportLostLink: Row(
        who=ADMITTED,
        checked=f"{ITSELF}: a link of another rack stays",
        says={"link": "abc"},
        told=("lost", RACK, "abc"),
    ),
    Goodbye: Row(
        who=ADMITTED,
        checked=f"{ITSELF}, and for the run of its hello",
        says={},
        told=("goodbye", RACK, "run1"),
    ),
    ReportInterfaces: Row(
        who=ADMITTED,
        checked=f"{ITSELF}; {BELIEVED}",
        says={"interfaces": ()},
        told=("interfaces", RACK, ()),
    ),
    ReportDhcp: Row(
        who=ADMITTED,
        checked=f"{ITSELF}; {BELIEVED}",
        says={"report": DHCP},
        told=("dhcp", RACK, DHCP),
    ),
    ReportLeases: Row(
        who=ADMITTED,
        checked=f"{ITSELF}; {BELIEVED}",
        says={"news": LeaseNews(elsewhere=3)},
        told=("leases", RACK, LeaseNews(elsewhere=3)),
    ),
    ReportReach: Row(
        who=ADMITTED,
        checked=f"{ITSELF}; {BELIEVED}",
        says={"bmcs": (BmcId(3),), "unknown": (BmcId(4),)},
        told=("reach", RACK, BmcReach(answering=(BmcId(3),), unknown=(BmcId(4),))),
    ),
    RecordPhase: Row(
        who=ADMITTED,
        checked="the order is this rack's under this attempt, has not ended, and is in one of the "
        "two phases",
        says={"order": 7, "attempt": 2, "before": "NEW", "after": "OFF_SENT"},
        told=("phase", RACK, 7, 2, ("NEW", "OFF_SENT")),
    ),
    OfferPlan: Row(
        who=REGION,
        checked="the plan is for this rack, and not older than the one that is followed; all its "
        "VLANs together have at most 256 MiB",
        says={"outline": outline_of(PLAN)},
    ),
    TakeVlan: Row(
        who=REGION,
        checked="the plan that was offered last lacks this content; it has the length and the "
        "SHA-256 that were said",
        says=VLAN_SAYS,
    ),
    ChangeVlan: Row(
        who=REGION,
        checked="the plan that was offered last lacks this content, and the one that is followed "
        "has the other; what becomes of it has the length and the SHA-256 that were said",
        says=CHANGE_SAYS,
    ),
    ApplyPlan: Row(
        who=REGION,
        checked="the plan is for this rack, and not older than the one that is followed",
        says={"plan": PLAN},
    ),
    TakeTurn: Row(
        who=REGION,
        checked=(
            "a plan of this fingerprint was checked and waits; "
            "the rack holds a lease of this process"
        ),
        says={"plan": "waiting"},
    ),
    TakePartnerDown: Row(
        who=REGION,
        checked="the rack's server is in a pair with this rack, and does not hear it; "
        "the rack holds a lease of this process",
        says={"vlan": 7, "dead": OTHER},
    ),
    ProbeAddresses: Row(
        who=REGION,
        checked=f"at most {MOST_PROBED} addresses are asked about, each in a network of the rack's "
        "own interfaces or that of a failover peer; the port is always that of failover; it "
        "changes nothing; the rack holds a lease of this process",
        says={"addresses": (IPv4Address("10.1.0.2"),)},
    ),
    EndRecoverWait: Row(
        who=REGION,
        checked="the rack's server is in a pair with this rack, and waits for mclt; "
        "the rack holds a lease of this process",
        says={"vlan": 7, "peer": OTHER},
    ),
    PowerBmc: Row(
        who=REGION,
        checked="no later order for this BMC and no later attempt was seen, and a look that is no "
        "order (id 0) only asks for the state while no order runs; the rack holds a lease",
        says={"order": ORDER},
    ),
    ReadLeases: Row(
        who=REGION,
        checked="at most 1,000 networks are asked about; it changes nothing, and the answer has "
        "leases of these networks only",
        says={"asked": LEASES},
    ),
    ReadServed: Row(
        who=REGION,
        checked="it changes nothing; what is answered was sent by a region process as a plan",
        says={"plan": "", "start": 0},
    ),
}


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
    # Who is no region gets no further than TLS: tests/trust/test_tls.py.
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
