from __future__ import annotations

import os
import struct
import tracemalloc
import zipfile
from pathlib import PurePosixPath

import cv2
import numpy as np
import pytest

from edge_fer.errors import BadInput
from edge_fer.evaluation import pictures
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.pictures import image_names, read_pictures
from edge_fer.images import reading

GREY = np.full((48, 48), 90, np.uint8)
PNG = cv2.imencode(".png", GREY)[1].tobytes()


@pytest.fixture(params=["folder", "zip"])
def write_set(request, tmp_path):
    """Write files, name → content, as a folder and as a zip; return its path."""

    def write(members: dict[str, bytes]):
        path = tmp_path / ("faces" if request.param == "folder" else "faces.zip")
        if request.param == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in members.items():
                    archive.writestr(name, content)
            return path
        for name, content in members.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        return path

    return write


def test_hidden_files_and_resource_forks_are_no_faces(write_set, caplog):
    path = write_set(
        {
            "happy/1.png": PNG,
            "sad/2.jfif": PNG,
            "happy/.ipynb_checkpoints/1-checkpoint.png": PNG,
            "__MACOSX/happy/._1.png": b"\0\5\x16\7",
            "sad/._2.jfif": b"\0\5\x16\7",
            "readme.txt": b"x",
        }
    )
    faces = load_faces(path)
    assert faces.paths == ("happy/1.png", "sad/2.jfif")
    assert faces.names[faces.labels[0]] == "happy"
    left_out = "2 resource forks (__MACOSX, ._), 1 hidden file, 1 file that is no picture (.txt)"
    assert caplog.messages == [f"{path}: passed over: {left_out}"]


def test_one_bad_picture_is_skipped_and_told(write_set, caplog):
    path = write_set({"happy/1.png": PNG, "happy/2.png": b"", "sad/3.png": PNG})
    assert load_faces(path).paths == ("happy/1.png", "sad/3.png")
    assert caplog.messages == [
        "skipped: happy/2.png is empty (0 bytes); copy it again",
        f"{path}: 2 of 3 faces; 1 skipped",
    ]


def test_when_more_than_half_are_bad_the_set_is_refused(write_set):
    path = write_set({"happy/1.png": PNG, "happy/2.png": b"", "sad/3.png": b"P5 60000 60000 255 "})
    with pytest.raises(BadInput, match=r"2 of 3 pictures cannot be read, the first: happy/2\.png is empty"):
        load_faces(path)


def test_of_many_bad_pictures_the_first_are_named(write_set, caplog):
    members = {f"happy/{number:02}.png": PNG if number % 2 else b"" for number in range(30)}
    assert len(load_faces(write_set(members))) == 15
    assert len(caplog.messages) == pictures.NAMED + 1
    assert caplog.messages[-1].endswith("15 of 30 faces; 15 skipped (the first 10 are named above)")


def test_large_pictures_are_scaled_down_on_reading(write_set):
    large = cv2.imencode(".jpg", cv2.resize(GREY, (3000, 1500)))[1].tobytes()
    path = write_set({"happy/1.jpg": large, "happy/2.png": PNG})
    shapes = [pixels.shape for _, pixels in read_pictures(path)]
    assert shapes == [(256, 512), (48, 48)]
    assert next(read_pictures(path, side_px=4000))[1].shape == (1500, 3000)


def test_only_wanted_pictures_are_read(write_set, caplog):
    path = write_set({"a/1.png": PNG, "b/2.png": b""})
    assert [str(name) for name, _ in read_pictures(path, lambda name: name.parts[0] == "a")] == ["a/1.png"]
    assert not caplog.messages


def test_damaged_members_of_a_zip_are_skipped(tmp_path, caplog):
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("happy/1.png", "happy/2.png", "sad/3.png"):
            archive.writestr(name, PNG)
    content = bytearray(path.read_bytes())
    content[content.index(PNG) + 40] ^= 255
    path.write_bytes(content)
    assert load_faces(path).paths == ("happy/2.png", "sad/3.png")
    assert "skipped: happy/1.png cannot be read: Bad CRC-32" in caplog.text


def test_a_member_of_absurd_size_is_not_unpacked(tmp_path, monkeypatch, caplog):
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("happy/1.png", PNG)
        archive.writestr("happy/2.png", bytes(5000))
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 4000)
    assert load_faces(path).paths == ("happy/1.png",)
    assert "happy/2.png has 0 MB; at most 0 are read" in caplog.text


def test_a_zip_with_backslashes_has_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.writestr("happy\\1.png", PNG)
        archive.writestr("folder.png/", b"")
    assert image_names(tmp_path / "faces.zip") == [PurePosixPath("happy/1.png")]


def test_files_that_cannot_be_opened_are_skipped(tmp_path, monkeypatch, caplog):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(PNG)
    os.mkfifo(tmp_path / "pipe.png")
    read = pictures.read_file

    def refuse(path):
        if path.name == "1.png":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(pictures, "read_file", refuse)
    assert load_faces(tmp_path).paths == ("0.png", "2.png")
    assert "skipped: 1.png cannot be read: Permission denied" in caplog.text
    assert "skipped: pipe.png cannot be read: it is a pipe, not a file" in caplog.text


def test_a_name_that_is_not_utf8_stays_one_of_its_own(tmp_path):
    for name in (b"\xe8.png", b"\xe9.png"):
        (tmp_path / os.fsdecode(name)).write_bytes(PNG)
    assert load_faces(tmp_path).paths == ("\\xe8.png", "\\xe9.png")


def test_the_names_are_listed_without_decoding_them(write_set, tmp_path):
    path = write_set({"happy/1.png": b"nonsense", "notes.txt": b"", "happy/.2.png": b""})
    assert image_names(path) == [PurePosixPath("happy/1.png")]
    (tmp_path / "damaged.zip").write_bytes(b"nonsense")
    with pytest.raises(BadInput, match=r"damaged\.zip cannot be read as a zip"):
        image_names(tmp_path / "damaged.zip")


@pytest.fixture
def peak():
    """Returns the most memory that Python has held since, in bytes."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_a_member_is_unpacked_no_further_than_it_claims(tmp_path, peak, caplog):
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("happy/1.png", PNG)
        archive.writestr("happy/bomb.png", bytes(40 << 20))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"happy/bomb.png") - 46  # in the directory, where the size stands at 24
    content[entry + 24 : entry + 28] = struct.pack("<I", 100)
    path.write_bytes(content)
    tracemalloc.reset_peak()
    assert [str(name) for name, _ in read_pictures(path)] == ["happy/1.png"]
    assert "skipped: happy/bomb.png cannot be read" in caplog.text
    assert peak() < 8 << 20


def test_of_large_files_only_one_is_held(write_set, peak):
    junk = bytes(20 << 20)
    path = write_set({"happy/1.png": junk, "happy/2.png": junk, "sad/3.png": PNG, "sad/4.png": PNG})
    del junk
    tracemalloc.reset_peak()
    assert len(list(read_pictures(path))) == 2
    assert peak() < 30 << 20


def test_an_encrypted_zip_is_told(tmp_path):
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("happy/1.png", PNG)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is encrypted; unpack the zip with its password, and pass the folder"):
        list(read_pictures(path))
