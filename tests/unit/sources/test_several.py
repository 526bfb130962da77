from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer.errors import BadInput, SourceError
from edge_fer.sources.options import SourceOptions, View
from edge_fer.sources.several import expanded, grouped, open_group


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("b/c").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b/a.png", "b/c/d.png", "[x].png"), start=1):
        cv2.imwrite(name, np.full((20, 30 + number), 9, np.uint8))
    Path("film.mp4").touch()
    return tmp_path


def test_patterns_are_expanded_and_names_are_not():
    assert expanded(["a*.png", "film.mp4", "[x].png", "0"]) == ["a.png", "film.mp4", "[x].png", "0"]
    assert expanded(["**/*.png"]) == ["[x].png", "a.png", "b/a.png", "b/c/d.png"]
    Path("names.txt").write_text("a.png\n")
    assert expanded(["@names.txt"]) == ["a.png"]
    with pytest.raises(SourceError, match=r"no file fits 'z\*'"):
        expanded(["z*"])


def test_pictures_side_by_side_are_one_group():
    assert grouped(["a.png", "b", "film.mp4", "b", "a.png"]) == [("a.png", "b"), ("film.mp4",), ("b", "a.png")]
    assert grouped(["synthetic"]) == [("synthetic",)]
    with pytest.raises(BadInput, match="0 may never end"):
        grouped(["a.png", "0"])


def test_frames_are_called_as_their_files_are_named():
    with open_group(["b", "a.png"], recursive=True) as source:
        assert source.stills
        assert [(frame.name, frame.image.shape[1]) for frame in source.frames()] == [
            ("b/a.png", 32), ("b/c/d.png", 33), ("a.png", 31),
        ]  # fmt: skip
    with open_group(["b"], recursive=True) as source:
        assert [frame.name for frame in source.frames()] == ["a.png", "c/d.png"]


def test_what_is_asked_for_counts_for_each_of_several():
    with open_group(["a.png", "b"], SourceOptions(view=View(rotate=90))) as source:
        assert [frame.image.shape[:2] for frame in source.frames()] == [(31, 20), (32, 20)]
    with pytest.raises(SourceError, match="--size and --fps are for cameras"):
        open_group(["a.png", "b"], SourceOptions(size_px=(64, 48)))


def test_one_that_cannot_be_read_is_skipped(caplog):
    Path("bad.png").write_bytes(b"x")
    with open_group(["bad.png", "a.png"]) as source:
        assert [frame.name for frame in source.frames()] == ["a.png"]
        assert source.skipped == 1
