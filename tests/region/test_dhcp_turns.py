"""Who serves a VLAN, from the inventory to the racks' servers: whole region processes and racks.

Everything is real but the DHCP server and the interfaces of each rack.
"""

import contextlib
import secrets
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network

import psycopg2
import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.task import Clock

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.config.rack_config import RackConfig
from evenrack.config.region_config import DhcpBalance
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.fleet_number import BEFORE_ALL
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import new_rack_id
from evenrack.model.interface_list import Interface
from evenrack.rack.addresses_in_turn import AddressesInTurn
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.rack.dhcp.lease_reader import LeaseReader
from evenrack.rack.listen.words import Told
from evenrack.rack.region_connections import Dialling
from evenrack.rack.service import RackService, Surroundings
from evenrack.rack.teller import REPEAT_SECONDS
from evenrack.region.database.balance_store import Wish, delete_drain, write_drain
from evenrack.region.database.inventory_store import change, create, remove
from evenrack.region.troubles.vlan_troubles import of_vlan
from evenrack.region.views.dhcp_status import dhcp_status_of
from evenrack.runtime.thinking import think_beside
from evenrack.runtime.wall_clock import utc_now
from tests.no_dhcp import no_bmc_answers, no_listener
from tests.rack.small_dhcp_server import SmallDhcpServer, refusing
from tests.region.processes import CALM_RACK, eventually, fleet_on, goes_on, trust_of
from tests.trusted import enrol

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

PATIENCE = 60.0
RESTART_SECONDS = 0.05


def without_numbers(plan):
    """What of a plan is in the configuration file."""
    return tuple(evolve(service, number=BEFORE_ALL) for service in plan)


class DhcpFleet:
    """A fleet whose racks serve VLANs; their servers outlive their rack daemons."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.servers = {}
        self.heard_by = {}
        """By which each rack's listener tells what it hears."""
        self.hosts_off = set()
        """Racks whose hosts answer nobody."""

    def start_region(self, host, **dhcp):
        config = self.fleet.region_config(host)
        balance = evolve(config.balance, dhcp=DhcpBalance(**dhcp))
        self.fleet._hosts[host] = evolve(config, balance=balance)
        self.fleet.start_region(host)

    def start_rack(self, number, *vlans):
        """Start a rack that has an address on each of these VLANs."""
        name = f"rack{number}"
        fresh = SmallDhcpServer(
            clock=reactor,
            seconds=RESTART_SECONDS,
            is_met=self._has_complement,
            text_of=without_numbers,
        )
        server = self.servers.setdefault(name, fresh)
        ports = [region.port for region in self.fleet.regions.values()]
        config = RackConfig(
            regions=tuple(HostPort(host="127.0.0.1", port=port) for port in ports),
            rack_name=name,
            state_dir=self.fleet.folder / name,
            liveness=CALM_RACK,
        )

        async def interfaces():
            return tuple(
                Interface(name=f"eth{vlan}", address=IPv4Interface(f"10.{vlan}.0.{number}/24"))
                for vlan in vlans
            )

        state = enrol(config.state_dir, new_rack_id(secrets.token_bytes))

        async def listen(tell, ended):
            self.heard_by[name] = tell
            return await no_listener(tell, ended)

        around = _surroundings(config, state, interfaces, server, listen, self._find_hosts)
        rack = RackService(config, state.rack_id(), around)
        rack.startService()
        self.fleet.racks[name] = rack
        return server

    async def _find_hosts(self, addresses):
        return tuple(map(self._found_of, addresses))

    def _found_of(self, address):
        name = f"rack{address.packed[-1]}"
        found = "connected" if self.servers[name].running() else "refused"
        return ProbeAnswer(address=address, found="silent" if name in self.hosts_off else found)

    def _has_complement(self, service):
        """Whether the peer of this side runs the other side."""
        peer = self.servers.get(f"rack{service.peer.address.packed[-1]}")
        return any(
            it.vlan.id == service.vlan.id
            and it.peer is not None
            and it.peer.address == service.address
            and {it.role, service.role} == {"primary", "secondary"}
            for it in (peer and peer.runs) or ()
        )

    def inventory(self, work):
        with self.fleet._engine.begin() as connection:
            return work(connection)

    def create_vlan(self, number):
        """A VLAN with DHCP on, and one range."""

        def work(connection):
            create(connection, "vlan", {"name": f"vlan{number}", "dhcp_on": True})
            cidr = IPv4Network(f"10.{number}.0.0/24")
            create(connection, "subnet", {"cidr": cidr}, inside=f"vlan{number}")
            first = IPv4Address(f"10.{number}.0.100")
            create(connection, "range", {"first": first, "last": first + 99})

        self.inventory(work)

    def change_vlan(self, number, **fields):
        self.inventory(lambda c: change(c, "vlan", f"vlan{number}", fields))

    def drain(self, name):
        """Drain a rack."""
        hostnames = {rack.hostname: rack.id for rack in self.fleet.read().racks.values()}
        wish = Wish(message="", who="anna")
        self.inventory(lambda c: write_drain(c, "rack", hostnames[name], wish))

    def resume(self, name):
        """End the drain of a rack."""
        hostnames = {rack.hostname: rack.id for rack in self.fleet.read().racks.values()}
        self.inventory(lambda c: delete_drain(c, "rack", hostnames[name]))

    def roles(self, vlan):
        """Which rack serves a VLAN as what, as the servers really run."""
        return {
            service.role: name
            for name, server in self.servers.items()
            for service in server.runs or ()
            if service.vlan.name == f"vlan{vlan}"
        }

    def is_at_rest(self):
        """Every server runs its newest plan, its rack said so, and no VLAN has a problem."""
        read = self.fleet.read()
        hostnames = {rack.hostname: rack.id for rack in read.racks.values()}
        return all(not of_vlan(read, vlan) for vlan in read.vlans.values()) and all(
            without_numbers(server.runs or ())
            == without_numbers(dhcp_plan_for(read, hostnames[name]))
            and read.dhcp_report(hostnames[name]).applied
            == dhcp_fingerprint(dhcp_plan_for(read, hostnames[name]))
            for name, server in self.servers.items()
        )

    def is_served_by_pairs(self):
        runs = [it for server in self.servers.values() for it in server.runs or ()]
        running = [it for it in runs if not it.is_shared]
        if not running or not all(it.peer and self._has_complement(it) for it in running):
            return False  # and the fleet need not be read whole
        pairs = self.fleet.read().services.values()
        return bool(pairs) and all(len(it.racks) == 2 for it in pairs) and self.is_at_rest()

    def waiting(self):
        """The racks that wait for their turn, as the regions were told."""
        reports = self.fleet.read().dhcp_reports
        return [rack for rack, report in reports.items() if report.waiting or not report.running]

    def turns(self):
        """The turns that are granted."""
        return [turn for turn in self.fleet.read().turns.values() if turn]

    def starts(self):
        return {name: len(server.started) for name, server in self.servers.items()}


def _surroundings(config, state, interfaces, server, listener, find_hosts):
    trust = trust_of(state)
    lease_files = tuple(DhcpdFiles(it).leases for it in (state.dhcp_folder, state.dhcp6_folder))

    def endpoint_for(addresses):
        plain = [HostnameEndpoint(reactor, each.host, each.port) for each in addresses]
        return AddressesInTurn([wrapClientTLS(trust.tls, each) for each in plain])

    return Surroundings(
        clock=reactor,
        wall_clock=utc_now,
        token_bytes=secrets.token_bytes,
        dialling=Dialling(configured=config.regions, endpoint_for=endpoint_for, jitter=lambda: 0.5),
        state=state,
        interfaces=interfaces,
        dhcp_server=server,
        think=think_beside(reactor),
        leases=LeaseReader(*lease_files, think_beside(reactor), Clock()).page,
        lease_files=lease_files,
        listener=listener,
        find_hosts=find_hosts,
        driver=None,
        ask_bmc=no_bmc_answers,
        trust=trust,
    )


@asynccontextmanager
async def dhcp_fleet_on(dsn, *hosts, hold_down=30.0, auto_partner_down=None):
    async with fleet_on(dsn) as fleet:
        dhcp = DhcpFleet(fleet)
        for host in hosts:
            dhcp.start_region(host, hold_down=hold_down, auto_partner_down=auto_partner_down)
        yield dhcp


def overlap(one, other):
    """Tell whether two restarts (began, ended) were at the same time."""
    return one[0] < other[1] and other[0] < one[1]


async def test_a_vlan_gets_a_pair_that_begins_together_after_its_primary_was_alone(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", "region2") as dhcp:
        one, two = dhcp.start_rack(1, 1), dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        roles = dhcp.roles(1)
        assert set(roles) == {"primary", "secondary"}
        assert one.runs[0].number == two.runs[0].number
        primary, secondary = (dhcp.servers[roles[role]] for role in ("primary", "secondary"))
        assert [plan[0].role for plan, _ in primary.started] == ["alone", "primary"]
        assert [plan[0].role for plan, _ in secondary.started] == ["secondary"]
        assert [names for _, names in primary.started] == [("eth1",), ("eth1",)]
        turns = [event["text"] for event in dhcp.fleet.events("dhcp") if "turn" in event["text"]]
        assert len(turns) == 3
        assert sum("together with 1 other" in text for text in turns) == 2


async def test_racks_that_share_a_pair_take_a_change_one_after_the_other(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", "region2") as dhcp:
        one, two = dhcp.start_rack(1, 1), dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        before, roles = dhcp.starts(), dhcp.roles(1)
        dhcp.change_vlan(1, lease_seconds=1200)
        await eventually(lambda: one.runs[0].vlan.settings.lease_seconds == 1200, PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert dhcp.starts() == {name: count + 1 for name, count in before.items()}
        assert not overlap(one.restarts[-1], two.restarts[-1])
        assert dhcp.roles(1) == roles
        assert one.runs[0].number == two.runs[0].number


async def test_six_vlans_of_three_racks_come_to_pairs_and_all_take_a_change(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", "region2") as dhcp:
        numbers = range(1, 7)
        for rack in (1, 2, 3):
            dhcp.start_rack(rack, *numbers)
        known = "SELECT rack_id FROM rack_interface"
        await eventually(lambda: len(dhcp.fleet.rows(known)) == 3 * len(numbers), PATIENCE)
        for number in numbers:  # who comes first to a VLAN stays its primary
            dhcp.create_vlan(number)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        primaries = [dhcp.roles(number)["primary"] for number in numbers]
        assert {name: primaries.count(name) for name in primaries} == dict.fromkeys(primaries, 2)
        settled = dhcp.starts()
        for number in numbers:
            dhcp.change_vlan(number, lease_seconds=1200)
        await eventually(
            lambda: all(
                service.vlan.settings.lease_seconds == 1200
                for server in dhcp.servers.values()
                for service in server.runs
            ),
            PATIENCE,
        )
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        restarts = [
            restart
            for name, server in dhcp.servers.items()
            for restart in server.restarts[settled[name] :]
        ]
        assert len(restarts) >= 3
        assert not any(
            overlap(one, other)
            for place, one in enumerate(restarts)
            for other in restarts[place + 1 :]
        )


async def test_m12_a_lost_rack_moves_the_designation_only_and_the_files_follow_on_its_return(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=0.5) as dhcp:
        dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        starts, roles = dhcp.starts(), dhcp.roles(1)
        await dhcp.fleet.stop_rack(roles["primary"])

        def designated():
            (vlan,) = dhcp_status_of(dhcp.fleet.read(), utc_now())
            return vlan["primary_rack"], vlan["secondary_rack"], vlan["pending"]

        swapped = (roles["secondary"], roles["primary"])
        await eventually(lambda: designated() == (*swapped, True), PATIENCE)
        await goes_on(lambda: dhcp.starts() == starts, 1.0)
        dhcp.start_rack(int(roles["primary"][-1]), 1)
        await eventually(lambda: designated() == (*swapped, False), PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert dhcp.roles(1) == {"primary": roles["secondary"], "secondary": roles["primary"]}
        assert dhcp.starts() == {rack: count + 1 for rack, count in starts.items()}
        old, new = (dhcp.servers[roles[role]] for role in ("primary", "secondary"))
        assert old.restarts[-1][1] <= new.restarts[-1][0], "the old primary restarts first"


async def test_a_rack_that_drains_is_replaced_in_the_files_too_and_serves_nothing(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        for number in (1, 2, 3):
            dhcp.start_rack(number, 1, 2, 3)
        for vlan in (1, 2, 3):
            dhcp.create_vlan(vlan)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        drained = dhcp.roles(1)["primary"]
        dhcp.drain(drained)

        others = {"rack1", "rack2", "rack3"} - {drained}

        def is_drained():
            return all(set(dhcp.roles(vlan).values()) == others for vlan in (1, 2, 3))

        await eventually(is_drained, PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert not dhcp.servers[drained].running()


async def test_m12_a_role_that_the_peer_does_not_follow_is_taken_back_and_not_tried_on_and_on(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        roles, starts = dhcp.roles(1), dhcp.starts()
        dhcp.servers[roles["secondary"]].starts = False
        dhcp.drain(roles["primary"])
        old = dhcp.servers[roles["primary"]]
        await eventually(lambda: dhcp.roles(1).get("primary") is None, PATIENCE)
        await eventually(lambda: dhcp.roles(1) == roles, PATIENCE)
        await eventually(dhcp.is_at_rest, PATIENCE)
        await goes_on(lambda: len(old.started) == starts[roles["primary"]] + 2, 3.0)


async def test_a_server_that_dies_is_started_again_and_all_are_told(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        server = dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        server.starts = False
        server.kill()

        def states():
            (vlan,) = dhcp_status_of(dhcp.fleet.read(), utc_now())
            return {side["rack"]: side["state"] for side in vlan["sides"]}

        await eventually(lambda: states()["rack1"] == "down", PATIENCE)
        server.starts = True
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert states() == {"rack1": "normal", "rack2": "normal"}


async def test_a_vlan_that_is_bad_on_its_racks_is_told_and_the_others_take_their_changes(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        servers = [dhcp.start_rack(1, 1, 2), dhcp.start_rack(2, 1, 2)]
        for number in (1, 2):
            dhcp.create_vlan(number)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        bad = next(iter(dhcp.fleet.read().vlans))
        for server in servers:
            server.mistakes_in = lambda plan: refusing(bad)(
                [it for it in plan if it.vlan.settings.lease_seconds == 1200]
            )

        def change_both(connection):
            for number in (1, 2):
                change(connection, "vlan", f"vlan{number}", {"lease_seconds": 1200})

        dhcp.inventory(change_both)

        def served():
            leases = [[it.vlan.settings.lease_seconds for it in s.runs] for s in servers]
            return leases == [[600, 1200], [600, 1200]]

        def errors():
            one, two = dhcp_status_of(dhcp.fleet.read(), utc_now())
            return [{side["error"] for side in vlan["sides"]} for vlan in (one, two)]

        await eventually(served, PATIENCE)
        await eventually(lambda: errors() == [{f"VLAN {bad} is bad"}, {None}], PATIENCE)


async def test_a_vlan_that_is_deleted_is_served_by_nobody_and_its_servers_stop(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        dhcp.inventory(lambda c: remove(c, "vlan", "vlan1"))
        await eventually(
            lambda: not any(server.running() for server in dhcp.servers.values()), PATIENCE
        )
        await eventually(dhcp.is_at_rest, PATIENCE)


async def test_a_turn_that_a_rack_refuses_is_told_in_the_log_and_given_again(database_dsn, log):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        server = dhcp.start_rack(1, 1)
        server.starts = False
        dhcp.create_vlan(1)
        await eventually(lambda: log.about("did not take its turn", level="warn"), PATIENCE)
        assert any("ended as soon as it was started" in line for line in log.about("its turn"))
        server.starts = True
        await eventually(lambda: dhcp.roles(1) == {"alone": "rack1"}, PATIENCE)


async def test_a_rack_that_takes_long_over_its_restart_is_told_of_its_turn_once(database_dsn, log):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        server = dhcp.start_rack(1, 1)
        server.seconds = 1.5  # the regions look again after one
        dhcp.create_vlan(1)
        await eventually(lambda: dhcp.roles(1) == {"alone": "rack1"}, PATIENCE)
        server.seconds = 0.0
        await eventually(lambda: dhcp.fleet.read().services and not dhcp.waiting(), PATIENCE)
        assert len(server.started) == 1
        assert log.about("did not take its turn") == []


async def test_a_rack_whose_links_end_during_its_restart_serves_when_it_is_back(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        server = dhcp.start_rack(1, 1)
        server.seconds = 1.0
        began = len(server.checked)
        dhcp.create_vlan(1)
        await eventually(lambda: len(server.checked) > began and dhcp.turns(), PATIENCE)
        await eventually(lambda: dhcp.fleet.racks["rack1"].converge._restarting, PATIENCE)
        for region in dhcp.fleet.regions.values():
            for link in list(region.service.connected.all_links()):
                link.cut("a test cuts it")
        await eventually(lambda: dhcp.roles(1) == {"alone": "rack1"}, PATIENCE)
        server.seconds = 0.0
        await eventually(lambda: dhcp.turns() and not dhcp.waiting(), PATIENCE)
        assert len(server.started) == 1


def write_leases(folder, address, count, state):
    """Let a server of these tests, which writes down nothing, have written so much."""
    entry = (
        f"lease {{}} {{{{\n  cltt 4 2026/11/26 10:11:12;\n  binding state {state};\n"
        "  hardware ethernet 52:54:00:12:34:56;\n}}\n"
    )
    file = DhcpdFiles(folder / "dhcp").leases
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as leases:
        leases.write("".join(entry.format(IPv4Address(address) + it) for it in range(count)))


async def test_that_addresses_run_short_is_a_problem_until_there_are_more(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        for number in (1, 2):
            dhcp.start_rack(number, 1)
            write_leases(dhcp.fleet.folder / f"rack{number}", "10.1.0.100", 92, "active")
        dhcp.create_vlan(1)

        def problems():
            found = dhcp.fleet.read().open_problems
            return {code for code, where in found if where == "vlan:vlan1"}

        await eventually(lambda: problems() == {"PoolLow"}, PATIENCE)
        (event,) = [it["text"] for it in dhcp.fleet.events("problem") if "PoolLow" in it["text"]]
        assert event == "PoolLow: vlan1: 8 of 100 addresses are free"
        first = IPv4Address("10.1.0.200")
        dhcp.inventory(lambda c: create(c, "range", {"first": first, "last": first + 49}))
        await eventually(lambda: problems() == set(), PATIENCE)


async def test_a_dhcp_server_that_is_no_rack_is_a_problem_and_another_rack_is_not(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        for number in (1, 2, 3):
            dhcp.start_rack(number, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        (third,) = dhcp.servers.keys() - dhcp.roles(1).values()
        name = dhcp.roles(1)["primary"]
        await eventually(lambda: name in dhcp.heard_by, PATIENCE)
        for address in (f"10.1.0.{third[-1]}", "10.1.0.66"):
            server = IPv4Address(address)
            dhcp.heard_by[name](Told(interface="eth1", server=server, mac="52:54:00:00:00:66"))

        def problems():
            found = dhcp.fleet.read().open_problems
            return {code for code, where in found if where == "vlan:vlan1"}

        await eventually(lambda: problems() == {"ForeignDhcpServer"}, PATIENCE)
        texts = [it["text"] for it in dhcp.fleet.events("problem")]
        affects = f"vlan1: 10.1.0.66 (52:54:00:00:00:66), heard by {name}"
        assert f"ForeignDhcpServer: {affects}" in texts
        (vlan,) = dhcp_status_of(dhcp.fleet.read(), utc_now())
        shown = {side["rack"]: [it["address"] for it in side["foreign"]] for side in vlan["sides"]}
        assert shown[name] == ["10.1.0.66"]
        dhcp.change_vlan(1, dhcp_on=False)
        await eventually(lambda: problems() == set(), PATIENCE)


async def test_new_leases_are_events_and_the_rest_of_a_storm_is_counted(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1)
        write_leases(dhcp.fleet.folder / "rack1", "10.1.0.100", 3, "active")
        dhcp.create_vlan(1)
        await eventually(lambda: sides_count(dhcp), PATIENCE)
        write_leases(dhcp.fleet.folder / "rack1", "10.1.0.103", 20, "active")
        await eventually(lambda: dhcp.fleet.events("lease"), PATIENCE)
        (event,) = dhcp.fleet.events("lease")
        first = "10.1.0.103 to 52:54:00:12:34:56; 10.1.0.104 to 52:54:00:12:34:56"
        assert event["text"].startswith(f"vlan1: rack1 gave 20 new leases: {first}; ")
        assert event["text"].endswith("; and 10 more")


async def test_new_leases_of_ipv6_are_events_that_name_the_client(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.create_vlan(1)
        network = {"cidr": IPv6Network("fd00:1::/64")}
        dhcp.inventory(lambda c: create(c, "subnet", network, inside="vlan1"))
        ends = {"first": IPv6Address("fd00:1::100"), "last": IPv6Address("fd00:1::1ff")}
        dhcp.inventory(lambda c: create(c, "range", ends))
        dhcp.start_rack(1, 1)
        write_leases(dhcp.fleet.folder / "rack1", "10.1.0.100", 3, "active")
        write_lease6(dhcp.fleet.folder / "rack1", "fd00:1::100")
        await eventually(lambda: sides_count(dhcp), PATIENCE)
        write_lease6(dhcp.fleet.folder / "rack1", "fd00:1::101")
        await eventually(lambda: dhcp.fleet.events("lease"), PATIENCE)
        (event,) = dhcp.fleet.events("lease")
        client = "fd00:1::101 to DUID 00:03:00:01:52:54:00:12:34:56 (IAID 1)"
        assert event["text"] == f"vlan1: rack1 gave a new lease: {client}"


def write_lease6(folder, address):
    """Let a server for IPv6 have written this lease."""
    file = DhcpdFiles(folder / "dhcp6").leases
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as leases:
        leases.write(
            'ia-na "\\001\\000\\000\\000\\000\\003\\000\\001RT\\000\\0224V" {\n'
            "  cltt 4 2026/11/26 10:11:12;\n"
            f"  iaaddr {address} {{\n    binding state active;\n  }}\n}}\n"
        )


def sides_count(dhcp):
    """Tell whether each server that is in a file says how many addresses are left."""
    (vlan,) = dhcp_status_of(dhcp.fleet.read(), utc_now())
    return vlan["sides"] and all(side["free"] is not None for side in vlan["sides"])


async def test_what_a_rack_says_to_a_process_that_has_not_joined_is_said_again_soon(
    database_dsn, log
):
    async with dhcp_fleet_on(database_dsn) as dhcp:
        with contextlib.closing(psycopg2.connect(database_dsn)) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE process IN SHARE ROW EXCLUSIVE MODE")  # nobody can join
            dhcp.start_region("region1")
            dhcp.start_rack(1, 1)
            await eventually(lambda: log.about("report not taken", "is not in the tables"))
        said = "SELECT FROM rack_interface"
        await eventually(lambda: dhcp.fleet.rows(said), REPEAT_SECONDS / 2)
