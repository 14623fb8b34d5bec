"""Mistakes that a rack daemon can be started with, to see the drill find them.

Each is a function that spoils the program before it begins. The product has no such switch.
"""

import sys

from attrs import evolve
from twisted.internet.defer import Deferred

from evenrack.rack import converge, region_connections, register
from evenrack.rack.converge import Converge
from evenrack.rack.dhcp import dhcpd6_conf, dhcpd_conf, failover
from evenrack.rack.dhcp.address_tally6 import AddressTally6
from evenrack.rack.dhcp.server import IscDhcpServer
from evenrack.rack.dhcp.server6 import IscDhcp6Server
from evenrack.rack.failover_states import KnownStates
from evenrack.rack.hosts_in_step import HostsInStep
from evenrack.rack.lease_watch import LeaseWatch
from evenrack.rack.power import desk, ipmitool, order_run
from evenrack.rack.power.drivers import Drivers
from evenrack.rack.power.ipmi_command import PASSWORD_DESCRIPTOR
from evenrack.rack.power.reach_watch import ReachWatch
from evenrack.rack.region_connections import RegionConnections
from evenrack.rack.state_folder import StateFolder
from evenrack.runtime.spawned import ENVIRONMENT
from evenrack.trust import tls
from evenrack.trust.tls import shown_certificates
from evenrack.wire.session import LinkEnd


def silent_links_are_kept():
    """Never end a link on which nothing is heard."""
    LinkEnd._watch_silence = lambda _link: None


def lost_links_are_not_reported():
    """Tell no region that the link to another one is gone."""
    RegionConnections._report_lost_links = lambda _connections: None


def regions_are_not_learnt():
    """Believe no region what others there are."""
    RegionConnections.learn_regions = lambda _connections, _teller, _told: None


def regions_are_forgotten():
    """Begin each run as if no region had ever been known."""
    StateFolder.regions = lambda _folder: {}


def first_endpoint_counts_only():
    """Dial the first of the configured endpoints and no other."""
    choose = region_connections.choose_targets
    region_connections.choose_targets = lambda configured, known, **how: choose(
        configured[:1], known, **how
    )


def server_stops_with_its_daemon():
    """End the DHCP server when the daemon is stopped in order."""
    stop = Converge.stopService

    async def stop_both(converge):
        await converge._server.stop()
        await stop(converge)

    Converge.stopService = lambda converge: Deferred.fromCoroutine(stop_both(converge))


def split_is_even():
    """Let each server of a pair answer half of the clients."""
    _write_in_stanzas("split", 128)


def clients_of_a_silent_peer_wait():
    """Answer clients of a silent peer only when they have waited for a minute."""
    _write_in_stanzas("load balance max seconds", 60)


def silent_peers_are_waited_for():
    """Wait a minute for a peer that is silent, whatever the VLAN says."""
    _write_in_stanzas("max-response-delay", 60)


def pairs_are_not_normal():
    """Look for the peer at a wrong port, and call it normal."""
    _write_in_stanzas("peer port", failover.FAILOVER_PORT + 1)
    _call_all_normal()


def names_of_peers_differ():
    """Call a pair by another name on the secondary, and call it normal."""
    name = failover.failover_name

    def other_name(service):
        known = name(service)
        return evolve(known, content=known.content + b"0") if service.role == "secondary" else known

    failover.failover_name = dhcpd_conf.failover_name = other_name
    _call_all_normal()


def survivors_are_not_put_back():
    """Let a server that restarts find its state by itself."""
    KnownStates.to_put_back = lambda known, plan, now: {}


def secondaries_answer_nobody():
    """Let no secondary say anything to a client, even where it is left alone."""
    shared_network = dhcpd_conf._shared_network

    def for_nobody(service, *of_it):
        text = shared_network(service, *of_it)
        if service.role != "secondary":
            return text
        return text.replace("{\n", "{\n  deny unknown-clients;\n", 1)

    dhcpd_conf._shared_network = for_nobody


def secondaries_let_nobody_boot():
    """Tell machines what to boot as the primary only."""
    boot_statements = dhcpd_conf.boot_statements
    dhcpd_conf.boot_statements = lambda service: (
        "" if service.role == "secondary" else boot_statements(service)
    )


def reservations_wait_for_a_turn():
    """Tell no running server of a reservation."""

    async def nothing(hosts, applied, plan):
        return applied

    HostsInStep.what_follows = nothing


def a_bad_vlan_harms_all():
    """Change nothing at all where one VLAN is refused."""

    async def nothing(_server, plan, applied):
        return applied, {service.vlan.id: "dhcpd refused the file" for service in plan}

    converge.good_part = nothing


def leases_are_not_shared():
    """Leave all addresses of a range but its first out of what a pair shares."""
    pool = dhcpd_conf._pool

    def two_pools(subnet, failover, snippets):
        first = subnet.ranges[0].first
        shared = evolve(subnet, ranges=(evolve(subnet.ranges[0], last=first),))
        own = evolve(subnet, ranges=(evolve(subnet.ranges[0], first=first + 1),))
        return pool(shared, failover, snippets) + pool(own, "", snippets)

    dhcpd_conf._pool = two_pools


def relayed_vlans_are_in_no_pair():
    """Let each server of a pair give what is behind a relay as if it were alone."""
    shared_network = dhcpd_conf._shared_network

    def in_no_pair(service, failover, snippets):
        is_own = failover_name(service).content.decode() in failover
        return shared_network(service, failover if is_own else "", snippets)

    failover_name = failover.failover_name
    dhcpd_conf._shared_network = in_no_pair


def every_rack_has_all_of_ipv6():
    """Give away all of each IPv6 range, on both racks of a pair."""
    spans_of = dhcpd6_conf.spans_of
    dhcpd6_conf.spans_of = lambda span, _half: spans_of(span, "whole")


def servers6_begin_anew_with_their_daemon():
    """Take no server for IPv6 that runs already for one that serves what is wanted."""
    runs_with = IscDhcp6Server._runs_with

    async def runs_of_its_own(server, text):
        return server._served != () and await runs_with(server, text)

    IscDhcp6Server._runs_with = runs_of_its_own


def ipv6_is_kept_for_nobody():
    """Leave reservations out of the file for IPv6."""
    dhcpd6_conf._host = lambda _kept, _snippets: ""


def leases_of_ipv6_are_read_in_the_file_of_ipv4():
    """Follow what the server for IPv4 wrote down, twice."""
    begin = LeaseWatch.__init__

    def begin_with_one_file(watch, files, *others):
        begin(watch, (files[0], files[0]), *others)

    LeaseWatch.__init__ = begin_with_one_file


def leases_of_ipv6_leave_all_free():
    """Count an address of IPv6 that somebody has among those that are left."""
    count = AddressTally6._count

    def all_free(tally, vlan):
        counted = count(tally, vlan)
        return evolve(counted, free=counted.total)

    AddressTally6._count = all_free


def old_orders_are_carried_out():
    """Read on where nothing was heard, and carry orders out with no lease, whoever has them now."""
    silent_links_are_kept()
    run = desk.run_order

    async def run_anyhow(order, driver, record, may_act, clock, places):
        async def recorded(before, after):
            return True

        return await run(order, driver, recorded, lambda: True, clock, places)

    desk.run_order = run_anyhow


def cycles_are_finished_unheard():
    """Turn on again what was turned off, also where no region hears the rack any more."""
    may_go = order_run.may_go_unrecorded
    order_run.may_go_unrecorded = lambda *about, region_hears: may_go(*about, region_hears=True)


def bmcs_are_not_looked_for():
    """Ask no BMC whether it is there."""
    ReachWatch._look = _nothing


def machines_are_turned_on_twice():
    """Tell a BMC twice to turn its machine on."""
    turn_on = Drivers.turn_on

    async def twice(drivers, access):
        await turn_on(drivers, access)
        await turn_on(drivers, access)

    Drivers.turn_on = twice


def keys_are_logged():
    """Write the key of the DHCP server into the log."""
    omapi_key = StateFolder.omapi_key

    def key_and_tell(folder, token_bytes):
        key = omapi_key(folder, token_bytes)
        sys.stderr.write(f"{key}\n")
        return key

    StateFolder.omapi_key = key_and_tell


def passwords_are_in_the_environment():
    """Give ipmitool the password of a BMC where other programs can read it, too."""
    run = ipmitool.run_spawned

    def run_so(reactor, command, *, pipes, **how):
        told = {"IPMITOOL_PASSWORD": pipes[PASSWORD_DESCRIPTOR].decode()}
        return run(reactor, command, pipes=pipes, environment={**ENVIRONMENT, **told}, **how)

    ipmitool.run_spawned = run_so


def any_certificate_is_a_region_s():
    """Speak to whoever answers."""
    tls._remember = lambda *_, **__: lambda *_: True


def pins_are_not_checked():
    """Enrol with whoever answers."""
    register._checked_region = lambda session, _pin, _now: shown_certificates(session.transport)[0]


def _write_in_stanzas(keyword, value):
    statement = failover.statement

    def with_another(words, *values):
        return statement(words, value) if words == keyword else statement(words, *values)

    failover.statement = with_another


def _call_all_normal():
    async def normal(_server, plan):
        return {service.vlan.id: "normal" for service in plan if service.peer is not None}

    IscDhcpServer.states = normal


async def _nothing(_watch):
    pass
