"""Mistakes that the checks of counts, losses, finding regions and balance must find."""

from tests.together.broken_feature import TO_BE_CUT, TWO_HOSTS, in_network, without_network

_COUNTS = (
    without_network(
        "one_connection_too_many",
        {"every process prints what the kernel counts": r"says: .* holds 2 connections, 3 printed"},
    ),
    without_network(
        "ended_links_are_noticed_late",
        {
            "counts follow a rack daemon that is killed and started": (
                r"killed: wrong for [2-9]\.\d+ s"
            )
        },
    ),
    without_network(
        "silent_links_are_kept",
        {
            "counts follow a rack daemon that hangs": r"hangs and still counts 2 connections",
        },
    ),
)
_TABLES = (
    without_network(
        "one_connection_too_many",
        {
            "every process tells the same tables: the rows of PostgreSQL": (
                r"tells connections of processes: region1/\d 3, the rows say 2"
            )
        },
    ),
    without_network(
        "second_processes_count_their_own",
        {
            "every process tells the same tables: the rows of PostgreSQL": (
                r"region1/2 tells connections of racks: rack1 1, the rows say 2"
            )
        },
    ),
    without_network(
        "what_is_told_is_old",
        {
            "a rack daemon restarted: every process tells the same tables again": (
                r"told unlike for [2-9]\.\d+ s"
            )
        },
    ),
)
_LOSSES = (
    without_network(
        "lost_links_are_not_reported",
        {
            "region process killed": r"right only after",
            "the process in use killed: others serve the rack": r"right only after",
        },
    ),
    without_network(
        "racks_stay_with_the_lost",
        {"region process hung": r"rack\d is managed by nobody"},
        most_seconds=3,
    ),
    without_network("nobody_takes_over", {"leader killed": r"is still called the leader"}),
    without_network(
        "silent_processes_live_on",
        {"leader hung": r"is still called the leader"},
        most_seconds=3,
    ),
    without_network(
        "racks_are_dealt_out_anew",
        {
            "rack daemon killed and started": r"others were moved too: ",
            "a rack daemon restarted: decided again, nobody else moved": r"useless: ",
        },
        TWO_HOSTS,
    ),
    in_network(
        "racks_stay_with_the_lost",
        {"region host cut": r"rack\d is managed by nobody"},
        TO_BE_CUT,
        most_seconds=3,
    ),
    in_network(
        "nobody_takes_over",
        {"region host of the leader cut": r"nobody leads|still leads and is cut off"},
        TO_BE_CUT,
        most_seconds=3,
    ),
    in_network(
        "silent_links_are_kept",
        {"rack host cut and healed": r"cut off, is shown \w+ with 2 connections"},
        TO_BE_CUT,
        most_seconds=3,
    ),
)
_REGIONS = (
    without_network(
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
    without_network(
        "regions_are_forgotten",
        {
            "the configured endpoint dead: a restarted rack remembers the others": (
                r"rack1 is connected to no process"
            )
        },
        most_seconds=3,
    ),
    without_network(
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
    without_network(
        "arrivals_do_not_count",
        {
            "a rack connects: its manager is decided, the fleet is even": (
                r"no decision about rack1 is among the events"
            )
        },
    ),
    without_network(
        "nothing_moves_by_itself",
        {"a process lost and back: even again with few moves": r"outside the band"},
        TWO_HOSTS,
    ),
    without_network(
        "gaps_of_one_count",
        {
            "a small difference moves nobody, a large one does": (
                r"below the threshold \(.*\), and yet: rack\d"
            )
        },
        TWO_HOSTS,
    ),
    without_network(
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

BROKEN = (*_COUNTS, *_TABLES, *_LOSSES, *_REGIONS, *_BALANCE)
