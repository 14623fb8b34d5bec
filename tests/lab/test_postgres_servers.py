"""How the lab's PostgreSQL servers are started and reached."""

from pathlib import Path

import pytest
from attrs import evolve

from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces, OnLoopback
from evenrack.lab.lab_programs import LabPrograms, server_needs
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.record import Record, write_record
from evenrack.lab.refusals import LabRefused
from evenrack.runtime.child_process import ProgramId

PASSFILE = Path("/lab/region1/pgpass")
RECORD = Record(
    network=False,
    number=1,
    size=Size(replicas=2),
    retain=False,
    stage="up",
    owner=ProgramId(1, 2),
    primary="postgres2",
)


def needs_of(wiring, record=RECORD):
    return server_needs(lay_out(Path("/lab"), wiring, record.size), record)


def dsn_of(wiring, record=RECORD):
    needs = needs_of(wiring, record)
    return needs.dsn(needs.group(record.primary), PASSFILE)


def test_p25_regions_are_told_all_servers_and_to_look_for_the_primary():
    assert dsn_of(OnLoopback(number=1)) == (
        "host=/lab/postgres,/lab/postgres2,/lab/postgres3 port=5432 user=postgres "
        "target_session_attrs=read-write dbname=postgres"
    )
    assert dsn_of(InNamespaces(keeper=None)) == (
        "host=10.77.0.1,10.77.0.2,10.77.0.3 port=5432 user=postgres "
        "target_session_attrs=read-write dbname=postgres passfile=/lab/region1/pgpass"
    )


def test_regions_are_told_the_one_server_where_there_are_no_others():
    alone = evolve(RECORD, size=Size(), primary="postgres")
    assert dsn_of(OnLoopback(number=1), alone) == (
        "host=/lab/postgres port=5432 dbname=postgres user=postgres"
    )
    assert "host=10.77.0.1 port=5432" in dsn_of(InNamespaces(keeper=None), alone)


def test_p25_each_server_knows_its_name_and_the_others_and_runs_on_its_own_host(tmp_path):
    keeper = Keeper(program=ProgramId(7, 8), user_namespace=True)
    fleet = lay_out(tmp_path, InNamespaces(keeper=keeper), Size(replicas=2))
    group = server_needs(fleet, evolve(RECORD, network=True, keeper=keeper)).group("postgres2")
    assert group.primary == "postgres2"
    assert group.standbys == ["postgres", "postgres3"]
    settings = group["postgres3"].settings()
    assert (settings.listen, settings.port) == ("10.77.0.3", 5432)
    assert settings.settings["cluster_name"] == "postgres3"
    assert settings.settings["synchronous_standby_names"] == (
        "ANY 1 (postgres, postgres2, postgres3)"
    )
    assert f"passfile={tmp_path}/postgres3/pgpass" in settings.settings["primary_conninfo"]


def test_a_lab_without_standbys_has_none_to_promote_and_no_roles(tmp_path):
    alone = evolve(RECORD, size=Size(), primary="postgres")
    write_record(tmp_path, alone)
    programs = LabPrograms(alone.fleet(tmp_path), Path("/venv/bin"))
    with pytest.raises(LabRefused, match="no standby: bring one up with --replicas 2"):
        programs.promote(None, even_if_behind=False)
    assert [each.role for each in programs.look()][:1] == [""]
    write_record(tmp_path, RECORD)
    programs = LabPrograms(RECORD.fleet(tmp_path), Path("/venv/bin"))
    roles = {each.target: each.role for each in programs.look() if each.role}
    assert roles == {"postgres": "standby", "postgres2": "primary", "postgres3": "standby"}


def test_a_server_alone_has_no_settings_of_a_group(tmp_path):
    alone = evolve(RECORD, size=Size(), primary="postgres", retain=True)
    fleet = lay_out(tmp_path, OnLoopback(number=1), Size())
    settings = server_needs(fleet, alone).group("postgres")["postgres"].settings()
    assert set(settings.settings) == {"max_connections", "fsync"}
    assert settings.settings["fsync"] == "on"
