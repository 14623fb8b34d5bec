"""For each check of the drill a mistake that breaks what it is about, and how it then says no.

A check that cannot fail is a defect: a new one needs an entry here (`tests/lab`). The mistakes are
in `region_mistakes` and `rack_mistakes`; `checks_can_fail` plants them.
"""

from collections.abc import Mapping
from math import inf
from typing import Literal

from attrs import frozen

from evenrack.lab.fleet import Size

TWO_PROCESSES = Size(region_hosts=1, processes=2, racks=2)
TWO_HOSTS = Size(region_hosts=2, processes=2, racks=4)
"""As many racks as processes."""
TWO_RACKS = Size(region_hosts=1, processes=1, racks=2, vlans=1, clients=1, bmcs=0)
"""One VLAN with a pair."""
TO_BE_CUT = Size(region_hosts=2, processes=1, racks=3, vlans=0, clients=0, bmcs=0)
POWER = Size(region_hosts=1, processes=1, racks=2, vlans=0, clients=0, bmcs=12)
"""Many machines: one that is just being asked about takes no order at once."""

Moment = Literal["from the start", "when it is up", "by the check"]
"""When programs begin to have the mistake: all from the start; region processes when the lab is up,
which it would not come with the mistake; or only what the check itself starts."""


@frozen(kw_only=True)
class Broken:
    """A mistake, and the checks that must find it."""

    mistake: str
    """Its function in `region_mistakes`, in `rack_mistakes`, or in both."""
    found_by: Mapping[str, str]
    """The name of each check to what its detail must match."""
    size: Size
    network: bool
    moment: Moment = "from the start"
    most_seconds: float = inf
    """A check that waits much longer than its limit for what never comes is given this limit."""


def _without_network(
    mistake: str,
    found_by: Mapping[str, str],
    size: Size = TWO_PROCESSES,
    *,
    moment: Moment = "from the start",
    most_seconds: float = inf,
) -> Broken:
    return Broken(
        mistake=mistake,
        found_by=found_by,
        size=size,
        network=False,
        moment=moment,
        most_seconds=most_seconds,
    )


def _in_network(
    mistake: str,
    found_by: Mapping[str, str],
    size: Size,
    *,
    moment: Moment = "from the start",
    most_seconds: float = inf,
) -> Broken:
    return Broken(
        mistake=mistake,
        found_by=found_by,
        size=size,
        network=True,
        moment=moment,
        most_seconds=most_seconds,
    )


_COUNTS = (
    _without_network(
        "one_connection_too_many",
        {"every process prints what the kernel counts": r"says: .* holds 2 connections, 3 printed"},
    ),
    _without_network(
        "ended_links_are_noticed_late",
        {
            "counts follow a rack daemon that is killed and started": (
                r"killed: wrong for [2-9]\.\d+ s"
            )
        },
    ),
    _without_network(
        "silent_links_are_kept",
        {
            "counts follow a rack daemon that hangs": r"hangs and still counts 2 connections",
        },
    ),
)
_LOSSES = (
    _without_network(
        "lost_links_are_not_reported",
        {
            "region process killed": r"right only after",
            "the process in use killed: others serve the rack": r"right only after",
        },
    ),
    _without_network(
        "racks_stay_with_the_lost",
        {"region process hung": r"rack\d is managed by nobody"},
        most_seconds=3,
    ),
    _without_network("nobody_takes_over", {"leader killed": r"is still called the leader"}),
    _without_network(
        "silent_processes_live_on",
        {"leader hung": r"is still called the leader"},
        most_seconds=3,
    ),
    _without_network(
        "racks_are_dealt_out_anew",
        {
            "rack daemon killed and started": r"others were moved too: ",
            "a rack daemon restarted: decided again, nobody else moved": r"useless: ",
        },
        TWO_HOSTS,
    ),
    _in_network(
        "racks_stay_with_the_lost",
        {"region host cut": r"rack\d is managed by nobody"},
        TO_BE_CUT,
        most_seconds=3,
    ),
    _in_network(
        "nobody_takes_over",
        {"region host of the leader cut": r"nobody leads|still leads and is cut off"},
        TO_BE_CUT,
        most_seconds=3,
    ),
    _in_network(
        "silent_links_are_kept",
        {"rack host cut and healed": r"cut off, is shown \w+ with 2 connections"},
        TO_BE_CUT,
        most_seconds=3,
    ),
)
_REGIONS = (
    _without_network(
        "regions_are_not_learnt",
        {
            "a rack given one endpoint finds every process": r"rack1 is connected to region1/1$",
            "after the drill the fleet is whole, with no operator command": (
                r"not whole before this check: rack1 is connected to 1 of 2 region processes"
            ),
        },
        moment="by the check",
        most_seconds=3,
    ),
    _without_network(
        "regions_are_forgotten",
        {
            "the configured endpoint dead: a restarted rack remembers the others": (
                r"rack1 is connected to no process"
            )
        },
        most_seconds=3,
    ),
    _without_network(
        "first_endpoint_counts_only",
        {
            "several endpoints, the first dead: the next is used": (
                r"rack1 is connected to no process"
            )
        },
        most_seconds=3,
    ),
)
_BALANCE = (
    _without_network(
        "arrivals_do_not_count",
        {
            "a rack connects: its manager is decided, the fleet is even": (
                r"no decision about rack1 is among the events"
            )
        },
    ),
    _without_network(
        "nothing_moves_by_itself",
        {"a process lost and back: even again with few moves": r"outside the band"},
        TWO_HOSTS,
        most_seconds=3,
    ),
    _without_network(
        "hosts_do_not_count",
        {
            "few racks are spread over hosts, not only over processes": (
                r"only region\d of 2 hosts manages racks|region\d manages 2 racks"
            )
        },
        TWO_HOSTS,
        most_seconds=3,
    ),
)
_DHCP = (
    _in_network(
        "one_rack_is_not_enough",
        {"one rack alone serves DHCP": r"nobody was answered on vlan1"},
        TWO_RACKS,
    ),
    _in_network(
        "services_never_end",
        {"DHCP turned off, VLAN deleted: nobody serves it any more": r"vlan1 is still served"},
        TWO_RACKS,
    ),
    _in_network(
        "failover_never_begins",
        {"DHCP turned on with two racks there: a pair at once": r"vlan1 is no pair"},
        TWO_RACKS,
        moment="when it is up",
    ),
    _in_network(
        "failover_never_begins",
        {"DHCP on with one rack, a second one added: a pair by itself": r"vlan1 is no pair"},
        TWO_RACKS,
        moment="when it is up",
    ),
    _in_network(
        "secondaries_answer_nobody",
        {"rack host killed: no DHCP client waits long": r"clients were lost, one waited"},
        TWO_RACKS,
    ),
    _in_network(
        "secondaries_answer_nobody",
        {
            "primary's dhcpd killed: the client keeps its address at the other": (
                r"the client was not answered by the other server"
            )
        },
        TWO_RACKS,
    ),
    _in_network(
        "clients_of_a_silent_peer_wait",
        {"rack host cut: no DHCP client waits long": r"clients were lost, one waited"},
        TWO_RACKS,
    ),
    _in_network(
        "roles_move_at_once",
        {
            "a lost rack's roles move after the hold-down, and service goes on": (
                r"it was designated after [0-5]\.\d s"
            )
        },
        TWO_RACKS,
    ),
    _in_network(
        "roles_move_at_once",
        {"a rack daemon restarted: DHCP is left alone": r"roles moved: dhcp primary of vlan1"},
        TWO_RACKS,
    ),
    _in_network(
        "server_stops_with_its_daemon",
        {"a rack daemon restarted: DHCP is left alone": r"was restarted with its daemon"},
        TWO_RACKS,
    ),
    _in_network(
        "leases_are_not_shared",
        {
            "a client gets a lease from the pair, and both know of it": (
                r"10\.101\.0\.\d+ is not in both lease files"
            )
        },
        TWO_RACKS,
    ),
    _in_network(
        "pairs_are_not_normal",
        {
            "both servers of each VLAN serve at once": (
                r"the dhcpd of rack\d is [a-z-]+, not normal"
            )
        },
        TWO_RACKS,
    ),
    _in_network(
        "split_is_even",
        {
            "both files of each pair have the promised lines": r'stanza lacks "split 255;"',
            "with both up the primary answers": r"the secondary answered \d+ of 4\d clients",
        },
        TWO_RACKS,
    ),
    _in_network(
        "names_of_peers_differ",
        {
            "secondaries have no mclt and no split; names equal, addresses mirrored": (
                r"the peer is failover-vlan-\d+ here and failover-vlan-\d+ there"
            )
        },
        TWO_RACKS,
    ),
)
_NEVER_DONE = r"cycle of m1 by nobody: still at NEW|m1 has order \d+, which has not ended"
_POWER = (
    _in_network(
        "orders_are_for_owners_only",
        {
            "one rack alone: a power order is done": _NEVER_DONE,
            "the owner's host killed: the next power command is done by another rack": (
                _NEVER_DONE
            ),
        },
        POWER,
        most_seconds=3,
    ),
    _in_network(
        "bmcs_move_at_once",
        {"owners of BMCs are shown, even and sticky": r"moved with no need: "},
        POWER,
    ),
    _in_network(
        "old_orders_are_carried_out",
        {
            "the owner hangs: the next power command is done by another rack, once": (
                r"b1 was told off, on, .*not off, on"
            )
        },
        POWER,
    ),
    _in_network(
        "machines_are_turned_on_twice",
        {"on, off, cycle, query do what the BMC's log says": r"b1 was told on, on, not on"},
        POWER,
    ),
)
_TRUST = (
    _without_network(
        "strangers_are_heard", {"strangers are not heard": r"\d+ commands .+ were answered"}
    ),
    _without_network(
        "revoked_links_stay",
        {
            "a revoked rack is cut off everywhere, and enrols again": (
                r"rack1 was cut off only after"
            )
        },
    ),
    _without_network(
        "strangers_cost_much",
        {"2,000 half-open connections are felt by nobody": r"region1/1 takes \d+ MiB"},
    ),
    _without_network(
        "links_end_with_their_authority",
        {"the authority is changed under load, and no link ends": r"\d links of racks ended"},
    ),
    _without_network(
        "all_versions_are_taken",
        {
            "a rack one version behind is served, one of two is refused": (
                r"two versions behind is not refused"
            )
        },
    ),
    _without_network(
        "any_certificate_is_a_region_s",
        {
            "a rack's certificate used as a region hears nothing": (
                r"\d+ bytes were told to a rack's certificate"
            )
        },
        TWO_RACKS,
    ),
    _without_network(
        "pins_are_not_checked",
        {
            "a relay in the middle of an enrolment hears nothing": (
                r"\d+ bytes were told to a rack's certificate"
            )
        },
        TWO_RACKS,
    ),
    _without_network(
        "proofs_are_good_for_ever",
        {
            "a recorded enrolment that is sent again is refused": (
                r"what was recorded is taken again: .*'words again': 'enrolled'"
            )
        },
    ),
    _without_network(
        "certificates_are_good_for_ever",
        {
            "a rack with an expired certificate is refused, told what to do, and comes back": (
                r"rack\d came in with a certificate that had expired"
            )
        },
    ),
    _without_network(
        "new_keys_are_not_seen",
        {
            "the key that encrypts is changed under load, and no link ends": (
                r"the new key did not take over"
            )
        },
    ),
    _in_network(
        "passwords_go_to_the_database",
        {
            "no secret crosses a wire: enrolment, DHCP plans, power orders": (
                r"the password of the BMCs stands in what is seen of region1"
            )
        },
        POWER,
    ),
    _without_network(
        "keys_are_logged",
        {
            "no secret in arguments, environments, logs or a dump of the database": (
                r"the OMAPI key of rack\d stands in what is seen of the log of rack\d/rackd"
            )
        },
    ),
)

BROKEN = (*_COUNTS, *_LOSSES, *_REGIONS, *_BALANCE, *_DHCP, *_POWER, *_TRUST)
