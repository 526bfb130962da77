from __future__ import annotations

import os
import socket

import pytest

from edge_fer.images import read_file


def test_a_file_is_read(tmp_path):
    (tmp_path / "1.png").write_bytes(b"pixels")
    assert read_file(tmp_path / "1.png") == b"pixels"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "1.png")
    with pytest.raises(OSError, match="is a pipe, not a file"):
        read_file(tmp_path / "1.png")


def test_other_things_are_refused(tmp_path, monkeypatch):
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="is a device, not a file"):
        read_file(tmp_path / "zero.png")
    with pytest.raises(OSError, match="is a folder, not a file"):
        read_file(tmp_path)
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(OSError, match="symbolic links"):
        read_file(tmp_path / "loop.png")
    monkeypatch.chdir(tmp_path)  # a socket's path may have about 100 characters
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        with pytest.raises(OSError, match=r"socket\.png"):
            read_file(tmp_path / "socket.png")


def test_a_file_of_absurd_size_is_not_read(tmp_path):
    with (tmp_path / "1.jpg").open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(ValueError, match="has 10240 MB; at most 256 are read"):
        read_file(tmp_path / "1.jpg")


def test_a_file_that_grows_while_it_is_read_is_cut_off(tmp_path, monkeypatch):
    (tmp_path / "1.jpg").write_bytes(b"pixels and more")
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((0o100644, *[0] * 5, 6, 0, 0, 0)))
    assert read_file(tmp_path / "1.jpg") == b"pixels"
