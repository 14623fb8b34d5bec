"""host:port as text and as a value."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.host_port import HostPort, canonical_host, is_loopback, parse_host_port

LABELS = st.from_regex(r"[A-Za-z_]([A-Za-z0-9_-]{0,20}[A-Za-z0-9_])?", fullmatch=True)
HOSTS = st.one_of(
    st.ip_addresses().map(str),
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
)
HOST_PORTS = st.builds(HostPort, host=HOSTS, port=st.integers(1, 65535))


@given(HOST_PORTS)
def test_what_is_written_is_read_back_the_same(host_port):
    assert parse_host_port(str(host_port)) == host_port


@given(st.one_of(st.text(), st.text(alphabet="[]:.%0123456789abf-r/"), HOST_PORTS.map(str)))
def test_any_text_is_read_or_refused_with_a_sentence_of_one_printable_line(text):
    outcome = host_port_or_refusal(text)
    if isinstance(outcome, HostPort):
        assert parse_host_port(str(outcome)) == outcome
    else:
        assert str(outcome).isascii()
        assert str(outcome).isprintable()
        assert "is not host:port" in str(outcome)


def host_port_or_refusal(text):
    try:
        return parse_host_port(text)
    except ValueError as refusal:
        return refusal


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("region1.example.com:5251", "region1.example.com", 5251),
        ("Region1:1", "region1", 1),
        ("10.0.0.1:65535", "10.0.0.1", 65535),
        ("[fd00::1]:5251", "fd00::1", 5251),
        ("[FD00:0:0::1]:5251", "fd00::1", 5251),
        ("[fe80::1%eth0]:5251", "fe80::1%eth0", 5251),
    ],
)
def test_reads_names_and_addresses_in_one_spelling(text, host, port):
    assert parse_host_port(text) == HostPort(host=host, port=port)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https//r2", '"https//r2" is not host:port'),
        ("r1", '"r1" is not host:port; the port is missing'),
        ("http://r1:5251/", "no scheme, no path"),
        ("fd00::1:5251", "an IPv6 address goes in brackets"),
        ("[fd00::1]", "an IPv6 address goes in brackets"),
        ("[r1]:5251", "only IPv6 addresses go in brackets"),
        ("[10.0.0.1]:5251", "only IPv6 addresses go in brackets"),
        ("[fe80::1%a/b]:5251", "only IPv6 addresses go in brackets"),
        ("r1:0", "a port is 1 to 65535"),
        ("r1:65536", "a port is 1 to 65535"),
        ("r1:-1", "is not host:port"),
        ("r1:٣", "is not host:port"),
        ("r1:5251\n", "is not host:port"),
        (" r1:5251", "neither a host name nor an IP address"),
        ("10.0.0.256:5251", "neither a host name nor an IP address"),
        ("127.1:5251", "neither a host name nor an IP address"),
        (f"{'a' * 64}:5251", "neither a host name nor an IP address"),
        (f"{'a.' * 127}a:5251", "neither a host name nor an IP address"),
        ("", '"" is not host:port'),
        ("x" * 5000, 'xxx..." is not host:port'),
    ],
)
def test_refuses_with_the_reason(text, why):
    with pytest.raises(ValueError, match=r"is not host:port") as refusal:
        parse_host_port(text)
    assert why in str(refusal.value)
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_no_value_exists_with_a_port_out_of_range(port):
    with pytest.raises(ValueError, match="a port is 1 to 65535"):
        HostPort(host="r1", port=port)


@pytest.mark.parametrize("host", ["", "a b", "-a", "a-", "a..b", "[::1]", "r1:5"])
def test_no_value_exists_with_an_impossible_host(host):
    with pytest.raises(ValueError, match="neither a host name nor an IP address"):
        HostPort(host=host, port=1)


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.77.3.1", "::1"])
def test_loopback_is_this_host(host):
    assert is_loopback(host)
    assert HostPort(host=host, port=1).is_loopback


@pytest.mark.parametrize(
    "host",
    ["r1", "localhost.example.com", "10.0.0.1", "::", "0.0.0.0", "::2"],  # noqa: S104  nothing listens
)
def test_anything_else_may_be_another_host(host):
    assert not is_loopback(host)


def test_a_zone_does_not_change_what_loopback_is():
    assert is_loopback("::1%lo")
    assert not is_loopback("fe80::1%lo")


@given(st.integers(0, 2**128 - 1))
def test_each_ipv6_address_has_one_spelling(number):
    address = IPv6Address(number)
    assert canonical_host(address.exploded) == canonical_host(address.compressed)
