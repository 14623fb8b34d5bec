"""What is kept of dhcpd's words."""

from evenrack.rack.dhcp.dhcpd_words import MOST_LINES, complaints, ignored_interfaces

BANNER = b"""Internet Systems Consortium DHCP Server 4.4.3-P1
Copyright 2004-2022 Internet Systems Consortium.
All rights reserved.
For info, please visit https://www.isc.org/software/dhcp/
"""
ADVICE = b"""
If you think you have received this message due to a bug rather
than a configuration issue please read the section on submitting
bugs on either our web page at www.isc.org or in the README file
before submitting a bug.  These pages explain the proper
process and the information we find helpful for debugging.

exiting.
"""
STARTED = b"""Config file: /a/dhcpd.conf
Database file: /a/dhcpd.leases
PID file: /var/run/dhcpd.pid
Wrote 0 leases to leases file.

No subnet declaration for lo (127.0.0.1).
** Ignoring requests on lo.  If this is not what
   you want, please write a subnet declaration
   in your dhcpd.conf file for the network segment
   to which interface lo is attached. **

Listening on LPF/eth0/3a:fa:0a:74:99:db/v
Sending on   LPF/eth0/3a:fa:0a:74:99:db/v
Sending on   Socket/fallback/fallback-net
failover peer failover-vlan-1: I move from recover to startup
"""


def test_only_the_complaint_and_where_it_is_are_kept():
    said = (
        BANNER
        + b"/a/dhcpd.conf line 8: semicolon expected.\nfoo bar;\n     ^\n"
        + b"Configuration file errors encountered -- exiting\n"
        + ADVICE
    )
    told = complaints(said, "/a/dhcpd.conf")
    assert told == "line 8: semicolon expected.\nfoo bar;\n     ^"


def test_a_complaint_without_a_line_is_kept_whole():
    said = BANNER + b"bad range, address 10.7.9.9 not in subnet 10.7.0.0\n" + ADVICE
    assert complaints(said, "/a/f") == "bad range, address 10.7.9.9 not in subnet 10.7.0.0"


def test_a_line_with_a_key_is_not_shown():
    said = BANNER + b'/a/f line 2: invalid base64 character.\nsecret "abc";\n   ^\n' + ADVICE
    assert complaints(said, "/a/f").splitlines()[1] == "(a line with a key)"


def test_a_server_that_complains_of_nothing_says_nothing():
    usual = b"\n".join(line for line in STARTED.split(b"\n") if line[:1] not in {b"N", b"*", b" "})
    assert complaints(BANNER + usual, "/a/dhcpd.conf") == ""
    assert ignored_interfaces(usual) == ()


def test_a_flood_of_complaints_is_cut():
    assert len(complaints(b"what?\n" * 1000 + b"\xff", "").splitlines()) == MOST_LINES


def test_interfaces_that_are_not_served_are_named():
    assert ignored_interfaces(STARTED) == ("lo",)
