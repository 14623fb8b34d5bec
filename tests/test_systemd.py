"""The units in systemd/: systemd accepts them, they name what exists, and they give little away."""

import json
import re
import secrets
import shutil
import socket
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from twisted.internet import reactor

from evenrack.config.rack_config import RackConfig, RackDhcp, load_rack_config
from evenrack.config.region_config import RegionConfig
from evenrack.errors import ConfigurationRefused, ProgramFailed
from evenrack.model.host_port import HostPort
from evenrack.rack.assemble import assemble
from evenrack.rack.dhcp.systemd_unit import UNIT, WORDS, Systemd
from evenrack.rack.dhcp.systemd_unit import UNITS as UNITS_OF_DHCPD
from evenrack.rack.listen.link import PROGRAM, SOCKET
from evenrack.rack.state_folder import StateFolder
from evenrack.runtime.child_process import run_program
from evenrack.runtime.daemon import ENOUGH_FILES, watchdog_seconds
from tests.trusted import RACK as RACK_ID
from tests.trusted import enrol

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / "systemd"
UNITS = sorted(FOLDER.glob("evenrack-*"))
SERVICES = [path for path in UNITS if path.suffix == ".service"]
DAEMONS = ["evenrack-rackd.service", "evenrack-regiond@.service"]
DHCPD = "evenrack-dhcpd4.service"
LISTEN = "evenrack-dhcp-listen.socket"
SCRIPTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
EXPOSURE = str(PROJECT / ".ci" / "unit-exposure")
TMPFILES = (FOLDER / "tmpfiles.d" / "evenrack.conf").read_text()
RACK = RackConfig(regions=(HostPort(host="localhost", port=1),), rack_name="rack1")
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: systemd"
)


def settings(unit):
    """The settings of a unit, each with all that was said of it."""
    found = {}
    for line in (FOLDER / unit).read_text().splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def folders_made(tmpfiles=TMPFILES):
    """The folders that tmpfiles makes, with mode and owner."""
    lines = [line.split() for line in tmpfiles.splitlines() if not line.startswith("#")]
    return {line[1]: tuple(line[2:5]) for line in lines if line[0] == "d"}


@pytest.fixture
def as_installed(tmp_path):
    """Give the units in a folder of their own, with programs that exist and an instance."""
    for path in UNITS:
        text = re.sub(
            "^ExecStart=\\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE
        )
        # a socket looks for the template itself
        for name in {path.name, path.name.replace("@.", "@1.")}:
            (tmp_path / name).write_text(text)
    return sorted(path for path in tmp_path.iterdir() if "@." not in path.name)


@needs_systemd
def test_p29_systemd_finds_nothing_wrong_with_the_units(as_installed):
    command = ["sh", "-c", 'systemd-analyze verify "$@" 2>&1', "sh", *map(str, as_installed)]
    assert run_program(command, seconds=60) == ""


@needs_systemd
def test_p29_systemd_would_tell_of_a_setting_that_does_not_exist(as_installed):
    path = next(path for path in as_installed if path.name == DHCPD)
    path.write_text(path.read_text().replace("PrivateTmp=", "PrivateTemp="))
    command = ["sh", "-c", 'systemd-analyze verify "$@" 2>&1', "sh", str(path)]
    assert "'PrivateTemp'" in run_program(command, seconds=60)


@needs_systemd
def test_p29_a_broken_into_service_can_do_little():
    told = run_program([EXPOSURE], seconds=60).splitlines()
    assert {line.partition(":")[0] for line in told} == {path.name for path in SERVICES}


@needs_systemd
def test_p29_make_check_refuses_a_unit_that_gives_more_away(as_installed):
    path = next(path for path in as_installed if path.name == "evenrack-rackd.service")
    path.write_text(path.read_text().replace("CapabilityBoundingSet=\n", ""))
    with pytest.raises(ProgramFailed, match=r"evenrack-rackd\.service: exposure above 1\.5"):
        run_program([EXPOSURE, str(path.parent)], seconds=60)


def test_make_check_without_systemd_goes_on_but_not_under_ci():
    def check(ci):
        command = [shutil.which("bash"), "-c", '. "$0" 2>&1', EXPOSURE]
        return run_program(command, seconds=60, environment={"PATH": "/nowhere", "CI": ci})

    for ci in ("", "0", "false"):
        assert "systemd-analyze is missing" in check(ci)
    with pytest.raises(ProgramFailed):
        check("true")


def test_a_region_process_may_have_as_many_files_open_as_it_would_take_by_itself():
    assert settings("evenrack-regiond@.service")["LimitNOFILE"] == [str(ENOUGH_FILES)]


@pytest.mark.parametrize("unit", DAEMONS)
def test_p29_a_daemon_is_one_of_our_programs_with_options_that_it_has(unit):
    program, command, *options = settings(unit)["ExecStart"][0].split()
    main = EntryPoint(program, SCRIPTS[program], "console_scripts").load()
    known = {name for each in main.commands[command].params for name in each.opts}
    assert {option for option in options if option.startswith("--")} - known == set()
    (config,) = [Path(option) for option in options if option.endswith(".conf")]
    assert config.parent == Path("/etc/evenrack")
    assert (PROJECT / "etc" / config.name).exists()


@pytest.mark.parametrize("unit", DAEMONS)
def test_p29_a_daemon_that_ends_or_hangs_is_started_again(unit):
    said = settings(unit)
    assert (said["Type"], said["Restart"]) == (["notify"], ["always"])
    assert said["WatchdogSec"] == ["10"]
    assert said["StartLimitIntervalSec"] == ["0"]
    assert said["RestartPreventExitStatus"] == ["2"]  # both main.py files: EXIT_REFUSED


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_no_service_is_root_or_leaves_a_dump_with_keys(service):
    said = settings(service.name)
    assert (said["User"], said["Group"]) == (["evenrack"], ["evenrack"])
    assert said["LimitCORE"] == ["0"]
    assert "u evenrack " in (FOLDER / "sysusers.d" / "evenrack.conf").read_text()


def test_the_daemons_have_the_folders_that_their_settings_name():
    region = RegionConfig(database="dbname=x", region_name="region1")
    said = {unit: settings(unit) for unit in DAEMONS}
    for unit, folder in zip(DAEMONS, (RACK.state_dir, region.state_dir), strict=True):
        assert Path("/var/lib", said[unit]["StateDirectory"][0]) == folder
    assert said["evenrack-regiond@.service"]["ReadWritePaths"] == [str(region.run_dir)]
    assert folders_made().keys() >= {str(region.run_dir), str(RACK.secret_file.parent)}


@pytest.mark.parametrize("family", UNITS_OF_DHCPD)
def test_dhcpd_is_started_as_rackd_expects_it(family):
    state = StateFolder(RACK.state_dir)
    folder = {"-4": state.dhcp_folder, "-6": state.dhcp6_folder}[family]
    said = settings(UNITS_OF_DHCPD[family])
    files = f"-cf {folder}/dhcpd.conf -lf {folder}/dhcpd.leases"
    assert said["ExecStart"] == [f"{RACK.dhcp.binary} {family} -f --no-pid {files} $INTERFACES"]
    assert said["EnvironmentFile"] == [f"{folder}/interfaces.env"]
    assert said["BindPaths"] == [str(folder)]
    assert said["StandardError"] == [f"truncate:{WORDS[family]}"]
    assert said["Slice"] == ["system.slice"]


@pytest.mark.parametrize("unit", UNITS_OF_DHCPD.values())
def test_only_rackd_starts_dhcpd_and_its_end_leaves_dhcpd_alone(unit):
    said = settings(unit)
    assert said["Restart"] == ["on-failure"]
    assert not {"WantedBy", "RequiredBy", "BindsTo", "PartOf", "Requires"} & said.keys()
    assert not any("dhcpd" in " ".join(settings(each).get("Wants", [])) for each in DAEMONS)


def test_the_programs_that_a_service_starts_are_not_refused_what_they_cannot_do_without():
    """Seen with a systemd that really ran: without these each ended at once."""
    rackd = settings("evenrack-rackd.service")
    for lists_interfaces in (*map(settings, UNITS_OF_DHCPD.values()), rackd):
        assert "AF_NETLINK" in lists_interfaces["RestrictAddressFamilies"][0].split()
    # ip(8) gives up its capabilities first.
    assert rackd["SystemCallFilter"] == ["@system-service", "~@privileged @resources", "capset"]
    # pyOpenSSL: "Cannot allocate write+execute memory for ffi.callback()".
    for unit in DAEMONS:
        assert "MemoryDenyWriteExecute" not in settings(unit)


def test_dhcpd_may_open_raw_sockets_and_low_ports_and_nothing_else():
    said = settings(UNIT)
    assert said["CapabilityBoundingSet"] == ["CAP_NET_RAW CAP_NET_BIND_SERVICE"]
    assert said["AmbientCapabilities"] == said["CapabilityBoundingSet"]
    said = settings(UNITS_OF_DHCPD["-6"])
    assert said["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"], "no raw sockets for IPv6"
    assert said["AmbientCapabilities"] == said["CapabilityBoundingSet"]
    for unit in DAEMONS:
        assert settings(unit)["CapabilityBoundingSet"] == [""]


def test_only_the_listener_of_rackd_may_open_raw_sockets_and_only_rackd_may_have_one():
    said, socket = settings("evenrack-dhcp-listen@.service"), settings(LISTEN)
    assert said["CapabilityBoundingSet"] == ["CAP_NET_RAW"]
    assert said["AmbientCapabilities"] == said["CapabilityBoundingSet"]
    assert said["RestrictAddressFamilies"] == ["AF_PACKET"]
    assert said["InaccessiblePaths"] == ["-/var/lib/evenrack -/etc/evenrack -/run/evenrack"]
    assert (socket["SocketUser"], socket["SocketMode"]) == (["evenrack"], ["0600"])


def test_rackd_finds_its_listener_where_the_unit_says_and_speaks_by_its_input_and_output():
    said, socket = settings("evenrack-dhcp-listen@.service"), settings(LISTEN)
    assert (socket["ListenStream"], socket["Accept"]) == ([str(SOCKET)], ["yes"])
    assert (said["StandardInput"], said["StandardOutput"]) == (["socket"], ["socket"])
    assert (PROGRAM in SCRIPTS, said["ExecStart"], LISTEN) == (True, [PROGRAM], f"{PROGRAM}.socket")
    assert "StandardError" in said  # else it would go to rackd, too


def test_root_opens_dhcpds_words_where_evenrack_can_put_no_link():
    for words in WORDS.values():
        mode, user, group = folders_made()[str(words.parent)]
        assert (user, group) == ("root", "evenrack")
        assert not int(mode, 8) & 0o022
        assert f"f {words} 0640 root evenrack" in TMPFILES


# The polkit rule, run by the engine that Debian's polkit has inside

RULE = (FOLDER / "polkit-1" / "rules.d" / "50-evenrack-dhcpd.rules").read_text()
MANAGE_UNITS = "org.freedesktop.systemd1.manage-units"
POLKIT = """
var rules = [];
var polkit = {Result: {YES: "yes"}, addRule: function (rule) { rules.push(rule); }};
RULE
CASES.forEach(function (asked) {
    var details = {unit: asked.unit, verb: asked.verb};
    var action = {id: asked.id, lookup: function (name) { return details[name]; }};
    var subject = {user: asked.user, groups: [asked.user], local: true, active: true};
    print(rules.map(function (rule) { return rule(action, subject); }).join());
});
"""


def answers_of_polkit(tmp_path, cases):
    """What the rule says to each case: yes, or nothing when it leaves it to other rules."""
    script = tmp_path / "polkit.js"
    script.write_text(POLKIT.replace("RULE", RULE).replace("CASES", json.dumps(cases)))
    return run_program(["duk", str(script)], seconds=60).splitlines()


def may(*, action=MANAGE_UNITS, unit=UNIT, verb="start", user="evenrack"):
    return {"id": action, "unit": unit, "verb": verb, "user": user}


@pytest.mark.skipif(shutil.which("duk") is None, reason="duk is missing: duktape")
def test_rackd_may_start_and_stop_the_unit_of_its_dhcpd_and_nothing_else(tmp_path):
    allowed = [
        may(unit=unit, verb=verb)
        for unit in UNITS_OF_DHCPD.values()
        for verb in ("start", "stop", "restart")
    ]
    verbs = ["reload", "kill", "enable", "freeze", "clean", "set-property", "star", "START", ""]
    units = [
        *("ssh.service", "evenrack-rackd.service", "evenrack-regiond@1.service", "", None),
        *(f"{UNIT}.service", f"x{UNIT}", "evenrack-dhcpd4", "evenrack-dhcpd4@1.service"),
        *(f"{UNIT}\n", UNIT.upper(), "evenrack-dhcpd4xservice", "toString"),
    ]
    users = ["root", "nobody", "evenrack2", "Evenrack", "", None]
    actions = [f"{MANAGE_UNITS}x", "org.freedesktop.systemd1.manage-unit-files", MANAGE_UNITS[:-1]]
    actions += ["org.freedesktop.systemd1.reload-daemon", "org.freedesktop.policykit.exec"]
    refused = [
        *(may(verb=verb) for verb in [*verbs, None]),
        *(may(unit=unit, verb=verb) for unit in units for verb in ("start", "stop", "restart")),
        *(may(user=user) for user in users),
        *(may(action=action) for action in actions),
    ]
    answers = answers_of_polkit(tmp_path, allowed + refused)
    assert answers == ["yes"] * len(allowed) + [""] * len(refused)


def test_there_is_one_polkit_rule_and_it_never_refuses_what_others_allow():
    assert [path.suffix for path in (FOLDER / "polkit-1" / "rules.d").iterdir()] == [".rules"]
    assert re.findall(r"polkit\.Result\.\w+", RULE) == ["polkit.Result.YES"]
    assert RULE.count("polkit.addRule(") == 1


def test_apparmor_lets_dhcpd_at_the_files_that_the_unit_names():
    rules = (FOLDER / "apparmor.d" / "dhcpd.d" / "evenrack").read_text()
    state = StateFolder(RACK.state_dir)
    assert f"{state.dhcp_folder}/** lrw," in rules
    assert f"{state.dhcp6_folder}/** lrw," in rules
    assert all(f"{words} w," in rules for words in WORDS.values())


# The setting dhcp.runner


def read(tmp_path, more):
    path = tmp_path / "rackd.conf"
    path.write_text(f'regions: ["localhost:1"]\n{more}\n')
    return load_rack_config(path)


def test_systemd_runs_dhcpd_unless_the_setting_says_child(tmp_path):
    assert read(tmp_path, "").dhcp.runner == "systemd"
    assert read(tmp_path, "dhcp: {runner: child}\nstate_dir: /srv/x").dhcp.runner == "child"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("dhcp: {runner: docker}", 'dhcp.runner: "docker" is neither systemd nor child'),
        (
            "state_dir: /srv/rack",
            "state_dir: is /srv/rack, but evenrack-dhcpd4.service serves what is in "
            "/var/lib/evenrack/rack: leave it there, or say dhcp.runner: child",
        ),
    ],
)
def test_a_runner_that_would_not_serve_is_refused(tmp_path, more, problem):
    with pytest.raises(ConfigurationRefused) as refused:
        read(tmp_path, more)
    assert list(refused.value.problems) == [problem]


@pytest.mark.parametrize("runner", ["systemd", "child"])
def test_a_rack_is_only_assembled_where_its_runner_can_work(tmp_path, runner):
    config = RackConfig(
        regions=RACK.regions, rack_name="rack1", state_dir=tmp_path, dhcp=RackDhcp(runner=runner)
    )

    enrol(tmp_path, RACK_ID)

    def attempt():
        return assemble(config, reactor, jitter=lambda: 0.5, token_bytes=secrets.token_bytes)

    here = Systemd()
    has_systemd = here.booted.exists() and (here.groups / "cgroup.controllers").exists()
    if runner == "child" or has_systemd:
        assert attempt().rack
    else:
        with pytest.raises(ConfigurationRefused, match=r"rackd\.conf: 1 problem\n.*say child"):
            attempt()


# The watchdog

DAEMON = """
import sys
from twisted.application.service import Service
from twisted.internet import reactor
from evenrack.runtime.daemon import run_daemon, use_steady_clock
use_steady_clock(reactor)
reactor.callWhenRunning(reactor.callLater, 0.25, reactor.stop)
sys.exit(run_daemon(reactor, Service()))
"""


def messages_of_a_daemon(tmp_path, environment):
    """What systemd is told by a daemon that lives for a quarter of a second."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.setblocking(False)
        run_program(
            [sys.executable, "-c", DAEMON],
            seconds=60,
            environment={"NOTIFY_SOCKET": address, **environment},
        )
        found = []
        while not found or found[-1] != b"STOPPING=1":
            found.append(listening.recv(100))
        return found


def test_p29_a_daemon_says_that_it_lives_twice_in_the_time_that_systemd_allows(tmp_path):
    first, *lives, last = messages_of_a_daemon(tmp_path, {"WATCHDOG_USEC": "200000"})
    assert (first, last) == (b"READY=1", b"STOPPING=1")
    assert set(lives) == {b"WATCHDOG=1"}
    assert 2 <= len(lives) <= 4


def test_a_daemon_that_is_not_watched_says_nothing_more(tmp_path):
    assert messages_of_a_daemon(tmp_path, {}) == [b"READY=1", b"STOPPING=1"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_what_systemd_says_to_this_process(monkeypatch, environment, seconds):
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert watchdog_seconds() == seconds
