"""As whom the server's programs run."""

import os

from evenrack.postgres.account import DIRECTLY, IN_NAMESPACE, account_for, as_number, new_account


def test_user_runs_it_directly(tmp_path):
    assert account_for(tmp_path, effective_user=1234) == DIRECTLY


def test_root_uses_a_namespace_where_one_can_be_made(tmp_path):
    assert new_account(lambda: True) == IN_NAMESPACE


def test_root_uses_another_number_where_not():
    account = new_account(lambda: False)
    assert account == as_number(1000)
    assert account.prefix[:2] == ("setpriv", "--reuid=1000")


def test_folder_that_belongs_to_a_user_keeps_its_user(tmp_path):
    if os.geteuid() == 0:
        os.chown(tmp_path, 1234, -1)
    owner = tmp_path.stat().st_uid
    assert account_for(tmp_path, effective_user=0) == as_number(owner)
