from __future__ import annotations

import numpy as np
import pytest

from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess
from edge_fer.regions import PLACES, find_regions, keep_regions
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face


@pytest.mark.parametrize("side", [48, 96])
def test_every_region_lies_in_the_face(side):
    face = Preprocess(size_px=side).crop(draw_face(EXPRESSIONS["happy"]))
    found = find_regions(face)
    assert list(found) == list(PLACES)
    for left, top, width, height in found.values():
        assert width > 0
        assert height > 0
        assert left >= 0
        assert top >= 0
        assert left + width <= side + 1
        assert top + height <= side + 1
    assert found["left eye"][0] < found["right eye"][0]
    assert found["mouth"][1] > found["left eye"][1]


def test_all_but_the_regions_becomes_the_mean():
    face = Preprocess(size_px=96).crop(draw_face(EXPRESSIONS["happy"]))
    before, mean = face.copy(), round(float(face.mean()))
    keep_regions(face)
    changed = face != before
    assert (face[changed] == mean).all()
    assert 0.2 < changed.mean() < 0.9
    left, top, width, height = find_regions(before)["mouth"]
    assert np.array_equal(
        face[top : top + height, left : left + width], before[top : top + height, left : left + width]
    )


def test_real_eyes_are_found_more_often_than_not(fer2013):
    """On FER2013's frontal faces the cascades find something better than the usual place in most."""
    faces = load_faces(fer2013 / "fer2013-public-test.zip").sample(60, 0)
    usual = find_regions(np.zeros((48, 48), np.uint8))
    moved = sum(find_regions(face)["left eye"] != usual["left eye"] for face in faces.images)
    assert moved > 20
