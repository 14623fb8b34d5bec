"""The settings file and the connection string."""

from pathlib import Path

import pytest

from evenrack.errors import CannotEverWork
from evenrack.postgres.server_settings import (
    ServerSettings,
    check_socket_path,
    connection_string,
    remembered_settings,
)

FOLDER = Path("/srv/pg")


def test_the_mapping_has_the_last_word_and_is_quoted():
    settings = ServerSettings(settings={"port": "7", "search_path": "it's \\ here"})
    lines = settings.to_conf(FOLDER).decode().splitlines()
    assert "port = '7'" in lines
    assert "search_path = 'it''s \\\\ here'" in lines
    assert "listen_addresses = ''" in lines


def test_setting_of_two_lines_is_refused():
    with pytest.raises(CannotEverWork, match="must be one line"):
        ServerSettings(settings={"port": "7\nfsync = off"}).to_conf(FOLDER)


def test_settings_are_remembered_as_they_were(tmp_path):
    settings = ServerSettings(port=5, settings={"fsync": "off"})
    (tmp_path / "file").write_bytes(settings.to_json())
    assert remembered_settings(tmp_path / "file") == settings
    assert remembered_settings(tmp_path / "none") == ServerSettings()


def test_connection_string_quotes_what_libpq_would_split():
    string = connection_string(Path("/srv/a b's"), ServerSettings(), "postgres")
    assert string == r"host='/srv/a b\'s' port=5432 dbname=postgres user=postgres"


def test_longest_path_that_the_kernel_takes_is_taken():
    check_socket_path(Path("/" + "x" * (107 - len("/" + "/.s.PGSQL.5432"))), ServerSettings())
    with pytest.raises(CannotEverWork, match="108 bytes"):
        check_socket_path(Path("/" + "x" * (108 - len("/" + "/.s.PGSQL.5432"))), ServerSettings())


def test_path_with_a_comma_is_refused():
    with pytest.raises(CannotEverWork, match="no comma"):
        check_socket_path(Path("/srv/a,b"), ServerSettings())
