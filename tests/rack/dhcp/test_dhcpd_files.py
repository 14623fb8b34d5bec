"""The configuration on the disk: the next one lies beside the one that is served until its time."""

import pytest

from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles


@pytest.fixture
def files(tmp_path):
    return DhcpdFiles(tmp_path / "dhcp")


def test_the_next_configuration_is_none_until_it_is_taken(files):
    assert files.text() is None
    files.write_next("# one\n")
    assert files.text() is None
    files.take_next()
    files.write_next("# two: 東京\n")
    assert files.text() == "# one\n"
    files.take_next()
    assert files.text() == "# two: 東京\n"


def test_to_take_it_twice_does_nothing(files):
    files.write_next("# one\n")
    files.take_next()
    files.take_next()
    assert files.text() == "# one\n"


def test_nobody_else_can_read_the_next_one_either(files):
    files.write_next("secret")
    modes = {
        file.name: file.stat().st_mode & 0o077 for file in files.configuration.parent.iterdir()
    }
    assert modes == {"dhcpd.conf.next": 0, "dhcpd.leases": 0}
