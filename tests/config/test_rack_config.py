"""rackd.conf: defaults, and what rack settings may not say."""

import json
from pathlib import Path

import pytest

from evenrack.config.rack_config import RackConfig, RackLiveness, load_rack_config
from evenrack.errors import ConfigurationRefused
from evenrack.model.host_port import HostPort


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "rackd.conf"
        path.write_text(text)
        return load_rack_config(path, hostname=lambda: "host1")

    return read_text


@pytest.fixture
def problems(read):
    def problems_of(text):
        with pytest.raises(ConfigurationRefused) as refusal:
            read(text)
        return list(refusal.value.problems)

    return problems_of


def test_only_the_regions_are_required(read):
    assert read('regions: ["127.0.0.1:5251"]') == RackConfig(
        regions=(HostPort(host="127.0.0.1", port=5251),),
        rack_name="host1",
        failure_domain="",
        secret_file=Path("/etc/evenrack/enrolment"),
        state_dir=Path("/var/lib/evenrack/rack"),
        liveness=RackLiveness(ping_seconds=1.0, silence_seconds=3.0),
    )


def test_this_hosts_name_is_the_name_when_none_is_given(tmp_path):
    path = tmp_path / "rackd.conf"
    path.write_text('regions: ["localhost:5251"]')
    assert load_rack_config(path).rack_name


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "regions: is required, and missing"),
        ("regions: []", "regions: names no region; at least one host:port is needed"),
        ("regions: r1:5251", "regions: is text; a list, as in [first, second], is needed"),
    ],
)
def test_at_least_one_region_is_needed(problems, text, problem):
    assert problems(text) == [problem]


def test_the_example_of_the_conventions(problems):
    """The shape that operators are promised: each path, what is there, and what was meant."""
    assert problems('regions: ["r1:5251", "https//r2"]\nliveness: {png_seconds: 1}') == [
        'regions[1]: "https//r2" is not host:port',
        "liveness.png_seconds: unknown setting; did you mean ping_seconds?",
    ]


def test_regions_on_other_hosts_need_no_consent(read):
    hosts = ["localhost:5251", "r1:5251", "[::1]:5251", "10.0.0.1:5251"]
    assert [str(region) for region in read(f"regions: {json.dumps(hosts)}").regions] == hosts


def test_a_setting_of_an_earlier_version_is_refused_with_what_to_do(problems):
    assert problems("regions: [r1:5251]\ninsecure_rpc: true\nsecret_fil: /x") == [
        "insecure_rpc: is no longer used: all links to regions have TLS now; remove this line",
        "secret_fil: unknown setting; did you mean secret_file?",
    ]


def test_a_region_that_is_there_twice_is_refused(problems):
    assert problems('regions: ["localhost:1", "localhost:2", "LOCALHOST:1"]') == [
        "regions[2]: localhost:1 is in this list already"
    ]


def test_silence_is_at_least_two_pings(problems):
    assert problems('regions: ["localhost:1"]\nliveness: {ping_seconds: 2}') == [
        "liveness.silence_seconds: 3 is less than two pings (4): "
        "one late answer would drop a healthy link"
    ]


def test_a_name_that_cannot_be_one_is_refused(problems):
    (problem,) = problems('regions: ["localhost:1"]\nrack_name: a b')
    assert problem.startswith('rack_name: "a b" is no name: 1 to 63 letters')


@pytest.mark.parametrize("domain", ["", "room 1", "Zürich, feed B", "d" * 64], ids=len)
def test_what_a_rack_fails_together_with_is_a_text(read, domain):
    assert read(f"regions: [r1:5251]\nfailure_domain: {domain!r}").failure_domain == domain


@pytest.mark.parametrize(
    "domain", ["d" * 65, " room", "room "], ids=["long", "space before", "space after"]
)
def test_a_failure_domain_that_could_not_be_shown_is_refused(problems, domain):
    (problem,) = problems(f"regions: [r1:5251]\nfailure_domain: {json.dumps(domain)}")
    assert problem.startswith("failure_domain: ")
    assert "at most 64 printable characters, and no space around them" in problem


def test_where_there_is_no_file_it_is_told_what_to_do(tmp_path):
    with pytest.raises(ConfigurationRefused, match="there is no such file; name yours with") as it:
        load_rack_config(tmp_path / "none.conf")
    assert "copy the example etc/rackd.conf" in str(it.value)


@pytest.mark.parametrize("seconds", [0, 30, 86400])
def test_a_vlan_may_be_asked_for_its_servers_seldom_or_never(read, seconds):
    text = f'regions: ["localhost:1"]\ndhcp: {{foreign_probe_seconds: {seconds}}}'
    assert read(text).dhcp.foreign_probe_seconds == seconds


@pytest.mark.parametrize("seconds", [-1, 1, 29.9, 86401])
def test_a_vlan_is_not_asked_all_the_time(problems, seconds):
    text = f'regions: ["localhost:1"]\ndhcp: {{foreign_probe_seconds: {seconds}}}'
    assert problems(text) == [
        f"dhcp.foreign_probe_seconds: {seconds} is neither 0 (never) nor from 30 to 86400 seconds"
    ]


def test_how_much_is_done_with_bmcs_at_a_time_is_set_and_each_limit_is_at_least_one(read, problems):
    names = ("most_sessions", "most_orders", "most_looks", "probes_per_second")
    text = 'regions: ["localhost:1"]\npower: {%s}'
    power = read(text % ", ".join(f"{name}: {n}" for n, name in enumerate(names, start=5))).power
    assert [getattr(power, name) for name in names] == [5, 6, 7, 8]
    wrong = zip(names, (0, -1, 1001, 0), strict=True)
    found = problems(text % ", ".join(f"{name}: {n}" for name, n in wrong))
    assert [each.partition(":")[0] for each in found] == [f"power.{name}" for name in names]
    assert found[0].endswith("0 is not 1 to 1000 sessions")
