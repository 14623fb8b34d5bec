"""What every AMP command must have, and that its arguments cross the wire unchanged."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp

from evenrack import errors
from evenrack.model.plan_outline import outline_of
from evenrack.model.served_piece import MOST_PIECE_BYTES
from evenrack.wire import rack_commands, region_commands
from evenrack.wire.arguments import Json, Text, YesNo
from tests.strategies import (
    any_fleet_numbers,
    failure_domains,
    host_names,
    process_ids,
    rack_ids,
    region_endpoints,
    tokens,
)
from tests.strategies_changes import contents, vlan_changes
from tests.strategies_leases import lease_news, lease_pages, lease_questions
from tests.strategies_reports import (
    bmc_lists,
    dhcp_reports,
    interface_lists,
    phases,
    power_orders,
    power_outcomes,
    probe_answers,
    rack_plans,
)


def commands_in(module):
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, amp.Command)
    ]


def family(error):
    return [error, *(late for child in error.__subclasses__() for late in family(child))]


RACK_ASKS = commands_in(region_commands)
REGION_ASKS = commands_in(rack_commands)
COMMANDS = [*RACK_ASKS, *REGION_ASKS]
by_name = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)

BYTES = st.binary(max_size=64)


def to_milliseconds(moment):
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


VALUES = {
    ("Enrol", "lookup"): tokens,
    ("Enrol", "request"): BYTES,
    ("Enrol", "proof"): BYTES,
    ("Enrol", "hostname"): host_names,
    ("Enrol", "certificate"): BYTES,
    ("Enrol", "authorities"): BYTES,
    ("RenewCertificate", "request"): BYTES,
    ("RenewCertificate", "certificate"): BYTES,
    ("ListAuthorities", "known"): tokens,
    ("ListAuthorities", "authorities"): BYTES,
    ("Hello", "protocol"): st.integers(0, 99),
    ("Hello", "run"): tokens,
    ("Hello", "hostname"): host_names,
    ("Hello", "generation"): any_fleet_numbers,
    ("Hello", "fingerprint"): tokens,
    ("Hello", "failure_domain"): st.none() | failure_domains,
    ("Hello", "process"): process_ids,
    ("Hello", "link"): tokens,
    ("Ping", "lease"): st.booleans(),
    ("Ping", "endpoints"): tokens,
    ("Ping", "authorities"): tokens,
    ("Ping", "clock"): st.none() | st.datetimes(timezones=st.just(UTC)).map(to_milliseconds),
    ("ListEndpoints", "endpoints"): region_endpoints,
    ("ReportLostLink", "link"): tokens,
    ("ApplyPlan", "plan"): rack_plans,
    ("ApplyPlan", "generation"): any_fleet_numbers,
    ("ApplyPlan", "fingerprint"): tokens,
    ("OfferPlan", "outline"): rack_plans.map(outline_of),
    ("OfferPlan", "missing"): rack_plans.map(lambda plan: outline_of(plan).contents),
    ("OfferPlan", "generation"): any_fleet_numbers,
    ("OfferPlan", "fingerprint"): tokens,
    ("TakeVlan", "vlan"): tokens,
    ("TakeVlan", "length"): st.integers(0, 2**31),
    ("TakeVlan", "start"): st.integers(0, 2**31),
    ("TakeVlan", "text"): BYTES,
    ("ChangeVlan", "vlan"): contents,
    ("ChangeVlan", "base"): contents,
    ("ChangeVlan", "change"): vlan_changes,
    ("TakeTurn", "plan"): tokens,
    ("TakeTurn", "ends"): st.booleans(),
    ("TakePartnerDown", "vlan"): st.integers(0, 2**31),
    ("TakePartnerDown", "dead"): rack_ids,
    ("TakePartnerDown", "mclt"): st.integers(0, 2**31),
    ("ProbeAddresses", "addresses"): st.lists(st.ip_addresses(v=4), max_size=5).map(tuple),
    ("ProbeAddresses", "answers"): st.lists(probe_answers, max_size=5).map(tuple),
    ("EndRecoverWait", "vlan"): st.integers(0, 2**31),
    ("EndRecoverWait", "peer"): rack_ids,
    ("ReportInterfaces", "interfaces"): interface_lists,
    ("ReportDhcp", "report"): dhcp_reports,
    ("ReportLeases", "news"): lease_news,
    ("ReportReach", "bmcs"): bmc_lists,
    ("ReportReach", "unknown"): st.none() | bmc_lists,
    ("RecordPhase", "order"): st.integers(0, 2**40),
    ("RecordPhase", "attempt"): st.integers(0, 99),
    ("RecordPhase", "before"): phases,
    ("RecordPhase", "after"): phases,
    ("RecordPhase", "recorded"): st.booleans(),
    ("PowerBmc", "order"): power_orders,
    ("PowerBmc", "outcome"): power_outcomes,
    ("ReadLeases", "asked"): lease_questions,
    ("ReadLeases", "page"): lease_pages,
    ("ReadServed", "plan"): tokens,
    ("ReadServed", "start"): st.integers(-5, 2**40),
    ("ReadServed", "text"): st.binary(max_size=MOST_PIECE_BYTES),
    ("ReadServed", "more"): st.booleans(),
}


def values_of(command, declared):
    names = [name.decode() for name, _ in declared]
    return st.fixed_dictionaries({name: VALUES[command.__name__, name] for name in names})


def across_the_wire(box):
    received = []
    parser = amp.BinaryBoxProtocol(Receiver(received))
    parser.makeConnection(None)
    parser.dataReceived(box.serialize())
    (arrived,) = received
    return arrived


class Receiver:
    def __init__(self, received):
        self.ampBoxReceived = received.append

    def startReceivingBoxes(self, sender):  # noqa: N802
        pass


def test_there_are_the_commands_that_these_tests_think_of():
    assert len(RACK_ASKS) == 13
    assert len(REGION_ASKS) == 11


@by_name
def test_a_command_declares_only_what_amp_knows(command):
    # A misspelt `reponse` or `error` would be ignored by AMP without a word.
    added_by_amp = {"commandName", "reverseErrors", "allErrors"}
    declared = {name for name in vars(command) if not name.startswith("__")} - added_by_amp
    assert declared <= {"arguments", "response", "errors"}
    assert {"arguments", "response"} <= declared


@by_name
def test_a_command_says_who_asks_whom_and_what(command):
    first = command.__doc__.splitlines()[0]
    asks = "Rack -> region:" if command in RACK_ASKS else "Region -> rack:"
    assert first.startswith((asks, "Rack -> any region process:"))
    assert first.endswith(".")


@by_name
def test_a_command_names_only_errors_of_our_tree_by_their_own_codes(command):
    for error, code in command.errors.items():
        assert issubclass(error, errors.EvenrackError)
        assert code == error.wire_code
        assert code == vars(error)["wire_code"], f"{error} has the code of its parent"


@by_name
def test_every_argument_type_refuses_what_it_cannot_read_with_value_error(command):
    # Answers takes ValueError and KeyError for a bad argument; others would look like our bugs.
    for _, argument in command.arguments:
        assert isinstance(argument, (amp.String, amp.Integer, Text, Json, YesNo))


def test_a_truth_is_one_of_two_words():
    assert [YesNo().fromString(YesNo().toString(truth)) for truth in (True, False)] == [True, False]
    for bad in (b"", b"true", b"1", b"\xff"):
        with pytest.raises(ValueError, match="Bad boolean"):
            YesNo().fromString(bad)


def test_every_error_has_a_code_of_its_own():
    codes = [error.wire_code for error in family(errors.EvenrackError)]
    assert len(codes) == len(set(codes))
    answers_own = {b"BAD_ARGUMENTS", b"INTERNAL", b"TOO_LARGE", b"UNHANDLED", b"UNKNOWN"}
    assert answers_own & set(codes) == set()


def test_every_error_says_what_happened():
    for error in family(errors.EvenrackError):
        assert vars(error)["__doc__"].splitlines()[0].endswith(".")


@by_name
def test_arguments_cross_the_wire_unchanged(command):
    @given(values_of(command, command.arguments))
    def crosses(values):
        box = across_the_wire(command.makeArguments(values, None) or amp.Box(a=b"b"))
        assert command.parseArguments(box, None) == values

    crosses()


@by_name
def test_answers_cross_the_wire_unchanged(command):
    @given(values_of(command, command.response))
    def crosses(values):
        box = across_the_wire(command.makeResponse(values, None) or amp.Box(a=b"b"))
        assert command.parseResponse(box, None) == values

    crosses()
