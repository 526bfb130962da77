"""What keeps a camera from seeing the driver."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.driving.observation import Hindrance
from edge_fer.driving.visibility import hindrance, wears_sunglasses
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import DEFAULT_LOOK, PATCH_PX, draw_face, draw_skin, haar_box
from edge_fer.sources.synthetic import SyntheticCamera

FRAME = SyntheticCamera(scene="easy").frame(0).image
NOISE = np.random.default_rng(0).normal(0, 3, FRAME.shape)


def noisy(level: float) -> np.ndarray:
    return np.clip(level + NOISE, 0, 255).astype(np.uint8)


def test_a_frame_in_good_light_shows_somebody() -> None:
    assert hindrance(FRAME) is None


@pytest.mark.parametrize("scene", ["easy", "hard"])
def test_no_drawn_frame_is_taken_for_covered(scene: str) -> None:
    camera = SyntheticCamera(scene=scene)
    assert all(hindrance(camera.frame(index).image) is None for index in range(0, 2700, 150))


@pytest.mark.parametrize(
    ("level", "expected"),
    [(5, Hindrance.DARK), (30, Hindrance.DARK), (90, Hindrance.COVERED), (180, Hindrance.COVERED),
     (255, Hindrance.OVEREXPOSED)],
)  # fmt: skip
def test_a_frame_without_contours_shows_nobody(level: float, expected: Hindrance) -> None:
    assert hindrance(noisy(level)) is expected


def test_a_frame_at_dusk_is_dark_before_nobody_could_be_found() -> None:
    assert hindrance((FRAME * 0.12).astype(np.uint8)) is Hindrance.DARK


def test_at_dusk_the_drivers_place_is_dark_before_the_windows() -> None:
    image = np.full((120, 160), 200, np.uint8)
    place = Box(60, 40, 40, 40)
    image[40:80, 60:100] = np.random.default_rng(0).integers(5, 40, (40, 40))
    assert hindrance(image) is None
    assert hindrance(image, place) is Hindrance.DARK
    assert hindrance(image, Box(10, 10, 40, 40)) is None
    assert hindrance(image, Box(500, 500, 40, 40)) is None


def test_very_small_and_very_narrow_frames_are_judged() -> None:
    for shape in ((1, 1), (1, 500), (32, 32), (2000, 3)):
        hindrance(np.full(shape, 100, np.uint8))


@pytest.mark.parametrize("label", EXPRESSIONS)
@pytest.mark.parametrize("skin", [90, 130, 175, 210])
def test_eyes_without_glasses_are_no_sunglasses(label: str, skin: float) -> None:
    patch = draw_skin(EXPRESSIONS[label], replace(DEFAULT_LOOK, skin=skin))
    assert not wears_sunglasses(patch, haar_box(PATCH_PX / 2, PATCH_PX / 2, PATCH_PX))


def test_sunglasses_are_seen() -> None:
    patch = draw_face(EXPRESSIONS["neutral"])
    box = haar_box(PATCH_PX / 2, PATCH_PX / 2, PATCH_PX)
    for x in (0.35, 0.65):
        cv2.ellipse(patch, (round(x * PATCH_PX), round(0.43 * PATCH_PX)), (26, 20), 0, 0, 360, 20, -1)
    assert wears_sunglasses(patch, box)


def test_a_face_outside_of_the_frame_wears_none() -> None:
    assert not wears_sunglasses(FRAME, Box(-500, -500, 80, 80))
