from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.clock import FakeClock
from edge_fer.errors import BadInput, SinkError
from edge_fer.sources.drawn.hard import ROUND_S
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer_bench.scene import Film, PacedCapture, Scene, paced_camera, position


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    film = tmp_path_factory.mktemp("film") / "film.npy"
    Scene(width_px=160, height_px=120, frames=5).draw(film)
    return film


def test_the_film_is_a_plain_array_and_the_same_each_time(path, tmp_path):
    Scene(width_px=160, height_px=120, frames=5).draw(tmp_path / "again.npy")
    film = np.load(path)
    assert film.shape == (5, 120, 160)
    assert film.dtype == np.uint8
    assert np.array_equal(film, np.load(tmp_path / "again.npy"))


def test_the_film_of_the_scene_hard_shows_all_of_it(tmp_path):
    scene = Scene.of("hard", frames=40, faces=1, fps=10)
    assert (scene.kind, scene.frames) == ("hard", 120)
    shown = [scene.shown(index) for index in range(scene.frames)]
    steps = np.diff(shown)
    assert (steps > 0).all()
    assert 0.9 < np.mean(steps == 1) < 1  # stretches, and cuts between them
    assert 0.6 * ROUND_S < max(shown) / scene.fps < ROUND_S
    small = replace(scene, width_px=160, height_px=120, frames=3)
    small.draw(tmp_path / "film.npy")
    camera = SyntheticCamera(scene="hard", width_px=160, height_px=120, fps=10, seed=small.seed)
    assert np.array_equal(np.load(tmp_path / "film.npy")[2], camera.frame(small.shown(2)).image)


@pytest.mark.parametrize(
    ("kind", "faces", "message"),
    [("harder", 1, "no scene 'harder'; pass one of: easy, hard"), ("hard", 2, "--faces 2")],
)
def test_a_scene_that_is_not_there_is_refused(kind, faces, message):
    with pytest.raises(BadInput, match=message):
        Scene.of(kind, frames=5, faces=faces, fps=30)


@given(st.integers(0, 10_000), st.integers(1, 200))
def test_neighbours_in_time_are_neighbours_in_the_film(index, frames):
    first, second = position(index, frames), position(index + 1, frames)
    assert 0 <= first < frames
    assert abs(first - second) == (frames > 1)


def test_a_second_iteration_continues_where_the_first_stopped(path):
    film = Film(path, fps=10)
    first = [frame.index for frame, _ in zip(film.frames(), range(3), strict=False)]
    then = next(film.frames())
    assert first == [0, 1, 2]
    assert (then.index, then.time_s) == (4, 0.4)  # zip took the fourth before it saw that it needs no more
    assert then.image.shape == (120, 160, 3)
    assert np.array_equal(then.image[..., 0], np.load(path)[4])


def test_a_paced_film_waits_for_its_moment(path):
    clock = FakeClock(100.0)
    capture = PacedCapture(Film(path), 20, clock)
    moments = []
    for _ in range(3):
        capture.read()
        moments.append(clock.now())
    assert moments == pytest.approx([100.0, 100.05, 100.1])
    clock.sleep(1.0)  # the reader was slow: the next frame is due already
    capture.read()
    assert clock.now() == pytest.approx(101.1)


def test_a_slow_reader_of_a_paced_film_loses_frames(path):
    with paced_camera(Film(path), 200) as camera:
        frames = camera.frames()
        next(frames)
        deadline = time.monotonic() + 30
        while camera.dropped <= 5:  # nobody reads meanwhile
            assert time.monotonic() < deadline, "no frames were dropped"
            time.sleep(0.01)


def test_a_full_disk_is_told_with_the_folder(tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (30_000, before[1])
    )  # the system refuses longer files, as a full disk does
    try:
        with pytest.raises(SinkError, match=rf"cannot be written to {tmp_path}: File too large; make room"):
            Scene(width_px=160, height_px=120, frames=5).draw(tmp_path / "film.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
