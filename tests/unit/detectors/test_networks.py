from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.detectors.networks import Fit, NetworkDetector, _starts, face_of
from edge_fer.errors import BadInput

FIT = Fit(across=1.0, down=1.5, centre=0.25)
UPRIGHT = np.array([(80.0, 100.0), (120.0, 100.0), (100.0, 115.0), (100.0, 140.0)])


def turned_by(roll_deg: float) -> np.ndarray:
    """Landmarks of a face tilted clockwise around the middle of its box."""
    angle = math.radians(roll_deg)
    turn = np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])
    return (UPRIGHT - (100, 110)) @ turn.T + (100, 110)


@pytest.mark.parametrize("roll_deg", [0.0, 30.0, -75.0, 150.0])
def test_the_box_of_a_tilted_face_stays_and_its_tilt_is_told(roll_deg):
    face = face_of(turned_by(roll_deg), 0.9, FIT)
    assert face.box == pytest.approx(Box(50, 60, 100, 100))  # 40 across and 1.5 times 40 down
    assert face.roll_deg == pytest.approx(roll_deg)
    assert not face.turned


@pytest.mark.parametrize(("nose_x", "turned"), [(100, False), (88, False), (84, True), (70, True), (116, True)])
def test_a_face_is_turned_where_its_nose_comes_near_an_eye(nose_x, turned):
    landmarks = UPRIGHT.copy()
    landmarks[2, 0] = nose_x
    assert face_of(landmarks, 0.9, FIT).turned is turned


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((4, 2), np.nan),
        np.full((4, 2), np.inf),
        np.zeros((4, 2)),
        UPRIGHT * 1e9,
        np.array([(1.0, 1.0), (1.0, 1.0), (1.0, 2.0), (1.0, 90.0)]),
    ],
)
def test_landmarks_that_are_no_faces_are_none(landmarks):
    with np.errstate(all="ignore"):
        assert face_of(landmarks, 0.9, FIT) is None


@pytest.mark.parametrize("confidence", [-3.0, 0.0, 1.0, 7.0])
def test_confidence_stays_in_its_range(confidence):
    assert 0 <= face_of(UPRIGHT, confidence, FIT).confidence <= 1


@pytest.mark.parametrize("length", [1, 127, 128, 129, 300, 4000])
def test_windows_cover_all_and_overlap(length):
    starts = _starts(length, 128, 49)
    assert starts[0] == 0
    assert max(starts) + 128 >= length
    assert all(later - earlier <= 128 - 49 for earlier, later in pairwise(starts))


class Recording:
    """A network that sees nobody and keeps what it was shown."""

    name = "recording"
    fit = FIT
    window_px = 100
    least_px = 20
    follow_px = 40
    level_ratio = 0.5

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def find(self, window):
        self.shapes.append(window.shape)
        return []


def test_a_search_ends_with_the_whole_frame_in_one_window():
    network = Recording()
    NetworkDetector(network, Recording(), 40).search(np.zeros((480, 640), np.uint8))
    assert max(max(shape) for shape in network.shapes) <= 100
    assert network.shapes.count((75, 100)) == 1
    # At half the size, in which the smallest face has 20 px, then at a quarter.
    assert len(network.shapes) > 1 + (240 // 100) * (320 // 100)


@pytest.mark.parametrize(("shape", "windows"), [((2, 4000), 0), ((39, 4000), 0), ((60, 240), 3)])
def test_no_network_is_shown_what_no_face_fits_into(shape, windows):
    network = Recording()
    NetworkDetector(network, Recording(), 40).search(np.zeros(shape, np.uint8))
    assert len(network.shapes) == windows


@pytest.mark.parametrize("box", [Box(0, 0, 300, 300), Box(0, 0, 1, 1), Box(-50, -50, 100, 100), Box(600, 400, 90, 90)])
def test_a_known_face_fits_into_one_window(box):
    network = Recording()
    detector = NetworkDetector(Recording(), network, 40)
    for roll_deg in (0.0, 20.0):
        detector.follow(np.zeros((480, 640), np.uint8), box, roll_deg)
    assert all(max(shape) <= 100 for shape in network.shapes)


def test_the_surroundings_are_levelled_before_a_network_sees_them():
    class Level(Recording):
        def find(self, window):
            # A bar of light in the middle row: level, so that it is in few rows.
            return [(0.9, UPRIGHT * 0.4)] if (window.max(axis=1) > 128).sum() < 15 else []

    tilted = np.zeros((200, 200), np.uint8)
    across = np.arange(60, 140)
    rows = np.rint(100 + (across - 100) * math.tan(math.radians(30))).astype(int)
    for row in range(-2, 3):
        tilted[rows + row, across] = 255
    detector = NetworkDetector(Recording(), Level(), 40)
    assert detector.follow(tilted, Box(50, 50, 100, 100), 0.0) is None
    assert detector.follow(tilted, Box(50, 50, 100, 100), 30.0).roll_deg == pytest.approx(30)


@pytest.mark.parametrize("side", [23, 2**15 + 1])
def test_a_smallest_face_out_of_range_is_refused(side):
    with pytest.raises(BadInput, match=f"the smallest face is {side} px"):
        NetworkDetector(Recording(), Recording(), side)
