"""Leases from disk: beside the reactor, page by page, and no page too large for an answer."""

import json
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from time import process_time, thread_time

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.task import Clock

from evenrack.errors import LeasesUnreadable
from evenrack.model.dhcp_lease import MOST_LEASES, DhcpLease, LeasesAsked
from evenrack.model.json_form import to_json
from evenrack.rack.dhcp.lease_reader import KEPT_SECONDS, LeaseReader, page_of
from evenrack.runtime.thinking import think_beside
from tests.strategies_leases import lease_lists
from tests.wire.both_ends import Link

MANY = 20_000
ENTRY = """lease %s {
  starts 4 2026/11/26 10:11:12;
  ends 4 2026/11/26 10:21:12;
  cltt 4 2026/11/26 10:11:12;
  binding state active;
  hardware ethernet 52:54:00:12:34:56;
  client-hostname "node";
}
"""
ASKED = LeasesAsked(networks=(IPv4Network("10.0.0.0/8"),))


def write(folder, count):
    file = folder / "dhcpd.leases"
    first = int(IPv4Address("10.0.0.1"))
    file.write_text("".join(ENTRY % IPv4Address(first + it) for it in range(count)))
    return file


def reader_of(file, clock=None):
    return LeaseReader(
        file, file.with_name("dhcpd6.leases"), think_beside(reactor), clock or Clock()
    )


async def all_pages(reader, asked=ASKED):
    """Ask until there are no more."""
    pages = [await reader.page(asked)]
    while pages[-1].more:
        last = pages[-1].leases[-1].address
        pages.append(await reader.page(evolve(asked, after=last)))
    return pages


@pytest.mark.deadline(120)
async def test_the_reactors_thread_does_none_of_the_reading_of_very_many_leases(tmp_path):
    reader = reader_of(write(tmp_path, MANY))
    # by what each did, not by who waited: a busy machine lets a thread wait for the processor
    here, everywhere = thread_time(), process_time()
    page = await reader.page(ASKED)
    assert thread_time() - here < (process_time() - everywhere) / 4
    assert (len(page.leases), page.more) == (MOST_LEASES, True)


async def test_pages_together_are_the_file_as_it_was_when_the_first_was_asked_for(tmp_path):
    file = write(tmp_path, 2 * MOST_LEASES + 1)
    reader = reader_of(file)
    first = await reader.page(ASKED)
    file.unlink()
    second, third = await all_pages(reader, evolve(ASKED, after=first.leases[-1].address))
    assert [len(it.leases) for it in (first, second, third)] == [MOST_LEASES, MOST_LEASES, 1]
    addresses = [lease.address for page in (first, second, third) for lease in page.leases]
    assert addresses == sorted(set(addresses))
    assert (await reader.page(ASKED)).leases == (), "what was read is kept after its last page"


@pytest.mark.parametrize("end", ["time", "stop"])
async def test_a_reading_whose_next_page_nobody_asks_for_is_not_kept(tmp_path, end):
    clock, file = Clock(), write(tmp_path, MOST_LEASES + 1)
    reader = reader_of(file, clock)
    first = await reader.page(ASKED)
    file.unlink()
    if end == "time":
        clock.advance(KEPT_SECONDS)
    else:
        reader.stopService()
    assert clock.getDelayedCalls() == []
    assert (await reader.page(evolve(ASKED, after=first.leases[-1].address))).leases == ()


async def test_nothing_is_kept_for_anybody_after_the_end(tmp_path):
    clock = Clock()
    reader = reader_of(write(tmp_path, MOST_LEASES + 1), clock)
    reader.stopService()
    assert (await reader.page(ASKED)).more
    assert clock.getDelayedCalls() == []


async def test_another_question_is_answered_from_another_reading(tmp_path):
    reader = reader_of(write(tmp_path, MOST_LEASES + 1))
    await reader.page(ASKED)
    narrow = LeasesAsked(networks=(IPv4Network("10.0.0.8/30"),), after=IPv4Address("10.0.0.9"))
    found = await reader.page(narrow)
    assert [str(it.address) for it in found.leases] == ["10.0.0.10", "10.0.0.11"]


ENTRY6 = r"""ia-na "m\006\212\346\000\002\000\000\253\021\001\377" {
  cltt 4 2026/11/26 10:11:12;
  iaaddr %s {
    binding state active;
    ends 4 2026/11/26 10:21:12;
  }
}
"""
ASKED_6 = IPv6Network("fd00:1::/64")


async def test_leases_of_both_families_are_told_in_one_list_those_of_ipv6_last(tmp_path):
    file = write(tmp_path, 3)
    (tmp_path / "dhcpd6.leases").write_text(ENTRY6 % "fd00:1::2" + ENTRY6 % "fd00:1::1")
    both = LeasesAsked(networks=(*ASKED.networks, ASKED_6))
    found = [
        lease.address for page in await all_pages(reader_of(file), both) for lease in page.leases
    ]
    assert [str(it) for it in found] == [
        *("10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00:1::1", "fd00:1::2")
    ]
    for n, address in enumerate(found):
        page = await reader_of(file).page(evolve(both, after=address))
        assert [lease.address for lease in page.leases] == found[n + 1 :]
    only_six = await reader_of(tmp_path / "none").page(LeasesAsked(networks=(ASKED_6,)))
    assert len(only_six.leases) == 2
    assert len((await reader_of(file).page(ASKED)).leases) == 3


async def test_a_file_of_ipv6_that_cannot_be_read_is_told_only_where_it_is_asked_about(tmp_path):
    file = write(tmp_path, 1)
    (tmp_path / "dhcpd6.leases").mkdir()
    assert len((await reader_of(file).page(ASKED)).leases) == 1
    with pytest.raises(LeasesUnreadable, match="Is a directory"):
        await reader_of(file).page(LeasesAsked(networks=(ASKED_6,)))


async def test_a_server_that_was_never_started_knows_of_no_lease(tmp_path):
    assert (await reader_of(tmp_path / "dhcpd.leases").page(ASKED)).leases == ()


async def test_a_file_that_cannot_be_read_is_told_by_that_name(tmp_path):
    with pytest.raises(LeasesUnreadable, match="Is a directory"):
        await reader_of(tmp_path).page(ASKED)


@given(lease_lists, st.none() | st.integers(0, 41))
def test_a_page_has_what_comes_after_the_address(leases, number):
    after = None if number is None else IPv4Address(f"10.1.0.{number}")
    page = page_of(leases, evolve(ASKED, after=after))
    assert list(page.leases) == [it for it in leases if after is None or it.address > after]
    assert not page.more


def test_the_largest_leases_come_in_more_pages_each_of_which_arrives():
    worst = "\U0001f600" * 255
    leases = [
        DhcpLease(
            address=IPv4Address(it), hostname=worst, vendor_class=worst, starts=1, ends=1, heard=1
        )
        for it in range(4_000_000_000, 4_000_000_000 + MOST_LEASES)
    ]
    page = page_of(leases, ASKED)
    assert page.more
    assert 0 < len(page.leases) < MOST_LEASES
    assert len(json.dumps(to_json(page))) < 16 * 65_535
    link = Link().introduce()
    link.memory.page = page
    assert link.ask(link.region.read_leases(ASKED)).value() == page
    assert not link.wire.is_gone
