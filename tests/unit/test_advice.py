from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_fer.advice import Adviser, Reason
from edge_fer.boxes import Box
from edge_fer.detectors import Face, open_detector
from edge_fer.sources.options import Region, View
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.sources.transform import turned

SCENE = SyntheticCamera(seed=1).frame(0).image
EMPTY = SyntheticCamera(seed=1, faces=0).frame(0).image


def haar(min_face_px):
    return open_detector("haar", min_face_px)


class Sees:
    """A detector that sees one face, of some confidence, in every picture that it is shown for *min_face_px*."""

    name = "sees"

    def __init__(self, confidence):
        self.confidence = confidence

    def search(self, gray, reduced=1, roll_deg=0.0):
        return [Face(Box(0, 0, 100, 100), self.confidence)]

    def follow(self, gray, last, roll_deg=0.0):
        return None


def small_scene():
    quarter = cv2.resize(SCENE, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    canvas = np.full_like(SCENE, round(SCENE.mean()))
    canvas[100 : 100 + quarter.shape[0], 100 : 100 + quarter.shape[1]] = quarter
    return canvas


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (turned(SCENE, 270), Reason.TURNED_90),
        (turned(SCENE, 180), Reason.TURNED_180),
        (turned(SCENE, 90), Reason.TURNED_270),
        ((SCENE * 0.05).astype(np.uint8), Reason.DARK),
        ((SCENE * 0.1).astype(np.uint8), Reason.DARK),
        (np.clip(SCENE * 8.0 + 60, 0, 255).astype(np.uint8), Reason.WHITE),
        (small_scene(), Reason.SMALL),
        (EMPTY, None),
        (np.zeros((1, 1), np.uint8), Reason.DARK),
    ],
)
def test_what_is_wrong_with_a_picture_is_recognised(picture, expected):
    assert Adviser(haar).reason(picture) == expected


def test_a_page_of_text_is_not_overexposed():
    page = np.full((480, 640), 255, np.uint8)
    page[::8] = 0
    assert Adviser(haar).reason(page) is None


@pytest.mark.parametrize("side_px", [100, 400])  # found out by its size, and by what fills it
def test_only_stills_may_be_cropped_faces(side_px):
    camera = SyntheticCamera(seed=1).frame(0)
    left, top, right, bottom = camera.truth[0].box.grown(-0.1).pixels(camera.image.shape)
    face = cv2.resize(camera.image[top:bottom, left:right], (side_px, side_px))
    assert Adviser(haar, stills=True).reason(face) is Reason.CROPPED
    assert Adviser(haar).reason(face) is None


def test_a_line_of_text_is_no_cropped_face():
    assert Adviser(haar, stills=True).reason(EMPTY[:100]) is None


@pytest.mark.parametrize(("confidence", "expected"), [(0.55, None), (0.65, Reason.TURNED_90)])
def test_only_a_sure_face_makes_a_picture_a_turned_one(confidence, expected):
    assert Adviser(lambda min_face_px: Sees(confidence)).reason(EMPTY) == expected


def test_a_large_face_that_only_the_finer_search_finds_is_not_called_small():
    assert Adviser(lambda min_face_px: Sees(0.9 if min_face_px == 24 else 0.0)).reason(EMPTY) is None


def test_faces_are_searched_for_in_half_the_size_at_most_down_to_what_detectors_find():
    asked = []

    def opening(min_face_px):
        asked.append(min_face_px)
        return haar(min_face_px)

    for min_face_px in (96, 30, 24):
        Adviser(opening, min_face_px).reason(EMPTY)
    assert asked == [96, 48, 30, 24, 24]


@pytest.mark.parametrize("flip", ["", "h", "v"])
@pytest.mark.parametrize("rotate", [None, 90, 180, 270])
@pytest.mark.parametrize("needed", [90, 180, 270])
def test_the_rotation_that_is_suggested_puts_the_picture_upright(flip, rotate, needed):
    corner = np.zeros((3, 4), np.uint8)
    corner[0, 0] = 1
    flips = {"h": 1, "v": 0}

    def seen(degrees):
        picture = turned(corner, degrees)
        return cv2.flip(picture, flips[flip]) if flip else picture

    advice = Adviser(haar, view=View(rotate, flip)).advice(Reason(str(needed)))
    suggested = int(advice.do.rpartition(" ")[2])
    assert np.array_equal(seen(suggested), turned(seen(rotate or 0), needed))


def test_advice_names_the_option_and_its_value():
    adviser = Adviser(haar, 60)
    assert adviser.advice(Reason.SMALL).do.endswith("--min-face 30")
    assert "less than 60 px" in adviser.advice(Reason.SMALL).one
    assert adviser.advice(Reason.CROPPED).do.endswith("--faces whole")


def test_where_a_part_is_cut_out_the_turn_is_told_to_move_it():
    whole = Adviser(haar).advice(Reason.TURNED_90)
    part = Adviser(haar, view=View(roi=Region(0.5, 0, 0.5, 0.5, is_share=True))).advice(Reason.TURNED_90)
    assert whole.do == "pass --rotate 90"
    assert part.do == "pass --rotate 90 and the --roi that the part has then"
