from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from edge_fer.images import PassedOver, is_image, walk


@pytest.mark.parametrize("name", ["a/B.JPG", "a.b/c.png", "x.jfif", "x.AVIF", "../x.gif", "no dot/x.pbm"])
def test_the_name_alone_decides_in_any_case(name):
    assert is_image(PurePosixPath(name))


@pytest.mark.parametrize(
    "name",
    [
        "a/png", "a/notes.txt", "happy/.ipynb_checkpoints/1.png", ".Trash/1.png", "happy/.1.png", "happy/._1.png",
        "__MACOSX/happy/._1.png", "__MACOSX/1.png", "@eaDir/1.jpg", "happy/Thumbs.db", "1.heic", ".png",
    ],
)  # fmt: skip
def test_what_a_system_puts_among_pictures_is_none(name):
    assert not is_image(PurePosixPath(name))


def test_what_is_passed_over_is_counted_by_its_kind():
    passed_over = PassedOver()
    names = [
        "1.png",
        "__MACOSX/a.png",
        "b/._1.png",
        ".c/1.png",
        "x.txt",
        "y.CSV",
        "z",
        "Thumbs.db",
        "IMG.HEIC",
        "w.txt",
    ]
    assert not passed_over
    assert [name for name in names if passed_over.is_image(PurePosixPath(name))] == ["1.png"]
    assert passed_over
    assert str(passed_over).startswith(
        "passed over: 2 resource forks (__MACOSX, ._), 1 hidden file, 1 file of the system"
    )
    assert "1 HEIC picture (convert it to JPEG)" in str(passed_over)
    assert str(passed_over).endswith("4 files that are no pictures (.csv, .txt, no suffix)")


def test_of_many_suffixes_some_are_named():
    passed_over = PassedOver()
    for number in range(9):
        passed_over.is_image(PurePosixPath(f"x.{number}"))
    assert str(passed_over) == "passed over: 9 files that are no pictures (.0, .1, .2, .3, .4, …)"


def test_a_folder_is_walked_once_whatever_links_there_are(tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "set"
    for folder in (inside / "b" / "c", outside):
        folder.mkdir(parents=True)
    (inside / "1.png").touch()
    (inside / "b" / "c" / "2.png").touch()
    (outside / "3.png").touch()
    (inside / "a").symlink_to(inside / "b")  # sorted before the folder that it leads to
    (inside / "b" / "up").symlink_to(tmp_path)
    (inside / "b" / "here").symlink_to(inside / "b")
    (inside / "linked").symlink_to(outside)
    (outside / "back").symlink_to(inside)
    (inside / "4.png").symlink_to(inside / "4.png")
    assert sorted(map(str, walk(inside))) == ["1.png", "4.png", "b/c/2.png", "linked/3.png"]


def test_a_folder_below_that_cannot_be_read_is_skipped(tmp_path, monkeypatch, caplog):
    (tmp_path / "happy").mkdir()
    (tmp_path / "1.png").touch()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("happy"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(walk(tmp_path)) == [PurePosixPath("1.png")]
    assert "happy cannot be read: Permission denied" in caplog.text
    with pytest.raises(OSError, match="Permission denied"):
        list(walk(tmp_path / "happy"))
