from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer import faces
from edge_fer.boxes import Box
from edge_fer.errors import BadInput, MissingDependency
from edge_fer.faces import Detection, HaarDetector
from edge_fer.sources.synthetic import SyntheticCamera

BOXES = st.from_type(Box)
EMPTY = np.full((480, 640), 120, np.uint8)


def test_a_drawn_face_is_found_where_it_is():
    camera = SyntheticCamera(seed=3)
    for index in (0, 100, 200, 300):
        frame = camera.frame(index)
        found = HaarDetector().search(frame.image)
        assert len(found) == 1
        assert found[0].box.iou(frame.truth[0].box) > 0.7
        assert 0.5 < found[0].confidence < 1


def test_thirty_faces_are_found():
    frame = SyntheticCamera(width_px=1280, height_px=960, faces=30, seed=1).frame(0)
    found = HaarDetector().search(frame.image)
    hits = [max(face.box.iou(truth.box) for face in found) > 0.5 for truth in frame.truth]
    assert sum(hits) >= 27


@pytest.mark.parametrize("shape", [(1, 1), (23, 500), (24, 24), (2, 4000)])
def test_frames_too_small_for_a_face_hold_none(shape):
    frame = np.zeros(shape, np.uint8)
    detector = HaarDetector()
    assert detector.search(frame) == []
    assert detector.follow(frame, Box(0, 0, 64, 64)) is None


@given(BOXES)
def test_following_any_box_is_safe(box):
    assert HaarDetector().follow(EMPTY, box) is None


def test_an_8k_frame_is_searched():
    small = SyntheticCamera(seed=3).frame(0)
    frame = cv2.resize(small.image, (7680, 4320))
    found = HaarDetector(Detection(min_face_px=600)).search(frame)
    assert len(found) == 1


def test_the_smallest_face_of_a_reduced_frame_is_one_of_the_whole_frame(monkeypatch):
    frame = SyntheticCamera(width_px=1280, height_px=960, faces=30, seed=1).frame(0).image  # faces of about 100 px
    half = cv2.resize(frame, (640, 480), interpolation=cv2.INTER_AREA)
    detector = HaarDetector(Detection(min_face_px=90))
    assert len(detector.search(half)) < 5
    assert len(detector.search(half, 2)) >= 27
    monkeypatch.setattr(faces, "MAX_SEARCHED_PX", 640 * 480 / 5**2)  # no finer than a fifth: faces of 120 px
    assert len(detector.search(half, 2)) < 5


def test_a_missing_cascade_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(MissingDependency, match="apt install opencv-data"):
        faces.cascade_path("not-there.xml")


def test_opencv_5_names_the_remedy(monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(MissingDependency, match="opencv-python-headless<5"):
        HaarDetector()


def test_a_damaged_cascade_is_refused(tmp_path):
    path = tmp_path / "cascade.xml"
    path.write_text("<?xml version='1.0'?><opencv_storage></opencv_storage>")
    with pytest.raises((BadInput, MissingDependency)):
        HaarDetector(cascade=path)


@pytest.mark.parametrize(
    "values", [{"min_face_px": 10}, {"scale_factor": 1.0}, {"scale_factor": math.nan}, {"min_neighbors": 0}]
)
def test_detection_parameters_out_of_range_are_refused(values):
    with pytest.raises(BadInput):
        Detection(**values)


@pytest.mark.parametrize("side", [-5, 0, 23, 2**15 + 1, 10**30])
def test_faces_of_a_side_that_cannot_be_are_refused(side):
    with pytest.raises(BadInput, match="face sides are"):
        Detection(min_face_px=side)
