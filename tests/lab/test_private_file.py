"""Files that nobody else may read."""

from evenrack.lab.private_file import kept_or_new, write_private


def test_a_secret_is_readable_by_its_owner_only_and_a_kept_lab_goes_on_with_it(tmp_path):
    path = tmp_path / "secret"
    assert kept_or_new(path, lambda: "new") == "new"
    write_private(path, "first")
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_or_new(path, lambda: "new") == "first"
