"""Steps in the time of a film, and of a camera that may hang."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_fer.clock import FakeClock, SystemClock
from edge_fer.driving import monitor as monitors
from edge_fer.driving import watching
from edge_fer.driving.monitor import Monitor
from edge_fer.driving.observation import Sight
from edge_fer.driving.observer import Observer
from edge_fer.driving.parameters import Parameters
from edge_fer.errors import SourceError
from edge_fer.records import Record
from edge_fer.sources import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = np.random.default_rng(0).integers(0, 255, (120, 160), np.uint8)


def pair(index: int) -> tuple[Frame, Record]:
    frame = Frame(ROOM, index / 10, index, "test")
    return frame, Record(index, frame.time_s, "test", ("neutral",), (), {})


def monitor() -> Monitor:
    return Monitor(Parameters())


def test_a_film_has_its_own_time() -> None:
    steps = watching.in_step(map(pair, range(5)), Observer(), monitor(), lambda: 50.0)
    assert [(step.observation.time_s, step.observation.speed_kmh) for step in steps] == [
        (index / 10, 50.0) for index in range(5)
    ]


def test_a_live_source_has_the_time_of_the_clock() -> None:
    clock = FakeClock(100.0)

    def pairs() -> Iterator[tuple[Frame, Record]]:
        for index in range(3):
            clock.advance(0.5)
            yield pair(index)

    steps = list(watching.live(pairs(), Observer(), monitor(), clock))
    times_s = [step.observation.time_s for step in steps]
    assert times_s == sorted(times_s)
    assert times_s[-1] == 1.5
    assert {step.observation.sight for step in steps} == {Sight.NO_FACE}


def test_a_camera_that_hangs_makes_the_picture_stale() -> None:
    clock = FakeClock()
    hangs = threading.Event()

    def pairs() -> Iterator[tuple[Frame, Record]]:
        yield pair(0)
        hangs.wait(30)

    steps = watching.live(pairs(), Observer(), monitor(), clock)
    assert next(steps).observation.sight is Sight.NO_FACE
    clock.advance(monitors.STALE_AFTER_S)
    stale = next(steps).observation
    assert (stale.sight, stale.time_s) == (Sight.STALE, monitors.STALE_AFTER_S)
    hangs.set()
    assert list(steps) == []


def test_what_the_source_raises_is_raised() -> None:
    def pairs() -> Iterator[tuple[Frame, Record]]:
        yield pair(0)
        raise SourceError("the camera is gone; connect it")

    with pytest.raises(SourceError, match="the camera is gone"):
        list(watching.live(pairs(), Observer(), monitor(), SystemClock()))


def test_closing_ends_the_thread() -> None:
    count = threading.active_count()

    def pairs() -> Iterator[tuple[Frame, Record]]:
        index = 0
        while True:
            yield pair(index)
            index += 1

    steps = watching.live(pairs(), Observer(), monitor(), SystemClock())
    next(steps)
    steps.close()
    assert threading.active_count() == count
