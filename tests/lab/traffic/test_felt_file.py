"""The file of what clients felt: read as written, and bounded."""

from evenrack.lab.traffic.felt_file import FeltFile, read_felt, remove_felt


def test_lines_are_read_as_they_were_written_and_later_ones_are_added(tmp_path):
    path = tmp_path / "felt"
    assert list(read_felt(path)) == []
    for start in (0, 3):
        file = FeltFile(path)
        for number in range(start, start + 3):
            file.append({"number": number})
        file.close()
    assert [line["number"] for line in read_felt(path)] == list(range(6))


def test_the_file_never_grows_over_its_bound_and_keeps_the_newest_lines(tmp_path):
    path = tmp_path / "felt"
    file = FeltFile(path, most_bytes=1000)
    for number in range(1000):
        file.append({"number": number})
        size = sum(part.stat().st_size for part in tmp_path.iterdir())
        assert size <= 1000 + 2 * len('{"number": 1000}\n')
    file.close()
    kept = [line["number"] for line in read_felt(path)]
    assert kept == list(range(kept[0], 1000))
    assert len(kept) >= 28
    remove_felt(path)
    remove_felt(path)
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_is_only_half_there_is_left_out(tmp_path):
    path = tmp_path / "felt"
    path.write_bytes(b'{"number": 1}\n[2]\n\n\xff\n{"number": 3}\n{"numb')
    assert [line["number"] for line in read_felt(path)] == [1, 3]
