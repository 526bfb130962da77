"""The suite that every detector passes. A new detector adds a class of a few lines.

The networks run with stand-ins for their models (``tests/golden/make_detectors.py``), to which a bright spot is a face,
and with the real files if ``EDGE_FER_DETECTORS`` names the folder that holds them (see docs/detectors.md).
"""

from __future__ import annotations

import importlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.detectors import DETECTORS, MIN_FACE_PX, open_detector
from edge_fer.errors import BadInput
from edge_fer.sources.synthetic import SyntheticCamera

if TYPE_CHECKING:
    from edge_fer.detectors import Detector

GOLDEN = Path(__file__).parents[1] / "golden"
EMPTY = np.zeros((480, 640), np.uint8)
HUGE = [Box(-1e9, -1e9, 2e9, 2e9), Box(0, 0, 1e12, 1e12), Box(1e9, 1e9, 5, 5), Box(10, 10, 1e-3, 1e-3)]


@pytest.fixture(scope="class")
def detector(request) -> Detector:
    return request.cls().open()


@pytest.fixture(scope="class")
def seen(request) -> tuple[np.ndarray, Box]:
    return request.cls().scene(1)


def turned(image: np.ndarray, place: Box, roll_deg: float) -> np.ndarray:
    """Returns *image* turned clockwise around *place*."""
    middle = place.x + place.width / 2, place.y + place.height / 2
    turn = cv2.getRotationMatrix2D(middle, -roll_deg, 1.0)
    return cv2.warpAffine(image, turn, (640, 480), borderMode=cv2.BORDER_REPLICATE)


class DetectorSuite:
    """Inherited by each detector."""

    name: ClassVar[str]
    least_iou: ClassVar[float] = 0.5
    """Intersection over union with the true box that a found one must have."""
    tells_tilt: ClassVar[bool] = False
    tilt_error_deg: ClassVar[float] = 10.0
    """By how much the tilt that a search tells of an upright face may err."""

    def open(self, min_face_px: int = MIN_FACE_PX) -> Detector:
        return open_detector(self.name, min_face_px)

    def scene(self, index: int) -> tuple[np.ndarray, Box]:
        """Returns a grey frame of 640x480 with one face, and its place."""
        frame = SyntheticCamera(seed=3).frame(100 * index)
        return frame.image, Box(*map(float, frame.truth[0].box))

    def test_it_has_its_name(self, detector):
        assert detector.name == self.name

    @pytest.mark.parametrize("index", [0, 1, 2, 3])
    def test_a_face_is_found_where_it_is(self, detector, index):
        image, place = self.scene(index)
        (face,) = detector.search(image)
        assert face.box.iou(place) > self.least_iou
        assert face.box.width == face.box.height
        assert 0.5 < face.confidence <= 1
        assert abs(face.roll_deg) < self.tilt_error_deg
        assert not face.turned

    def test_a_known_face_is_followed_where_it_went(self, detector, seen):
        image, place = seen
        face = detector.follow(image, place.moved(0.15 * place.width, -0.1 * place.width))
        assert face is not None
        assert face.box.iou(place) > self.least_iou

    def test_a_face_that_is_gone_is_not_followed(self, detector, seen):
        _, place = seen
        assert detector.follow(EMPTY, place) is None

    def test_the_largest_face_comes_first(self, detector):
        image, place = self.scene(1)
        small = cv2.resize(image, (576, 432), interpolation=cv2.INTER_AREA)
        both = np.concatenate([np.pad(small, ((0, 48), (0, 0)), mode="edge"), image], axis=1)
        first, second = detector.search(both)
        assert first.box.width >= second.box.width
        for true in (place.moved(576, 0), place.times(0.9)):
            assert max(first.box.iou(true), second.box.iou(true)) > self.least_iou

    def test_a_search_keeps_the_frame_as_it_is(self, detector, seen):
        image, place = seen
        before = image.copy()
        detector.search(image)
        detector.follow(image, place)
        assert np.array_equal(image, before)

    def test_a_part_of_a_frame_is_searched_as_it_lies_in_memory(self, detector, seen):
        image, _ = seen
        spread = np.zeros((960, 1280), np.uint8)
        spread[::2, ::2] = image
        assert detector.search(spread[::2, ::2]) == detector.search(image)

    def test_nobody_is_in_an_empty_frame(self, detector):
        assert detector.search(EMPTY) == []
        assert detector.search(np.full((480, 640), 120, np.uint8)) == []

    @pytest.mark.parametrize("shape", [(1, 1), (23, 500), (24, 24), (2, 4000)])
    def test_frames_too_small_for_a_face_hold_none(self, detector, shape):
        frame = np.zeros(shape, np.uint8)
        assert detector.search(frame) == []
        assert detector.follow(frame, Box(0, 0, 64, 64)) is None

    # The detector keeps no state that an example could change.
    @settings(suppress_health_check=[HealthCheck.differing_executors])
    @given(box=st.from_type(Box))
    def test_following_any_box_is_safe(self, detector, box):
        assert detector.follow(EMPTY, box) is None

    @pytest.mark.parametrize("box", HUGE)
    @pytest.mark.parametrize("roll_deg", [0.0, 30.0])
    def test_following_a_box_that_cannot_be_is_safe(self, detector, box, roll_deg):
        assert detector.follow(EMPTY, box, roll_deg) is None

    def test_faces_below_the_smallest_are_left_out(self, seen):
        image, place = seen
        assert self.open(round(place.width * 1.5)).search(image) == []
        assert len(self.open(round(place.width * 0.5)).search(image)) == 1

    def test_the_smallest_face_of_a_reduced_frame_is_one_of_the_whole_frame(self, seen):
        image, place = seen
        half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        detector = self.open(round(place.width * 0.6))
        assert detector.search(half) == []
        (face,) = detector.search(half, 2)
        assert face.box.times(2).iou(place) > self.least_iou * 0.8

    def test_a_face_of_a_large_frame_is_found(self, detector, seen):
        image, place = seen
        large = np.pad(image, ((900, 620), (1100, 260)), mode="edge")
        faces = detector.search(large)
        assert max(face.box.iou(place.moved(1100, 900)) for face in faces) > self.least_iou * 0.8

    @pytest.mark.parametrize("roll_deg", [-25.0, 25.0])
    def test_a_tilted_face_is_followed(self, detector, seen, roll_deg):
        image, place = seen
        tilted = turned(image, place, roll_deg)
        face = detector.follow(tilted, place, roll_deg)
        assert face is not None
        assert face.box.iou(place) > self.least_iou
        if self.tells_tilt:
            assert face.roll_deg == pytest.approx(roll_deg, abs=8)

    def test_it_searches_and_follows_at_once_as_in_turn(self, detector, seen):
        image, place = seen
        expected = detector.search(image), detector.follow(image, place)
        with ThreadPoolExecutor(2) as pool:
            for _ in range(5):
                searched = pool.submit(detector.search, image)
                followed = pool.submit(detector.follow, image, place)
                assert (searched.result(), followed.result()) == expected

    def test_the_same_frame_gives_the_same_faces(self, detector, seen):
        image, place = seen
        first = detector.search(image)
        detector.search(np.ascontiguousarray(image[:100, :130]))
        detector.follow(image, place.times(0.5))
        assert detector.search(image) == first

    @pytest.mark.parametrize("side", [-5, 0, 23, 2**15 + 1, 10**30])
    def test_faces_of_a_side_that_cannot_be_are_refused(self, side):
        with pytest.raises(BadInput, match=str(side)):
            self.open(side)


class NetworkSuite(DetectorSuite):
    """What holds for a detector whose model is a file."""

    file: ClassVar[Path]
    tells_tilt = True

    def open(self, min_face_px: int = MIN_FACE_PX) -> Detector:
        # In this process: one test opens each file as users do, with its trial.
        module = importlib.import_module(f"edge_fer.detectors.{self.name}")
        return module.load(self.file.read_bytes(), min_face_px, self.file)

    @pytest.mark.parametrize("roll_deg", [-25.0, 25.0])
    def test_a_tilted_face_is_found_in_a_levelled_search(self, detector, seen, roll_deg):
        image, place = seen
        (face,) = detector.search(turned(image, place, roll_deg), 1, roll_deg)
        assert face.box.iou(place) > self.least_iou
        assert face.roll_deg == pytest.approx(roll_deg, abs=8)


class StandIn(NetworkSuite):
    """A bright spot on black is a face half as large again. Where exactly depends on the network's grid."""

    least_iou = 0.25
    tells_tilt = False

    def scene(self, index: int) -> tuple[np.ndarray, Box]:
        side = 58 + 5 * index
        x, y = 150 + 40 * index, 200 - 30 * index
        image = np.zeros((480, 640), np.uint8)
        image[y : y + side, x : x + side] = 255
        return image, Box(x, y, side, side).grown(0.25)

    def test_it_is_opened_by_name_and_file_and_tried(self):
        image, _ = self.scene(0)
        assert open_detector(f"{self.name}:{self.file}").search(image) == self.open().search(image)

    def test_without_a_file_it_says_how_to_name_one(self):
        for name in (self.name, f"{self.name}:"):
            with pytest.raises(BadInput, match=rf"needs its model file: pass --detector {self.name}:FILE"):
                open_detector(name)

    @pytest.mark.parametrize("name", ["", "missing", "pipe", "nul\0"])
    def test_a_file_that_cannot_be_read_is_told_in_a_line(self, tmp_path, name):
        if name == "pipe":
            os.mkfifo(tmp_path / name)
        with pytest.raises(BadInput, match=r"cannot be read: ") as error:
            open_detector(f"{self.name}:{tmp_path / name}")
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("other", [b"", b"nonsense", bytes(1000), "other detector", "classifier"])
    def test_another_file_is_no_such_detector(self, other):
        if other == "other detector":
            other = (GOLDEN / ("yunet.onnx" if self.name == "blazeface" else "blazeface.tflite")).read_bytes()
        elif other == "classifier":
            name = "onnx-float32.onnx" if self.name == "yunet" else "litert-float32.tflite"
            other = (GOLDEN / "tiny" / name).read_bytes()
        module = importlib.import_module(f"edge_fer.detectors.{self.name}")
        with pytest.raises(BadInput, match=r"^model\.file is no ") as error:
            module.load(other, MIN_FACE_PX, Path("model.file"))
        assert "\n" not in str(error.value)


def real(name: str) -> Path:
    """Returns the path of a real model file; where it is not, its suite skips."""
    return Path(os.environ.get("EDGE_FER_DETECTORS", "/nowhere")) / name


def needs(file: Path) -> pytest.MarkDecorator:
    reason = f"{file.name} is not here (EDGE_FER_DETECTORS: the folder that holds it)"
    return pytest.mark.skipif(not file.is_file(), reason=reason)


class TestHaar(DetectorSuite):
    name = "haar"
    least_iou = 0.7

    def test_it_takes_no_file(self):
        with pytest.raises(BadInput, match="haar needs no file"):
            open_detector("haar:cascade.xml")


class TestYuNet(StandIn):
    name, file = "yunet", GOLDEN / "yunet.onnx"


class TestBlazeFace(StandIn):
    name, file = "blazeface", GOLDEN / "blazeface.tflite"


YUNET = real("face_detection_yunet_2023mar.onnx")
BLAZEFACE = real("face_detection_short_range.tflite")


@needs(YUNET)
class TestRealYuNet(NetworkSuite):
    name, file = "yunet", YUNET


@needs(BLAZEFACE)
class TestRealBlazeFace(NetworkSuite):
    name, file = "blazeface", BLAZEFACE
    # A search shows it faces in few pixels, in which an eye that is off by one tilts the face.
    tilt_error_deg = 12.0

    @pytest.mark.parametrize("index", [0, 1, 2, 3])
    def test_the_look_after_a_search_mends_the_tilt(self, detector, index):
        image, _ = self.scene(index)
        (found,) = detector.search(image)
        assert abs(detector.follow(image, found.box, found.roll_deg).roll_deg) < 5


def test_every_detector_of_the_table_has_a_suite():
    assert {suite.name for suite in (TestHaar, TestYuNet, TestBlazeFace)} == DETECTORS.keys()


def test_an_unknown_name_is_told_with_those_that_are_known():
    with pytest.raises(BadInput, match="no detector 'mtcnn'; pass one of haar, yunet:FILE, blazeface:FILE") as error:
        open_detector("mtcnn:model")
    assert all(name in str(error.value) for name in DETECTORS)
