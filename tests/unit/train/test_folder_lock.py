from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edge_fer.errors import BadInput, SinkError
from edge_fer_train.folder_lock import LOCK, locked, remove_leftovers


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_second_run_is_refused_and_told_who_has_the_folder(tmp_path):
    # Of one process, since the system's lock belongs to an open file.
    with (
        locked(tmp_path),
        pytest.raises(BadInput, match=rf"is in use by process {os.getpid()}; wait until it ends"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):  # it was released
        assert (tmp_path / LOCK).exists()
    assert not any(tmp_path.iterdir())


def test_the_lock_of_a_killed_process_is_none(tmp_path):
    script = (
        "import os, sys, pathlib\n"
        "from edge_fer_train.folder_lock import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 9
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        pass
    assert not any(tmp_path.iterdir())


def test_a_lock_that_its_holder_has_removed_in_the_meantime_is_tried_again(tmp_path, monkeypatch):
    from edge_fer_train import folder_lock

    lock = folder_lock._lock
    tries = []

    def removed_at_first(file):
        tries.append(file)
        if len(tries) == 1:
            (tmp_path / LOCK).unlink()
        lock(file)

    monkeypatch.setattr(folder_lock, "_lock", removed_at_first)
    with locked(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    assert len(tries) == 2


def test_a_folder_that_was_created_for_nothing_is_removed(tmp_path):
    with locked(tmp_path / "deep" / "run"):
        pass
    assert not (tmp_path / "deep" / "run").exists()
    with locked(tmp_path / "run"):
        (tmp_path / "run" / "history.json").write_text("[]")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["history.json"]


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(SinkError, match=r"cannot be written: .*; pass another --out"), locked(path):
            pass
    (tmp_path / LOCK).symlink_to(tmp_path / "file")
    with pytest.raises(SinkError), locked(tmp_path):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_leftovers_of_processes_that_have_ended_are_removed(tmp_path, gone):
    running = os.getppid()
    for name in (f".last.part-{gone}.keras", f".best.part-{gone}-1.keras", f".last.part-{running}.keras",
                 f".last.part-{os.getpid()}.keras", ".notes.part-mine.txt", "last.keras"):  # fmt: skip
        (tmp_path / name).write_bytes(b"")
    (tmp_path / f".folder.part-{gone}").mkdir()
    # Those of this process's own number are of an earlier one: numbers repeat in containers.
    assert sorted(remove_leftovers(tmp_path)) == sorted(
        [f".best.part-{gone}-1.keras", f".last.part-{gone}.keras", f".last.part-{os.getpid()}.keras"]
    )
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f".last.part-{running}.keras", ".notes.part-mine.txt", "last.keras", f".folder.part-{gone}"}
