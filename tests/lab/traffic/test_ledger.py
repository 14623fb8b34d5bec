"""The judge of the ledger: an address that two clients were promised at once is found, no other."""

from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from evenrack.lab.traffic.ledger import (
    acknowledged_line,
    acknowledgements,
    forgotten_line,
    given_twice,
    released_line,
)
from evenrack.model.dhcp_packets import Kind, read_answer
from tests.lab.traffic.dhcp_server_side import ADDRESS, SERVER, answer_payload, server_frame

A, B, C = (bytes([2, 0, 0, 0, 0, last]) for last in (1, 2, 3))
LEASE = 600


def promised(mac, at, *, address=ADDRESS, server=SERVER, lease=LEASE):
    """What is written down of a frame that a server sent."""
    options = [] if lease is None else [(51, lease.to_bytes(4))]
    frame = server_frame(
        answer_payload(Kind.ACK, 1, mac, address=address, options=options, server=server)
    )
    return acknowledged_line(read_answer(frame), at)


def test_an_address_promised_to_two_clients_is_found_with_both():
    (found,) = given_twice([promised(A, 10.0), promised(B, 12.5, server=SERVER + 1)])
    assert str(found) == (
        "10.101.0.100 was acknowledged to 02:00:00:00:00:01 by 10.101.0.2, and "
        "2.50 s later to 02:00:00:00:00:02 by 10.101.0.3"
    )


def test_a_client_may_be_promised_its_address_again_by_any_server():
    assert given_twice([promised(A, 10.0), promised(A, 11.0, server=SERVER + 1)]) == []


def test_an_address_is_free_when_its_lease_has_run_out():
    assert given_twice([promised(A, 0.9), promised(B, LEASE)]) == []
    assert given_twice([promised(A, 0.9), promised(B, LEASE - 1.1)])
    assert given_twice([promised(A, 0.0), promised(A, 500.0), promised(B, LEASE + 1.0)])
    assert given_twice([promised(A, 0.0, lease=0xFFFFFFFF), promised(B, 1e9)])
    assert given_twice([promised(A, 0.0, lease=None), promised(B, 1e9)])


def test_an_address_is_free_when_its_client_gave_it_back():
    back = released_line(A, ADDRESS, 5.0)
    assert given_twice([promised(A, 0.0), back, promised(B, 6.0)]) == []
    assert given_twice([promised(A, 0.0), released_line(B, ADDRESS, 5.0), promised(B, 6.0)])
    assert given_twice([promised(A, 0.0), released_line(A, ADDRESS + 1, 5.0), promised(B, 6.0)])


def test_leases_of_a_network_whose_dhcp_was_off_do_not_count():
    off = forgotten_line(IPv4Network("10.101.0.0/24"), 5.0)
    assert given_twice([promised(A, 0.0), off, promised(B, 6.0)]) == []
    assert given_twice([promised(A, 0.0), promised(B, 4.0), off])
    elsewhere = forgotten_line(IPv4Network("10.102.0.0/24"), 5.0)
    assert given_twice([promised(A, 0.0), elsewhere, promised(B, 6.0)])


def test_what_several_programs_saw_is_put_in_order_and_counts_once():
    lines = [promised(B, 6.0), released_line(A, ADDRESS, 5.0), promised(A, 0.0), promised(A, 0.01)]
    assert given_twice(lines) == []
    both = given_twice([promised(A, 0.0), promised(B, 1.0), promised(A, 2.0), promised(B, 3.0)])
    assert len(both) == 1
    assert len(given_twice([promised(A, 0.0), promised(B, 1.0), promised(C, 2.0)])) == 3


def test_all_promises_are_listed_in_order():
    lines = [promised(B, 6.0), released_line(A, ADDRESS, 5.0), promised(A, 0.0)]
    assert [seen.mac[-1] for seen in acknowledgements(lines)] == ["1", "2"]


EVENTS = st.lists(
    st.tuples(st.sampled_from((A, B, C)), st.sampled_from((0, 1)), st.booleans(), st.integers(1, 9))
)


@given(EVENTS)
def test_a_server_that_gives_nothing_twice_is_never_blamed_and_one_that_does_always(events):
    lines, holds, wrong = [], {}, set()
    for at, (mac, host, promises, lease) in enumerate(events):
        address = ADDRESS + host
        if not promises:
            lines.append(released_line(mac, address, at))
            holds.pop((address, mac), None)
            continue
        wrong |= {
            (str(address), frozenset({mac.hex(":"), other.hex(":")}))
            for (held, other), ends in holds.items()
            if held == address and other != mac and ends > at
        }
        holds[address, mac] = at + lease - 1
        lines.append(promised(mac, at, address=address, lease=lease))
    found = given_twice(reversed(lines))
    assert {(it.second.address, frozenset({it.first.mac, it.second.mac})) for it in found} == wrong
