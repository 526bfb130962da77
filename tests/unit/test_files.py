from __future__ import annotations

import pytest

from edge_fer.files import replacing, write


def test_text_and_bytes_are_written_into_folders_that_are_missing(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write(path, "é")
    assert path.read_bytes() == "é".encode()
    write(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("before")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_has_the_same_suffix_and_folder(tmp_path):
    with replacing(tmp_path / "plot.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["plot.png"]


def test_a_place_that_cannot_be_written_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file"):
        write(tmp_path / "file" / "below.txt", "x")
