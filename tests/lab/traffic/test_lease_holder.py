"""The long-lived client alone, where the prober's tests do not reach."""

from evenrack.lab.traffic.lease_holder import LeaseHolder
from evenrack.model.dhcp_packets import Kind, read_answer
from tests.lab.traffic.dhcp_server_side import SERVER, answer_to, read_question

MAC = b"\x02lab\x01\x00"


def test_only_the_first_of_two_offers_is_taken():
    holder = LeaseHolder(MAC, lambda: 7)
    (frame,) = holder.tick(1.0)
    first = read_answer(answer_to(frame, Kind.OFFER))
    second = read_answer(answer_to(frame, Kind.OFFER, server=SERVER + 1))
    for offer in (first, second):
        assert holder.heard(offer, 1.1) is None
    (request,) = holder.tick(1.1)
    assert read_question(request).options[54] == SERVER.packed
    assert holder.tick(1.1) == []


def test_without_a_broadcast_that_waits_nothing_can_be_told_of_it():
    holder = LeaseHolder(MAC, lambda: 7)
    holder.told()
    assert holder.waiting is None


def test_an_unlimited_lease_never_ends():
    holder = LeaseHolder(MAC, lambda: 7)
    (frame,) = holder.tick(0.0)
    forever = read_answer(answer_to(frame, Kind.ACK, lease_seconds=0xFFFFFFFF))
    holder.heard(forever, 0.0)
    holder.tick(10.0)
    holder.give_up(10_000_000.0)
    assert holder.held == {forever.address: MAC}
