"""``benchmarks/placed_faces.py``: labelled faces placed in pictures, found, and classified where they were found."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.detectors import Face
from edge_fer.sources.synthetic import SyntheticCamera

FOLDER = Path(__file__).parents[3] / "benchmarks"
TINY = str(Path(__file__).parents[2] / "golden" / "tiny")
pytestmark = pytest.mark.skipif(not (FOLDER / "live.py").is_file(), reason="the scripts are not part of the wheel")


@pytest.fixture
def placed(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("placed_faces")


@pytest.fixture
def drawn_faces(tmp_path):
    """Faces of the drawn camera, cut out."""
    images = []
    for frame in SyntheticCamera(frames=3, seed=2).frames():
        left, top, right, bottom = frame.truth[0].box.grown(0.15).pixels(frame.image.shape)
        side = min(right - left, bottom - top)
        images.append(placed_size(frame.image[top : top + side, left : left + side]))
    path = tmp_path / "faces.npz"
    labels = np.array([0, 3, 6])
    names = np.array(["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"])
    np.savez(path, images=np.stack(images), labels=labels, names=names)
    return path


def placed_size(image):
    return np.asarray(cv2.resize(image, (96, 96)))


def test_a_face_stays_in_the_picture_and_is_where_it_is_said_to_be(placed):
    face = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (24, 24))
    for seed in range(20):
        canvas = placed.Canvas(face, np.random.default_rng(seed))
        for index in (0, placed.FRAMES - 1):
            box = canvas.box(index)
            left, top, right, bottom = box.pixels((480, 640))
            assert (right - left, bottom - top) == (canvas.side_px, canvas.side_px)
            region = canvas.frame(index)[top:bottom, left:right]
            assert np.abs(region.astype(float) - canvas._face).mean() < 4


def test_the_difference_is_paired(placed):
    rows = [placed.Answer(1, 100, 1, 1, 1, None)] * 30
    rows += [placed.Answer(1, 100, 1, 1, 2, None)] * 10 + [placed.Answer(1, 100, 2, 1, None, None)] * 5
    figures = placed.figures(rows, "search")
    assert (figures.faces, figures.found) == (45, 40)
    assert (figures.accuracy, figures.direct, figures.difference) == (0.75, 1.0, -0.25)
    assert figures.standard_error == pytest.approx(np.std([0] * 30 + [-1] * 10) / np.sqrt(40))
    assert placed.figures(rows, "tracked") is None


def test_what_is_found_elsewhere_is_not_the_face(placed):
    class Elsewhere:
        name = "elsewhere"

        def search(self, gray, reduced=1, roll_deg=0.0):
            return [Face(Box(0, 0, 10, 10), 0.9)]

        def follow(self, gray, last, roll_deg=0.0):
            return None

    asker = placed.Asker(placed.Classifier(placed.bundles.load(TINY, trusted=True)), Elsewhere())
    canvas = placed.Canvas(np.full((48, 48), 90, np.uint8), np.random.default_rng(0))
    assert asker.search(canvas) is None
    assert asker.tracked(canvas) is None


def test_faces_are_found_and_the_answers_kept(placed, drawn_faces, tmp_path, monkeypatch, capsys):
    values = tmp_path / "values.json"
    arguments = ["--data", drawn_faces, "--model", "compact", "--json", values]
    monkeypatch.setattr(sys, "argv", ["benchmarks/placed_faces.py", *map(str, arguments)])
    placed.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["placed", "search", "tracked"]
    assert "3 of 3 faces found (100.0%)" in lines[1]
    assert "3 of 3 faces found (100.0%)" in lines[2]
    saved = json.loads(values.read_text())
    assert [row[0] for row in saved["answers"]] == [0, 3, 6]
    assert all(96 <= row[1] <= 200 for row in saved["answers"])
