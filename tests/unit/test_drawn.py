"""The parts of the synthetic camera's scenes."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.cascades import cascade_path, load_cascade
from edge_fer.detectors.haar import FOLLOW_CASCADE, Detection, HaarDetector
from edge_fer.emotions import FER2013
from edge_fer.sources.drawn import hard
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import Look
from edge_fer.sources.drawn.hard import ROOMY, ROUND_S, SHOTS, HardScene, Shot
from edge_fer.sources.drawn.head import Head, Pose
from edge_fer.sources.drawn.light import Light, Sensor
from edge_fer.sources.drawn.movement import Course
from edge_fer.sources.drawn.people import Manner, Person, Role, Way
from edge_fer.sources.drawn.rooms import PHANTOMS, THING_PX, draw_thing
from edge_fer.sources.synthetic import SyntheticCamera

FRONT = (0.0, 0.0, 1.0)
SIZE_PX = 320, 240


def shot_of(kind: int, seed: int = 0) -> Shot:
    arrange, length_s = SHOTS[kind]
    shot = Shot(np.random.default_rng(seed), SIZE_PX, 0, length_s)
    arrange(shot)
    shot.furnish(phantom=None)
    return shot


def kind_of(arrange) -> int:
    return [entry for entry, _ in SHOTS].index(arrange)


class TestHead:
    head = Head(Look(), long_hair=False)

    def render(self, yaw: float, pitch: float = 0.0, side_px: int = 96) -> np.ndarray:
        return self.head.render(EXPRESSIONS["neutral"], Pose(yaw, pitch), FRONT, side_px).tones.astype(float)

    def test_turned_to_the_left_it_mirrors_the_right(self):
        right, left = self.render(40), self.render(-40)
        assert np.abs(right - left[:, ::-1]).mean() < 3
        assert np.abs(right - left).mean() > 10

    def test_the_features_move_to_where_it_turns(self):
        def features(yaw: float) -> float:
            """Return the column around which the skin, which is bright, lies at the height of the cheeks."""
            bright = self.render(yaw)[50:60] > 150
            return float(np.nonzero(bright)[1].mean())

        assert features(-50) < features(0) - 3 < features(50) - 6

    def test_the_face_is_where_its_pose_says(self):
        across, down = Pose(30).face_centre()
        assert across == pytest.approx(0.4, abs=0.01)
        assert Pose(0, 20).face_centre()[1] > Pose().face_centre()[1] > Pose(0, -20).face_centre()[1]
        rolled = Pose(30, 0, 90).face_centre()
        assert rolled == pytest.approx((-down, across))

    def test_from_behind_it_is_hair(self):
        tones = self.render(180)
        assert tones[30:50, 40:56].max() < 60 < self.render(0)[50, 48]


def test_a_course_holds_then_moves():
    course = Course([0.0, 1.0, 3.0], [0.0, 10.0, -10.0], 0.5)
    assert [course.at(time_s) for time_s in (-1.0, 0.9, 1.25, 1.5, 2.9, 3.6)] == [0, 0, 5, 10, 10, -10]


class TestPeople:
    def role(self, **manner) -> Role:
        rng = np.random.default_rng(2)
        way = Way(100, Course([0.0], [0.5], 1.0), 0.5)
        return Role(rng, Person(0, rng), way, Manner(lambda rng: 0.0, **manner), 20.0)

    def test_people_differ(self):
        looks = {Person(0, np.random.default_rng(seed)).look for seed in range(20)}
        assert len(looks) == 20
        assert {bool(look.glasses) for look in looks} == {bool(look.beard) for look in looks} == {True, False}

    def test_they_blink_and_show_every_expression(self):
        role = self.role(talks=False)
        moments = [role.at(step / 30) for step in range(700)]
        assert {moment.label for moment in moments} == set(FER2013)
        opened = [moment.expression.eye_open for moment in moments]
        closing = sum(later < 0.015 <= earlier for earlier, later in pairwise(opened))
        assert 3 <= closing <= 14

    def test_who_talks_opens_the_mouth(self):
        def opened(talks):
            role = self.role(talks=talks)
            return [role.at(step / 30).expression.mouth_open for step in range(60)]

        assert max(np.subtract(opened(True), opened(False))) > 0.02


class TestShots:
    def test_a_hand_or_a_cup_hides_a_part_of_the_face(self):
        shot = shot_of(kind_of(hard._covered))
        visible = [truth.visible for step in range(45) for truth in shot.draw(step / 5)[1]]
        assert max(visible) == 1
        assert min(visible) < 0.85

    def test_somebody_enters_an_empty_room_at_its_edge(self):
        shot = shot_of(kind_of(hard._empty))
        assert shot.draw(1.0)[1] == ()
        shares = [truth.visible for step in range(60) for truth in shot.draw(4.8 + step / 30)[1]]
        assert any(0 < share < 0.9 for share in shares)
        assert shares[-1] == 1

    def test_people_who_cross_hide_each_other(self):
        shot = shot_of(kind_of(hard._crossing))
        seen: dict[int, list[float]] = {}
        places: dict[int, list[float]] = {}
        for step in range(25):
            for truth in shot.draw(1.5 + step / 10)[1]:
                seen.setdefault(truth.person, []).append(truth.visible)
                places.setdefault(truth.person, []).append(truth.box.x)
        shares = sorted(min(values) for values in seen.values())
        assert shares[0] < 0.3 < 0.95 < shares[1]  # the nearer one is never hidden
        first, second = (np.array(values) for values in places.values())
        length = min(len(first), len(second))
        assert len(set(np.sign(first[:length] - second[:length]))) == 2

    def test_one_is_further_away_than_the_others(self):
        widths = sorted(truth.box.width for truth in shot_of(kind_of(hard._group)).draw(0.0)[1])
        assert widths[0] < 0.6 * widths[1]


def test_a_lamp_and_mains_change_the_light():
    light = Light(np.random.default_rng(0), lamp_s=2.0, flickers=True)
    dark, _ = light.gains(1.0, *SIZE_PX)
    lit, columns = light.gains(5.0, *SIZE_PX)
    assert lit.mean() > 1.7 * dark.mean()
    assert lit.max() / lit.min() > 1.08  # bands
    assert not np.allclose(lit, light.gains(5.0 + 1 / 30, *SIZE_PX)[0], rtol=0.02)  # that move
    assert (lit.shape, columns.shape) == ((240, 1), (1, 320))
    assert len(set(np.sign(np.diff(columns[0])))) == 1  # from one side


def test_noise_is_new_in_each_frame_and_grows_with_the_light():
    sensor = Sensor(np.random.default_rng(0), *SIZE_PX)
    even = np.ones((240, 1), np.float32), np.ones((1, 320), np.float32)

    def exposed(tone: int, index: int) -> np.ndarray:
        return sensor.expose(np.full((240, 320), tone, np.uint8), *even, index).astype(float)

    first, second = exposed(120, 0), exposed(120, 1)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
    assert np.array_equal(first, exposed(120, 0))
    assert 1.0 < exposed(20, 0).std() < exposed(200, 0).std() < 5


def test_a_roomy_shot_has_one_person():
    assert all(len(shot_of(kind).roles) == 1 for kind in ROOMY)


def test_the_cascade_takes_phantoms_for_faces():
    cascade = load_cascade(cascade_path(FOLLOW_CASCADE))
    for kind, seed in PHANTOMS:
        canvas = np.full((200, 200), 110, np.uint8)
        canvas[20 : 20 + THING_PX, 20 : 20 + THING_PX] = draw_thing(kind, seed)
        small = cv2.resize(canvas, (125, 125), interpolation=cv2.INTER_AREA)
        assert len(cascade.detectMultiScale(small, 1.1, 5, minSize=(30, 30))), (kind, seed)


class TestRound:
    """One round of the scene, seen twice a second."""

    @pytest.fixture(scope="class")
    @staticmethod
    def frames():
        camera = SyntheticCamera(scene="hard", fps=2.0)
        return [camera.frame(index) for index in range(int(2 * ROUND_S))]

    def test_people_turn_nod_tilt_and_are_new_in_each_shot(self, frames):
        truths = [truth for frame in frames for truth in frame.truth if truth.visible]
        assert max(abs(truth.yaw_deg) for truth in truths) > 55
        assert all(abs(truth.yaw_deg) <= 75 for truth in truths)
        assert max(abs(truth.pitch_deg) for truth in truths) > 15
        assert max(abs(truth.roll_deg) for truth in truths) > 25
        assert {truth.label for truth in truths} == set(FER2013)
        assert len({truth.person for truth in truths}) >= 14
        assert any(not frame.truth for frame in frames)
        assert max(len(frame.truth) for frame in frames) == 3

    def test_the_cascade_finds_who_looks_at_the_camera(self, frames):
        detector = HaarDetector(Detection(min_face_px=48))
        overlaps = []
        for frame in frames[::4]:
            faces = detector.search(frame.image)
            for truth in frame.truth:
                turned = abs(truth.yaw_deg) > 12 or abs(truth.roll_deg) > 8 or abs(truth.pitch_deg) > 12
                if not turned and truth.visible > 0.9 and truth.box.width > 80:
                    overlaps.append(max((face.box.iou(truth.box) for face in faces), default=0.0))
        assert len(overlaps) > 8
        assert np.mean(np.array(overlaps) > 0.5) >= 0.75
        assert np.median(overlaps) > 0.75


def test_the_scene_fits_any_frame():
    image, truths = HardScene(3, 64, 48).draw(20.0, 0)
    assert image.shape == (48, 64)
    assert all(isinstance(truth.box, Box) for truth in truths)
