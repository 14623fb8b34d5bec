"""How many IPv6 addresses of each VLAN are nobody's, by the file of leases of `dhcpd -6`."""

import sys
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_plan import shared_part
from evenrack.model.dhcp_report import Ipv6Addresses
from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.address_tally6 import AddressTally6, spans6_of
from evenrack.rack.dhcp.lease_file6 import lease6_in
from tests.rack.dhcp.golden_plans6 import FAR, serving6, subnet6
from tests.rack.dhcp.pieces import file_in_pieces

ONE, TWO, FAR_ID = VlanId(1), VlanId(2), FAR.id
HEADER = """# The format of this file is documented.

authoring-byte-order big-endian;

server-duid "\\000\\001\\000\\0012\\237";

"""


def number(text):
    return int(IPv6Address(text))


SPANS = {
    ONE: [(number("fd00:1::100"), number("fd00:1::109"))],
    TWO: [(number("fd00:2::"), number("fd00:2::ffff:ffff:ffff:ffff")), (5, 5)],
}


def left(vlan, total, free):
    return Ipv6Addresses(vlan=vlan, total=total, free=free)


def entry(client, *held, kind="ia-na"):
    """What a client has, (address, state) each, as dhcpd 4.4.3-P1 writes it."""
    addresses = "".join(
        f"  iaaddr {address} {{\n    binding state {state};\n    preferred-life 375;\n"
        f"    max-life 600;\n    ends 0 2026/11/29 22:05:47;\n  }}\n"
        for address, state in held
    )
    who = f'\\000\\000\\000\\{client:03o}\\000\\003\\000\\001\\002\\"\\\\\\000{{'
    return f'{kind} "{who}" {{\n  cltt 0 2026/11/29 22:04:52;\n{addresses}}}\n\n'


def one(client, last, state="active"):
    return entry(client, (f"fd00:1::{last}", state))


def tally(*pieces):
    found = AddressTally6(SPANS)
    for piece in pieces:
        found.take(piece.encode())
    return found.counts()


def test_addresses_of_which_nothing_is_written_are_free_and_counted_to_the_last_one():
    assert tally() == {ONE: left(ONE, 10, 10), TWO: left(TWO, 2**64 + 1, 2**64 + 1)}
    far = tally(entry(1, ("fd00:2::ffff:ffff:ffff:ffff", "active")))
    assert far[TWO] == left(TWO, 2**64 + 1, 2**64), "as no float could say it"


@pytest.mark.parametrize(("state", "free"), [("active", 9), ("abandoned", 9)])
def test_what_a_client_has_or_declined_is_not_free(state, free):
    assert tally(HEADER + one(1, 100, state))[ONE] == left(ONE, 10, free)


@pytest.mark.parametrize("state", ["expired", "released"])
def test_what_has_ended_the_next_client_may_have_at_once(state):
    assert tally(one(1, 100), one(1, 100, state))[ONE].free == 10


def test_of_an_address_the_last_entry_counts_also_of_another_client():
    found = tally(one(1, 100), one(1, 100, "released"), one(2, 100), one(2, 101), one(1, 102))
    assert found[ONE].free == 8, "2 has 101 and 1 has 102: 100 is in neither last entry"
    anew = tally(one(2, 100), one(1, 100, "released"))
    assert anew[ONE].free == 9, "whatever the order in which the file was written anew"
    lost = tally(one(1, 100), one(2, 100), one(1, 101))
    assert lost[ONE].free == 8, "2 keeps 100, though that 1 lost it could not be written"


def test_a_client_may_have_several_addresses_and_several_identities():
    both = entry(1, ("fd00:1::100", "active"), ("fd00:2::7", "active"))
    found = tally(both, entry(1, ("fd00:1::101", "active"), kind="ia-ta"))
    assert (found[ONE].free, found[TWO].free) == (8, 2**64)
    assert tally(both, entry(1))[TWO].free == 2**64 + 1


def test_a_client_with_a_very_long_identity_is_counted_as_any_other():
    """RFC 8415 allows 130 bytes, and dhcpd 4.4.3-P1 takes, and writes, any number."""
    long = one(1, 101).replace("\\000\\003", "\\377" * 1200)
    assert tally(long)[ONE] == left(ONE, 10, 9)


def test_addresses_outside_of_the_ranges_and_prefixes_count_nowhere():
    others = ("fd00:1::99", "fd00:1::10a", "::1", "ffff::", "fe80::1", "1::2::3", "::4")
    assert tally(*(entry(n, (each, "active")) for n, each in enumerate(others))) == tally()
    prefix = 'ia-pd "\\001" {\n  iaprefix fd00:1::100/128 {\n    binding state active;\n  }\n}\n'
    assert tally(prefix) == tally()


def test_entries_that_were_cut_short_harm_no_other():
    cut_short = one(1, 101)[:60]
    found = tally(HEADER, one(2, 100), cut_short + "\n" + one(3, 102), 'ia-na "\n}\n', one(4, 103))
    assert found[ONE].free == 7


@given(
    file_in_pieces(
        st.builds(
            one,
            st.integers(1, 3),
            st.integers(98, 111),
            st.sampled_from(["active", "expired", "released", "abandoned"]),
        )
    )
)
def test_it_does_not_matter_in_which_pieces_the_file_is_read(drawn):
    text, pieces = drawn
    assert tally(*pieces) == tally(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data):
    found = AddressTally6(SPANS)
    found.take(data)
    found.take(("\n}\n" + one(1, 100)).encode())
    assert found.counts()[ONE] == left(ONE, 10, 9)


def test_a_range_costs_the_same_whatever_its_size():
    small, large = (AddressTally6({ONE: [(0, last)]}) for last in (9, 2**128 - 1))
    for each in (small, large):
        each.take(entry(1, ("::5", "active")).encode())
    assert sys.getsizeof(small._holders[ONE]) == sys.getsizeof(large._holders[ONE])
    assert large.counts() == {ONE: left(ONE, 2**128, 2**128 - 1)}


FIRST = number("fd00:1::100")


@pytest.mark.parametrize(
    ("half", "spans"),
    [
        ("whole", ((FIRST, FIRST + 2), (FIRST + 3, FIRST + 4))),
        ("lower", ((FIRST, FIRST + 2),)),
        ("upper", ((FIRST + 3, FIRST + 4),)),
        ("none", ()),
    ],
)
def test_a_rack_counts_its_half_of_each_range(half, spans):
    plan = (serving6(subnet6(1, ("100", "104")), half=half),)
    assert spans6_of((shared_part(()), *plan)) == {ONE: spans}


def test_subnets_that_give_nothing_to_whoever_asks_have_no_addresses_for_them():
    closed = (serving6(subnet6(1, ("100", "104"), allow_unknown=False)),)
    assert spans6_of(closed) == {ONE: ()}


def test_the_addresses_of_a_relayed_vlan_are_its_own_and_a_vlan_without_ipv6_has_none():
    plan = (serving6(half="lower", relayed=(FAR,)),)
    first = number("fd00:9::100")
    assert spans6_of(plan) == {FAR_ID: ((first, first + 127),)}


class New:
    """A reading of which the new leases are noted: who has which, by their last digits."""

    def __init__(self, *pieces, before=None):
        self.found = []
        self.tally = AddressTally6(SPANS, before=before, new=self._note)
        self.read(*pieces)
        self.tally.end()

    def _note(self, vlan, address, text):
        assert vlan == ONE
        lease = lease6_in(text, address)
        assert lease.state == "active"
        self.found.append((lease.iaid, int(f"{address}"[-3:])))

    def read(self, *pieces):
        for piece in pieces:
            self.tally.take(piece.encode())
        return self


def test_what_was_there_when_it_was_first_read_is_not_new_and_what_is_appended_is():
    new = New(HEADER + one(1, 100), one(2, 101, "released"))
    assert new.found == []
    new.read(one(3, 102), one(3, 102), one(1, 100))
    assert new.found == [(3, 102)], "once, no renewal, and its number is written as the file says"
    new.read(one(1, 100, "expired"), one(1, 100), one(1, 100, "released"), one(4, 100))
    assert new.found == [(3, 102), (1, 100), (4, 100)]
    new.read(one(5, 103, "abandoned"), entry(6, ("fd00:3::1", "active")))
    assert len(new.found) == 3


def test_one_more_address_of_a_client_is_told_alone():
    new = New(HEADER, one(1, 100))
    new.read(entry(1, ("fd00:1::100", "active"), ("fd00:1::101", "active")))
    assert new.found == [(1, 101)]


def test_of_a_file_that_was_written_anew_only_what_the_one_before_did_not_have_is_new():
    before = New(HEADER, one(1, 100), one(2, 101), one(3, 102, "released"))
    texts = (HEADER, one(1, 100), one(2, 101, "expired"), one(4, 101), one(3, 102))
    after = New(*texts, before=before.tally)
    assert after.found == [(4, 101), (3, 102)]
    assert after.read(one(2, 103)).found == [(4, 101), (3, 102), (2, 103)]
