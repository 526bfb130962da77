"""The scene `drive`: one driver, who does by a script what a driver monitor is for."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.sources.drawn.car import Car
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.fine import OPEN, draw_fine_skin, draw_sunglasses
from edge_fer.sources.drawn.head import Head, Pose
from edge_fer.sources.drawn.light import Sensor
from edge_fer.sources.drawn.movement import Course, Sway
from edge_fer.sources.drawn.people import Manner, Moment, Person, Role, Way
from edge_fer.sources.drawn.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge_fer.sources import Truth
    from edge_fer.sources.drawn.head import Skin

FRAME_S: Final = 1 / 30
"""How long before a moment a head is looked at to know how fast it moves."""
LOOP_S: Final = 140.0
"""After so long the script begins again, with the same driver."""

ASIDE_S: Final = (10.0, 13.5)
GLANCES_S: Final = tuple((start, start + 1.3) for start in np.arange(18.0, 38.0, 2.4).tolist())
DOWN_S: Final = (44.0, 50.0)
PASSENGER_S: Final = (54.0, 61.0)
DUSK_S: Final = (63.0, 66.0)
"""While it gets dark. Then it is too dark to see anything until `DAWN_S`."""
DAWN_S: Final = (81.0, 82.0)
SUNGLASSES_S: Final = (84.0, 99.0)
MICROSLEEP_S: Final = (118.0, 119.5)
SLEEP_S: Final = (124.0, 128.0)
"""After a minute in which the eyes were seen: before, nothing is said of them."""
GONE_S: Final = (132.0, 136.0)
"""When each thing is done: from the first moment to the last, in seconds of the script. Between them, the driver
watches the road."""

BLINKS_A_MINUTE: Final = 15.0
BLINK_S: Final = ((-0.10, 1.0), (0.0, 0.0), (0.06, 0.0), (0.20, 1.0))
"""How far the eyes are open in a blink, by the time since its lids met: they close faster than they open."""
LID_S: Final = 0.25
"""How long sleepy eyes take to close, and to open."""
TURN_S: Final = 0.3
"""How long it takes to look elsewhere."""
SIDE_PX: Final = 210.0
"""Side of the driver's head in a picture of 640x480; Haar's box is 0.85 of it."""
PLACE: Final = (0.42, 0.40)
SHARPEST_PX: Final = 352
"""Larger than in other scenes, for the eyes."""
DARK: Final = 0.02
"""Share of the light that is left in the dark."""


class Lids:
    """How far a driver's eyes are open over time, relative to open ones."""

    def __init__(self, rng: np.random.Generator, length_s: float, closed_s: Sequence[tuple[float, float]]) -> None:
        """Blink `BLINKS_A_MINUTE` by chance, and close the eyes during each ``(start, end)`` of *closed_s*."""
        mean_s = 60 / BLINKS_A_MINUTE
        # Never two in one: between half the mean and one and a half.
        count = int(length_s / mean_s) + 2
        self._blinks_s = np.cumsum(rng.uniform(0.5 * mean_s, 1.5 * mean_s, count)).tolist()
        self._closed_s = list(closed_s)

    def at(self, time_s: float) -> float:
        """Return it at *time_s*."""
        times, values = zip(*BLINK_S, strict=True)
        opened = 1.0
        place = bisect_right(self._blinks_s, time_s)
        for blink_s in self._blinks_s[max(0, place - 1) : place + 1]:
            opened = min(opened, float(np.interp(time_s - blink_s, times, values)))
        for start_s, end_s in self._closed_s:
            # For as long as it is told they are 80 % closed or more, as PERCLOS' P80 has it.
            course = (start_s - 0.8 * LID_S, start_s + 0.2 * LID_S, end_s - 0.2 * LID_S, end_s + 0.8 * LID_S)
            opened = min(opened, float(np.interp(time_s, course, (1.0, 0.0, 0.0, 1.0))))
        return opened


class DriveScene:
    """A driver in a car, over and over."""

    def __init__(self, seed: int, width_px: int, height_px: int) -> None:
        rng = np.random.default_rng(seed)
        self._size_px = width_px, height_px
        self._car = Car(rng, width_px, height_px)
        self._sensor = Sensor(rng, width_px, height_px)
        self._direction = (-0.9, -0.6, 1.0)
        look = int(rng.integers(2**31))
        # The same person twice, with and without dark glasses.
        self._driver, self._shaded = (
            _role(0, np.random.default_rng(look), draw, SIDE_PX) for draw in (draw_fine_skin, draw_sunglasses)
        )
        self._passenger = _role(1, rng, draw_fine_skin, 0.72 * SIDE_PX)
        self._lids = Lids(rng, LOOP_S, [MICROSLEEP_S, SLEEP_S])
        self._sways = [Sway(rng, size, 0.25) for size in (0.004, 0.004, 2.0, 1.5, 1.0, 0.01)]
        self._yaw = _held([(ASIDE_S, 52.0), *((glance, 42.0) for glance in GLANCES_S)])
        self._pitch = _held([(DOWN_S, 30.0), (SLEEP_S, 12.0)])
        self._gone = _held([(GONE_S, 1.0)], 0.8)
        self._leans = _held([(PASSENGER_S, 1.0)], 0.8)
        self._light = Course([0.0, DUSK_S[0], DAWN_S[0]], [1.0, DARK, 1.0], DUSK_S[1] - DUSK_S[0])

    def draw(self, time_s: float, index: int) -> tuple[NDArray[np.uint8], tuple[Truth, ...]]:
        """Return the picture of *time_s*, of frame *index*, and the faces in it."""
        within_s = time_s % LOOP_S
        width_px, height_px = self._size_px
        scale = min(width_px / 640, height_px / 480)
        stage = Stage(self._car.seen(within_s), self._direction, scale, SHARPEST_PX)
        if self._leans.at(within_s) > 0:
            stage.add(self._passenger, self._beside(within_s), self._beside(within_s - FRAME_S))
        role = self._shaded if SUNGLASSES_S[0] <= within_s < SUNGLASSES_S[1] else self._driver
        moment = self._driving(within_s)
        if moment.x > -0.4:
            stage.add(role, moment, self._driving(within_s - FRAME_S))
            unit = SIDE_PX * scale / 2
            shoulder = moment.x * width_px + 0.95 * unit, moment.y * height_px + 1.2 * unit
            self._car.add_belt(stage.image, shoulder)
        self._car.add_wheel(stage.image)
        level = np.full((height_px, 1), self._light.at(within_s), np.float32)
        even = np.ones((1, width_px), np.float32)
        return self._sensor.expose(stage.image, level, even, index), stage.truth()

    def _driving(self, time_s: float) -> Moment:
        """Return the driver at *time_s* of the script."""
        x, y, yaw, pitch, roll, size = (sway.at(time_s) for sway in self._sways)
        pose = Pose(self._yaw.at(time_s) + yaw, self._pitch.at(time_s) + pitch, roll)
        opened = self._lids.at(time_s)
        # Lids follow a look down.
        opened *= 1 - 0.4 * min(1.0, max(0.0, pose.pitch / 30))
        # Bends aside, out of the picture.
        gone = self._gone.at(time_s)
        place = PLACE[0] + x - 1.0 * gone, PLACE[1] + y + 0.25 * gone
        expression = replace(EXPRESSIONS["neutral"], eye_open=OPEN * opened, brow_raise=-0.02)
        return Moment(*place, SIDE_PX * (1 + size), pose, expression, "neutral", None, opened)

    def _beside(self, time_s: float) -> Moment:
        """Return the passenger at *time_s* of the script, who leans in and looks at the driver."""
        x, y, yaw, pitch, roll, _ = (sway.at(time_s + 40.0) for sway in self._sways)
        place = 1.22 - 0.40 * self._leans.at(time_s) + x, PLACE[1] + 0.05 + y
        expression = replace(EXPRESSIONS["neutral"], eye_open=OPEN, brow_raise=-0.02)
        pose = Pose(-18.0 + yaw, pitch, roll - 6.0)
        return Moment(*place, 0.72 * SIDE_PX, pose, expression, "neutral", None)


def _role(number: int, rng: np.random.Generator, draw: Skin, side_px: float) -> Role:
    person = Person(number, rng, draw)
    # Short hair, no glasses and no beard: what is seen of the eyes is for the script to say.
    person.look = replace(person.look, glasses=0.0, beard=0.0)
    person.head = Head(person.look, long_hair=False, skin=draw)
    way = Way(side_px, Course([0.0], [PLACE[0]], 1.0), PLACE[1])
    return Role(rng, person, way, Manner(lambda _: 0.0), LOOP_S)


def _held(parts: Sequence[tuple[tuple[float, float], float]], move_s: float = TURN_S) -> Course:
    """Return a course that is at each value from its first moment to its last, and 0 between them."""
    starts_s, values = [0.0], [0.0]
    for (first_s, last_s), value in parts:
        starts_s += [first_s - move_s / 2, last_s - move_s / 2]
        values += [value, 0.0]
    return Course(starts_s, values, move_s)
