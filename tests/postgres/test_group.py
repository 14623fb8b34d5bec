"""A primary with two standbys: who may be promoted, and what becomes of the others."""

import time

import pytest

from evenrack.errors import CannotEverWork
from evenrack.postgres.group import Member
from tests.postgres_fixtures import execute
from tests.postgres_group import group_dsn, running_group

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

ASYNCHRONOUS = "ALTER DATABASE postgres SET synchronous_commit = local"


@pytest.fixture(scope="module")
def servers():
    with running_group() as group:
        yield group


@pytest.fixture
def group(servers):
    for name in (servers.primary, *servers.standbys):
        servers[name].resume()  # after a test that failed in the middle
    servers.start_all()
    execute(primary_of(servers), "ALTER DATABASE postgres RESET synchronous_commit")
    execute(primary_of(servers), "DROP TABLE IF EXISTS kept")
    execute(primary_of(servers), "CREATE TABLE kept (word text)")
    return servers


def primary_of(group):
    return group[group.primary]


def keep(group, word):
    execute(primary_of(group), f"INSERT INTO kept SELECT '{word}'")


def kept(group):
    return [word for (word,) in execute(primary_of(group), "SELECT word FROM kept ORDER BY 1")]


def follow(group):
    """Which standbys stream from the primary."""
    rows = execute(primary_of(group), "SELECT application_name FROM pg_stat_replication")
    return {name for (name,) in rows}


def wait_for_all(group):
    """Every standby has applied all that the primary wrote; a commit waits for one of them only."""
    behind = (
        "SELECT application_name FROM pg_stat_replication "
        "WHERE replay_lsn IS NULL OR replay_lsn < pg_current_wal_lsn()"
    )
    for _ in range(400):
        if follow(group) == set(group.standbys) and not execute(primary_of(group), behind):
            return
        time.sleep(0.05)
    pytest.fail(f"of {group.standbys} only {follow(group)} follow {group.primary}")


def test_a_server_is_told_all_it_needs_at_its_start_and_no_password():
    member = Member(name="b", others=("a", "b"), hosts=("10.0.0.1", "10.0.0.2"), port=5432)
    settings = member.settings()
    assert settings["synchronous_standby_names"] == "ANY 1 (a, b)"
    assert "host=10.0.0.1,10.0.0.2 " in settings["primary_conninfo"]
    assert "target_session_attrs=read-write" in settings["primary_conninfo"]
    assert "passfile" not in settings["primary_conninfo"]


def test_every_standby_follows_whoever_was_promoted_and_nothing_is_lost(group):
    keep(group, "before")
    lost = group.primary
    group[lost].kill()
    chosen = group.most_advanced()
    group.refuse_to_promote(chosen)
    group.promote(chosen)
    assert group.primary == chosen
    keep(group, "after")  # waits for a standby
    assert kept(group) == ["after", "before"]
    group.start(lost)
    assert group[lost].is_standby
    wait_for_all(group)


def test_a_living_primary_is_stopped_in_order_first_and_there_are_never_two(group):
    keep(group, "before")
    wait_for_all(group)  # else the other one may have more, and is to be named
    old = group.primary
    chosen = group.standbys[0]
    group.refuse_to_promote(chosen)
    group.promote(chosen)
    assert not group[old].is_running()
    assert kept(group) == ["before"]


def test_a_primary_that_hangs_is_ended_first(group):
    old, chosen = group.primary, group.standbys[1]
    wait_for_all(group)
    group[old].pause()
    group.refuse_to_promote(chosen)
    group.promote(chosen)
    assert not group[old].is_running()
    keep(group, "after")


def test_a_standby_is_not_promoted_while_another_has_more_and_that_one_is_copied_anew(group):
    wait_for_all(group)
    behind, ahead = group.standbys
    group[behind].pause()
    keep(group, "reported done")
    primary_of(group).kill()
    with pytest.raises(CannotEverWork, match=f"{behind} cannot be promoted.*does not answer"):
        group.refuse_to_promote(behind)
    group[behind].kill()
    with pytest.raises(CannotEverWork, match=f"{behind} does not answer and may have"):
        group.refuse_to_promote(ahead)
    group.start(behind)  # its primary does not run, so it has what it had
    with pytest.raises(CannotEverWork, match=f"{ahead} has .* bytes .* {behind} lacks"):
        group.refuse_to_promote(behind)
    group.refuse_to_promote(ahead)
    group.promote(behind)  # all the same
    assert kept(group) == []
    group.start_all()
    wait_for_all(group)  # also by the one that had more
    assert execute(group[ahead], "SELECT * FROM kept") == []


def test_who_was_primary_does_not_start_as_one_again(group):
    old, chosen = group.primary, group.standbys[0]
    execute(primary_of(group), ASYNCHRONOUS)
    wait_for_all(group)
    for standby in group.standbys:
        group[standby].kill()
    keep(group, "lost")
    primary_of(group).kill()
    for standby in group.standbys:
        group.start(standby)
    group.promote(chosen)
    primary_of(group).kill()
    with pytest.raises(CannotEverWork, match=f"{chosen} is the primary now.*start {chosen} first"):
        group.start(old)
    group.start(chosen)
    group.start(old)
    assert kept(group) == []
    wait_for_all(group)


def test_the_primary_and_strangers_are_not_promoted(group):
    with pytest.raises(CannotEverWork, match="is the primary already"):
        group.refuse_to_promote(group.primary)
    with pytest.raises(CannotEverWork, match="there is no postgres9; there are postgres, "):
        group.refuse_to_promote("postgres9")


def test_all_of_them_are_reached_by_one_string(group):
    assert group_dsn(group).count(",") == 2
    group.stop_all()
    assert not any(group[name].is_running() for name in (group.primary, *group.standbys))
    group.start_all()
    keep(group, "still there")


def test_who_has_most_is_known_only_when_all_have_read_what_is_on_their_disks(group):
    """A standby answers before: what it has read by then says nothing of what it has."""
    wait_for_all(group)
    first, second = group.standbys
    execute(group[second], "ALTER SYSTEM SET recovery_min_apply_delay = '4s'")  # it reads slowly
    try:
        group[first].kill()
        keep(group, "only one standby has it")
        group[second].kill()
        group[group.primary].kill()
        for standby in (first, second):
            group.start(standby)
        chosen = group.most_advanced()
        group.promote(chosen)
    finally:
        execute(group[second], "ALTER SYSTEM RESET recovery_min_apply_delay")
    assert chosen == second
    assert kept(group) == ["only one standby has it"]
