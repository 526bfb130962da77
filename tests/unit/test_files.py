from __future__ import annotations

import os
from pathlib import Path

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


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "private.txt"
    path.write_text("before")
    path.chmod(0o600)
    write(path, "after")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link_to_the_file(tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "folder" / "file.txt")
    write(link, "x")
    assert link.is_symlink()
    assert (tmp_path / "folder" / "file.txt").read_text() == "x"


def test_a_device_is_written_to_and_not_replaced():
    write(Path(os.devnull), "x")
    assert Path(os.devnull).is_char_device()


def test_a_long_name_can_be_written(tmp_path):
    path = tmp_path / f"{'ä' * 120}.txt"  # 244 bytes of the 255 that a name may have
    write(path, "x")
    assert path.read_text() == "x"


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(OSError, match="directory"):
        write(tmp_path, "x")
    assert list(tmp_path.iterdir()) == []
