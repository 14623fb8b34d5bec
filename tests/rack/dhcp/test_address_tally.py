"""How many addresses of each VLAN are nobody's, by the file of leases."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_plan import shared_part
from evenrack.model.dhcp_report import AddressCount
from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.address_tally import AddressTally, Began, spans_of
from tests.dhcp_fleet import dhcp_fleet, rack_id, with_relays
from tests.rack.dhcp.pieces import file_in_pieces

ONE, TWO = VlanId(1), VlanId(2)


def number(text):
    return int(IPv4Address(text))


SPANS = {
    ONE: [(number("10.1.0.100"), number("10.1.0.109"))],
    TWO: [
        (number("10.2.0.10"), number("10.2.0.10")),
        (number("10.2.0.200"), number("10.2.0.202")),
    ],
}


def entry(address, state, more=""):
    """One as dhcpd 4.4.3-P1 writes it."""
    return (
        f"lease {address} {{\n  starts 0 2026/11/29 05:52:07;\n  binding state {state};\n"
        f"  next binding state free;\n  rewind binding state free;\n{more}}}\n"
    )


def tally(*pieces):
    found = AddressTally(SPANS)
    for piece in pieces:
        found.take(piece.encode())
    return found.counts()


def test_addresses_of_which_nothing_is_written_are_free():
    assert tally() == {
        ONE: AddressCount(total=10, free=10),
        TWO: AddressCount(total=4, free=4),
    }


@pytest.mark.parametrize("state", ["active", "abandoned", "expired", "released", "reset"])
def test_what_is_a_clients_or_not_yet_anybodys_again_is_neither_free_nor_backup(state):
    assert tally(entry("10.1.0.100", state))[ONE] == AddressCount(total=10, free=9)


def test_of_an_address_the_last_entry_counts():
    found = tally(
        entry("10.1.0.109", "active"),
        entry("10.1.0.100", "backup"),
        entry("10.1.0.101", "backup") + entry("10.1.0.109", "free"),
        entry("10.1.0.101", "active"),
    )
    assert found[ONE] == AddressCount(total=10, free=8, backup=1)


def test_addresses_outside_of_the_ranges_count_nowhere():
    others = ("10.1.0.99", "10.1.0.110", "9.9.9.9", "10.2.0.11", "10.2.0.203", "999.1.0.1")
    assert tally(*(entry(each, "active") for each in others)) == tally()
    of_two = tally(entry("10.2.0.10", "active"), entry("10.2.0.202", "backup"))[TWO]
    assert of_two == AddressCount(total=4, free=2, backup=1)


def test_other_declarations_comments_and_entries_that_were_cut_short_harm_no_other():
    cut_short = 'lease 10.1.0.101 {\n  starts 0 2026/11/29 05:52:07;\n  uid "'
    found = tally(
        "# The format of this file is documented.\n\nauthoring-byte-order little-endian;\n",
        'failover peer "failover-vlan-1" state {\n  my state normal at 0 never;\n}\n',
        entry("10.1.0.100", "active"),
        cut_short + "\n" + entry("10.1.0.102", "active"),
        "lease 10.1.0.103 {\n  ends never;\n}\n",
        entry("10.1.0.104", "active", '  client-hostname "x\\012lease 10.1.0.105 {";\n'),
    )
    assert found[ONE] == AddressCount(total=10, free=7)


@given(
    file_in_pieces(
        st.builds(
            entry,
            st.integers(98, 111).map(lambda it: f"10.1.0.{it}"),
            st.sampled_from(["active", "free", "backup", "expired"]),
        )
    )
)
def test_it_does_not_matter_in_which_pieces_the_file_is_read(drawn):
    text, pieces = drawn
    assert tally(*pieces) == tally(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data):
    found = AddressTally(SPANS)
    found.take(data)
    found.take(entry("10.1.0.100", "active").encode())
    assert found.counts()[TWO].total == 4


def test_subnets_that_give_nothing_to_whoever_asks_have_no_addresses_for_them():
    plan = dhcp_plan_for(dhcp_fleet({1: (1,)}, services={1: (1,)}), rack_id(1))
    first, last = number("10.1.0.100"), number("10.1.0.199")
    assert spans_of(plan) == {ONE: ((first, last),)}
    (service,) = plan
    (subnet,) = service.vlan.subnets
    closed = evolve(service.vlan, subnets=(evolve(subnet, allow_unknown=False),))
    assert spans_of((evolve(service, vlan=closed),)) == {ONE: ()}


def test_the_addresses_of_a_relayed_vlan_are_its_own():
    fleet = with_relays(dhcp_fleet({1: (1,), 2: ()}, services={1: (1,)}), {2: 1})
    assert spans_of(dhcp_plan_for(fleet, rack_id(1))) == {
        ONE: ((number("10.1.0.100"), number("10.1.0.199")),),
        TWO: ((number("10.2.0.100"), number("10.2.0.199")),),
    }


def test_what_stands_before_all_vlans_has_no_addresses():
    plan = dhcp_plan_for(dhcp_fleet({1: (1,)}, services={1: (1,)}), rack_id(1))
    assert spans_of((shared_part(()), *plan)) == spans_of(plan)


RELATION = """
failover peer "failover-vlan-{}" state {{
  my state {} at {};
  partner state normal at 0 2026/11/29 05:52:07;
  mclt 60;
}}
"""


def test_since_when_a_pair_is_in_its_state_is_told_by_the_last_declaration():
    found = AddressTally(SPANS)
    for text in (
        RELATION.format(1, "normal", "4 2026/11/26 10:11:12"),
        entry("10.1.0.100", "active") + RELATION.format(2, "partner-down", "epoch 1795687873; #"),
        RELATION.format(1, "communications-interrupted", "4 2026/11/26 10:11:20"),
        RELATION.format(2, "normal", "never"),
        'failover peer "x" state {\n}\n',
    ):
        found.take(text.encode())
    assert found.began == {
        "failover-vlan-1": Began(state="communications-interrupted", at=1_795_687_880),
        "failover-vlan-2": Began(state="partner-down", at=1_795_687_873),
    }
    assert found.counts()[ONE].free == 9


HEARD = "  cltt 0 2026/11/29 05:52:07;\n"


def given_entry(last, state="active", heard=HEARD):
    return f"lease 10.1.0.{last} {{\n{heard}  binding state {state};\n}}\n"


class New:
    """A reading of which the new leases are noted, by the ends of their addresses."""

    def __init__(self, *pieces, before=None):
        self.found = []
        self.tally = AddressTally(SPANS, before=before, new=self._note)
        self.read(*pieces)
        self.tally.end()

    def _note(self, vlan, text):
        assert vlan == ONE
        assert text.startswith(b"lease 10.1.0.")
        assert text.endswith(b"\n}\n")
        self.found.append(int(text.removeprefix(b"lease 10.1.0.").partition(b" ")[0]))

    def read(self, *pieces):
        for piece in pieces:
            self.tally.take(piece.encode())
        return self


def test_what_was_there_when_it_was_first_read_is_not_new_and_what_is_appended_is():
    new = New(given_entry(100), given_entry(101, "free"), given_entry(101))
    assert new.found == []
    new.read(given_entry(102), given_entry(102), given_entry(100))
    assert new.found == [102], "once, and no renewal"
    new.read(given_entry(100, "expired"), given_entry(100), given_entry(100, "free"))
    assert new.found == [102], "the same client, before its address was anybody's"
    assert new.read(given_entry(100)).found == [102, 100]


def test_what_the_partner_gave_away_is_not_told_twice():
    assert New().read(given_entry(100, heard="")).found == []


def test_addresses_that_are_free_backup_or_elsewhere_are_no_leases():
    new = New().read(given_entry(100, "backup"), given_entry(100, "abandoned"), given_entry(200))
    assert new.found == []


def test_of_a_file_that_was_written_anew_only_what_the_one_before_did_not_have_is_new():
    before = New(given_entry(100), given_entry(101, "free"), given_entry(102))
    after = New(given_entry(100), given_entry(101), given_entry(103), before=before.tally)
    assert after.found == [101, 103]
    assert after.read(given_entry(102, "free"), given_entry(102)).found == [101, 103, 102]
