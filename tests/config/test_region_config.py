"""regiond.conf: defaults, and what region settings may not say."""

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.config.region_config import (
    BalanceSettings,
    HttpSettings,
    ManagingBalance,
    RegionConfig,
    RegionLiveness,
    RpcSettings,
    load_region_config,
)
from evenrack.errors import ConfigurationRefused
from evenrack.model.host_port import HostPort


@pytest.fixture
def read(tmp_path):
    def read_text(text, hostname="host1"):
        path = tmp_path / "regiond.conf"
        path.write_text(f"database: dbname=evenrack\n{text}")
        return load_region_config(path, hostname=lambda: hostname)

    return read_text


@pytest.fixture
def problems(read):
    def problems_of(text, hostname="host1"):
        with pytest.raises(ConfigurationRefused) as refusal:
            read(text, hostname)
        return list(refusal.value.problems)

    return problems_of


def test_only_the_database_is_required(read):
    assert read("") == RegionConfig(
        database="dbname=evenrack",
        region_name="host1",
        key_file=Path("/etc/evenrack/keys"),
        state_dir=Path("/var/lib/evenrack/region"),
        run_dir=Path("/run/evenrack"),
        rpc=RpcSettings(listen="127.0.0.1", port=5250, advertise=()),
        http=HttpSettings(listen=HostPort(host="127.0.0.1", port=5240)),
        liveness=RegionLiveness(
            beat_seconds=1.0, dead_after_seconds=3.0, silence_seconds=3.0, lease_seconds=5.0
        ),
        balance=BalanceSettings(managing=ManagingBalance(theta=0.1, gap=2), quiet=1.0, grace=0.25),
    )


def test_this_hosts_name_is_the_name_when_none_is_given(tmp_path):
    path = tmp_path / "regiond.conf"
    path.write_text("database: x")
    assert load_region_config(path).region_name


@pytest.mark.parametrize("name", ["a b", "", "x" * 64, "région", "a/b"])
def test_a_name_that_cannot_be_one_is_refused_wherever_it_comes_from(problems, name):
    assert problems("", hostname=name)[0].startswith("region_name: ")
    assert problems(f'region_name: "{name}"')[0].startswith("region_name: ")


def test_the_database_string_is_never_shown(read):
    config = read("")
    assert "dbname" not in repr(config)
    assert "dbname" not in str(attrs.evolve(config, region_name="other"))


def test_each_process_has_the_port_and_socket_of_its_number(read):
    config = read("rpc: {port: 6000}\nrun_dir: /run/here")
    assert [config.rpc.port_of(instance) for instance in (1, 2, 99)] == [6001, 6002, 6099]
    assert config.administration_socket(2) == Path("/run/here/regiond-2.sock")


@pytest.mark.parametrize("instance", [0, -1, 100])
def test_no_process_has_a_number_out_of_range(instance):
    with pytest.raises(ValueError, match="they go from 1 to 99"):
        RpcSettings().port_of(instance)


def test_racks_are_told_what_is_advertised_or_else_the_listen_address(read):
    told = read("rpc: {advertise: [R1.example.com, fd00::1]}").rpc.endpoints_of(2)
    assert [str(endpoint) for endpoint in told] == ["r1.example.com:5252", "[fd00::1]:5252"]
    assert [str(endpoint) for endpoint in RpcSettings().endpoints_of(1)] == ["127.0.0.1:5251"]


@pytest.mark.parametrize("listen", ["127.0.0.1", "::1", "10.0.0.1", "fd00::1"])
def test_rpc_may_listen_on_any_address(read, listen):
    assert read(f'rpc: {{listen: "{listen}"}}').rpc.listen == listen


def test_settings_of_an_earlier_version_are_refused_with_what_to_do(problems):
    insecure, secret = problems("secret_file: /x/secret\ninsecure_rpc: false")
    assert insecure == (
        "insecure_rpc: is no longer used: all links to racks have TLS now; remove this line"
    )
    assert secret.startswith("secret_file: is no longer used: racks enrol now")
    assert "(evenrack enrolment create); remove this line" in secret
    assert "name their file with key_file" in secret


def test_a_setting_of_an_earlier_version_is_known_only_where_it_was(problems):
    assert problems("rpc: {insecure_rpc: true}") == ["rpc.insecure_rpc: unknown setting"]


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])  # noqa: S104  nothing listens
def test_listening_everywhere_needs_addresses_to_advertise(read, problems, listen):
    text = f'rpc: {{listen: "{listen}"'
    assert problems(text + "}") == [
        f"rpc.advertise: is required when listen is {listen}: "
        "name the addresses that racks shall dial"
    ]
    assert read(text + ", advertise: [r1]}").rpc.advertise == ("r1",)


def test_each_advertised_address_is_one_that_racks_can_dial(problems):
    hosts = '["r1", "r1:5251", "0.0.0.0", "[::1]", "r1", 5]'
    listed = problems(f"rpc: {{advertise: {hosts}}}")
    assert listed == ["rpc.advertise[5]: is a number; text, in quotes, is needed"]
    assert problems(f"rpc: {{advertise: {hosts.replace(', 5', '')}}}") == [
        'rpc.advertise[1]: "r1:5251" is neither a host name nor an IP address; '
        "write it without brackets and port",
        "rpc.advertise[2]: 0.0.0.0 is no address that a rack can dial",
        'rpc.advertise[3]: "[::1]" is neither a host name nor an IP address; '
        "write it without brackets and port",
        "rpc.advertise[4]: r1 is in this list already",
    ]


@pytest.mark.parametrize("listen", ["0.0.0.0:5240", "10.0.0.1:80", "[::]:5240"])
def test_http_may_be_asked_from_other_hosts_since_it_has_tls_and_tokens(read, listen):
    assert str(read(f'http: {{listen: "{listen}"}}').http.listen) == listen


def test_a_name_is_nothing_to_listen_on(problems):
    assert len(problems("rpc: {listen: localhost}\nhttp: {listen: 'localhost:5240'}")) == 2


def test_every_process_of_the_host_must_have_a_port(problems):
    assert problems("rpc: {port: 65437}")[0].startswith("rpc.port: 65437 is not 1 to 65436")
    assert problems("rpc: {port: 0}")[0].startswith("rpc.port: 0 is not")


def test_a_run_folder_too_long_for_a_socket_is_refused(read, problems):
    assert read(f"run_dir: /{'x' * 90}")
    (problem,) = problems(f"run_dir: /{'x' * 91}")
    assert problem.startswith("run_dir: is 1 bytes too long")


def test_times_that_contradict_each_other_are_refused_with_the_reason(problems):
    assert problems("liveness: {beat_seconds: 2, lease_seconds: 3}") == [
        "liveness.dead_after_seconds: 3 is less than two beats (4): "
        "one late beat would declare a healthy process dead",
        "liveness.lease_seconds: 3 must be more than silence_seconds (3): "
        "a rack would drop its power orders while its link still counts as alive",
    ]


@pytest.mark.parametrize("seconds", ["0", "-1", "3601", ".inf", ".nan", "1e-9", "'1'", "true"])
@pytest.mark.parametrize("name", [each.name for each in attrs.fields(RegionLiveness)])
def test_seconds_are_more_than_nothing_and_no_more_than_an_hour(problems, name, seconds):
    assert any(
        problem.startswith(f"liveness.{name}: ")
        for problem in problems(f"liveness: {{{name}: {seconds}}}")
    )


def test_balance_has_ranges_too(read, problems):
    assert problems("balance: {managing: {theta: 1.5, gap: 1}, quiet: -1, grace: x}") == [
        "balance.managing.theta: 1.5 is not 0 to 1",
        "balance.managing.gap: 1 is not 2 to 1000 racks; "
        "moving across a gap of 1 only swaps the sides",
        "balance.quiet: -1.0 is not 0 to 3600 seconds",
        "balance.grace: is text; a number is needed",
    ]
    assert read("balance: {quiet: 0, grace: 0}").balance == BalanceSettings(quiet=0, grace=0)


@pytest.mark.parametrize(
    ("text", "seconds"), [("off", None), ("'off'", None), ("false", None), ("5", 5), ("90.5", 90.5)]
)
def test_racks_are_called_dead_after_a_while_or_by_operators_only(read, text, seconds):
    dhcp = read(f"balance: {{dhcp: {{auto_partner_down: {text}}}}}").balance.dhcp
    assert dhcp.auto_partner_down == seconds
    assert read("").balance.dhcp.auto_partner_down == 600


@pytest.mark.parametrize(
    ("text", "warns"), [("off", False), ("59.5", True), ("60", False), ("600", False)]
)
def test_what_no_host_could_restart_in_is_warned_of(read, text, warns):
    warnings = read(f"balance: {{dhcp: {{auto_partner_down: {text}}}}}").balance.dhcp.warnings
    assert [f"auto_partner_down: within {text} s" in warning for warning in warnings] == [
        True for _ in range(warns)
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("on", "is a yes or no; a number, or off, is needed"),
        ("never", "is text; a number, or off, is needed"),
        ("4.9", "4.9 is not 5 to 604800 seconds; a host that restarts is silent, too"),
        (".inf", "is not a finite number"),
    ],
)
def test_what_is_no_time_and_not_off_is_refused(problems, text, why):
    assert problems(f"balance: {{dhcp: {{auto_partner_down: {text}}}}}") == [
        f"balance.dhcp.auto_partner_down: {why}"
    ]


def test_token_file_is_no_setting_of_this_version(problems):
    assert problems("http: {token_file: /x}") == ["http.token_file: unknown setting"]


@given(st.text(alphabet="databserpchtliv_m:{}[]-\"'.0123456789\n /,"))
def test_any_text_gives_a_configuration_or_a_refusal(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any-regiond.conf"
    path.write_text(f"database: x\n{text}")
    assert isinstance(config_or_refusal(path), RegionConfig | ConfigurationRefused)


def config_or_refusal(path):
    try:
        return load_region_config(path)
    except ConfigurationRefused as refusal:
        return refusal


def test_where_there_is_no_file_it_is_told_what_to_do(tmp_path):
    with pytest.raises(ConfigurationRefused, match="there is no such file; name yours with") as it:
        load_region_config(tmp_path / "none.conf")
    assert "copy the example etc/regiond.conf" in str(it.value)


@pytest.mark.parametrize("days", [0, -1, 36_501, 1.5])
def test_the_audit_log_is_kept_for_whole_days_at_least_one(read, days):
    with pytest.raises(ConfigurationRefused, match=r"audit\.keep_days: "):
        read(f"audit:\n  keep_days: {days}\n")
