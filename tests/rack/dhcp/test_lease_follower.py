"""Of a file that grows only what was appended is read; of one that is another, everything."""

import pytest

from evenrack.rack.dhcp.lease_follower import CHUNK_BYTES, LeaseFollower


class Reading:
    def __init__(self, file):
        self.file = file
        self.follower = LeaseFollower(file)

    def read_on(self):
        """Give what was read, and whether it was all of the file."""
        begun, pieces = [], []
        self.follower.read_on(lambda: begun.append(True), pieces.append)
        return b"".join(pieces), bool(begun)


@pytest.fixture
def reading(tmp_path):
    return Reading(tmp_path / "dhcpd.leases")


def append(file, data):
    with file.open("ab") as opened:
        opened.write(data)


def test_only_what_was_appended_is_read(reading):
    reading.file.write_bytes(b"one\n")
    assert reading.read_on() == (b"one\n", True)
    assert reading.read_on() == (b"", False)
    append(reading.file, b"two\n")
    assert reading.read_on() == (b"two\n", False)


def test_a_file_that_was_written_anew_is_read_from_its_beginning(reading):
    reading.file.write_bytes(b"one\n")
    reading.read_on()
    other = reading.file.with_suffix(".new")
    other.write_bytes(b"a longer one than before\n")
    other.rename(reading.file)  # as dhcpd does
    assert reading.read_on() == (b"a longer one than before\n", True)


def test_a_file_that_is_shorter_than_before_is_read_from_its_beginning(reading):
    reading.file.write_bytes(b"one two three\n")
    reading.read_on()
    reading.file.write_bytes(b"one\n")
    assert reading.read_on() == (b"one\n", True)


def test_what_is_to_be_forgotten_is_read_again(reading):
    reading.file.write_bytes(b"one\n")
    reading.read_on()
    reading.follower.forget()
    assert reading.read_on() == (b"one\n", True)


def test_what_could_not_be_taken_is_read_again_from_the_beginning(reading):
    reading.file.write_bytes(b"one\n")
    reading.read_on()
    append(reading.file, b"two\n")

    def refuse(_piece):
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        reading.follower.read_on(lambda: None, refuse)
    assert reading.read_on() == (b"one\ntwo\n", True)


def test_a_large_file_is_read_in_pieces(reading):
    reading.file.write_bytes(b"x" * (2 * CHUNK_BYTES + 1))
    pieces = []
    reading.follower.read_on(lambda: None, pieces.append)
    assert [len(piece) for piece in pieces] == [CHUNK_BYTES, CHUNK_BYTES, 1]


def test_a_file_that_is_not_there_raises_and_is_read_when_it_is(reading):
    with pytest.raises(FileNotFoundError):
        reading.read_on()
    reading.file.write_bytes(b"one\n")
    assert reading.read_on() == (b"one\n", True)
