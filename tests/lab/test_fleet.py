"""The layout of a lab, and the configuration files it writes."""

from pathlib import Path

import pytest

from evenrack.config.rack_config import load_rack_config
from evenrack.config.region_config import load_region_config
from evenrack.lab.fleet import Size, lay_out, rack_config, region_config
from evenrack.lab.hosts import InNamespaces, OnLoopback
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.refusals import LabRefused
from evenrack.runtime.child_process import ProgramId
from tests.trusted import enrol


def fleet_in(directory, **size):
    return lay_out(Path(directory), OnLoopback(number=7), Size(**size))


def test_the_default_lab_has_two_region_hosts_of_two_processes_and_four_racks():
    fleet = fleet_in("/lab")
    assert [daemon.name for daemon in fleet.daemons()] == [
        "region1/1",
        "region1/2",
        "region2/1",
        "region2/2",
        "rack1/rackd",
        "rack2/rackd",
        "rack3/rackd",
        "rack4/rackd",
    ]


def test_without_a_network_there_are_no_clients():
    assert fleet_in("/lab", clients=7).clients == ()


def test_a_clients_program_runs_beside_the_others_and_writes_into_its_own_folder():
    fleet = lay_out(Path("/lab"), InNamespaces(keeper=None), Size(vlans=2))
    assert fleet.clients[2].arguments(Path("/venv/bin"))[1:] == [
        *("-P", "-m", "evenrack.lab.traffic", "--interface", "vlan1"),
        *("--client", "3", "--out", "/lab/client3/dhcp.jsonl"),
        *("--ledger", "/lab/client3/ledger.jsonl"),
        *("--per-second", "0.3", "--hold", "5.0", "--first", "1"),
    ]
    assert fleet.clients[2].log == Path("/lab/client3/traffic.log")


def test_a_bmc_is_a_program_on_the_host_of_all_bmcs_and_no_daemon():
    fleet = lay_out(Path("/lab"), InNamespaces(keeper=None), Size(bmcs=2))
    assert [(bmc.name, bmc.bmc, bmc.machine, bmc.address) for bmc in fleet.bmcs] == [
        ("bmcs/bmc1", "b1", "m1", "10.78.0.1"),
        ("bmcs/bmc2", "b2", "m2", "10.78.0.2"),
    ]
    assert fleet.program("bmcs/bmc2").arguments(Path("/venv/bin")) == [
        *("ipmi_sim", "-c", "/lab/bmcs/bmc2/lan", "-f", "/lab/bmcs/bmc2/emulated"),
        *("-s", "/lab/bmcs/bmc2/state", "-n"),
    ]
    assert fleet.host_of("bmcs/bmc2").name == "bmcs"
    assert not any(daemon.name.startswith("bmcs") for daemon in fleet.daemons())


def test_whoever_asks_bmcs_runs_on_this_machine_and_may_ask_any_region_process():
    size = Size(region_hosts=1, bmcs=2)
    fleet = lay_out(Path("/lab"), InNamespaces(keeper=None), size)
    traffic = fleet.program("power/traffic")
    assert traffic.host.entrance == ()
    assert traffic.arguments(Path("/venv/bin"))[1:] == [
        *("-P", "-m", "evenrack.lab.traffic.power_main", "--out", "/lab/power/power.jsonl"),
        *("--socket", "/lab/region1/run/regiond-1.sock"),
        *("--socket", "/lab/region1/run/regiond-2.sock"),
        *("--machine", "m1", "--machine", "m2"),
    ]
    assert traffic.log == Path("/lab/power/traffic.log")


def test_p25_each_postgresql_server_has_a_host_and_a_folder_of_its_own():
    fleet = lay_out(Path("/lab"), InNamespaces(keeper=None), Size(replicas=2))
    assert [(server.name, str(server.folder)) for server in fleet.servers] == [
        ("postgres", "/lab/postgres"),
        ("postgres2", "/lab/postgres2"),
        ("postgres3", "/lab/postgres3"),
    ]
    assert fleet.host_of("postgres3").address == "10.77.0.3"
    assert [cable.name for cable in fleet.network.cables_of("postgres3")] == [
        "postgres3:management"
    ]


@pytest.mark.parametrize("without", [{"bmcs": 0}, {"racks": 0}])
def test_without_bmcs_or_racks_nobody_asks(without):
    fleet = lay_out(Path("/lab"), InNamespaces(keeper=None), Size(**without))
    assert (fleet.bmcs, fleet.power_traffic) == ((), None)
    assert (fleet_in("/lab").bmcs, fleet_in("/lab").power_traffic) == ((), None)


def test_every_process_has_an_endpoint_a_socket_and_a_log_of_its_own():
    fleet = fleet_in("/lab", region_hosts=3, processes=3)
    for what in ("endpoint", "socket", "log"):
        assert len({getattr(process, what) for process in fleet.processes}) == 9
    assert fleet.process("region2/3").endpoint == "127.77.7.2:5253"
    assert fleet.process("region2/3").socket == Path("/lab/region2/run/regiond-3.sock")


def test_each_rack_knows_one_process_and_racks_know_hosts_in_turn():
    fleet = fleet_in("/lab", racks=3)
    assert [rack.regions for rack in fleet.racks] == [
        ("127.77.7.1:5251",),
        ("127.77.7.2:5251",),
        ("127.77.7.1:5251",),
    ]


def test_the_daemons_accept_the_files_that_the_lab_writes(tmp_path):
    fleet = fleet_in(tmp_path)
    process, rack = fleet.processes[3], fleet.racks[0].with_regions(["[fd00::1]:1", "b:2"])
    for daemon in (process, rack):
        daemon.folder.mkdir()
    process.config.write_text(region_config(process, "host=/tmp/x dbname=postgres"))
    rack.config.write_text(rack_config(rack))
    region = load_region_config(process.config)
    assert region.region_name == "region2"
    assert region.run_dir == process.socket.parent
    assert str(region.rpc.listen) == process.host.address
    assert region.rpc.port + process.instance == process.port
    assert region.key_file == process.folder / "keys"
    assert region.state_dir == process.folder / "state"
    loaded = load_rack_config(rack.config)
    assert [str(endpoint) for endpoint in loaded.regions] == ["[fd00::1]:1", "b:2"]
    assert loaded.state_dir == rack.state
    assert loaded.secret_file == rack.enrolment
    assert not rack.is_enrolled
    enrol(rack.state, "rack0001")
    assert rack.is_enrolled


def test_a_folder_too_long_for_sockets_is_refused_with_the_cure():
    with pytest.raises(LabRefused, match=r"bytes too long .*shorter --dir"):
        fleet_in("/" + "x" * 90)
    fleet_in("/" + "x" * 70)


@pytest.mark.parametrize(
    "size",
    [
        *({"region_hosts": 0}, {"region_hosts": 200}, {"processes": 0}, {"racks": -1}),
        *({"vlans": -1}, {"clients": -1}, {"bmcs": -1}, {"replicas": -1}, {"replicas": 9}),
    ],
)
def test_sizes_that_cannot_be_are_refused(size):
    with pytest.raises(LabRefused):
        fleet_in("/lab", **size)


def test_in_a_network_every_host_has_its_own_address_and_entrance(tmp_path):
    keeper = Keeper(program=ProgramId(7, 8), user_namespace=False)
    fleet = lay_out(tmp_path, InNamespaces(keeper=keeper), Size())
    process = fleet.process("region2/2")
    assert process.endpoint == "10.77.0.12:5252"
    assert fleet.daemon("rack3/rackd").host.address == "10.77.0.103"
    assert fleet.host_of("postgres").address == "10.77.0.1"
    assert [server.name for server in fleet.servers] == ["postgres"]
    assert fleet.host_of("region2/2").entrance[-2:] == ("exec", "region2")
    assert "listen: 127.0.0.1:5240" in region_config(process, "host=10.77.0.1")
    assert [client.name for client in fleet.clients] == [f"client{n}/traffic" for n in range(1, 5)]
    assert [client.network for client in fleet.clients] == ["vlan1", "vlan2", "vlan3", "vlan4"]
    assert fleet.program("client3/traffic").host.entrance[-2:] == ("exec", "client3")
    assert "client1/traffic" not in {daemon.name for daemon in fleet.daemons()}
    with pytest.raises(LabRefused, match="at most 99 VLANs"):
        lay_out(tmp_path, InNamespaces(keeper=None), Size(vlans=100))
