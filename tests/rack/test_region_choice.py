"""Which endpoints a rack dials: every process once, and every configured endpoint that may help."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.host_port import HostPort, parse_host_port
from evenrack.model.identifiers import ProcessId
from evenrack.rack.region_choice import choose_targets

ADDRESSES = [HostPort(host=f"10.0.{host}.1", port=port) for host in (1, 2) for port in (5251, 5252)]
ALIASES = [HostPort(host=f"region{host}", port=port) for host in (1, 2) for port in (5251, 5252)]
PROCESSES = [ProcessId(f"region{host}/{number}") for host in (1, 2) for number in (1, 2)]
HOME = dict(zip(PROCESSES, ADDRESSES, strict=True))
"""Each process listens on an address of its own; its alias is another name of the same one."""


def behind(endpoint):
    where = ALIASES if endpoint in ALIASES else ADDRESSES
    return PROCESSES[where.index(endpoint)]


ENDPOINTS = [*ADDRESSES, *ALIASES]
BITS = st.integers(0, 255)


@st.composite
def situations(draw):
    """What a rack may know and be connected to at some moment; all of it true."""
    picks, knows, answers, up = draw(st.tuples(st.integers(1, 255), BITS, BITS, BITS))
    turned = draw(st.booleans())
    configured = [e for n, e in enumerate(ENDPOINTS) if picks >> n & 1]
    configured = (configured[::-1] if turned else configured) + configured[:1]
    known = {p: (HOME[p],) for n, p in enumerate(PROCESSES) if knows >> n & 1}
    answered_by = {e: behind(e) for n, e in enumerate(configured) if answers >> n & 1}
    keys = {str(e): behind(e) for e in configured} | {p: p for p in known}
    reached = {}
    for n, key in enumerate(sorted(keys, reverse=turned)):
        if keys[key] not in reached.values() and up >> n & 1:
            reached[key] = keys[key]
    return configured, known, answered_by, reached


def leads_to(target):
    return target.key if target.key in PROCESSES else behind(target.addresses[0])


@given(situations())
def test_p21_every_known_process_is_led_to_by_exactly_one_target_or_by_unproven_aliases(situation):
    configured, known, answered_by, reached = situation
    targets = choose_targets(configured, known, answered_by=answered_by, reached=reached)
    for process in known:
        led = [target for target in targets if leads_to(target) == process]
        unproven = [t for t in led if t.addresses[0] in ALIASES and t.key not in reached]
        assert len(led) - len(unproven) == 1


@given(situations())
def test_no_address_is_dialled_twice(situation):
    configured, known, answered_by, reached = situation
    targets = choose_targets(configured, known, answered_by=answered_by, reached=reached)
    dialled = Counter(address for target in targets for address in target.addresses)
    assert set(dialled.values()) <= {1}
    assert len({target.key for target in targets}) == len(targets)


@given(situations())
def test_p22_every_configured_endpoint_stays_of_use_while_no_link_leads_where_it_leads(situation):
    configured, known, answered_by, reached = situation
    targets = choose_targets(configured, known, answered_by=answered_by, reached=reached)
    led_to = {leads_to(target) for target in targets}
    assert {behind(endpoint) for endpoint in configured} <= led_to


@given(situations())
def test_a_link_that_is_up_stays_wanted(situation):
    configured, known, answered_by, reached = situation
    targets = choose_targets(configured, known, answered_by=answered_by, reached=reached)
    assert reached.keys() <= {target.key for target in targets}


@given(situations())
def test_when_all_links_are_up_nothing_more_is_dialled(situation):
    configured, known, _, _ = situation
    everything = {behind(endpoint) for endpoint in configured} | known.keys()
    targets = choose_targets(
        configured,
        {p: (HOME[p],) for p in everything},
        answered_by={endpoint: behind(endpoint) for endpoint in configured},
        reached={process: process for process in everything},
    )
    assert {target.key for target in targets} == everything


def choose(configured, known=None, *, answered_by=None, reached=None):
    return [
        target.key
        for target in choose_targets(
            [parse_host_port(text) for text in configured],
            {
                ProcessId(process): tuple(parse_host_port(text) for text in texts)
                for process, texts in (known or {}).items()
            },
            answered_by={
                parse_host_port(text): ProcessId(p) for text, p in (answered_by or {}).items()
            },
            reached=reached or {},
        )
    ]


def test_p23_at_first_every_configured_endpoint_is_dialled_once():
    assert choose(["a:1", "b:1", "A:1"]) == ["a:1", "b:1"]


def test_p21_a_process_that_became_known_is_dialled():
    assert choose(["a:1"], {"r/1": ["a:1"], "r/2": ["a:2"]}, reached={"a:1": "r/1"}) == [
        "a:1",
        "r/2",
    ]


def test_an_alias_that_led_to_a_reached_process_is_dialled_no_more():
    known, reached = {"r/1": ["10.0.0.1:1"]}, {"r/1": "r/1"}
    assert choose(["a:1"], known, answered_by={"a:1": "r/1"}, reached=reached) == ["r/1"]


def test_p22_an_alias_is_dialled_again_when_the_process_it_led_to_is_lost():
    known = {"r/1": ["10.0.0.1:1"]}
    assert choose(["a:1"], known, answered_by={"a:1": "r/1"}) == ["a:1", "r/1"]


def test_a_process_without_any_address_is_not_dialled():
    assert choose(["a:1"], {"r/1": []}) == ["a:1"]


def test_a_process_is_dialled_by_all_its_addresses_in_their_order():
    (target,) = choose_targets([], {ProcessId("r/1"): tuple(ADDRESSES)}, answered_by={}, reached={})
    assert target.addresses == tuple(ADDRESSES)


def test_with_nothing_configured_and_nothing_known_nothing_is_dialled():
    assert choose([]) == []
