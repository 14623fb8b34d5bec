"""What the end of a lease file says of leases that the partner does not know yet."""

from datetime import UTC, datetime
from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from evenrack.rack.dhcp.lease_tail import unshared_in

NETWORKS = {
    1: [IPv4Network("10.1.0.0/24"), IPv4Network("10.3.0.0/24")],
    4: [IPv4Network("10.4.0.0/24")],
}


NOW = datetime(2026, 11, 29, 5, 52, 17, tzinfo=UTC).timestamp()
HEARD = "0 2026/11/29 05:52:07"


PROMISED = "0 2026/11/29 06:07:07"


def lease(address, *, state="active", known=None, heard=HEARD):
    """One entry as dhcpd 4.4.3-P1 writes it; `known` is the time of the partner's word."""
    tsfp = "" if known is None else f"  tsfp {known};\n  atsfp {known};\n"
    return (
        f"lease {address} {{\n  starts 0 2026/11/29 05:52:07;\n  ends 0 2026/11/29 06:02:07;\n"
        f"  tstp 0 2026/11/29 06:07:07;\n{tsfp}  cltt {heard};\n"
        f"  binding state {state};\n  next binding state expired;\n"
        f'  hardware ethernet 02:00:00:00:05:e6;\n  uid "\\001}}\\n";\n}}\n'
    )


def count(*entries):
    return unshared_in("".join(entries).encode(), NETWORKS, NOW).get(1, 0)


def test_an_active_lease_counts_until_it_is_written_with_the_partners_word():
    assert count(lease("10.1.0.5")) == 1
    assert count(lease("10.1.0.5"), lease("10.1.0.6"), lease("10.3.0.5")) == 3
    assert count(lease("10.1.0.5"), lease("10.1.0.5", known=PROMISED)) == 0
    assert count(lease("10.1.0.5", known=PROMISED), lease("10.1.0.5")) == 1, "given away once more"


def test_what_the_partner_said_of_the_address_before_is_no_word_on_the_lease():
    """As of one that was set aside for a secondary: `tsfp` is there when that gives it away."""
    given = lease("10.1.0.5").replace("  cltt", "  tsfp 0 2026/11/29 05:51:58;\n  cltt")
    assert "tsfp" in given
    assert count(given) == 1
    assert count(given, lease("10.1.0.5", known=PROMISED)) == 0


def test_what_came_from_the_partner_is_known_to_it_however_short_its_word():
    """As of one that was released there, and given once more."""
    assert count(lease("10.1.0.5", known="0 2026/11/29 05:51:46").replace("cltt", "tstp")) == 0


def test_what_the_partner_has_not_acknowledged_for_a_minute_it_never_will():
    old = "0 2026/11/29 05:51:07"
    assert count(lease("10.1.0.5", heard=old)) == 0
    assert count(lease("10.1.0.5", heard=f"epoch {int(NOW) - 5}; # Sun")) == 1
    assert count(lease("10.1.0.5", heard=f"epoch {int(NOW) - 90}; # Sun")) == 0
    assert count(lease("10.1.0.5", heard="never")) == 1
    assert count(lease("10.1.0.5").replace("cltt", "tstp")) == 1


def test_what_was_given_since_some_moment_is_not_asked_for():
    """As of a server that restarted 5 s ago: what it gave before."""
    heard = {seconds: lease("10.1.0.5", heard=f"epoch {int(NOW) - seconds};") for seconds in (2, 8)}
    counts = {
        seconds: unshared_in(entry.encode(), NETWORKS, NOW, older=5.0).get(1, 0)
        for seconds, entry in heard.items()
    }
    assert counts == {2: 0, 8: 1}


def test_each_vlan_has_its_own_count():
    entries = [lease("10.1.0.5"), lease("10.4.0.5"), lease("10.3.0.5")]
    assert unshared_in("".join(entries).encode(), NETWORKS, NOW) == {1: 2, 4: 1}


def test_leases_of_other_networks_and_free_addresses_do_not_count():
    assert count(lease("10.2.0.5")) == 0
    for state in ("free", "backup", "expired", "released"):
        assert count(lease("10.1.0.5", state=state)) == 0


def test_the_file_may_begin_in_the_middle_of_an_entry_and_end_in_one():
    whole = lease("10.1.0.5") + lease("10.1.0.6")
    assert count(whole[40:]) == 1
    assert count(whole[:-20]) == 1
    assert count('failover peer "failover-vlan-1" state {\n  my state normal;\n}\n') == 0
    assert count(lease("999.1.0.5")) == 0


@given(st.binary(max_size=300))
def test_garbage_counts_for_nothing(garbage):
    assert unshared_in(garbage, NETWORKS, NOW) == {}
