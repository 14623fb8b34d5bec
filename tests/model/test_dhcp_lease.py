"""Leases on the wire: whole and in order, or refused."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from attrs import evolve
from hypothesis import given

from evenrack.model.dhcp_lease import (
    LATEST,
    MOST_DUID_BYTES,
    MOST_IAID,
    MOST_LEASE_NETWORKS,
    MOST_LEASES,
    DhcpLease,
    LeasePage,
    lease_page_from_json,
    leases_asked_from_json,
)
from evenrack.model.json_form import to_json
from tests.strategies_leases import lease_pages, lease_questions

LEASE = DhcpLease(address=IPv4Address("10.1.0.1"))
SIX = DhcpLease(address=IPv6Address("::1"))


def page(*leases, more=False):
    return to_json(LeasePage(leases=leases, more=more))


@given(lease_pages, lease_questions)
def test_questions_and_answers_are_read_as_they_were_written(page, asked):
    assert lease_page_from_json(to_json(page)) == page
    assert leases_asked_from_json(to_json(asked)) == asked


@pytest.mark.parametrize(
    "form",
    [
        None,
        [],
        page(more=True),
        page(LEASE, LEASE),
        page(LEASE, evolve(LEASE, address=IPv4Address("10.0.0.1"))),
        page(*(evolve(LEASE, address=IPv4Address(it)) for it in range(MOST_LEASES + 1))),
        page(evolve(LEASE, hostname="x" * 256)),
        page(evolve(LEASE, starts=-1)),
        page(evolve(LEASE, ends=LATEST + 1)),
        page(evolve(LEASE, state="strange")),
        page(SIX, LEASE),
        page(evolve(SIX, duid="00:" * MOST_DUID_BYTES + "00")),
        page(evolve(SIX, iaid=MOST_IAID + 1)),
        page(evolve(SIX, iaid=-1)),
    ],
)
def test_an_answer_that_a_rack_cannot_mean_is_refused(form):
    with pytest.raises(ValueError):  # noqa: PT011  any words
        lease_page_from_json(form)


def test_what_ipv4_leases_are_told_as_did_not_change_for_older_regions_and_racks():
    assert "duid" not in to_json(LEASE)
    assert "iaid" not in to_json(LEASE)


def test_a_question_about_too_many_networks_is_refused():
    form = {"networks": ["10.1.0.0/24"] * (MOST_LEASE_NETWORKS + 1), "after": None}
    with pytest.raises(ValueError, match="at most"):
        leases_asked_from_json(form)
