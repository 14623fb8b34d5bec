"""A secret that others can use or replace is refused, with the command that cures it."""

import os
import re
import sys

import pytest

from evenrack.config.private_files import private_folder, read_private_text
from evenrack.errors import ConfigurationRefused, ProgramFailed
from evenrack.runtime.child_process import run_program

ME = os.geteuid()
SOMEBODY = ME + 1
CURE = "ask for one"


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "folder" / "secret"
    path.parent.mkdir()
    path.write_text("SESAME")
    path.chmod(0o600)
    return path


def problems_of(path, user=ME):
    text, problems = read_private_text(path, most_bytes=100, cure=CURE, user=user)
    assert text == "SESAME"
    assert "SESAME" not in "".join(problems)
    return problems


def refusal_of(folder, *secrets, user=ME):
    with pytest.raises(ConfigurationRefused) as refused:
        private_folder(folder, secrets=secrets, user=user)
    assert refused.value.path == folder
    return list(refused.value.problems)


def of_another_user(*paths):
    """Let them be another user's; gives that user, and one who is neither that one nor root."""
    if ME != 0:
        return ME, SOMEBODY
    for path in paths:
        os.lchown(path, 1, 1)
    return 1, ME


def follow_the_cures(problems):
    for problem in problems:
        (cure,) = re.findall("`(.*)`", problem)
        run_program(["sh", "-c", cure], seconds=30)


# A file


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_this_user_alone_is_read(secret, mode):
    secret.chmod(mode)
    assert problems_of(secret) == []


def test_a_file_that_cannot_be_read_is_refused_with_the_cure(tmp_path):
    with pytest.raises(ConfigurationRefused) as refused:
        read_private_text(tmp_path / "none", most_bytes=100, cure=CURE)
    assert list(refused.value.problems) == ["there is no such file; ask for one"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610])
def test_a_file_that_others_can_use_is_refused_until_the_cure_was_run(secret, mode):
    secret.chmod(mode)
    problems = problems_of(secret)
    assert problems == [f"group or others may use it (mode {mode:04o}); run `chmod 600 {secret}`"]
    follow_the_cures(problems)
    assert problems_of(secret) == []


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_file_that_others_can_replace_is_refused_until_the_cure_was_run(secret, mode):
    secret.parent.chmod(mode)
    problems = problems_of(secret)
    assert problems == [
        f"group or others can replace it (mode {mode:04o} of the folder); "
        f"run `chmod go-w {secret.parent}`"
    ]
    follow_the_cures(problems)
    assert problems_of(secret) == []


def test_others_can_replace_nothing_of_ours_in_a_folder_like_tmp(secret):
    secret.parent.chmod(0o1777)
    assert problems_of(secret) == []


def test_the_folder_of_the_file_that_a_link_leads_to_counts_too(tmp_path, secret):
    link = tmp_path / "link"
    link.symlink_to(secret)
    assert problems_of(link) == []
    secret.parent.chmod(0o777)
    (problem,) = problems_of(link)
    assert problem.endswith(f"run `chmod go-w {secret.parent}`")


def test_a_file_or_a_link_or_a_folder_of_another_user_is_refused(tmp_path, secret):
    link = tmp_path / "link"
    link.symlink_to(secret)
    owner, reader = of_another_user(link, secret, secret.parent, link.parent)
    link_s, file_s, *folders = problems_of(link, reader)
    assert link_s == f"is a link that user {owner} made; run `rm {link}`"
    assert file_s == (
        f"belongs to user {owner}, and must be root's or of the user who reads it; "
        f"run `chown {reader} {link}`"
    )
    assert folders == [
        f"user {owner} can replace it, who owns the folder; run `chown {reader} {folder}`"
        for folder in (link.parent, secret.parent)
    ]
    if reader == ME:  # only root can do these
        follow_the_cures([file_s, *folders])
        assert problems_of(secret) == []
        follow_the_cures([link_s])
        assert not link.is_symlink()


# A folder


def test_a_folder_that_is_missing_is_made_for_this_user_alone(tmp_path):
    folder = tmp_path / "deep" / "state"
    private_folder(folder)
    private_folder(folder, secrets=["none"])
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o701, 0o750, 0o777])
def test_a_folder_that_others_can_use_is_refused_until_the_cure_was_run(tmp_path, mode):
    folder = tmp_path / "a state"  # a cure can be pasted whatever the name is
    folder.mkdir()
    folder.chmod(mode)
    problems = refusal_of(folder)
    assert problems == [
        f"has mode {mode:04o}, and must be for its owner alone; run `chmod 700 '{folder}'`"
    ]
    follow_the_cures(problems)
    private_folder(folder)


def test_a_folder_that_inherits_its_group_is_no_problem(tmp_path):
    tmp_path.chmod(0o2700)
    private_folder(tmp_path)


def test_everything_in_a_folder_is_told_at_once(tmp_path):
    tmp_path.chmod(0o755)
    for name, mode in (("open", 0o644), ("closed", 0o600)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    problems = refusal_of(tmp_path, "open", "closed", "none")
    assert [problem.partition(";")[0] for problem in problems] == [
        "has mode 0755, and must be for its owner alone",
        "open: group or others may use it (mode 0644)",
    ]
    follow_the_cures(problems)
    private_folder(tmp_path, secrets=["open", "closed", "none"])


def test_a_folder_of_another_user_is_refused_even_when_it_is_root_s(tmp_path):
    """What root makes in the folder of a daemon the daemon cannot read, and the other way round."""
    tmp_path.chmod(0o700)
    assert refusal_of(tmp_path, user=SOMEBODY) == [
        f"belongs to user {ME}, and this runs as user {SOMEBODY}: run it as user {ME}, "
        f"or run `chown -R {SOMEBODY} {tmp_path}`"
    ]


def test_links_that_others_made_are_refused(tmp_path):
    state, elsewhere, link = (tmp_path / name for name in ("state", "elsewhere", "link"))
    for folder in (state, elsewhere):
        private_folder(folder)
    (elsewhere / "key").touch(mode=0o600)
    (state / "key").symlink_to(elsewhere / "key")
    link.symlink_to(state)
    private_folder(link, secrets=["key"])
    owner, reader = of_another_user(state / "key", link)
    problems = refusal_of(link, "key", user=reader)
    assert [problem for problem in problems if "is a link" in problem] == [
        f"is a link that user {owner} made; run `rm {link}`",
        f"key: is a link that user {owner} made; run `rm {link}/key`",
    ]


def test_a_folder_that_cannot_be_there_is_refused_with_the_cure(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert refusal_of(file) == [f"is not a folder; run `mv {file} {file}.old`"]
    assert refusal_of(file / "below") == [
        f"cannot be made: Not a directory; run `install -d -m 700 -o {ME} {file}/below` as root"
    ]


# Root in the folder of another user

AS_OWNER = """
import os, sys
from pathlib import Path
from evenrack.config.private_files import act_as_owner
act_as_owner(Path(sys.argv[1]))
print(*os.getresuid(), *os.getresgid(), os.getgroups() if os.geteuid() else "")
"""


def users_in(folder, *entrance):
    command = [*entrance, sys.executable, "-c", AS_OWNER, str(folder)]
    return run_program(command, seconds=30).split()


def test_root_works_in_the_folder_of_another_user_as_that_user_or_not_at_all(tmp_path):
    as_now = [str(number) for number in (*os.getresuid(), *os.getresgid())]
    assert users_in(tmp_path)[:6] == as_now
    assert users_in(tmp_path / "none")[:6] == as_now
    if ME == 0:
        os.chown(tmp_path, 1, 2)
        assert users_in(tmp_path) == ["1", "1", "1", "2", "2", "2", "[]"]
        with pytest.raises(ProgramFailed, match="and root cannot become that one"):
            users_in(tmp_path, "setpriv", "--bounding-set=-setuid,-setgid")
