"""One whole rack daemon, without its process: plan, regions and leases over restarts."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred

from evenrack.config.rack_config import load_rack_config
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.host_port import parse_host_port
from evenrack.model.identifiers import BmcId, ProcessId, RackId
from evenrack.model.new_leases import LeaseNews
from evenrack.model.power import BmcReach, BmcTarget
from evenrack.model.rack_plan import RackPlan
from evenrack.rack.region_connections import Dialling
from evenrack.rack.service import RackService, Surroundings
from evenrack.rack.state_folder import StateFolder
from evenrack.wire.rack_commands import ApplyPlan, TakeTurn
from tests.no_dhcp import (
    NO_FILE,
    NoDhcpServer,
    no_bmc_answers,
    no_host_answers,
    no_interfaces,
    no_leases,
    no_listener,
    think_here,
)
from tests.rack.network import Network
from tests.trusted import RACK, NoTrust, enrol, now
from tests.wire.both_ends import Outcome, counted_bytes

A = "region1/1"
HERE = "127.0.0.1:5251"


class RackHost:
    def __init__(self, folder):
        self.network = Network()
        self.world = self.network.world
        self.desk = self.network.region(A, HERE)
        self.network.tell({A: [HERE]})
        self.folder = folder
        path = folder / "rackd.conf"
        path.write_text(
            f'regions: ["{HERE}"]\nrack_name: rack1\nstate_dir: {folder}/state\n'
            "dhcp: {runner: child}\n"
        )
        self.config = load_rack_config(path)
        self.state = enrol(folder / "state", RACK)
        self.token_bytes = counted_bytes()

    def daemon(self):
        return RackService(
            self.config,
            RACK,
            Surroundings(
                clock=self.world.clock,
                wall_clock=now,
                token_bytes=self.token_bytes,
                dialling=Dialling(
                    configured=self.config.regions,
                    endpoint_for=self.network.endpoint_for,
                    jitter=lambda: 1.0,
                ),
                state=self.state,
                interfaces=no_interfaces,
                dhcp_server=NoDhcpServer(),
                think=think_here,
                leases=no_leases,
                lease_files=(NO_FILE, NO_FILE),
                listener=no_listener,
                find_hosts=no_host_answers,
                driver=None,
                ask_bmc=no_bmc_answers,
                trust=NoTrust(),
            ),
        )

    def run(self, daemon):
        daemon.startService()
        self.world.advance(1.5)
        return daemon

    def send(self, plan):
        outcome = Outcome(self.desk.links[-1].callRemote(ApplyPlan, plan=plan))
        self.world.settle()
        return outcome


@pytest.fixture
def host(tmp_path):
    return RackHost(tmp_path)


def plan_of(daemon, generation=5):
    return RackPlan(rack=daemon.rack, number=FleetNumber(1, generation), managed_by=ProcessId(A))


def test_a_rack_keeps_its_plan_over_a_restart_and_says_so_in_its_hello(host):
    first = host.run(host.daemon())
    plan = plan_of(first)
    host.send(plan).value()
    first.stopService()
    host.world.advance(1.0)
    second = host.run(host.daemon())
    assert second.newest.plan == plan
    assert (host.desk.links[0].holds, host.desk.links[0].holds_fingerprint) == (
        plan.number,
        plan.fingerprint,
    )


def test_each_run_of_a_daemon_has_a_name_of_its_own(host):
    first = host.run(host.daemon())
    run = host.desk.links[0].run
    first.stopService()
    host.world.advance(1.0)
    host.run(host.daemon())
    assert host.desk.links[0].run != run


def test_a_confirmed_plan_is_on_the_disk_already(host):
    daemon = host.run(host.daemon())
    host.send(plan_of(daemon)).value()
    assert StateFolder(host.folder / "state").plan() == plan_of(daemon)


def test_a_plan_that_cannot_be_kept_is_not_confirmed(host, logged_failures):
    daemon = host.run(host.daemon())
    (host.folder / "state" / "plan.json").mkdir()  # nothing can take its place
    host.send(plan_of(daemon)).error()
    assert daemon.newest.plan is None
    logged_failures.take(OSError)


def test_m8_a_remembered_plan_of_another_rack_is_left_alone(host):
    daemon = host.daemon()
    other = evolve(plan_of(daemon), rack=RackId("another1"))
    StateFolder(host.folder / "state").keep_plan(other)
    assert host.daemon().newest.plan is None


def test_a_rack_without_a_plan_does_not_say_that_no_bmc_answers(host):
    daemon = host.run(host.daemon())
    host.world.advance(5.0)
    assert {what for what, *_ in host.desk.told} >= {"interfaces", "dhcp"}
    assert "reach" not in {what for what, *_ in host.desk.told}
    bmc = BmcTarget(bmc=BmcId(3), address=IPv4Address("10.9.0.3"))
    host.send(evolve(plan_of(daemon), bmcs=(bmc,))).value()
    host.world.advance(2.0)
    assert ("reach", RACK, BmcReach(unknown=(BmcId(3),))) in host.desk.told


def test_a_lease_ends_with_the_link_that_renewed_it(host):
    daemon = host.daemon()
    host.desk.manages.add(daemon.rack)
    host.run(daemon)
    assert daemon.lease.manager == A
    host.world.wires[-1].cut()
    host.network.behind.clear()
    host.world.advance(5.1)
    assert daemon.lease.manager is None


def test_a_turn_without_the_lease_of_who_gives_it_is_refused(host):
    """A daemon that was stopped for a while wakes up in another rack's turn (B8)."""
    daemon = host.run(host.daemon())
    assert "no lease" in refusal_of_turn(host)
    host.desk.manages.add(daemon.rack)
    host.world.advance(2.0)
    assert "waits for its turn" in refusal_of_turn(host), "now its server is asked"


def refusal_of_turn(host):
    turn = Outcome(host.desk.links[-1].callRemote(TakeTurn, plan="0" * 64))
    host.world.settle()
    return str(turn.error())


def test_new_leases_are_told_only_to_the_process_that_manages_the_rack(host):
    daemon = host.run(host.daemon())
    news = LeaseNews(elsewhere=3)
    assert tell(host, daemon, news) is False
    host.desk.manages.add(daemon.rack)
    host.world.advance(2.0)
    assert tell(host, daemon, news) is True
    assert [told for told in host.desk.told if told[0] == "leases"] == [("leases", RACK, news)]


def test_new_leases_that_got_lost_with_a_link_are_to_be_told_again(host):
    daemon = host.daemon()
    host.desk.manages.add(daemon.rack)
    host.run(daemon)
    telling = Outcome(Deferred.fromCoroutine(daemon._tell_leases(LeaseNews(elsewhere=3))))
    host.desk.links[-1].abort()
    host.world.settle()
    assert telling.value() is False


def tell(host, daemon, news):
    telling = Outcome(Deferred.fromCoroutine(daemon._tell_leases(news)))
    host.world.settle()
    return telling.value()


def test_p22_the_regions_are_remembered_over_a_restart(host):
    moved = "127.0.0.2:5251"
    host.network.tell({A: [HERE, moved]})
    first = host.run(host.daemon())
    first.stopService()
    host.network.behind[parse_host_port(moved)] = host.network.behind.pop(parse_host_port(HERE))
    host.run(host.daemon())
    assert len(host.desk.links) == 1
