from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_fer.files import locked, replacing, write


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
    (tmp_path / "folder" / "file.txt").write_text("before")
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


def test_a_link_to_nothing_and_a_link_to_itself_are_refused(tmp_path):
    lost = tmp_path / "lost.txt"
    lost.symlink_to(tmp_path / "elsewhere.txt")
    loop = tmp_path / "loop.txt"
    loop.symlink_to(loop)
    for link in (lost, loop):
        with pytest.raises(OSError, match="a link to a file that is not there"):
            write(link, "x")
        assert link.is_symlink()
    assert not (tmp_path / "elsewhere.txt").exists()


def test_threads_do_not_write_into_each_others_file(tmp_path):
    path = tmp_path / "file.txt"
    contents = [str(number) * 200_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write(path, content), contents))
    assert path.read_text() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def watch(descriptor):
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), (tmp_path / "file.txt").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    write(tmp_path / "file.txt", "x")
    (file, named), (folder, named_later) = synced
    assert file.parent == folder == tmp_path
    assert (named, named_later) == (False, True)


@pytest.mark.parametrize(("number", "fails"), [(errno.EINVAL, False), (errno.ENOSPC, True)])
def test_a_disk_that_is_full_is_noticed_and_one_that_cannot_sync_is_not_an_error(tmp_path, monkeypatch, number, fails):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    path = tmp_path / "file.txt"
    path.write_text("before")
    monkeypatch.setattr(os, "fsync", refuse)
    if fails:
        with pytest.raises(OSError, match="No space left"):
            write(path, "after")
    else:
        write(path, "after")
    assert path.read_text() == ("before" if fails else "after")
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_with_a_long_end_can_be_written(tmp_path):
    path = tmp_path / f"a.{'b' * 240}"
    write(path, "x")
    assert path.read_text() == "x"


def test_one_at_a_time_holds_the_lock(tmp_path):
    """Each adds 1 to a number in a file; without the lock, some of them would read the same number."""
    path = tmp_path / "deep" / "count.txt"

    def count():
        with locked(path.parent):
            number = int(path.read_text()) if path.exists() else 0
            write(path, str(number + 1))

    with ThreadPoolExecutor(4) as pool:
        for task in [pool.submit(count) for _ in range(40)]:
            task.result()
    assert path.read_text() == "40"
    assert list(path.parent.iterdir()) == [path]
