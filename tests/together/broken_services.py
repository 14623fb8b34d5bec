"""Mistakes that the checks of DHCP, and of what a lost rack had, must find."""

from attrs import evolve

from tests.together.broken_feature import (
    TO_BE_LOST,
    TWO_RACKS,
    TWO_VLANS,
    in_network,
)

_WITH_A_WITNESS = evolve(TWO_RACKS, racks=3)
_BUSY_VLANS = evolve(TWO_VLANS, clients=2)
_DHCP = (
    in_network(
        "one_rack_is_not_enough",
        {"one rack alone serves DHCP": r"nobody was answered on vlan1"},
        TWO_RACKS,
    ),
    in_network(
        "services_never_end",
        {"DHCP turned off, VLAN deleted: nobody serves it any more": r"vlan1 is still served"},
        TWO_RACKS,
    ),
    in_network(
        "failover_never_begins",
        {"DHCP turned on with two racks there: a pair at once": r"vlan1 is no pair"},
        TWO_RACKS,
        moment="when it is up",
    ),
    in_network(
        "failover_never_begins",
        {"DHCP on with one rack, a second one added: a pair by itself": r"vlan1 is no pair"},
        TWO_RACKS,
        moment="when it is up",
    ),
    in_network(
        "secondaries_answer_nobody",
        {"rack host killed: no DHCP client waits long": r"clients were lost, one waited"},
        TWO_RACKS,
    ),
    in_network(
        "secondaries_answer_nobody",
        {
            "primary's dhcpd killed: the client keeps its address at the other": (
                r"the client was not answered by the other server"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "clients_of_a_silent_peer_wait",
        {"rack host cut: no DHCP client waits long": r"clients were lost, one waited"},
        TWO_RACKS,
    ),
    in_network(
        "roles_move_at_once",
        {
            "a lost rack's roles move after the hold-down, and service goes on": (
                r"it was designated after [0-5]\.\d s"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "roles_move_at_once",
        {"a rack daemon restarted: DHCP is left alone": r"roles moved: dhcp primary of vlan1"},
        TWO_RACKS,
    ),
    in_network(
        "server_stops_with_its_daemon",
        {"a rack daemon restarted: DHCP is left alone": r"was restarted with its daemon"},
        TWO_RACKS,
    ),
    in_network(
        "secondaries_let_nobody_boot",
        {
            "machines of every kind boot the same from either peer": (
                r"rack\d told a machine for boot_bios file nothing, not pxelinux\.0"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "reservations_wait_for_a_turn",
        {
            "a reservation comes and goes: both peers tell so, and none restarts": (
                r"the DHCP servers were restarted|did not keep|still kept"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "leases_are_not_shared",
        {
            "a client gets a lease from the pair, and both know of it": (
                r"10\.101\.0\.\d+ is not in both lease files"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "pairs_are_not_normal",
        {
            "both servers of each VLAN serve at once": (
                r"the dhcpd of rack\d is [a-z-]+, not normal"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "split_is_even",
        {
            "both files of each pair have the promised lines": r'stanza lacks "split 255;"',
            "with both up the primary answers": r"the secondary answered \d+ of 4\d clients",
        },
        TWO_RACKS,
    ),
    in_network(
        "names_of_peers_differ",
        {
            "secondaries have no mclt and no split; names equal, addresses mirrored": (
                r"the peer is failover-vlan-\d+ here and failover-vlan-\d+ there"
            )
        },
        TWO_RACKS,
    ),
)
_CHANGES = (
    in_network(
        "a_bad_vlan_harms_all",
        {
            "dhcpd refuses one VLAN: that one is served as before, and others are changed": (
                r"vlan2 was not changed"
            )
        },
        _BUSY_VLANS,
    ),
    in_network(
        "servers_never_restart",
        {
            "100 changes in a row on all VLANs: each is applied, and nobody waits": (
                r"the changes of vlan1, vlan2 were not applied"
            )
        },
        _BUSY_VLANS,
        moment="when it is up",
    ),
)
_EXCHANGES = (
    in_network(
        "roles_are_never_exchanged",
        {
            "the lost rack is back: the files follow the designation, and nobody waits": (
                r"rack\d is not the primary of vlan1 in its file"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "roles_are_never_exchanged",
        {
            "a primary is drained: its roles are exchanged, and nobody waits": (
                r"rack\d is not the primary of vlan1 in its file"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "new_primaries_restart_first",
        {
            "a primary is drained: its roles are exchanged, and nobody waits": (
                r"rack\d and rack\d were both the primary of vlan1"
            )
        },
        TWO_RACKS,
    ),
)
_SURVIVORS = (
    in_network(
        "survivors_are_not_put_back",
        {
            "a survivor restarts for an urgent change, and nobody waits": (
                r"rack\d did not apply the change|clients were lost, one waited"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "the_living_are_called_dead",
        {
            "a server is called dead: refused while it lives, taken when it is dead": (
                r"the living dhcpd of rack\d was called dead"
            )
        },
        TWO_RACKS,
    ),
)
_TWICE = r"\d+ addresses were given twice: [0-9.]+ was acknowledged to "
_TWO_SERVERS = (
    in_network(
        "survivors_go_on_alone",
        {
            "a rack daemon is lost, its dhcpd lives on: no address is given twice": (
                r"vlan1: the dhcpd of rack\d is alone"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "leases_are_not_shared",
        {
            "roles are exchanged under 200 new clients a second: no lease is lost": (
                rf"\d+ of \d+ leases were lost at rack\d: |{_TWICE}|is not the primary of vlan1"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "leases_are_not_shared",
        {
            "no region, and a rack host rebooted: it serves from its last plan": _TWICE,
            "in the whole run no address was acknowledged to two clients at once": _TWICE,
        },
        TWO_RACKS,
    ),
)
_CABLES = (
    in_network(
        "clients_of_a_silent_peer_wait",
        {
            "a VLAN's cable cut at its primary: who waits is served": (
                r"clients were lost, one waited"
            )
        },
        TWO_RACKS,
    ),
    in_network(
        "silent_peers_are_waited_for",
        {
            "the same with max-response-delay 10: who always says 0 is served": (
                r"were lost, one waited [0-9]|a crowd of 8 clients was not served"
            )
        },
        TWO_RACKS,
    ),
)
_POOLS = (
    in_network(
        "survivors_are_not_told",
        {
            "a server is called dead: every address is usable after one MCLT": (
                r"\d+ of 28 were given to nobody: "
            )
        },
        TWO_RACKS,
    ),
)
_RELAYED = (
    in_network(
        "relayed_vlans_are_in_no_pair",
        {
            "behind a relay: the pair serves, its primary is killed, and nobody waits": (
                r"10\.200\.0\.\d+ is not in both lease files"
            )
        },
        TWO_RACKS,
    ),
)
_IPV6_NAME = "IPv6: each rack gives its half, one is killed, and the other serves whoever asks"
_IPV6 = (
    in_network(
        "every_rack_has_all_of_ipv6",
        {_IPV6_NAME: r"a client was given fd77:1::1[0-7].., and rack\d has the upper half"},
        TWO_RACKS,
    ),
    in_network(
        "servers6_begin_anew_with_their_daemon",
        {_IPV6_NAME: r"the server for IPv6 of rack\d did not outlive its rack daemon"},
        TWO_RACKS,
    ),
    in_network(
        "ipv6_is_kept_for_nobody",
        {_IPV6_NAME: r"rack\d gave fd77:1::1\w{3} to the machine for which fd77:1::21 is kept"},
        TWO_RACKS,
    ),
    in_network(
        "leases_of_ipv6_are_read_in_the_file_of_ipv4",
        {_IPV6_NAME: r"no event tells of all of fd77:1::1\w{3}, fd77:1::1\w{3}$"},
        TWO_RACKS,
    ),
    in_network(
        "leases_of_ipv6_leave_all_free",
        {_IPV6_NAME: r"of the 4096 IPv6 addresses of vlan1 not about 4093 are said to be free"},
        TWO_RACKS,
    ),
)
_EVIDENCE = (
    in_network(
        "the_lost_are_called_dead",
        {
            "a rack daemon is lost, its dhcpd lives on: no address is given twice": (
                r"vlan1: rack\d was called dead by leader region1/1"
            ),
            "the daemons of a rack die, its host answers: it is not called dead": (
                r"vlan1: rack\d was called dead by leader region1/1"
            ),
        },
        _WITH_A_WITNESS,
    ),
    in_network(
        "evidence_is_never_enough",
        {
            "a rack host dies: it is called dead by evidence, and every address is usable": (
                r"vlan1: rack\d was not in partner-down \d+ s after evidence"
            )
        },
        _WITH_A_WITNESS,
    ),
)
_LOST_AND_BACK = (
    in_network(
        "bmcs_stay_with_the_lost",
        {
            "a lost rack's BMCs are others' after the hold-down, evenly": (
                r"b\d is still owned by rack\d, which is lost"
            )
        },
        TO_BE_LOST,
    ),
    in_network(
        "bmcs_move_at_once",
        {
            "a lost rack's BMCs are others' after the hold-down, evenly": (
                r"its BMCs were others' after [0-5]\.\d s"
            )
        },
        TO_BE_LOST,
    ),
    in_network(
        "bmcs_are_not_looked_for",
        {
            "a rack is back after the hold-down: it gets its share of BMCs, no more": (
                r"rack\d connected, and rack\d owns 4 BMCs and rack\d owns 0: outside the band"
            )
        },
        TO_BE_LOST,
        moment="by the check",
    ),
    in_network(
        "roles_go_to_the_busiest",
        {
            "a VLAN is made: the racks with the fewest roles get it, no other moves": (
                r"rack\d was primary of 1 VLANs and got vlan1 too, rack\d of 0"
            )
        },
        TWO_VLANS,
    ),
)

BROKEN = (
    *_DHCP,
    *_CHANGES,
    *_EXCHANGES,
    *_SURVIVORS,
    *_TWO_SERVERS,
    *_CABLES,
    *_POOLS,
    *_RELAYED,
    *_IPV6,
    *_EVIDENCE,
    *_LOST_AND_BACK,
)
