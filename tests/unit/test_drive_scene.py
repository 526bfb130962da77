"""The scene `drive`: what its script says is in the picture, and told in the truth."""

from __future__ import annotations

import numpy as np
import pytest

from edge_fer.sources.drawn import drive
from edge_fer.sources.synthetic import SyntheticCamera

FPS = 30


@pytest.fixture(scope="module")
def camera() -> SyntheticCamera:
    return SyntheticCamera(scene="drive", fps=FPS)


def at(camera, time_s):
    return camera.frame(round(time_s * FPS))


def middle(span):
    return (span[0] + span[1]) / 2


def test_the_script_repeats(camera):
    assert at(camera, 2.0).truth == at(camera, 2.0 + drive.LOOP_S).truth


def test_any_frame_can_be_drawn_at_any_time(camera):
    late = at(camera, 40.0).image
    at(camera, 3.0)
    np.testing.assert_array_equal(at(camera, 40.0).image, late)


def test_looks_aside_and_down(camera):
    assert at(camera, middle(drive.ASIDE_S)).truth[0].yaw_deg > 40
    assert at(camera, middle(drive.DOWN_S)).truth[0].pitch_deg > 25
    for glance in drive.GLANCES_S:
        assert at(camera, middle(glance)).truth[0].yaw_deg > 30


def test_eyes_close(camera):
    for span in (drive.MICROSLEEP_S, drive.SLEEP_S):
        assert at(camera, middle(span)).truth[0].eyes_open == 0
        assert at(camera, span[0] - 1.0).truth[0].eyes_open > 0.9 or at(camera, span[0] - 1.3).truth[0].eyes_open > 0.9


def test_it_gets_too_dark(camera):
    dark = at(camera, middle((drive.DUSK_S[1], drive.DAWN_S[0]))).image
    assert dark.mean() < 6 < at(camera, 1.0).image.mean()


def test_a_passenger_comes_and_the_driver_goes(camera):
    people = {face.person for face in at(camera, middle(drive.PASSENGER_S)).truth}
    assert people == {0, 1}
    assert at(camera, middle(drive.GONE_S)).truth == ()


def test_dark_glasses_are_dark(camera):
    def around_the_eyes(time_s):
        frame = at(camera, time_s)
        box = frame.truth[0].box
        rows = slice(int(box.y + 0.25 * box.height), int(box.y + 0.45 * box.height))
        return frame.image[rows, int(box.x) + 30 : int(box.x + box.width) - 30].mean()

    assert around_the_eyes(middle(drive.SUNGLASSES_S)) < 0.8 * around_the_eyes(5.0)


def test_drivers_blink_as_often_as_told():
    lids = drive.Lids(np.random.default_rng(0), 120.0, [])
    opened = np.array([lids.at(time_s) for time_s in np.arange(0, 120, 0.01)])
    closings = np.count_nonzero((opened[1:] < 0.5) & (opened[:-1] >= 0.5))
    assert closings == pytest.approx(2 * drive.BLINKS_A_MINUTE, abs=4)
