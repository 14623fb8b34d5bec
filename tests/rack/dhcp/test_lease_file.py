"""Reading dhcpd.leases(5): real entries, the last one of each, and whatever else stands there."""

import time
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_lease import DhcpLease
from evenrack.rack.dhcp.lease_file import MOST_LINE_BYTES, entries_in, leases_in, lines_in
from tests.fuzz.lease_file import ENTRY, SEEDS, WORDS, run

EVERYTHING = (IPv4Network("0.0.0.0/0"),)
AT = 1_795_687_872
"""Thu Nov 26 10:11:12 2026."""

# As dhcpd 4.4.3-P1 writes it, one of a failover pair.
REAL = rb"""# The format of this file is documented in the dhcpd.leases(5) manual page.
# This lease file was written by isc-dhcp-4.4.3-P1

# authoring-byte-order entry is generated, DO NOT DELETE
authoring-byte-order little-endian;

failover peer "failover-vlan-1" state {
  my state normal at 4 2026/11/26 10:00:01;
  partner state normal at 4 2026/11/26 10:00:00;
}
lease 10.1.0.100 {
  starts 4 2026/11/26 10:11:12;
  ends 4 2026/11/26 10:21:12;
  tstp 4 2026/11/26 10:26:12;
  tsfp 4 2026/11/26 10:26:12;
  atsfp 4 2026/11/26 10:26:12;
  cltt 4 2026/11/26 10:11:12;
  binding state active;
  next binding state expired;
  hardware ethernet 52:54:00:AB:34:56;
  uid "\001RT\000\2534V";
  client-hostname "node7";
}
lease 10.1.0.101 {
  starts 4 2026/11/26 10:00:01;
  tsfp 4 2026/11/26 10:00:01;
  atsfp 4 2026/11/26 10:00:01;
  binding state backup;
}
server-duid "\000\001\000\001";

lease 10.1.0.102 {
  starts 4 2026/11/26 10:11:12;
  ends never;
  binding state abandoned;
  next binding state free;
  on expiry {
    binding state active;
  }
}
host nasty {
  dynamic;
  hardware ethernet 52:54:00:00:00:01;
  fixed-address 10.1.0.20;
}
"""


def read(text, networks=EVERYTHING):
    return leases_in([text], networks)


def only(statements):
    """The entry with these statements."""
    (lease,) = read(b"lease 10.1.0.1 {\n" + statements + b"\n}\n").values()
    return lease


def test_entries_of_a_real_file_are_read():
    assert list(read(REAL).values()) == [
        DhcpLease(
            address=IPv4Address("10.1.0.100"),
            state="active",
            mac="52:54:00:ab:34:56",
            hostname="node7",
            starts=AT,
            ends=AT + 600,
            heard=AT,
        ),
        DhcpLease(address=IPv4Address("10.1.0.101"), state="backup", starts=AT - 671),
        DhcpLease(address=IPv4Address("10.1.0.102"), state="abandoned", starts=AT, never_ends=True),
    ]


def test_the_last_entry_of_an_address_counts():
    again = b"lease 10.1.0.100 {\n  binding state released;\n}\n"
    assert read(REAL + again)[IPv4Address("10.1.0.100")].state == "released"


def test_only_what_is_asked_for_is_told():
    networks = (IPv4Network("10.1.0.102/32"), IPv4Network("10.2.0.0/16"))
    assert list(map(str, read(REAL, networks))) == ["10.1.0.102"]
    assert read(REAL, ()) == {}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (rb'"h\303\251ll\157"', "h\u00e9llo"),
        (rb'"a \"b\" \\ c"', 'a "b" \\ c'),
        (rb'"} lease { ;"', "} lease { ;"),
        (rb'"a\tb\9"', "a\tb9"),
        (rb'"\377\777"', "\ufffd\ufffd"),
        (b'"\xff"', "\ufffd"),
        (b"bare", "bare"),
        (b'""', ""),
        (b'"' + b"x" * 9_000 + b'"', "x" * 255),
    ],
)
def test_texts_are_decoded(written, shown):
    assert only(b"client-hostname " + written + b";").hostname == shown
    assert only(b"set vendor-class-identifier = " + written + b";").vendor_class == shown


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (b"4 2026/11/26 10:11:12", AT),
        (b"epoch 1795687872", AT),
        (b"epoch 999999999999", None),
        (b"epoch 9999999999999", None),
        (b"epoch", None),
        (b"never", None),
        (b"4 2026/13/26 10:11:12", None),
        (b"4 2026/11/26", None),
        (b"4 1960/01/01 00:00:00", None),
        (b"", None),
    ],
)
def test_times_are_read(written, seconds):
    lease = only(b"  ends %s; # a comment; }\n  cltt %s;" % (written, written))
    assert (lease.ends, lease.heard) == (seconds, seconds)
    assert lease.never_ends == (written == b"never")


def test_what_is_not_known_is_passed_over():
    lease = only(
        b"  binding state strange;\n  binding state;\n  hardware ethernet zz;\n  hardware;\n"
        b'  client-hostname;\n  set ddns-text = "x";\n  set vendor-class-identifier;\n'
        b"  option agent.circuit-id 1:2;\n  reserved;\n  ;\n  " + b"a " * 99 + b";"
    )
    assert lease == DhcpLease(address=IPv4Address("10.1.0.1"))


def test_the_old_word_for_abandoned_is_known():
    assert only(b"  abandoned;").state == "abandoned"


def test_an_entry_may_stand_on_one_line():
    (lease,) = read(b"lease 10.1.0.1 { binding state free; } lease x { binding state free; }\n")
    assert str(lease) == "10.1.0.1"


def test_no_address_is_no_entry():
    assert read(b"lease 10.1.0.256 {\n}\nlease 10.1 {\n}\nlease {\n}\n}\n}\n") == {}


@pytest.mark.parametrize("cut", range(0, len(ENTRY) - 2, 7))
def test_an_entry_that_was_cut_short_is_none_and_the_next_one_is_read(cut):
    known = b"lease 10.1.0.100 {\n  binding state free;\n}\n"
    torn = known + ENTRY[:cut]
    assert read(torn)[IPv4Address("10.1.0.100")].state == "free"
    found = read(torn + b"\nlease 10.1.0.9 {\n  binding state active;\n}\n")
    assert found[IPv4Address("10.1.0.100")].state == "free"
    assert found[IPv4Address("10.1.0.9")].state == "active"


def test_a_line_that_is_too_long_is_left_out_however_it_comes():
    long = b"x" * (MOST_LINE_BYTES + 1)
    assert list(lines_in([b"a\n" + long + b"\nb\n"])) == [b"a", b"b"]
    assert list(lines_in([b"a\n", long, b"y", b"\nb\n"])) == [b"a", b"b"]
    assert list(lines_in([b"a\nb", b"c", b"\nunfinished"])) == [b"a", b"bc"]


@given(st.binary(), st.integers(1, 9))
def test_any_bytes_are_read_and_pieces_make_no_difference(text, length):
    pieces = [text[i : i + length] for i in range(0, len(text), length)]
    assert leases_in(pieces, EVERYTHING) == read(text)


@given(st.lists(st.sampled_from([*WORDS, *SEEDS, b"\n", b" "]) | st.binary(max_size=3)))
def test_any_order_of_words_gives_leases_that_can_be_told(words):
    run(b"".join(words))


@given(st.lists(st.binary(max_size=40)))
def test_what_is_broken_before_an_entry_does_not_hide_it(lines):
    before = b"\n".join(line for line in lines if b"\n" not in line)
    assert IPv4Address("10.1.0.100") in read(before + b"\n" + ENTRY)


@pytest.mark.parametrize("length", [900, 400_000])
@pytest.mark.parametrize(
    "word", [b'"', b"\\", b'"\\', b"{", b"}", b"a ", b"a;", b"# ", b"lease 10.0.0.1 {", b"\n"]
)
def test_twice_as_much_takes_twice_as_long_whatever_it_is(word, length):
    # what is read twice for each line or piece would take minutes
    line = word * (length // len(word)) + b"\n"
    text = line * (400_000 // len(line) or 1)
    began = time.process_time()
    leases_in((text[i : i + 512] for i in range(0, len(text), 512)), EVERYTHING)
    assert time.process_time() - began < 8


def test_every_entry_is_given_not_only_the_last():
    assert len(list(entries_in([ENTRY, ENTRY]))) == 2
