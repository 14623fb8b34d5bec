"""Mistakes that a region process can be started with, to see the drill find them.

Each is a function that spoils the program before it begins. The product has no such switch.
"""

from os import getpid

from attrs import evolve

from evenrack.balance import (
    dhcp_services,
    dhcp_turns,
    managing,
    partner_down_evidence,
    power_routes,
)
from evenrack.balance.bmc_owners import BmcBalance
from evenrack.balance.dhcp_swaps import RoleSwaps
from evenrack.balance.managing import ManagingBalance
from evenrack.balance.pair_loads import PairLoads
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Bin, Move
from evenrack.model.dhcp_roles import Service
from evenrack.region.errands.partner_down_sender import PartnerDownSender
from evenrack.region.http import partner_down_page
from evenrack.region.leading import dhcp_watch
from evenrack.region.leading.beat_judge import BeatJudge
from evenrack.region.leading.evidence_watch import EvidenceWatch
from evenrack.region.leading.leadership import LeaderSeat
from evenrack.region.leading.newcomers import Newcomers
from evenrack.region.leading.quiet import Quiet
from evenrack.region.links import presence
from evenrack.region.links.presence import Presence
from evenrack.region.power import power_orders
from evenrack.region.views import status
from evenrack.region.views.fleet_view import FleetView
from evenrack.wire.session import LinkEnd
from tests.together.region_trust_mistakes import *  # noqa: F403  all are of this program

LATE_SECONDS = 2.0
OLD_SECONDS = 4.0


def silent_links_are_kept():
    """Never end a link on which nothing is heard."""
    LinkEnd._watch_silence = lambda _link: None


def silent_processes_live_on():
    """Believe that every process lives, however long its beat stands still."""
    BeatJudge.silent = lambda _judge: {}


def nobody_takes_over():
    """Take the lead only where nobody had it, or where this process had it."""
    take = LeaderSeat._take

    async def take_its_own(seat, me, seen):
        return await take(seat, me, seen) if seen.holder in {None, me.process} else None

    LeaderSeat._take = take_its_own


def racks_stay_with_the_lost():
    """Take no rack from the process that managed it, lost or not."""
    decide = ManagingBalance.decide

    def decide_the_rest(balance, fleet, **how):
        moves = decide(balance, fleet, **how)
        return tuple(move for move in moves if not (move.forced and move.before is not None))

    ManagingBalance.decide = decide_the_rest


def racks_are_dealt_out_anew():
    """Give every rack another manager whenever a rack comes or goes."""

    def deal_out(_balance, fleet, *, waiting, **_how):
        racks = [rack for rack, reach in fleet.reach.items() if reach and rack not in waiting]
        return tuple(
            Move(item=rack, before=before, to=to, forced=False, reason="dealt out anew")
            for place, rack in enumerate(racks, len(racks))
            if (to := fleet.live[place % len(fleet.live)]) != (before := fleet.manager_of(rack))
        )

    ManagingBalance.decide = deal_out


def arrivals_do_not_count():
    """Think nothing of a rack that connects."""
    Newcomers.arrived = lambda _newcomers, _fleet: []


def nothing_moves_by_itself():
    """Wait for ever until it is quiet enough for a voluntary move."""
    Quiet.is_quiet = lambda _quiet, _fleet: False


def gaps_of_one_count():
    """Move a rack wherever one process has only one more than another."""
    SpreadPolicy.need = lambda _policy, load: load + 1
    SpreadPolicy.lightened = lambda _policy, load: load - 1


def hosts_do_not_count():
    """Spread racks over processes, whatever host they are on."""
    managing.Bin = lambda id, host, capacity: Bin(id=id, capacity=capacity)  # noqa: A006


def one_connection_too_many():
    """Print one connection more than there is."""
    row_of = status._process

    def with_one_more(fleet, process):
        row = row_of(fleet, process)
        return {**row, "connections": row["connections"] + 1}

    status._process = with_one_more


def second_processes_count_their_own():
    """Let the second process of a host know of no links but its own."""
    look = FleetView.look

    async def look_at_own(view):
        seen = await look(view)
        fleet = seen.fleet
        me = {process.id for process in fleet.processes.values() if process.pid == getpid()}
        if not any(process.endswith("/2") for process in me):
            return seen
        own = tuple(link for link in fleet.links if link.process in me)
        return evolve(seen, fleet=evolve(fleet, links=own))

    FleetView.look = look_at_own


def what_is_told_is_old():
    """Tell what was read a while ago."""
    look, seen = FleetView.look, []

    async def look_back(view):
        now = view._clock.seconds()
        seen.append((now, await look(view)))
        old = [found for at, found in seen if now - at >= OLD_SECONDS]
        return old[-1] if old else seen[0][1]

    FleetView.look = look_back


def ended_links_are_noticed_late():
    """Count a link for a while after its end."""
    gone = Presence.gone
    Presence.gone = lambda presence, link: presence._clock.callLater(
        LATE_SECONDS, gone, presence, link
    )


def one_rack_is_not_enough():
    """Begin to serve a VLAN only when two of its racks are there."""
    alone = dhcp_services._alone

    def alone_of_two(fleet, vlan, rack):
        there = [each for each in fleet.attached[vlan] if fleet.is_connected(each)]
        return alone(fleet, vlan, rack) if len(there) > 1 else None

    dhcp_services._alone = alone_of_two


def failover_never_begins():
    """Let the first server of a VLAN go on alone."""
    dhcp_services._wanted_of_one = lambda _fleet, _vlan, _pair, now: now


def servers_never_restart():
    """Give no rack its turn."""
    dhcp_watch.decide_turns = lambda _fleet, _patience: {}


def services_never_end():
    """Serve on where DHCP was turned off."""
    decide = dhcp_watch.decide_services

    def decide_the_rest(fleet, pairs):
        changes = decide(fleet, pairs)
        return {vlan: service for vlan, service in changes.items() if service is not None}

    dhcp_watch.decide_services = decide_the_rest


def survivors_go_on_alone():
    """Take the server of a lost rack for dead, and let the other one serve alone."""
    wanted = dhcp_services._wanted

    def alone(fleet, vlan, pair, now, swaps):
        servers = () if now is None or pair is None else now.servers
        left = [server for server in servers if fleet.is_connected(server.rack)]
        if len(servers) > len(left) == 1:
            return Service(primary=left[0])
        return wanted(fleet, vlan, pair, now, swaps)

    dhcp_services._wanted = alone


def roles_move_at_once():
    """Give the roles of a rack away as soon as it is lost."""
    decide = dhcp_watch.decide_pairs

    def decide_at_once(fleet, *, lost):
        away = [rack for rack in fleet.racks if not fleet.is_connected(rack)]
        return decide(fleet, lost=away)

    dhcp_watch.decide_pairs = decide_at_once


def roles_are_never_exchanged():
    """Leave the files as they are, whatever is designated."""
    RoleSwaps.begin = lambda swaps, vlan, pair, now: None


def new_primaries_restart_first():
    """Let the old primary be one until the new one is."""
    deciding = dhcp_turns._Deciding
    deciding._comes_later = lambda self, rack: any(
        swap.demoted == rack for swap in self._swaps.values()
    )
    deciding._due = lambda self, rack: []


def the_living_are_called_dead():
    """Believe every word that a server is dead."""
    candidate = partner_down_page.candidate_of
    partner_down_page.candidate_of = lambda *asked: evolve(candidate(*asked), hindrances=())


def the_lost_are_called_dead():
    """Take a lost rack for evidence enough that its host is dead."""
    candidate = partner_down_evidence.candidate_of
    partner_down_evidence.candidate_of = lambda *of: evolve(candidate(*of), hindrances=())
    partner_down_evidence._missing = lambda *_asked, **_of: iter(())


def evidence_is_never_enough():
    """Call no server dead by what racks find."""
    EvidenceWatch.enough = lambda _watch, _fleet: ()


def survivors_are_not_told():
    """Keep it from the server that is left that its partner is dead."""

    async def tell_nobody(_sender, _link, _words):
        pass

    PartnerDownSender.tell = tell_nobody


def bmcs_move_at_once():
    """Give the BMCs of a rack away as soon as it is lost."""
    decide = BmcBalance.decide
    BmcBalance.decide = lambda balance, fleet, *, held, **how: decide(
        balance, fleet, held=(), **how
    )


def bmcs_stay_with_the_lost():
    """Hold the BMCs of every lost rack for ever."""
    decide = BmcBalance.decide
    BmcBalance.decide = lambda balance, fleet, *, held, **how: decide(
        balance, fleet, held=[r for r in fleet.racks if not fleet.is_connected(r)], **how
    )


def roles_go_to_the_busiest():
    """Make the rack the primary of a VLAN that is it of the most."""
    PairLoads.best_primary = lambda loads, racks: max(racks, key=loads.primaries, default=None)


def orders_are_for_owners_only():
    """Let nobody but its owner switch a machine."""

    def to_the_owner(fleet, bmc, *, without=()):
        owner = fleet.bmc_owners.get(bmc)
        return owner if owner in fleet.bmc_reach.get(bmc, ()) and owner not in without else None

    power_routes.route = to_the_owner


def orders_wait_for_their_rack():
    """Leave an order with the rack that has it, also when that is gone."""
    next_for = power_orders.next_for

    def wait_or(order, fleet, **known):
        if order.rack is not None and not fleet.is_connected(order.rack):
            return power_routes.Wait()
        return next_for(order, fleet, **known)

    power_orders.next_for = wait_or


def reach_is_learnt_when_none_is_left():
    """Learn that a rack reaches a BMC only when no other one does."""
    record = presence.record_reach
    others = "SELECT bmc_id FROM bmc_reach GROUP BY bmc_id HAVING NOT bool_or(rack_id = %s)"

    def record_some(connection, rack, reach):
        known = set(connection.exec_driver_sql(others, (rack,)).scalars())
        answering = tuple(bmc for bmc in reach.answering if bmc not in known)
        record(connection, rack, evolve(reach, answering=answering))

    presence.record_reach = record_some
