from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer import cascades
from edge_fer.boxes import Box
from edge_fer.detectors import haar
from edge_fer.detectors.haar import Detection, HaarDetector
from edge_fer.detectors.scaling import levelled
from edge_fer.errors import BadInput, MissingDependency
from edge_fer.sources.synthetic import SyntheticCamera

BOXES = st.from_type(Box)
EMPTY = np.full((480, 640), 120, np.uint8)


@pytest.fixture(scope="module")
def haar_detector():
    return HaarDetector()


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
def test_following_any_box_is_safe(haar_detector, box):
    assert haar_detector.follow(EMPTY, box) is None


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
    monkeypatch.setattr(haar, "MAX_SEARCHED_PX", 640 * 480 / 5**2)  # no finer than a fifth: faces of 120 px
    assert len(detector.search(half, 2)) < 5


def test_a_missing_cascade_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(MissingDependency, match="apt install opencv-data"):
        cascades.cascade_path("not-there.xml")


def test_opencv_5_names_the_remedy(monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(MissingDependency, match="opencv-python-headless<5"):
        HaarDetector()


def test_a_damaged_cascade_is_refused(tmp_path):
    path = tmp_path / "cascade.xml"
    path.write_text("<?xml version='1.0'?><opencv_storage></opencv_storage>")
    with pytest.raises((BadInput, MissingDependency)):
        cascades.load_cascade(path)


@pytest.mark.parametrize(
    "values", [{"min_face_px": 10}, {"scale_factor": 1.0}, {"scale_factor": math.nan}, {"min_neighbors": 0}]
)
def test_detection_parameters_out_of_range_are_refused(values):
    with pytest.raises(BadInput):
        Detection(**values)


@pytest.mark.parametrize("side", [-5, 0, 23, 2**15 + 1, 10**30])
def test_faces_of_a_side_that_cannot_be_are_refused(side):
    with pytest.raises(BadInput, match=f"the smallest face is {side} px; pass 24 to 32768"):
        Detection(min_face_px=side)


def tilted(frame, roll_deg):
    """The frame turned clockwise about the middle of its face."""
    box = frame.truth[0].box
    middle = box.x + box.width / 2, box.y + box.height / 2
    turn = cv2.getRotationMatrix2D(middle, -roll_deg, 1.0)
    return cv2.warpAffine(frame.image, turn, frame.image.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("roll_deg", [25.0, -25.0, 40.0])
def test_a_tilted_face_is_found_and_followed_by_its_tilt(roll_deg):
    detector = HaarDetector()
    frame = SyntheticCamera(seed=3).frame(300)
    truth = frame.truth[0].box
    image = tilted(frame, roll_deg)
    assert detector.search(image) == []
    (found,) = detector.search(image, roll_deg=roll_deg)
    assert found.box.iou(truth) > 0.6
    assert found.roll_deg == roll_deg
    followed = detector.follow(image, truth, roll_deg)
    assert followed is not None
    assert followed.box.iou(truth) > 0.6
    assert followed.roll_deg == roll_deg
    assert detector.follow(image, truth, -roll_deg) is None


@given(BOXES, st.floats(-45, 45))
@settings(max_examples=20)
def test_following_any_box_at_any_tilt_is_safe(haar_detector, box, roll_deg):
    assert haar_detector.follow(EMPTY, box, roll_deg) is None


@given(BOXES, st.floats(-45, 45))
@settings(max_examples=30)
def test_what_is_found_in_levelled_pixels_is_put_back_where_it_is(box, roll_deg):
    side = 60
    frame = np.zeros((480, 640), np.uint8)
    x, y = min(max(int(box.x), 200), 400), min(max(int(box.y), 180), 260)
    frame[y : y + side, x : x + side] = 255
    level, back = levelled(frame, roll_deg)
    rows, columns = np.nonzero(level > 127)
    # The bright square's middle, there.
    found = Box(columns.mean() + 0.5 - side / 2, rows.mean() + 0.5 - side / 2, side, side)
    placed = haar._turned_back(found, back, roll_deg)
    assert placed[:2] == pytest.approx((x, y), abs=0.75)
    assert placed[2:] == (side, side)


def patched(detector, cascade, windows):
    """Let *cascade* of *detector* find the drawn face with so many windows, or not at all."""

    class Cascade:
        def detectMultiScale2(self, gray, **options):  # noqa: N802  (OpenCV's name)
            if not windows:
                return (), ()
            side = round(0.6 * min(gray.shape))
            return np.array([[round(0.2 * gray.shape[1]), round(0.2 * gray.shape[0]), side, side]]), np.array([windows])

    setattr(detector, cascade, Cascade())


@pytest.mark.parametrize(
    ("search", "proof", "confidence"),
    # Windows of the searching cascade count twice; in all 6 at least, of 14 on it is sure.
    [(2, 0, None), (3, 0, 0.3), (2, 2, 0.3), (5, 4, 0.5), (14, 14, 0.75)],
)
def test_the_windows_of_both_cascades_make_the_confidence(search, proof, confidence):
    detector = HaarDetector()
    patched(detector, "_searching", search)
    patched(detector, "_proving", proof)
    found = detector.search(EMPTY)
    assert [face.confidence for face in found] == ([] if confidence is None else [pytest.approx(confidence)])


def test_the_second_look_puts_the_box():
    frame = SyntheticCamera(seed=3).frame(300)
    detector, without = HaarDetector(), HaarDetector()
    patched(without, "_proving", 0)
    (proved,), (rough,) = detector.search(frame.image), without.search(frame.image)
    assert proved.confidence > rough.confidence
    assert proved.box != rough.box
    assert proved.box.iou(frame.truth[0].box) > rough.box.iou(frame.truth[0].box) - 0.05


@pytest.mark.parametrize("helps", [True, False])
def test_what_one_cascade_does_not_follow_the_other_may(helps):
    detector = HaarDetector()
    last = Box(200, 160, 96, 96)
    patched(detector, "_following", 0)
    patched(detector, "_helping", 4 if helps else 0)
    face = detector.follow(EMPTY, last)
    assert (face is not None) is helps
    if face is not None:
        assert face.confidence == pytest.approx(12 / 26)
        assert face.box.iou(last) > 0.5
