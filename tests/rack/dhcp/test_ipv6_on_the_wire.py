"""What real dhcpds tell a real dhclient of IPv6, and how they follow a plan."""

from ipaddress import IPv6Address, IPv6Network

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater

from evenrack.errors import DhcpConfigurationRefused, ProgramFailed
from evenrack.lab.network.keeper import start_keeper
from evenrack.lab.refusals import LabFailed
from evenrack.model.identifiers import SnippetId
from evenrack.model.network import VlanSettings
from evenrack.model.snippet import Snippet
from evenrack.rack.dhcp.address_tally6 import AddressTally6, spans6_of
from evenrack.rack.dhcp.both_families import BothFamilies
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.rack.dhcp.lease_file6 import lease6_in, leases6_in
from evenrack.rack.dhcp.omapi import Omapi
from evenrack.rack.dhcp.server import IscDhcpServer
from evenrack.rack.dhcp.server6 import RETRY_SECONDS
from evenrack.runtime.child_process import stop_program
from evenrack.runtime.thinking import think_beside
from evenrack.runtime.wall_clock import utc_now
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.rack.dhcp.golden_plans import OMAPI
from tests.rack.dhcp.golden_plans6 import TOLD, serving6, subnet6
from tests.rack.dhcp.one_link import CABLE, DHCLIENT, Client6, Kept, Rack6, connect, side_of

pytestmark = [pytest.mark.dhcpd, pytest.mark.deadline(180)]

BY_CARD = "00:03:00:01:52:54:00:12:34:56"
BY_DUID = "00:02:00:00:ab:11:01:ff"
MACHINES = ({"mac": "52:54:00:12:34:56"}, {"duid": BY_DUID})
LOWER_OF_FOUR = [IPv6Address(f"fd00:1::10{last}") for last in range(4, 8)]
LOWER = (IPv6Address("fd00:1::100"), IPv6Address("fd00:1::17f"))
NETWORK = IPv6Network("fd00:1::/64")
UPPER = (IPv6Address("fd00:1::180"), IPv6Address("fd00:1::1ff"))


def anyone(number):
    return f"00:03:00:01:02:00:00:00:00:{number:02x}"


def plan(half="whole", *spans, **more):
    spans = spans or (("100", "1ff"),)
    return (serving6(subnet6(1, *spans, machines=MACHINES, **more), half=half),)


@pytest.fixture(scope="module")
def keeper(tmp_path_factory):
    if DHCPD is None or DHCLIENT is None:
        pytest.skip("dhcpd or dhclient is missing: isc-dhcp-server, isc-dhcp-client")
    try:
        found = start_keeper(tmp_path_factory.mktemp("keeper"))
    except (LabFailed, ProgramFailed) as failed:
        pytest.skip(f"this machine gives no network namespaces: {failed}")
    try:
        connect(found)
        yield found
    finally:
        stop_program(found.program, seconds=0)


@pytest.fixture
def link(keeper, tmp_path):
    """Give both racks and the client; the dhcpds end with the test."""
    racks = [
        Rack6(keeper=keeper, number=n, folder=tmp_path / f"rack{n}", clock=Clock(), kept=Kept())
        for n in (1, 2)
    ]
    yield *racks, Client6(keeper=keeper, folder=tmp_path)
    for rack in racks:
        rack.kill()


async def until_client_can_ask(keeper):
    """Its own address of the link is not to be used in the first second."""
    while "tentative" in keeper.run(["ip", "-n", "client", "-6", "addr"]):
        await deferLater(reactor, 0.05)


async def test_m11_each_rack_gives_its_half_and_the_other_serves_when_one_is_killed(keeper, link):
    one, other, client = link
    await until_client_can_ask(keeper)
    await one.server().want(one.own(plan("lower", **TOLD)))
    await other.server().want(other.own(plan("upper", **TOLD)))
    first = await client.ask(anyone(1))
    assert first.address is not None
    one.kill()
    second = await client.ask(anyone(2))
    assert UPPER[0] <= second.address <= UPPER[1], "it did not need the other one"
    assert second.variables["new_dhcp6_name_servers"] == "fd00:1::53 2001:db8::53"
    assert second.variables["new_dhcp6_domain_search"] == "example.com. a.example."
    assert second.variables["new_dhcp6_sntp_servers"] == "fd00:1::123 fd00:1::124"
    reserved = [(await client.ask(who)).address for who in (BY_CARD, BY_DUID)]
    assert [str(it) for it in reserved] == ["fd00:1::20", "fd00:1::21"]
    other.kill()
    await one.server().want(one.own(plan("lower")))
    third = await client.ask(anyone(3))
    assert LOWER[0] <= third.address <= LOWER[1]
    reserved = [(await client.ask(who)).address for who in (BY_CARD, BY_DUID)]
    assert [str(it) for it in reserved] == ["fd00:1::20", "fd00:1::21"]


async def test_who_has_all_of_a_range_gives_the_upper_half_away_last(keeper, link):
    one, _, client = link
    await until_client_can_ask(keeper)
    await one.server().want(one.own(plan("whole", ("104", "107"))))
    given = [(await client.ask(anyone(number))).address for number in range(4)]
    assert [str(it)[-3:] for it in sorted(given[:2])] == ["104", "105"]
    assert [str(it)[-3:] for it in sorted(given[2:])] == ["106", "107"]


async def test_leases_are_read_as_the_real_server_wrote_them_also_when_it_starts_again(
    keeper, link
):
    one, _, client = link
    await until_client_can_ask(keeper)
    await one.server().want(one.own(plan()))
    odd = "00:02:00:00:ab:22:5c:7d:0a:3b:7b:00:7f:ff"
    began = int(utc_now().timestamp())
    given = {who: (await client.ask(who)).address for who in (anyone(1), odd, BY_DUID)}
    assert given.pop(BY_DUID) is not None

    def read():
        return leases6_in([DhcpdFiles(one.folder).leases.read_bytes()], [NETWORK])

    leases = read()
    assert {it.duid: it.address for it in leases.values()} == given, "reservations are no leases"
    by_card = leases[given[anyone(1)]]
    assert (by_card.state, by_card.mac) == ("active", "02:00:00:00:00:01")
    assert began <= by_card.heard <= by_card.ends - 600 <= utc_now().timestamp()
    one.kill()
    await one.server().want(one.own(plan()))
    assert read() == leases, "it wrote the file anew"


async def test_what_is_left_and_who_is_new_is_counted_by_what_the_real_server_writes(keeper, link):
    one, _, client = link
    await until_client_can_ask(keeper)
    wanted = one.own(plan("lower", ("104", "10b")))
    await one.server().want(wanted)
    leases, told = DhcpdFiles(one.folder).leases, []
    tally = AddressTally6(spans6_of(wanted), new=lambda *new: told.append(new))
    tally.end()
    read = 0

    def left():
        nonlocal read
        text = leases.read_bytes()
        tally.take(text[read:])
        read = len(text)
        (count,) = tally.counts().values()
        return count.free, count.total

    assert left() == (4, 4)
    given = {who: (await client.ask(who)).address for who in (anyone(1), anyone(2), BY_DUID)}
    given.pop(BY_DUID)
    assert left() == (2, 4), "reservations are none of the range"
    assert {lease6_in(entry, address).duid: address for _, address, entry in told} == given
    await client.release(anyone(1))
    while left() != (3, 4):  # it is sent, and no answer waited for
        await deferLater(reactor, 0.05)
    assert (await client.ask(anyone(3))).address in {*LOWER_OF_FOUR} - {given[anyone(2)]}
    assert left() == (2, 4)
    assert len(told) == 3
    one.kill()
    await one.server().want(wanted)
    anew = AddressTally6(spans6_of(wanted), before=tally, new=lambda *new: told.append(new))
    anew.take(leases.read_bytes())
    assert anew.counts() == tally.counts(), "it wrote the file anew"
    assert len(told) == 3


async def test_where_only_machines_with_a_reservation_are_served_others_get_nothing(keeper, link):
    one, _, client = link
    await until_client_can_ask(keeper)
    await one.server().want(one.own(plan("lower", allow_unknown=False)))
    assert str((await client.ask(BY_DUID)).address) == "fd00:1::21"
    assert (await client.ask(anyone(1), seconds=2)).address is None


async def test_a_daemon_that_comes_back_leaves_it_alone_and_one_that_died_is_started_again(link):
    one, *_ = link
    wanted = one.own(plan("lower"))
    await one.server().want(wanted)
    pid = one.pid()
    later = one.server()
    assert later.serves(wanted)
    await later.look(wanted, is_served=True)
    assert one.pid() == pid
    side = side_of(later, wanted[0])
    assert (side.half, side.running, side.applied, side.error) == (
        *("lower", True),
        *(wanted[0].number, ""),
    )
    one.kill()
    assert not side_of(later, wanted[0]).running
    await later.look(wanted, is_served=False)
    assert one.pid() is None, "it waits with the server for IPv4"
    one.clock.advance(RETRY_SECONDS)
    await later.look(wanted, is_served=True)
    assert one.pid() not in {None, pid}


async def test_what_is_served_restarts_only_for_another_text_and_ends_with_the_last_ipv6(link):
    one, *_ = link
    server = one.server()
    await server.want(one.own(plan("lower")))
    pid = one.pid()
    await server.want(one.own((evolve(plan("lower")[0], role="secondary"),)))
    assert one.pid() == pid, "an exchange of roles changes no half"
    await server.want(one.own(plan("upper")))
    assert one.pid() not in {None, pid}
    await server.want(())
    assert one.pid() is None


async def test_what_cannot_be_served_keeps_the_last_good_text_and_is_told(link):
    one, *_ = link
    good, bad = one.own(plan("lower")), plan("lower", search_domains=("x" * 2000,))
    await one.server().want(good)
    server = one.server()
    with pytest.raises(DhcpConfigurationRefused, match="a search domain of subnet 1 has 2,000"):
        await server.check(bad)
    unknown = Snippet(id=SnippetId(7), level="subnet", of=1, text="option dhcp6.nonsense 5;")
    wrong = evolve(good[0], vlan=evolve(good[0].vlan, snippets=(unknown,)))
    with pytest.raises(DhcpConfigurationRefused, match="unknown option dhcp6"):
        await server.check((wrong,))
    assert one.pid() is not None
    far = tuple(evolve(it, address=it.address + 50) for it in good)
    text = one.own(plan("upper"))
    elsewhere = one.server(address="10.1.0.99")
    await elsewhere.want(tuple(evolve(it, address=far[0].address) for it in text))
    assert one.pid() is None, "the lower half may be another rack's by now"
    side = side_of(elsewhere, text[0])
    assert not side.running
    assert "no interface is on its VLANs" in side.error


async def test_a_link_without_an_address_of_the_subnet_is_told_and_served_when_it_has_one(
    keeper, link
):
    _, other, _ = link
    server = other.server()
    wanted = other.own((serving6(subnet6(5, ("100", "1ff"))),))
    wanted = tuple(evolve(it, address=other.own(plan())[0].address) for it in wanted)
    await server.want(wanted)
    side = side_of(server, wanted[0])
    assert not side.running
    assert "Not configured to listen on any interfaces" in side.error
    add = f"-n rack2 addr add fd00:5::2/64 dev {CABLE} nodad"
    keeper.run(["ip", *add.split()])
    await server.look(wanted, is_served=True)
    assert other.pid() is None, "not tried again at once"
    other.clock.advance(RETRY_SECONDS)
    await server.look(wanted, is_served=True)
    assert side_of(server, wanted[0]).running
    keeper.run(["ip", *add.replace("add fd00", "del fd00").replace(" nodad", "").split()])


async def test_only_the_server_that_has_another_text_restarts_and_one_for_ipv6_holds_none_up(link):
    one, *_ = link
    four = DhcpdProgram(
        one.folder.with_name("four"), DHCPD, reactor, entrance=one.keeper.entrance_of("rack1")
    )
    six = one.server()
    ipv4 = IscDhcpServer(four, Omapi(OMAPI, reactor), OMAPI, think_beside(reactor))
    both = BothFamilies(ipv4, six)
    files = DhcpdFiles(one.folder.with_name("four"))

    def pids():
        running = files.running()
        return running and running.pid, one.pid()

    async def apply(it):
        await both.restart(it, [CABLE])
        await both.follow(it)

    wanted = one.own(plan("whole"))
    try:
        await both.check(wanted)
        await apply(wanted)
        before = pids()
        assert None not in before
        assert both.serves(wanted)
        other_half = tuple(evolve(it, half="lower") for it in wanted)
        assert not both.serves(other_half)
        await apply(other_half)
        after = pids()
        assert (after[0], after[1] == before[1]) == (before[0], False)
        longer = tuple(
            evolve(it, vlan=evolve(it.vlan, settings=VlanSettings(mtu=1400))) for it in other_half
        )
        await apply(longer)
        assert (pids()[0] == before[0], pids()[1]) == (False, after[1])
        elsewhere = (serving6(subnet6(8, ("100", "1ff")), half="lower"),)
        elsewhere = tuple(evolve(it, address=wanted[0].address) for it in elsewhere)
        await apply(elsewhere)
        assert pids()[0] is not None
        assert "Not configured to listen" in side_of(six, elsewhere[0]).error
        assert side_of(six, elsewhere[0]).running, "with what it served before"
        assert one.pid() is not None
        await both.stop()
        assert pids() == (None, None)
    finally:
        await four.stop()


async def test_what_may_be_another_racks_by_now_is_not_gone_back_to(link):
    one, *_ = link
    both = (*plan("lower"), serving6(subnet6(8, ("100", "1ff")), number=8, half="upper"))
    both = tuple(evolve(it, address=one.own(plan())[0].address) for it in both)
    server = one.server()
    await server.want(both)
    assert one.pid() is not None
    await server.want(both[1:])  # which no interface has an address for
    assert one.pid() is None, "the first VLAN is not given away any more"
    assert "Not configured to listen" in side_of(server, both[1]).error
    await server.want(both)
    assert one.pid() is not None
    await server.look((), is_served=False)
    assert one.pid() is None, "nothing is to be served"
