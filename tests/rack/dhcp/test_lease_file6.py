"""Leases of IPv6 out of what dhcpd -6 wrote: of each address the newest whole entry."""

from ipaddress import IPv6Address, IPv6Network

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_lease import LEASE_STATES, MOST_DUID_BYTES, DhcpLease
from evenrack.rack.dhcp.lease_file6 import leases6_in

NETWORKS = (IPv6Network("fd00:1::/64"),)
AT = 1_795_979_876
"""Sun Nov 29 19:17:56 2026."""

WRITTEN = rb"""# The format of this file is documented in the dhcpd.leases(5) manual page.
# This lease file was written by isc-dhcp-4.4.3-P1

# authoring-byte-order entry is generated, DO NOT DELETE
authoring-byte-order little-endian;

server-duid "\000\001\000\0012\2376\342\246\374\034\016\346f";

ia-na "m\006\212\346\000\003\000\001\002\000\000\000\000\001" {
  cltt 0 2026/11/29 19:17:56;
  iaaddr fd00:1::17a {
    binding state active;
    preferred-life 375;
    max-life 600;
    ends 0 2026/11/29 19:27:56;
  }
}

ia-na "m\006\212\346\000\002\000\000\253\"\\}\012;{" {
  cltt 0 2026/11/29 19:17:57;
  iaaddr fd00:1::145 {
    binding state active;
    preferred-life 375;
    max-life 600;
    ends 0 2026/11/29 19:27:57;
  }
}

"""
"""By dhcpd 4.4.3-P1, for two clients of dhclient -6."""
BY_CARD = DhcpLease(
    address=IPv6Address("fd00:1::17a"),
    state="active",
    mac="02:00:00:00:00:01",
    duid="00:03:00:01:02:00:00:00:00:01",
    iaid=0xE68A066D,
    heard=AT,
    ends=AT + 600,
)
BY_NAME = DhcpLease(
    address=IPv6Address("fd00:1::145"),
    state="active",
    duid="00:02:00:00:ab:22:5c:7d:0a:3b:7b",
    iaid=0xE68A066D,
    heard=AT + 1,
    ends=AT + 601,
)


def found(*texts):
    return list(leases6_in(texts, NETWORKS).values())


def entry(**words):
    """One of one address, with these words instead of the usual ones."""
    usual = {
        "kind": "ia-na",
        "who": r'"m\006\212\346\000\002\000\000\253\021"',
        "cltt": "epoch 1795979876; # Sun Nov 29 19:17:56 2026\n",
        "address": "fd00:1::7",
        "state": "active",
        "ends": "never",
    } | words
    return (
        (
            "{kind} {who} {{\n  cltt {cltt};\n  iaaddr {address} {{\n    binding state {state};\n"
            "    ends {ends};\n  }}\n}}\n"
        )
        .format(**usual)
        .encode()
    )


def test_what_dhcpd_wrote_is_read():
    assert found(WRITTEN) == [BY_CARD, BY_NAME]
    big = WRITTEN.replace(b"little-endian", b"big-endian")
    assert {lease.iaid for lease in found(big)} == {0x6D068AE6}


def test_of_several_entries_of_an_address_the_last_counts():
    released = WRITTEN.replace(b"state active", b"state released")
    assert [lease.state for lease in found(WRITTEN, released)] == ["released", "released"]
    assert found(released, WRITTEN) == [BY_CARD, BY_NAME]


def test_one_client_may_have_several_addresses_and_each_has_its_own_state():
    both = WRITTEN.replace(
        b"  }\n}\n",
        b"  }\n  iaaddr fd00:1::99 {\n    binding state expired;\n  }\n}\n",
        1,
    )
    leases = leases6_in([both], NETWORKS)
    second = leases[IPv6Address("fd00:1::99")]
    assert (second.state, second.duid, second.ends) == ("expired", BY_CARD.duid, None)
    assert leases[BY_CARD.address] == BY_CARD


def test_what_is_cut_short_is_no_entry_and_spoils_no_other():
    for end in range(len(WRITTEN)):
        whole = [it for it in (BY_CARD, BY_NAME) if it in found(WRITTEN[:end])]
        assert found(WRITTEN[:end]) == whole
        assert set(found(WRITTEN[:end] + b"\n" + WRITTEN)) >= {BY_CARD, BY_NAME}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({}, {"state": "active", "never_ends": True, "ends": None, "heard": AT}),
        ({"kind": "ia-ta"}, {"state": "active"}),
        ({"state": "abandoned"}, {"state": "abandoned"}),
        ({"state": "strange"}, {"state": "unknown"}),
        ({"ends": "0 2026/02/30 25:61:61"}, {"ends": None, "never_ends": False}),
        ({"cltt": "never"}, {"heard": None}),
        ({"who": r'"m\006"'}, {"duid": None, "iaid": None}),
        ({"who": r'"m\006\212\346"'}, {"duid": None, "iaid": 0xE68A066D}),
        ({"who": '"%s"' % ("x" * (4 + MOST_DUID_BYTES))}, {"duid": "78:" * 129 + "78"}),
        ({"who": '"%s"' % ("x" * (5 + MOST_DUID_BYTES))}, {"duid": None}),
        ({"who": '"%s"' % (r"\377" * (4 + MOST_DUID_BYTES))}, {"duid": "ff:" * 129 + "ff"}),
        # an Ethernet card's DUID that is too short has no card
        ({"who": r'"aaaa\000\003\000\001\002\000"'}, {"mac": None}),
        (
            {"who": r'"aaaa\000\001\000\001\002\003\004\005RT\000\0224V"'},
            {"mac": "52:54:00:12:34:56"},
        ),
    ],
)
def test_each_word_is_read_or_left_out(words, told):
    (lease,) = found(entry(**words))
    assert {name: getattr(lease, name) for name in told} == told


@pytest.mark.parametrize(
    "words",
    [
        {"kind": "ia-pd"},
        {"kind": "lease"},
        {"address": "fd00:2::7"},
        {"address": "10.1.0.7"},
        {"address": "fd00:1::7%eth1"},
        {"address": "x"},
    ],
)
def test_what_is_no_lease_of_these_networks_is_left_out(words):
    assert found(entry(**words)) == []
    assert found(entry(**words) + WRITTEN) == [BY_CARD, BY_NAME]


def quoted(data):
    """Write bytes as dhcpd does: what cannot be printed as three octal digits."""
    plain = {ord('"'): b'\\"', ord("\\"): b"\\\\"}
    return b"".join(
        plain.get(it, bytes([it]) if 0x20 <= it < 0x7F else b"\\%03o" % it) for it in data
    )


@given(
    st.lists(
        st.tuples(
            st.binary(min_size=5, max_size=4 + MOST_DUID_BYTES),
            st.integers(1, 9),
            st.sampled_from(sorted(LEASE_STATES - {"unknown"})),
        ),
        max_size=6,
    ),
    st.integers(1, 40),
)
def test_whatever_bytes_a_client_calls_itself_it_is_read_as_it_was_written(clients, size):
    text = b"".join(
        b'ia-na "%s" {\n  cltt epoch 7;\n  iaaddr fd00:1::%d {\n    binding state %s;\n  }\n}\n'
        % (quoted(who), number, state.encode())
        for who, number, state in clients
    )
    wanted = {
        IPv6Address(f"fd00:1::{number}"): (
            who[4:].hex(":"),
            int.from_bytes(who[:4], "little"),
            state,
        )
        for who, number, state in clients
    }
    leases = leases6_in([text], NETWORKS)
    assert {at: (it.duid, it.iaid, it.state) for at, it in leases.items()} == wanted
    assert leases6_in([text[n : n + size] for n in range(0, len(text), size)], NETWORKS) == leases


@given(st.binary(max_size=200), st.integers(0, len(WRITTEN)))
def test_whatever_stands_before_a_whole_entry_it_is_read(damage, cut):
    leases = leases6_in([WRITTEN[:cut], damage, b"\n", WRITTEN], NETWORKS)
    assert {BY_CARD, BY_NAME} <= set(leases.values())
    assert all(evolve(it) == it for it in leases.values())
